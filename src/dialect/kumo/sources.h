// The files and tables that are passed to a helper's setup{...}.
#pragma once

#include <vector>

#include <boost/json/value.hpp>

#include "dialect/kumo/data_file.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// Reads them in order: a text names a file, a table takes the place of one. `place`, the script's
/// line from State::place(), is the name of tables in errors. Throws PlacedError for a mistake
/// inside a file, and std::runtime_error for a file that cannot be read or a wrong argument. Only
/// while the policy loads.
Task<std::vector<DataFile>> read_sources(script::Call& call, json::value sources,
                                         std::string place);

}  // namespace postern::dialect::kumo
