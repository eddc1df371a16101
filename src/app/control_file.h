// How the command line finds the running gateway: DATA_DIR/control.json, which only the gateway's
// user can read. Whoever can is allowed to change the queue.
#pragma once

#include <optional>
#include <string>

#include "app/config.h"
#include "base/error.h"
#include "base/secret.h"

namespace postern::app {

struct ControlFile {
  std::string url;  ///< "http://127.0.0.1:8025"
  Secret token;     ///< made anew at each start
};

std::string control_path(const std::string& data_dir);
/// A new token, without an address.
ControlFile new_control();
/// Where an API that listens there is reached from this machine.
std::string control_url(Endpoint api);
/// Mode 0600, whole or not at all. Fault::denied or permanent.
Result<void> write_control(const std::string& path, const ControlFile& control);
/// nullopt: no such file. Fault::denied: not readable for this user; malformed.
Result<std::optional<ControlFile>> read_control(const std::string& path);

}  // namespace postern::app
