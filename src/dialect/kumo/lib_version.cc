#include <thread>

#include "base/version.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {

namespace {

std::int64_t available_parallelism(script::Call& call) {
  const auto count = [] { return script::json::value(std::thread::hardware_concurrency()); };
  return call.told_by("available_parallelism", count, script::Source::facts)
      .to_number<std::int64_t>();
}

std::string version() { return std::string(current_version().number); }

constexpr script::HostFunction version_rows[] = {
    {"kumo.version", "", "string", "Postern's version, as `postern version` prints it.",
     script::bind<&version>, true},
    {"kumo.available_parallelism", "", "integer", "The number of processors.",
     script::bind<&available_parallelism>},
};

}  // namespace

script::HostTable version_functions() { return version_rows; }

}  // namespace postern::dialect::kumo
