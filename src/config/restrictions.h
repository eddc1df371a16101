// The section [restrictions], compiled and linted while it is loaded.
#pragma once

#include <memory>
#include <string>

#include "base/host_file.h"
#include "config/positions.h"
#include "dialect/restrictions/section.h"

namespace postern::app {

/// The section [restrictions].
struct RestrictionsConfig {
  bool present = false;                    ///< whether the file has the section
  dialect::restrictions::Section section;  ///< its values
  /// The compiled lists; null without the section or after errors.
  std::shared_ptr<const dialect::restrictions::Judged> judged;

  /// What decides; null without the section.
  const dialect::restrictions::Loaded* loaded() const {
    return judged ? judged->loaded.get() : nullptr;
  }
};

/// Compiles and lints the lists and reports errors at their places. An open relay is an error
/// unless it is declared as intended. `rules`: which table files may be opened.
void compile_restrictions(RestrictionsConfig& config, const std::string& hostname,
                          const FileRules& rules, const Positions& positions,
                          Diagnostics& diagnostics);

}  // namespace postern::app
