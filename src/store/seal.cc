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

/// The hash of a text that only who has the key can make.
std::string keyed(std::string_view text, std::size_t size, std::string_view key) {
  std::string hashed(size, '\0');
  crypto_generichash(octets(hashed), hashed.size(), octets(text), text.size(), octets(key),
                     key.size());
  return hashed;
}

}  // namespace

Seal::Seal(const Secret& key) {
  std::string hashed(crypto_secretbox_KEYBYTES, '\0');
  crypto_generichash(octets(hashed), hashed.size(), octets(key.reveal()), key.size(), nullptr, 0);
  key_ = Secret(std::move(hashed));
}

std::string Seal::close(std::string_view text, std::string nonce) const {
  std::string sealed = std::move(nonce);
  sealed.resize(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + text.size());
  crypto_secretbox_easy(octets(sealed, crypto_secretbox_NONCEBYTES), octets(text), text.size(),
                        octets(sealed), octets(key_.reveal()));
  return sealed;
}

std::string Seal::close(std::string_view text) const {
  std::string nonce(crypto_secretbox_NONCEBYTES, '\0');
  randombytes_buf(nonce.data(), nonce.size());
  return close(text, std::move(nonce));
}

// The nonce follows from the text by a key of its own: two texts never share one.
std::string Seal::close_alike(std::string_view text) const {
  const std::string key =
      keyed("nonces of equal texts", crypto_generichash_KEYBYTES, key_.reveal());
  return close(text, keyed(text, crypto_secretbox_NONCEBYTES, key));
}

std::string Seal::mark(std::size_t size) const {
  return keyed("name of the key", crypto_generichash_BYTES_MAX, key_.reveal()).substr(0, size);
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
