#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "plan/compare.h"

namespace postern::app {

/// Appends each witness to a file of tests, as a test that passes on NEW; one that the file has is
/// not added again. A new file names `config`, the configuration of NEW ("": none). `environment`:
/// of config_of_tests(). Returns how many were added. Fault::conflict: the file is of another
/// configuration, or has another policy of the same name. Others as for replace_file(). Blocks.
Result<std::size_t> keep_as_tests(const std::vector<plan::Witness>& witnesses,
                                  const std::string& file, const std::string& config,
                                  const std::optional<std::string>& environment);

}  // namespace postern::app
