// Reloads that a command asks for over the API. The main thread does them, as it does those of
// SIGHUP, and each command gets what its reload came to.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/error.h"
#include "base/task.h"

namespace postern::app {

/// What came of a configuration that was read again and is in force.
struct Reloaded {
  std::vector<std::string> waiting;  ///< keys whose change needs a restart
  std::vector<std::string> notes;    ///< what is not as the file might suggest, one clause each
};

/// What a reload came to.
struct ReloadOutcome {
  bool in_force = false;    ///< the configuration that was read is in use; otherwise the old one is
  Reloaded reloaded;        ///< if it is in force
  std::string diagnostics;  ///< errors and warnings for a terminal, as `postern check` prints them
  std::string json_lines;   ///< the same, one object on each line
  std::string error;        ///< what stands in the way besides them; empty: nothing
  std::string hint;         ///< what to do about the error
};

/// Thread-safe. Before open() and after close(), nothing is taken.
class ReloadDesk {
 public:
  /// One command that waits.
  class Asked;

  /// From now on each ask() sends SIGHUP to this process.
  void open();
  /// Waits for a reload that begins after the call. `lists_of_file`: it brings the restriction
  /// lists of the file into force, also over others. Fault::temporary: the gateway starts or stops.
  Task<Result<ReloadOutcome>> ask(bool lists_of_file = false);
  /// Everyone who waits, to be answered by the reload that begins now.
  std::vector<std::shared_ptr<Asked>> take();
  /// Whether one of them wants the restriction lists of the file.
  static bool want_lists_of_file(const std::vector<std::shared_ptr<Asked>>& asked);
  /// Ends their wait.
  static void answer(const std::vector<std::shared_ptr<Asked>>& asked,
                     const ReloadOutcome& outcome);
  /// Everyone who waits is told that the gateway stops. To be called before their loop ends.
  void close();

 private:
  std::mutex mutex_;  ///< guards what follows
  bool open_ = false;
  std::vector<std::shared_ptr<Asked>> waiting_;
};

}  // namespace postern::app
