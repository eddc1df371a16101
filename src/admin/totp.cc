#include "admin/totp.h"

#include "admin/digest.h"
#include "base/hmac.h"
#include "base/rfc4648.h"
#include "base/text.h"

namespace postern::admin {
namespace {

constexpr std::int64_t step_seconds = 30;

}  // namespace

Secret new_totp_secret() {
  return Secret(encode(random_bytes(20), Base::base32, Padding::without));
}

std::string totp_code(const Secret& secret, std::int64_t step) {
  const Result<std::string> key = decode(secret.reveal(), Base::base32, Padding::without);
  if (!key || key->empty()) return {};
  std::string counter;
  for (int shift = 56; shift >= 0; shift -= 8)
    counter.push_back(static_cast<char>((step >> shift) & 0xff));
  const std::string_view text = counter;
  const std::string code_of_step = hmac("SHA1", *key, {&text, 1});
  const auto* const digest = reinterpret_cast<const unsigned char*>(code_of_step.data());
  // Dynamic truncation (RFC 4226 §5.3).
  const int offset = digest[19] & 0x0f;
  const std::uint32_t number = (static_cast<std::uint32_t>(digest[offset] & 0x7f) << 24) |
                               (static_cast<std::uint32_t>(digest[offset + 1]) << 16) |
                               (static_cast<std::uint32_t>(digest[offset + 2]) << 8) |
                               digest[offset + 3];
  std::string code = std::to_string(number % 1'000'000);
  return std::string(6 - code.size(), '0') + code;
}

std::int64_t totp_step(std::int64_t unix_seconds) { return unix_seconds / step_seconds; }

std::optional<std::int64_t> match_totp(const Secret& secret, std::string_view code,
                                       std::int64_t unix_seconds) {
  std::optional<std::int64_t> matched;
  const std::int64_t now = totp_step(unix_seconds);
  for (std::int64_t step = now - 1; step <= now + 1; ++step) {
    const std::string expected = totp_code(secret, step);
    if (!expected.empty() && equal_in_constant_time(expected, code)) matched = step;
  }
  return matched;
}

std::string otpauth_url(std::string_view email, const Secret& secret) {
  std::string label;
  for (const char c : email) {
    if (is_alnum(c) || c == '.' || c == '-' || c == '_') {
      label.push_back(c);
    } else {
      label += "%" + upper(hex_encode(std::string_view(&c, 1)));
    }
  }
  return "otpauth://totp/Postern:" + label + "?secret=" + secret.reveal() +
         "&issuer=Postern&algorithm=SHA1&digits=6&period=30";
}

std::vector<std::string> new_backup_codes() {
  std::vector<std::string> codes;
  for (int i = 0; i < 10; ++i) {
    const std::string text =
        lower(encode(random_bytes(7), Base::base32, Padding::without)).substr(0, 10);
    codes.push_back(text.substr(0, 5) + "-" + text.substr(5));
  }
  return codes;
}

Secret backup_code_hash(std::string_view code) {
  std::string plain;
  for (const char c : code) {
    if (c != '-' && !is_space(c)) plain.push_back(to_lower(c));
  }
  return Secret(sha256(plain));
}

}  // namespace postern::admin
