// Which rules two versions of restriction lists have alike.
#pragma once

#include <string>
#include <string_view>

#include "dialect/restrictions/layer.h"

namespace postern::plan {

/// Whether it is one of the eight lists, and no other parameter.
bool is_list(std::string_view parameter);

/// The rules of two versions. A policy is made of its definition, and a rule is judged by the
/// policy and by itself: where the definitions are alike but for the lists, rules that are written
/// alike do the same. Immutable, so thread-safe.
class SameRules {
 public:
  /// Of nothing.
  SameRules() = default;
  /// O(n log n) in the octets of the definitions. Throws boost::system::system_error if one is not
  /// of definition_of().
  SameRules(const dialect::restrictions::Loaded& before,
            const dialect::restrictions::Loaded& after);

  /// Whether rules of the same name do the same in both versions, in the same list at the same
  /// command, and so do the checks behind the lists.
  bool are_alike() const { return are_alike_; }
  /// Of a rule of either version.
  static std::string name_of(const dialect::restrictions::Rule& rule);

 private:
  bool are_alike_ = false;
};

}  // namespace postern::plan
