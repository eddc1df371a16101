// The files and tables that a helper's setup{...} is given.
#pragma once

#include <vector>

#include <boost/json/value.hpp>

#include "dialect/kumo/data_file.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// Reads them, in order: a text is the name of a file, a table stands for one. `place`:
/// State::place() of the script's line, which is what errors call a table. Throws PlacedError for
/// what is wrong inside a file, and std::runtime_error for a file that cannot be read.
Task<std::vector<DataFile>> read_sources(script::Call& call, json::value sources,
                                         std::string place);

}  // namespace postern::dialect::kumo
