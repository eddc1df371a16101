// The sandbox of commands that read what others wrote: configurations of other servers, policies,
// messages. They start no program and need few files.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cli/cli.h"
#include "config/config.h"
#include "sandbox/sandbox.h"

namespace postern::app {

/// The kernel has the sandbox and does not put it on.
struct CannotConfine : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Gives up, for the rest of the process, what the command does not need; nothing for commands that
/// are not confined. Commands whose files a configuration names give up system calls now and files
/// in FileNeeds::enforce(). What the kernel lacks is left out, and POSTERN_SANDBOX=off leaves out
/// all. Throws CannotConfine.
void confine(const Arguments& arguments);

/// What a command changes, by the configurations that it is about to load.
class FileNeeds {
 public:
  /// What a gateway with this configuration may change.
  void add(const Config& config);
  /// The same of a configuration's text, of which neither tables nor policies are read.
  void add(std::string_view text, const Arguments& arguments);
  /// A file that the command writes: its directory, where there is one.
  void add_file(const std::filesystem::path& file);
  /// Gives up all other files, if confine() has left that for now. Not where a configuration has
  /// `server.sandbox = "off"`. Throws CannotConfine.
  void enforce();

 private:
  sandbox::Plan plan_;
  bool wanted_ = true;
};

/// What LoadOptions::adjust does: `then`, if there is one, and FileNeeds::enforce() for the
/// configuration. By then the file is read, and neither tables nor policies. Throws CannotConfine.
std::function<void(Config&)> confined(std::function<void(Config&)> then);

}  // namespace postern::app
