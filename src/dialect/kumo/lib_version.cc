#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {

#ifndef POSTERN_VERSION
#define POSTERN_VERSION "0.1.0"
#endif

namespace {

std::string version() { return POSTERN_VERSION; }

constexpr script::HostFunction functions[] = {
    {"kumo.version", "", "string", "Postern's version, as `postern version` has it.",
     script::bind<&version>, true},
};

}  // namespace

script::HostTable version_functions() { return functions; }

}  // namespace postern::dialect::kumo
