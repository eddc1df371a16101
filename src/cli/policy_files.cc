#include "cli/policy_files.h"

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "config/schema.h"
#include "dialect/kumo/policy.h"
#include "dialect/restrictions/layer.h"
#include "dialect/vsl/policy.h"

namespace postern::app {

std::set<std::filesystem::path> policy_files(const Config& config) {
  std::set<std::filesystem::path> files;
  for (const auto& [at, path] : named_paths(config, Kind::file)) {
    if (at.ends_with(".policy") || at.ends_with(".file")) files.insert(path);
  }
  const auto add = [&](const std::string& definition, const std::filesystem::path& folder) {
    const boost::json::value parsed = boost::json::parse(definition);
    for (const auto& [name, text] : parsed.at("files").as_object()) {
      files.insert(folder / std::string_view(name));
    }
  };
  if (const auto* lists = config.restrictions.loaded()) add(lists->definition, "");
  // Scripts name what is theirs relative to their own folder.
  const auto folder_of = [](const auto& file) { return std::filesystem::path(file).parent_path(); };
  if (config.vsl.loaded) add(config.vsl.loaded->definition(), folder_of(config.vsl.policy));
  if (config.lua.loaded) add(config.lua.loaded->definition(), folder_of(config.lua.policy));
  return files;
}

}  // namespace postern::app
