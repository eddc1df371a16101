#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "plan/compare.h"

namespace postern::app {

/// Appends each witness to a file of tests, as a test that passes on NEW; one that the file has is
/// not added again. A new file names `config`, the configuration of NEW ("": none). Returns how
/// many were added. Faults as for replace_file(). Blocks.
Result<std::size_t> keep_as_tests(const std::vector<plan::Witness>& witnesses,
                                  const std::string& file, const std::string& config);

}  // namespace postern::app
