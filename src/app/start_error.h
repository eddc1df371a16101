#pragma once

#include <string>

#include <tl/expected.hpp>

#include "app/exit_code.h"
#include "base/error.h"

namespace postern::app {

/// Why the gateway did not start: one sentence, what to do, and the exit code.
struct StartError {
  ExitCode code = ExitCode::bug;
  std::string message;
  std::string hint;
};

tl::unexpected<StartError> cannot(ExitCode code, std::string message, std::string hint);
/// What keeps the database file `path` from being used.
tl::unexpected<StartError> database_error(const std::string& path, const Error& error);

}  // namespace postern::app
