#include "base/version.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {

namespace {

std::string version() { return std::string(current_version().number); }

constexpr script::HostFunction functions[] = {
    {"kumo.version", "", "string", "Postern's version, as `postern version` prints it.",
     script::bind<&version>, true},
};

}  // namespace

script::HostTable version_functions() { return functions; }

}  // namespace postern::dialect::kumo
