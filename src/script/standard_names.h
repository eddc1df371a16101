// The names of Lua's standard library (Lua 5.4 manual §6), and which of them scripts have. The
// sandbox takes away what this table says, and dialects find calls that must fail by it.
#pragma once

#include <span>
#include <string_view>

struct lua_State;

namespace postern::script {

/// The names of one library.
struct StandardLibrary {
  std::string_view name;     ///< "os"; "_G": the global names; "FILE*": the methods of files
  std::string_view offered;  ///< what scripts have, with one blank between; empty: no such library
};
/// A name that scripts do not have.
struct WithheldName {
  std::string_view library;  ///< StandardLibrary::name
  std::string_view name;     ///< "execute"
  std::string_view instead;  ///< why, or what to do instead: a sentence without its full stop
};

std::span<const StandardLibrary> standard_libraries();  ///< all of them
std::span<const WithheldName> withheld_names();         ///< of all libraries

/// The library of that name; null: Lua has none.
const StandardLibrary* standard_library(std::string_view name);
/// Whether scripts have the name.
bool is_offered(const StandardLibrary& library, std::string_view name);
/// The row of a name that scripts do not have; null: they have it, or Lua has no such name.
const WithheldName* withheld_name(std::string_view library, std::string_view name);

/// Removes from the open libraries, `_G` among them, every name that is not offered.
void withhold_names(lua_State* L);

}  // namespace postern::script
