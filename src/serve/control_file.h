// How the command line finds the running gateway: DATA_DIR/control.json, readable only by the
// gateway's user. Its contents permit all operations on the queue.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/secret.h"
#include "config/config.h"

namespace postern::app {

/// Where the gateway's API is, and the credential for it.
struct ControlFile {
  std::string url;  ///< "http://127.0.0.1:8025"
  Secret token;     ///< new at each start
};

/// The path of the file.
std::string control_path(const std::string& data_dir);
/// A new random token without a URL.
ControlFile new_control();
/// The URL at which this machine reaches an API that listens at `api`.
std::string control_url(Endpoint api);
/// Writes the file atomically with mode 0600. Fault::denied or Fault::permanent.
Result<void> write_control(const std::string& path, const ControlFile& control);
/// nullopt: no such file. Fault::denied: this user cannot read it; Fault::malformed: invalid
/// contents, or a URL that is not "http://ADDRESS:PORT" with an address of this machine: whoever
/// can write in the directory does not direct a command elsewhere.
Result<std::optional<ControlFile>> read_control(const std::string& path);

}  // namespace postern::app
