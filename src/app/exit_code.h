// What the process tells its caller: sysexits.h, and 1 and 2 for answers.
#pragma once

namespace postern::app {

enum class ExitCode : int {
  ok = 0,
  no = 1,  ///< the answer is no: a proof failed, `explain --exit-code` says refused, `replay` finds
           ///< changes
  usage = 64,        ///< the command line is wrong
  bad_data = 65,     ///< a message, trace or policy file is not what it should be
  no_input = 66,     ///< a file that was named is not there
  unavailable = 69,  ///< an address is taken, a server does not run
  bug = 70,          ///< our fault; says how to report it
  os = 71,           ///< the system refused: no descriptors, no threads
  cannot_create = 73,
  io = 74,
  try_again = 75,  ///< a locked store, DNS trouble
  no_permission = 77,
  config = 78,  ///< the configuration is wrong; restarting does not help
};

constexpr int to_int(ExitCode code) { return static_cast<int>(code); }

}  // namespace postern::app
