// policy-extras.dkim_sign: files that say for which domains messages are signed, and how.
#pragma once

#include <string_view>

#include "dialect/kumo/data_file.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// Merges and checks the files. The result has the keys `base`, `domain` and `signature`, always.
/// Fault::malformed with the file and line of every mistake.
Result<json::object> load_dkim_data(const std::vector<DataFile>& files);

/// The Lua source of `policy-extras.dkim_sign`.
std::string_view dkim_sign_module_text();
/// The functions of that module, for the manual.
script::HostTable dkim_sign_module_rows();
/// kumo.postern.dkim_data_load, which the module calls.
script::HostTable dkim_data_functions();

}  // namespace postern::dialect::kumo
