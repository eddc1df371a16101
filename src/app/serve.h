#pragma once

#include <filesystem>
#include <optional>

#include "app/config.h"

namespace postern::app {

/// What the command line of `postern serve` adds to the configuration.
struct ServeOptions {
  std::optional<std::filesystem::path> config_file;  ///< none: the embedded defaults
  std::optional<std::filesystem::path> data_dir;
  std::optional<Endpoint> smtp;
  std::optional<Endpoint> api;
  bool quiet = false;     ///< no start-up table, no decision feed
  bool json = false;      ///< logs as JSON lines, whatever log.format says
  bool no_color = false;  ///< --no-color or NO_COLOR

  /// Over what the file says, at the start and at each reload (LoadOptions::adjust).
  void apply_to(Config& config) const;
};

/// Runs the gateway until SIGTERM or SIGINT; returns an ExitCode as int. The options are already
/// in the Config.
int serve(const Config& config, const ServeOptions& options);

}  // namespace postern::app
