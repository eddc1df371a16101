#include "policy/deferral.h"

#include <fmt/format.h>

namespace postern::policy {

namespace {

constexpr std::string_view deferred_by = "deferred by ";

/// The rule at the beginning of a detail, and the octets up to the rest of it.
struct Parsed {
  RaisedBy rule;
  std::size_t size = 0;
};

std::optional<Parsed> parsed(std::string_view detail) {
  constexpr std::string_view own_end = ": ";
  constexpr std::string_view place_begin = " (";
  constexpr std::string_view place_end = "): ";
  if (!detail.starts_with(deferred_by)) return std::nullopt;
  const std::size_t end = detail.find_first_of(" :", deferred_by.size());
  if (end == std::string_view::npos) return std::nullopt;
  RaisedBy rule{.check = detail.substr(deferred_by.size(), end - deferred_by.size()), .origin = {}};
  const std::string_view rest = detail.substr(end);
  if (rest.starts_with(own_end)) return Parsed{rule, end + own_end.size()};
  const std::size_t closed = detail.find(place_end, end);
  if (!rest.starts_with(place_begin) || closed == std::string_view::npos) return std::nullopt;
  const std::size_t place = end + place_begin.size();
  rule.origin = detail.substr(place, closed - place);
  return Parsed{rule, closed + place_end.size()};
}

}  // namespace

std::string with_raiser(RaisedBy rule, std::string_view detail) {
  if (rule.origin.empty()) return fmt::format("{}{}: {}", deferred_by, rule.check, detail);
  return fmt::format("{}{} ({}): {}", deferred_by, rule.check, rule.origin, detail);
}

std::optional<RaisedBy> raised_by(const Verdict& verdict) {
  if (verdict.kind != Verdict::Kind::defer) return std::nullopt;
  const auto found = parsed(verdict.detail);
  return found ? std::optional(found->rule) : std::nullopt;
}

std::string_view without_raiser(std::string_view detail) {
  const auto found = parsed(detail);
  return found ? detail.substr(found->size) : detail;
}

}  // namespace postern::policy
