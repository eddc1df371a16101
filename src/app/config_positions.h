// Where each key of a loaded file stands, so that a check made after the load can still point at
// it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/diagnostic.h"

namespace postern::app {

struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t end_column = 0;
};

/// Paths look like "limits.sessions" and "listener.0.key" (listeners count from 0).
class Positions {
 public:
  Positions() = default;
  Positions(std::string file, std::string_view text);

  void set(const std::string& path, const Place& place) { places_[path] = place; }
  bool has(const std::string& path) const { return places_.contains(path); }
  /// An error at `path`; when the file does not have it, at the nearest table around it, and else
  /// without a place.
  Diagnostic at(const std::string& path, std::string code, std::string message) const;
  Diagnostic at(const Place& place, std::string code, std::string message) const;
  /// An error at an octet of the text at `path`, marking the word that begins there.
  Diagnostic at_offset(const std::string& path, std::size_t offset, std::string code,
                       std::string message) const;

 private:
  std::string line_text(std::uint32_t number) const;

  std::string file_;
  std::vector<std::string> lines_;
  std::map<std::string, Place> places_;
};

/// The checks that look at more than one key, or at the machine.
struct Config;
struct LoadOptions;
void check_config(const Config& config, const LoadOptions& options, const Positions& positions,
                  Diagnostics& diagnostics);

}  // namespace postern::app
