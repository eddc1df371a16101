// policy-extras.dkim_sign: who is signed for stands in files.
#pragma once

#include <string_view>

#include "dialect/kumo/data_file.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// The files laid over each other, checked: {base=, domain=, signature=}, each there.
/// Fault::malformed with every mistake's file and line.
Result<json::object> load_dkim_data(const std::vector<DataFile>& files);

std::string_view dkim_sign_module_text();
script::HostTable dkim_sign_module_rows();
/// kumo.postern.dkim_data_load
script::HostTable dkim_data_functions();

}  // namespace postern::dialect::kumo
