#include "serve/rounds.h"

#include <exception>

#include "telemetry/log.h"

namespace postern::app {

Task<void> in_round(std::string name, std::function<Task<Result<void>>()> work) {
  std::string trouble;
  try {
    const Result<void> done = co_await work();
    if (done) co_return;
    trouble = done.error().message;
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  telemetry::log::warning("api.housekeeping")
      .field("name", name)
      .field("error", trouble)
      .msg("housekeeping was cut short; the next round tries again");
}

}  // namespace postern::app
