// Reads and parses all files of a policy, starting from its entry file, and checks its stages
// before anything runs.
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

/// The source of a policy's files. Paths are relative to the policy directory and normalized:
/// "lib/objects.vsl".
struct SourceReader {
  /// Reads a file. Fault::not_found; Fault::denied: it is outside of the directory.
  std::function<Result<std::string>(const std::string& path)> read;
  /// Every `*.vsl` file, sorted.
  std::function<std::vector<std::string>()> list;
};
/// Reads from a directory. Symbolic links must not lead out of it. `closed`: folders that are not
/// read.
SourceReader read_directory(const std::string& directory, std::vector<std::string> closed = {});
/// Reads from a record, by File::name.
SourceReader read_given(const std::shared_ptr<const std::map<std::string, std::string>>& files);

/// The files of a policy as far as they parse, and the mistakes that were found.
struct SourcesRead {
  Sources sources;                ///< without mistakes: complete
  std::vector<Mistake> mistakes;  ///< empty: the sources can be compiled
  bool has_entry = false;         ///< the first file is the entry file
};
/// Reads as load_sources() does. Of a file that does not parse, imports are followed, so that its
/// mistake does not hide those of other files.
SourcesRead read_sources(const std::string& entry, const SourceReader& reader);

/// Reads `entry` and, recursively, every file that an `import` with a literal path names, and sets
/// Node::file. If any path is computed, all other files of the directory that parse come after
/// those; an import of theirs that fails has no Node::file. The error has at least one mistake; a
/// mistake in one file does not hide those in others.
tl::expected<Sources, std::vector<Mistake>> load_sources(const std::string& entry,
                                                         const SourceReader& reader);

/// The file that an `import` with a computed path in the file `importer` names, found as
/// load_sources() does: relative to that file, else relative to the entry file. nullopt: there is
/// none, or it is outside of the policy directory.
std::optional<std::size_t> find_import(const Sources& sources, std::string_view importer,
                                       std::string_view path);

/// Mistakes in the stage maps of the entry file that the tree shows: unknown stages, stages that
/// are not arrays of directives, duplicate names, a delegate before `postq`, a directive without a
/// function. In the order of the text.
std::vector<Mistake> check_stages(const Sources& sources);
/// Objects whose values are refused, as far as literals show them. For a policy that did not load:
/// an object in a function that nothing calls prevents no load.
std::vector<Mistake> check_objects(const Sources& sources);

}  // namespace postern::dialect::vsl
