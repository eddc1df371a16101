// The configuration file that `postern setup` writes.
#pragma once

#include <string>

#include "setup/answers.h"

namespace postern::setup {

/// The whole text of postern.toml. Only what differs from the defaults is in it, each section with
/// a comment that says why.
std::string configuration(const Answers& answers);

}  // namespace postern::setup
