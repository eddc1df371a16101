// The section [restrictions] of the configuration, compiled and linted while it is loaded.
#pragma once

#include <memory>
#include <string>

#include "app/config_positions.h"
#include "base/host_file.h"
#include "dialect/restrictions/section.h"

namespace postern::app {

struct RestrictionsConfig {
  bool present = false;
  dialect::restrictions::Section section;
  /// Null without the section.
  std::shared_ptr<const dialect::restrictions::Judged> judged;

  /// What decides; null without the section.
  const dialect::restrictions::Loaded* loaded() const {
    return judged ? judged->loaded.get() : nullptr;
  }
};

/// Compiles and lints, and notes what is wrong at its place; an open relay is an error unless it is
/// known. `rules`: of the files that tables are in.
void compile_restrictions(RestrictionsConfig& config, const std::string& hostname,
                          const FileRules& rules, const Positions& positions,
                          Diagnostics& diagnostics);

}  // namespace postern::app
