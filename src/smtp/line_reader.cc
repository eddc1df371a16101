#include "smtp/line_reader.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "base/text.h"

namespace postern::smtp {
namespace {

bool is_auth(std::string_view line) { return istarts_with(line, "AUTH "); }

/// Including CRLF. After AUTH and its mechanism, the initial response may be as long as a response
/// line.
std::size_t limit_for(std::string_view line, const Limits& limits, bool sasl) {
  if (sasl) return limits.auth_line + 2;
  if (!is_auth(line)) return limits.command_line;
  constexpr std::size_t longest_mechanism = 20;  // RFC 4422 §3.1
  const std::size_t blank = line.substr(0, 5 + longest_mechanism + 1).find(' ', 5);
  return limits.auth_line + 2 + (blank == std::string_view::npos ? 0 : blank + 1);
}

/// For example TLS on a plain-text port, a PROXY v2 header, or telnet negotiation.
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n';
  });
}

}  // namespace

LineReader::LineView LineReader::take(std::string_view& input, const Limits& limits, bool sasl) {
  if (again_) {
    again_ = false;
    return {Status::line, last_};
  }
  if (taken_) clear();
  if (input.empty()) return {Status::need_input, {}};

  const std::size_t lf = input.find('\n');
  const std::string_view part = input.substr(0, lf == std::string_view::npos ? lf : lf + 1);
  input.remove_prefix(part.size());
  if (first_ && seen_ < limits.command_line &&
      has_control(part.substr(0, limits.command_line - seen_))) {
    return {Status::foreign, {}};
  }
  seen_ += part.size();
  if (lf != std::string_view::npos) return complete(part, limits, sasl);

  if (seen_ > limits.endless_line) return {Status::endless, {}};
  before_ = part.back();
  if (!dropping_) held_ += part;
  if (!dropping_ && seen_ > limit_for(held_, limits, sasl)) {
    dropped_auth_ = !sasl && is_auth(held_);
    clear_held();
    dropping_ = true;
  }
  return {Status::need_input, {}};
}

/// `part` ends in LF and completes the line.
LineReader::LineView LineReader::complete(std::string_view part, const Limits& limits, bool sasl) {
  const std::size_t size = seen_;
  const char before = part.size() > 1 ? part[part.size() - 2] : before_;
  const bool dropped = dropping_;
  seen_ = 0;
  before_ = 0;
  dropping_ = false;
  first_ = false;
  taken_ = true;
  if (size - 1 > limits.endless_line) return {Status::endless, {}};
  if (before != '\r') return {Status::bare_lf, {}};
  if (dropped) return {dropped_auth_ ? Status::auth_too_long : Status::too_long, {}};
  if (!held_.empty()) {
    held_ += part;
    part = held_;
  }
  if (size > limit_for(part, limits, sasl))
    return {!sasl && is_auth(part) ? Status::auth_too_long : Status::too_long, {}};
  part.remove_suffix(2);
  if (part.find('\r') != std::string_view::npos) return {Status::bare_cr, {}};
  if (part.find('\0') != std::string_view::npos) return {Status::nul, {}};
  last_ = part;
  return {Status::line, part};
}

void LineReader::again() {
  again_ = true;
  held_ = std::string(last_);
  last_ = held_;
}

void LineReader::clear_held() {
  OPENSSL_cleanse(held_.data(), held_.size());
  held_.clear();
}

void LineReader::clear() {
  clear_held();
  last_ = {};
  seen_ = 0;
  before_ = 0;
  dropping_ = false;
  taken_ = false;
  again_ = false;
}

void LineReader::shrink() {
  if (held_.empty()) std::string().swap(held_);
}

}  // namespace postern::smtp
