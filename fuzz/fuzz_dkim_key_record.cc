// Key records: any text gives a key that is safe to use, or a reason.
#include <string_view>

#include "invariant.h"
#include "mailauth/dkim/key_record.h"

using namespace mailauth;
using postern::fuzz::must;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static dkim::KeyCache cache(4);
  const auto key = dkim::parse_key_record(text);
  const dkim::ParsedKey cached = cache.get(text);
  must(cached.has_value() == key.has_value(), "the cache says the same");
  if (!key) {
    must(key.error() == cached.error(), "for the same reason");
    must(dkim::status_of(key.error()) != dkim::Status::pass, "a reason is no pass");
    return 0;
  }
  must(text.size() <= dkim::max_key_record, "a record has an end");
  must(key->key != nullptr, "a key is there");
  if (key->type == dkim::KeyType::rsa) {
    must(key->bits >= dkim::min_rsa_bits && key->bits <= dkim::max_rsa_bits, "RSA sizes");
  }
  // No signature that an attacker chooses may verify because of a parsing error.
  must(!dkim::verify_digest(*key, dkim::sha256(text), text), "the text signs nothing");
  return 0;
}
