// The manual page of the API and its files for editors, made from the tables that register the
// functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/host_manual.h"
#include "dialect/kumo/api.h"

namespace postern::dialect::kumo {

/// The text of docs/lua-api.md.
std::string api_manual();
/// Annotations for the Lua language server, by path below share/lua ("kumo.lua"). The path of a
/// module is the name that `require` takes.
std::map<std::string, std::string> editor_stubs();

/// A row of a function table with its name split.
struct Documented {
  std::string_view owner;                     ///< "kumo.string", "Message", "policy-extras.queue"
  char separator = '.';                       ///< ':' for methods
  std::string_view member;                    ///< "split"
  const script::HostFunction* row = nullptr;  ///< outlives the manual
};
/// Splits the name of a row.
Documented documented(const script::HostFunction& row);
/// Whether the owner is a class; names of modules and function tables begin with a small letter.
bool is_class(std::string_view owner);
/// All rows by owner, with those of modules. The owners are in the order of their tables.
std::vector<std::pair<std::string_view, std::vector<Documented>>> rows_by_owner();

}  // namespace postern::dialect::kumo
