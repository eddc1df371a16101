#include "relay/tls_policy.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace postern::relay {

namespace {

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = hex_value(text[i]);
    const auto low = hex_value(text[i + 1]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
  }
  return out;
}

/// One DER SEQUENCE (X.690 §8.1) and nothing behind it.
bool is_sequence(std::string_view data) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(data[i]); };
  if (data.size() < 2 || octet(0) != 0x30) return false;
  if (octet(1) < 0x80) return data.size() == 2u + octet(1);
  const std::size_t count = octet(1) & 0x7f;
  if (count == 0 || count > 4 || data.size() < 2 + count) return false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i) length = length << 8 | octet(2 + i);
  return data.size() == 2 + count + length;
}

}  // namespace

bool is_usable_tlsa(std::string_view record) {
  const std::vector<std::string_view> fields = split(record, ' ');
  if (fields.size() != 4) return false;
  const auto usage = parse_number(fields[0]);
  const auto selector = parse_number(fields[1]);
  const auto matching = parse_number(fields[2]);
  const std::optional<std::string> data = from_hex(fields[3]);
  if (!usage || !selector || !matching || !data) return false;
  // RFC 7672 §3.1.3: the PKIX usages 0 and 1 are unusable for SMTP.
  if ((*usage != 2 && *usage != 3) || *selector > 1) return false;
  if (*matching == 0) return is_sequence(*data);
  if (*matching == 1) return data->size() == 32;  // SHA-256
  return *matching == 2 && data->size() == 64;    // SHA-512
}

bool sts_allows(const StsPolicy& policy, std::string_view mx_name) {
  return std::any_of(policy.mx.begin(), policy.mx.end(), [&](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return iequals(pattern, mx_name);
    const std::size_t dot = mx_name.find('.');
    return dot != std::string_view::npos && dot > 0 &&
           iequals(pattern.substr(1), mx_name.substr(dot));
  });
}

}  // namespace postern::relay
