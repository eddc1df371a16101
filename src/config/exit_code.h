// How a command ends: exit codes (those of sysexits.h, and 1 for a negative answer) and errors.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::app {

/// The exit code of every command.
enum class ExitCode : int {
  ok = 0,  ///< success
  no = 1,  ///< the answer is no: a proof failed, `explain --exit-code` says refused, `replay` finds
           ///< changes
  differs = 2,         ///< `plan`: two versions differ
  not_proved = 3,      ///< `plan`, `replay`: whether anything changes is not known
  usage = 64,          ///< the command line is wrong
  bad_data = 65,       ///< a message, trace or policy file is invalid
  no_input = 66,       ///< a named file does not exist
  unavailable = 69,    ///< a server does not run, or the machine lacks an address
  bug = 70,            ///< an internal error; the message says how to report it
  os = 71,             ///< the system refused a resource: descriptors, threads
  cannot_create = 73,  ///< an output file cannot be created
  io = 74,             ///< reading or writing failed
  try_again = 75,      ///< a temporary failure: a locked database, DNS
  no_permission = 77,  ///< the user lacks a permission
  config = 78,         ///< the configuration is invalid, or its port taken; a restart does not help
};

/// The number that the process returns.
constexpr int to_int(ExitCode code) { return static_cast<int>(code); }

/// The exit code for an error of a database.
ExitCode exit_code_of(Fault fault);

/// An error as a command prints it on standard error, with the line break: for people with what to
/// do ("": nothing is known), or as a JSON object.
std::string error_text(std::string_view message, std::string_view hint, bool json);

}  // namespace postern::app
