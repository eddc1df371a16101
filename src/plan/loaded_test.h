// Restriction lists that are loaded from settings and files in memory, for tests.
#pragma once

#include <map>
#include <string>

#include "dialect/restrictions/layer.h"
#include "plan/random_lists_test.h"

namespace postern::plan {

/// `files`: contents by path; others do not exist.
inline dialect::restrictions::Loaded loaded(const Settings& settings,
                                            const std::map<std::string, std::string>& files = {}) {
  namespace restrictions = dialect::restrictions;
  restrictions::TableSources sources;
  sources.read = [&](const std::string& path) -> Result<std::string> {
    const auto file = files.find(path);
    if (file == files.end()) return fail(Fault::not_found, "no such file");
    return file->second;
  };
  return restrictions::load(restrictions::Parameters(settings, "mx.postern.test"), sources,
                            restrictions::Errors::defer);
}

}  // namespace postern::plan
