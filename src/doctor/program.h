// Running a program of the system and reading what it says. For commands; the gateway runs none.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace postern::doctor {

/// Runs a program, found in /usr/bin and /bin, and gives its standard output, at most 64 KiB. It
/// gets no input, no environment but `LC_ALL=C`, and 10 s. Fault::not_found: there is no such
/// program. Fault::permanent: it failed, was ended, or said more. Blocks.
Result<std::string> run_program(const std::vector<std::string>& words);

/// The type of run_program().
using RunProgram = std::function<Result<std::string>(const std::vector<std::string>& words)>;

}  // namespace postern::doctor
