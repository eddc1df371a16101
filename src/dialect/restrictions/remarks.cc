#include "dialect/restrictions/remarks.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

std::string_view first_word(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t"));
}

}  // namespace

std::optional<std::size_t> action_not_carried(std::string_view action) {
  const std::string_view word = first_word(action);
  const auto found = std::ranges::find_if(actions_not_carried,
                                          [&](std::string_view one) { return iequals(one, word); });
  if (found == actions_not_carried.end()) return std::nullopt;
  return static_cast<std::size_t>(found - actions_not_carried.begin());
}

std::optional<Remark> remark_of(std::string_view detail) {
  using Kind = Remark::Kind;
  if (detail.starts_with(reject_warning)) {
    return Remark{.kind = Kind::reject_warning, .text = detail.substr(reject_warning.size())};
  }
  if (const std::size_t at = detail.find(server_failed); at != std::string_view::npos) {
    return Remark{.kind = Kind::server_failed, .text = detail.substr(at + server_failed.size())};
  }
  const std::string_view word = first_word(detail);
  const std::string_view rest = trim(detail.substr(word.size()));
  if (iequals(word, "WARN")) return Remark{.kind = Kind::warn, .text = rest};
  if (iequals(word, "INFO")) return Remark{.kind = Kind::info, .text = rest};
  if (const auto index = action_not_carried(detail)) {
    return Remark{.kind = Kind::not_carried, .word = *index, .text = detail};
  }
  return std::nullopt;
}

}  // namespace postern::dialect::restrictions
