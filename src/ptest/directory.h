// The webhooks and policies that a file of tests brings along.
#pragma once

#include "config/diagnostic.h"
#include "policy/directory.h"
#include "ptest/file.h"

namespace postern::ptest {

/// The account of all of them, an operator.
inline constexpr const char* account = "tests";

/// Fills an empty directory. Ids are the names in the file. Errors are added to `diagnostics`.
void fill_directory(const File& file, policy::Directory& directory, app::Diagnostics& diagnostics);

}  // namespace postern::ptest
