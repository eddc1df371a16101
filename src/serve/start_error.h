#pragma once

#include <string>

#include <tl/expected.hpp>

#include "base/error.h"
#include "config/exit_code.h"

namespace postern::app {

/// Why the gateway did not start.
struct StartError {
  ExitCode code = ExitCode::bug;  ///< exit code
  std::string message;            ///< one sentence
  std::string hint;               ///< what to do
};

/// A StartError as a failed result.
tl::unexpected<StartError> cannot(ExitCode code, std::string message, std::string hint);
/// Why the database file `path` cannot be used.
tl::unexpected<StartError> database_error(const std::string& path, const Error& error);

}  // namespace postern::app
