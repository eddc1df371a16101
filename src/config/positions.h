// The place of each key of a loaded file, so that later checks can refer to it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace postern::app {

/// A range on one line. 0: the whole file.
struct Place {
  std::uint32_t line = 0;        ///< from 1
  std::uint32_t column = 0;      ///< from 1
  std::uint32_t end_column = 0;  ///< after the last character
};

/// Places by path: "limits.sessions", "listener.0.key" (elements count from 0).
class Positions {
 public:
  /// No places, for a configuration without a file.
  Positions() = default;
  /// `file`: its name in diagnostics; `text`: its contents.
  Positions(std::string file, std::string_view text);

  /// Notes the place of a key.
  void set(const std::string& path, const Place& place) { places_[path] = place; }
  /// Whether the file has the key.
  bool has(const std::string& path) const { return places_.contains(path); }
  /// An error at `path`. If the file lacks it, at the nearest enclosing table, or without a place.
  Diagnostic at(const std::string& path, std::string code, std::string message) const;
  /// The same at a place.
  Diagnostic at(const Place& place, std::string code, std::string message) const;
  /// An error at an octet of the text value at `path`; marks the word that begins there.
  Diagnostic at_offset(const std::string& path, std::size_t offset, std::string code,
                       std::string message) const;

 private:
  std::string_view line_text(std::uint32_t number) const;

  std::string file_;
  std::vector<SourceLine> lines_;
  std::vector<std::size_t> ends_;  ///< of the lines, in their text without secrets
  std::map<std::string, Place> places_;
};

struct Config;
struct LoadOptions;
/// Checks what concerns several keys or the machine; adds to `diagnostics`.
void check_config(const Config& config, const LoadOptions& options, const Positions& positions,
                  Diagnostics& diagnostics);

}  // namespace postern::app
