#include "dialect/vsl/delegation.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/vsl/compiler.h"

namespace postern::dialect::vsl {

namespace {

constexpr std::size_t number_octets = 32;
/// The maximum length of the directive's name in the field, where only people read it.
constexpr std::size_t longest_name = 200;

std::string new_number() {
  std::array<char, number_octets> octets{};
  randombytes_buf(octets.data(), octets.size());
  return hex_encode({octets.data(), octets.size()});
}

std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text, longest_name)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// A piece of a field value, `name="value"`; `value` has no quotes.
struct Piece {
  std::string name;
  std::string value;
};
/// Removes the part before the first semicolon outside quotes from `rest`.
Piece take_piece(std::string_view& rest) {
  Piece piece;
  bool in_quotes = false;
  bool behind_equals = false;
  std::size_t at = 0;
  for (; at < rest.size(); ++at) {
    const char c = rest[at];
    if (in_quotes && c == '\\' && at + 1 < rest.size()) {
      piece.value += rest[++at];
      continue;
    }
    if (c == '"' && behind_equals) {
      in_quotes = !in_quotes;
      continue;
    }
    if (!in_quotes && c == ';') break;
    if (!in_quotes && c == '=' && !behind_equals) {
      behind_equals = true;
      continue;
    }
    (behind_equals ? piece.value : piece.name) += c;
  }
  rest.remove_prefix(std::min(at + 1, rest.size()));
  piece.name = trim(piece.name);
  return piece;
}

/// The number in a field value; "" if it has none.
std::string number_in(std::string_view value) {
  if (!iequals(take_piece(value).name, "sent")) return {};
  while (!value.empty()) {
    const Piece piece = take_piece(value);
    if (iequals(piece.name, "id")) return std::string(trim(piece.value));
  }
  return {};
}

}  // namespace

boost::json::value json_of(const Delegation& delegation) {
  return boost::json::array{static_cast<int>(delegation.stage),
                            boost::json::value(delegation.directive)};
}

Delegation delegation_of(const boost::json::value& value) {
  return {static_cast<policy::Stage>(value.at(0).to_number<int>()),
          std::string(value.at(1).as_string())};
}

std::string Delegations::issue(Delegation delegation, Clock::time_point now) {
  std::string number = new_number();
  std::string value = "sent; stage=" + std::string(word_of(delegation.stage)) +
                      "; directive=" + quoted_string(delegation.directive) + "; id=\"" + number +
                      "\"";
  const std::lock_guard lock(mutex_);
  while (!out_.empty() && (out_.front().until <= now || out_.size() >= most)) forget_first();
  out_.push_back({std::move(number), std::move(delegation), now + lifetime});
  by_number_.emplace(out_.back().number, std::prev(out_.end()));
  return value;
}

std::optional<Delegation> Delegations::redeem(std::string_view value, Clock::time_point now) {
  const std::string number = number_in(value);
  const std::lock_guard lock(mutex_);
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return std::nullopt;
  const auto place = found->second;
  by_number_.erase(found);
  const Out out = std::move(*place);
  out_.erase(place);
  if (out.until <= now) return std::nullopt;
  return out.delegation;
}

std::size_t Delegations::outstanding() const {
  const std::lock_guard lock(mutex_);
  return out_.size();
}

void Delegations::forget_first() {
  by_number_.erase(out_.front().number);
  out_.pop_front();
}

}  // namespace postern::dialect::vsl
