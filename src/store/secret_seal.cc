#include "store/secret_seal.h"

#include <algorithm>

#include <fmt/format.h>
#include <sodium.h>

#include "base/text.h"

namespace postern::store {
namespace {

constexpr std::size_t shortest_key = 32;
constexpr std::size_t mark_size = 8;
constexpr std::size_t new_key_octets = 32;

}  // namespace

Result<SecretSeal> SecretSeal::of(const Secret& text) {
  SecretSeal made;
  std::string_view rest = text.reveal();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.size() < shortest_key) {
      return fail(Fault::malformed, fmt::format("a key has at least {} characters", shortest_key));
    }
    Seal seal{Secret(std::string(line))};
    std::string mark = seal.mark(mark_size);
    std::string id;
    for (const char octet : mark) {
      id += fmt::format("{:02x}", static_cast<unsigned>(static_cast<unsigned char>(octet)));
    }
    made.keys_.push_back({std::move(seal), std::move(mark), std::move(id)});
  }
  if (made.keys_.empty()) return fail(Fault::malformed, "there is no key in it");
  return made;
}

Secret SecretSeal::new_key() {
  std::string octets(new_key_octets, '\0');
  randombytes_buf(octets.data(), octets.size());
  return Secret(base64_encode(octets) + "\n");
}

bool SecretSeal::knows(std::string_view id) const {
  return std::ranges::any_of(keys_, [&](const Key& key) { return key.id == id; });
}

std::string SecretSeal::close(std::string_view text) const {
  if (text.empty()) return {};
  const Key& key = keys_.front();
  return key.mark + key.seal.close_alike(text);
}

std::optional<std::string> SecretSeal::open(std::string_view sealed) const {
  if (sealed.empty()) return std::string();
  for (const Key& key : keys_) {
    if (sealed.starts_with(key.mark)) return key.seal.open(sealed.substr(mark_size));
  }
  return std::nullopt;
}

}  // namespace postern::store
