// The files that what decides was read from.
#pragma once

#include <filesystem>
#include <set>

#include "config/config.h"

namespace postern::app {

/// Policies with what they include and read, accounts, and tables of lists, as the configuration
/// names them: what is no whole path is relative to the working folder. Of a policy that did not
/// load, the file alone.
std::set<std::filesystem::path> policy_files(const Config& config);

}  // namespace postern::app
