#include "store/seal.h"

#include <sodium.h>

namespace postern::store {

namespace {

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* octets(std::string& text, std::size_t at = 0) {
  return reinterpret_cast<unsigned char*>(text.data() + at);
}

}  // namespace

Seal::Seal(const Secret& key) {
  std::string hashed(crypto_secretbox_KEYBYTES, '\0');
  crypto_generichash(octets(hashed), hashed.size(), octets(key.reveal()), key.size(), nullptr, 0);
  key_ = Secret(std::move(hashed));
}

std::string Seal::close(std::string_view text) const {
  std::string sealed(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + text.size(), '\0');
  randombytes_buf(sealed.data(), crypto_secretbox_NONCEBYTES);
  crypto_secretbox_easy(octets(sealed, crypto_secretbox_NONCEBYTES), octets(text), text.size(),
                        octets(sealed), octets(key_.reveal()));
  return sealed;
}

std::optional<std::string> Seal::open(std::string_view sealed) const {
  constexpr std::size_t overhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  if (sealed.size() < overhead) return std::nullopt;
  std::string text(sealed.size() - overhead, '\0');
  const std::string_view box = sealed.substr(crypto_secretbox_NONCEBYTES);
  if (crypto_secretbox_open_easy(octets(text), octets(box), box.size(), octets(sealed),
                                 octets(key_.reveal())) != 0) {
    return std::nullopt;
  }
  return text;
}

}  // namespace postern::store
