// The manual page of the API and the files by which editors know it, made from the tables that
// register the functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/host_manual.h"
#include "dialect/kumo/api.h"

namespace postern::dialect::kumo {

/// docs/lua-api.md
std::string api_manual();
/// Annotations of the Lua language server by their path below share/lua: "kumo.lua". What a path
/// says is what `require` says.
std::map<std::string, std::string> editor_stubs();

/// A row as the manual sees it.
struct Documented {
  std::string_view owner;   ///< "kumo.string", "Message", "policy-extras.queue"
  char separator = '.';     ///< ':' of methods
  std::string_view member;  ///< "split"
  const script::HostFunction* row = nullptr;
};
Documented documented(const script::HostFunction& row);
/// Modules and tables of functions are named in small letters, classes are not.
bool is_class(std::string_view owner);
/// All rows, those of modules too, by owner; owners in the order of their tables.
std::vector<std::pair<std::string_view, std::vector<Documented>>> rows_by_owner();

}  // namespace postern::dialect::kumo
