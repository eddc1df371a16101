#include "serve/start_error.h"

#include <utility>

#include <fmt/format.h>

namespace postern::app {

tl::unexpected<StartError> cannot(ExitCode code, std::string message, std::string hint) {
  return tl::unexpected<StartError>(
      StartError{.code = code, .message = std::move(message), .hint = std::move(hint)});
}

tl::unexpected<StartError> database_error(const std::string& path, const Error& error) {
  if (error.fault == Fault::malformed) {
    return cannot(ExitCode::config, error.message, "nothing was changed");
  }
  const bool corrupt = error.fault == Fault::permanent;
  return cannot(
      error.fault == Fault::denied ? ExitCode::cannot_create
      : corrupt                    ? ExitCode::io
                                   : ExitCode::try_again,
      error.message,
      corrupt ? fmt::format("restore {} from a backup, or move it away to begin with an empty one",
                            path)
              : "see that the disk has room and that no other program holds the file");
}

}  // namespace postern::app
