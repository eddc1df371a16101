#include <algorithm>
#include <filesystem>

#include "dialect/vsl/loader.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace fs = std::filesystem;

namespace {

/// Limits the listing: the policy directory may be the root of a large disk.
constexpr std::size_t most_files = 1000;
/// Of any kind.
constexpr std::size_t most_entries = 100'000;

std::vector<std::string> scripts_below(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;
  std::size_t entries = 0;
  fs::recursive_directory_iterator each(directory, error);
  for (; !error && each != fs::recursive_directory_iterator() && found.size() < most_files &&
         entries < most_entries;
       each.increment(error), ++entries) {
    if (each->path().extension() != ".vsl") continue;
    found.push_back(each->path().lexically_relative(directory).string());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

SourceReader read_directory(const std::string& directory, std::vector<std::string> closed) {
  const std::string root = directory.empty() ? "." : directory;
  const script::Files files{.directory = root,
                            .roots = {},
                            .closed = std::move(closed),
                            .seen = nullptr,
                            .given = nullptr};
  return {.read = [files](const std::string& path) { return files.read(path); },
          .list = [root] { return scripts_below(root); }};
}

SourceReader read_given(const std::shared_ptr<const std::map<std::string, std::string>>& files) {
  return {.read = [files](const std::string& path) -> Result<std::string> {
            const auto found = files->find(path);
            if (found == files->end())
              return fail(Fault::not_found, path + " is not in the record");
            return found->second;
          },
          .list =
              [files] {
                std::vector<std::string> names;
                for (const auto& [name, text] : *files) {
                  if (name.ends_with(".vsl")) names.push_back(name);
                }
                return names;
              }};
}

}  // namespace postern::dialect::vsl
