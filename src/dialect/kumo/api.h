// Everything that a policy can call. The functions are registered and documented from the same
// list.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "script/memoize.h"

namespace postern::dialect::kumo {

/// Every host function that a policy can call.
std::vector<script::HostTable> all_functions();

/// The classes whose objects memoized functions may return, apart from plain data.
std::span<const script::SharedClass> shared_classes();

/// A module written in Lua on top of host functions.
struct Module {
  std::string_view name;  ///< "policy-extras.queue"
  std::string_view text;  ///< its Lua source
  /// The functions that the source defines, for the manual; these rows have no C function.
  script::HostTable functions;
};
/// Every module that `require` knows, in the order of the manual.
std::span<const Module> all_modules();

/// A field of a DataType.
struct DataField {
  std::string_view name;  ///< "groups?" if the field is optional
  std::string_view type;  ///< its type, as the manual writes it
  std::string_view help;  ///< one sentence or more for the manual
};
/// A table or value that functions take and return and that is not a host class, for the manual.
struct DataType {
  std::string_view name;  ///< "AuthInfo"
  std::string_view help;  ///< one sentence or more for the manual
  /// The type that it is another name of; empty: a table with these fields.
  std::string_view alias;
  std::span<const DataField> fields;  ///< empty for an alias
};
/// Every DataType, in the order of the manual.
std::span<const DataType> all_types();

}  // namespace postern::dialect::kumo
