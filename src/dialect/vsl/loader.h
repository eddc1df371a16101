// From a policy's entry file to the trees of all files that it needs, and what is wrong with its
// stages before anything runs.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/error.h"
#include "dialect/vsl/ast.h"

namespace postern::dialect::vsl {

/// Where a policy's files come from. Paths are relative to the policy directory, in their shortest
/// form: "lib/objects.vsl".
struct SourceReader {
  /// Fault::not_found; Fault::denied: it lies outside of the directory.
  std::function<Result<std::string>(const std::string& path)> read;
  /// Every `*.vsl` there, sorted.
  std::function<std::vector<std::string>()> list;
};
/// Of a folder. A symbolic link may not lead out of it.
SourceReader read_directory(const std::string& directory, std::vector<std::string> closed = {});
/// Of a record: Sources::files by name are all that a policy needs to be loaded again.
SourceReader read_given(const std::shared_ptr<const std::map<std::string, std::string>>& files);

/// Reads `entry` and every file that an `import` with a literal path names, wherever that stands,
/// and sets Node::file. Where a path is computed, all other files of the directory that parse are
/// there too, behind those; imports of theirs that fail have no Node::file. At least one mistake
/// when it fails; one file's mistake does not hide another's.
tl::expected<Sources, std::vector<Mistake>> load_sources(const std::string& entry,
                                                         const SourceReader& reader);

/// The file that `import` of a computed path in `importer` means, by the rules that load_sources()
/// follows: beside that file, else beside the entry. nullopt: there is none, or the path leaves the
/// policy directory.
std::optional<std::size_t> find_import(const Sources& sources, std::string_view importer,
                                       std::string_view path);

/// What is wrong with the stage maps of the entry file as far as the tree shows it: unknown stages,
/// what is no array of directives, a name given twice, a delegate before `postq`, a directive
/// without a function to run. In the order of the text.
std::vector<Mistake> check_stages(const Sources& sources);

}  // namespace postern::dialect::vsl
