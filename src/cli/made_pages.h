// Manual pages of the dialects, made from the tables that also make their pages of docs/.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace postern::app {

/// A page of the manual whose sections are those of a made page of docs/.
struct MadePage {
  std::string_view name;  ///< "postern-lua"
  int section = 7;
  std::string_view brief;               ///< completes "postern-lua -"
  std::string_view intro;               ///< the first paragraph
  std::string (*markdown)() = nullptr;  ///< never null
};

/// One for each dialect, and one for reply codes. Static.
std::span<const MadePage> made_pages();

}  // namespace postern::app
