#include "relay/tls_policy.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/owned.h"
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

/// Whether `data` is one complete certificate in DER, or for selector 1 a public key.
bool is_whole(std::string_view data, std::uint64_t selector) {
  const auto* at = reinterpret_cast<const unsigned char*>(data.data());
  const unsigned char* const end = at + data.size();
  const auto size = static_cast<long>(data.size());
  bool parsed = false;
  if (selector == 0) {
    const Owned<X509, X509_free> made(d2i_X509(nullptr, &at, size));
    parsed = made != nullptr;
  } else {
    const Owned<EVP_PKEY, EVP_PKEY_free> made(d2i_PUBKEY(nullptr, &at, size));
    parsed = made != nullptr;
  }
  ERR_clear_error();
  return parsed && at == end;
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
  if (*matching == 0) return is_whole(*data, *selector);
  if (*matching == 1) return data->size() == 32;  // SHA-256
  return *matching == 2 && data->size() == 64;    // SHA-512
}

Result<StsPolicy> parse_sts_policy(std::string_view text) {
  constexpr std::uint64_t longest_age = 31'557'600;  // RFC 8461 §3.2: one year
  const auto wrong = [](std::string sentence) {
    return fail(Fault::malformed, std::move(sentence));
  };
  StsPolicy policy;
  std::optional<std::string> version;
  std::optional<std::string> mode;
  std::optional<std::string> age;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view field = trim(line);
    if (field.empty()) continue;
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos) {
      return wrong(fmt::format("`{}` is no field", printable(field, 60)));
    }
    const std::string_view name = field.substr(0, colon);
    const std::string value(trim(field.substr(colon + 1)));
    if (name == "mx") policy.mx.push_back(value);
    if (name == "version" && !version) version = value;
    if (name == "mode" && !mode) mode = value;
    if (name == "max_age" && !age) age = value;
  }
  if (version != "STSv1") return wrong("it has no `version: STSv1`");
  if (mode == "enforce") {
    policy.mode = StsPolicy::Mode::enforce;
  } else if (mode == "testing") {
    policy.mode = StsPolicy::Mode::testing;
  } else if (mode != "none") {
    return wrong(mode ? fmt::format("there is no mode `{}`", printable(*mode, 60))
                      : std::string("it has no `mode`"));
  }
  const auto seconds = age ? parse_number(*age) : std::nullopt;
  if (!seconds || *seconds > longest_age) {
    return wrong("`max_age` is no number of seconds up to one year");
  }
  policy.max_age = static_cast<std::uint32_t>(*seconds);
  if (policy.mx.empty() && policy.mode != StsPolicy::Mode::none) return wrong("it has no `mx`");
  return policy;
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
