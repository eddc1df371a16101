// Which rules two versions of restriction lists have alike, wherever their tables lie.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/restrictions/rules.h"

namespace postern::plan {

/// The rules of two versions. A policy is made of its definition, and a rule is judged by the
/// policy and by itself: where definitions are alike but for the lists, rules that are written
/// alike do the same.
class SameRules {
 public:
  /// Nothing is alike.
  SameRules() = default;
  /// Both texts are Loaded::definition. O(n) in their octets.
  SameRules(std::string_view before, std::string_view after);

  /// Whether rules with the same name do the same in both versions, in the same list at the same
  /// command, and so do the checks behind the lists.
  explicit operator bool() const { return are_alike_; }
  /// A text of the rule of a version (0 is OLD), with what its tables contain instead of the names
  /// of their files.
  std::string name_of(std::size_t side, const dialect::restrictions::Rule& rule) const;

 private:
  /// The names of files, longest first, and what stands for them.
  using Files = std::vector<std::pair<std::string, std::string>>;
  static std::string without_names(std::string_view text, const Files& files);

  bool are_alike_ = false;
  std::array<Files, 2> files_;
};

}  // namespace postern::plan
