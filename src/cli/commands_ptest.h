#pragma once

#include <optional>
#include <string>

#include "cli/commands.h"
#include "ptest/file.h"

namespace postern::app {

/// `postern test`.
int run_test(const Arguments& arguments, Streams& streams);

/// The configuration that a file of tests is about: its own, else the postern.toml beside it, else
/// `environment`, that of POSTERN_CONFIG.
std::string config_of_tests(const ptest::File& file, const std::optional<std::string>& environment);

}  // namespace postern::app
