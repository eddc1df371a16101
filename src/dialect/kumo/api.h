// All that a policy finds: what registers it and what documents it is the same list.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "script/memoize.h"

namespace postern::dialect::kumo {

/// Every host function of a policy.
std::vector<script::HostTable> all_functions();

/// What memoized functions may return beside data.
std::span<const script::SharedClass> shared_classes();

/// A module that is Lua text above host functions.
struct Module {
  std::string_view name;  ///< "policy-extras.queue"
  std::string_view text;
  /// What the text defines, for the manual; the rows have no C function.
  script::HostTable functions;
};
std::span<const Module> all_modules();

/// A kind of table or value that functions take and give and that is no class of the host's.
struct DataField {
  std::string_view name;  ///< "groups?" of one that may be left out
  std::string_view type;
  std::string_view help;
};
struct DataType {
  std::string_view name;
  std::string_view help;
  std::string_view alias;  ///< what it is another name of; empty: a table with these fields
  std::span<const DataField> fields;
};
std::span<const DataType> all_types();

}  // namespace postern::dialect::kumo
