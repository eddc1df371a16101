#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "config/config.h"
#include "config/input_file.h"
#include "serve/service_manager.h"

namespace postern::app {

/// Options of `postern serve` that override the configuration.
struct ServeOptions {
  std::optional<std::filesystem::path> config_file;  ///< nullopt: the embedded defaults
  std::optional<std::filesystem::path> data_dir;     ///< --data-dir
  std::optional<Endpoint> smtp;                      ///< --smtp
  std::optional<Endpoint> api;                       ///< --api
  ConfigSource source;                               ///< what was read of that file
  /// Of listeners with `systemd:NAME`.
  std::vector<PassedSocket> sockets;
  bool quiet = false;     ///< neither a start-up table nor live decisions
  bool json = false;      ///< JSON log lines, whatever log.format is
  bool no_color = false;  ///< --no-color or NO_COLOR

  /// Overrides the file's values, at the start and at each reload (LoadOptions::adjust).
  void apply_to(Config& config) const;
};

/// Runs the gateway until SIGTERM or SIGINT; returns an ExitCode as int. The options must be in
/// `config` already.
int serve(const Config& config, const ServeOptions& options);

}  // namespace postern::app
