#include "dialect/vsl/loader.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "dialect/vsl/lexer.h"
#include "dialect/vsl/parser.h"
#include "dialect/vsl/vsmtp_names.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace fs = std::filesystem;

namespace {

/// The longest chain of imports; each import is a level of recursion.
constexpr std::size_t deepest_import = 64;

struct Candidates {
  std::vector<std::string> paths;  ///< in the order of the search
  bool leaves = false;             ///< one of them is outside the directory
};

/// The files that an import may mean: beside the importing file, else beside the entry file.
Candidates candidates_of(std::string_view importer, std::string_view path) {
  Candidates found;
  fs::path wanted(path);
  if (wanted.is_absolute()) {
    found.leaves = true;
    return found;
  }
  if (!path.ends_with(".vsl")) wanted += ".vsl";
  for (const fs::path& folder : {fs::path(importer).parent_path(), fs::path()}) {
    const fs::path full = (folder / wanted).lexically_normal();
    if (full.begin() != full.end() && *full.begin() == "..") {
      found.leaves = true;
    } else if (std::ranges::find(found.paths, full.string()) == found.paths.end()) {
      found.paths.push_back(full.string());
    }
  }
  return found;
}

class Loader {
 public:
  explicit Loader(const SourceReader& reader) : reader_(reader) {}

  SourcesRead run(const std::string& entry) {
    const Result<std::string> text = reader_.read(entry);
    if (!text) {
      mistakes_.push_back(
          {entry, {1, 1}, "the script cannot be read: " + text.error().message, ""});
    } else {
      add(entry, *text);
      if (computed_) add_all_others();
    }
    const bool has_entry = !sources_.files.empty() && sources_.files.front().name == entry;
    return {std::move(sources_), std::move(mistakes_), has_entry};
  }

 private:
  /// Parses a file and follows its imports.
  void add(const std::string& path, const std::string& text) {
    std::vector<Mistake> further;
    auto file = parse(path, text, &further);
    if (!file) {
      known_.emplace(path, std::nullopt);
      mistakes_.push_back(std::move(file.error()));
      std::ranges::move(further, std::back_inserter(mistakes_));
      follow_words(path, text);
      return;
    }
    std::ranges::move(translate_names(*file), std::back_inserter(mistakes_));
    known_.emplace(path, sources_.files.size());
    std::vector<Node*> imports;
    for_each_node_of(*file, [&](Node& node) {
      if (node.kind == Kind::import) imports.push_back(&node);
    });
    sources_.files.push_back(std::move(*file));
    open_.push_back(path);
    for (Node* one : imports) follow(*one, path);
    open_.pop_back();
  }

  /// Follows the imports of a file that does not parse, as far as its words show them.
  void follow_words(const std::string& path, const std::string& text) {
    const auto tokens = tokens_of(path, text);
    if (!tokens) return;
    open_.push_back(path);
    for (std::size_t i = 0; i + 1 < tokens->size(); ++i) {
      const Token& word = (*tokens)[i];
      const Token& what = (*tokens)[i + 1];
      if (word.kind != TokenKind::keyword || word.text != "import") continue;
      if (what.kind != TokenKind::string) continue;
      Node import{.kind = Kind::import, .at = word.at};
      import.nodes.push_back(
          std::make_unique<Node>(Node{.kind = Kind::string, .at = what.at, .text = what.text}));
      follow(import, path);
    }
    open_.pop_back();
  }

  void follow(Node& import, const std::string& importer) {
    const Node& path = *import.nodes.front();
    if (path.kind != Kind::string) {
      computed_ = true;
      return;
    }
    const Candidates candidates = candidates_of(importer, path.text);
    for (const std::string& candidate : candidates.paths) {
      if (found(import, candidate, importer)) return;
    }
    const std::string quoted = "`" + printable(path.text, 200) + "`";
    if (candidates.leaves) {
      mistake(importer, path, quoted + " lies outside of the policy directory",
              "imports are files below the directory of the entry file");
    } else {
      mistake(importer, path, "there is no module " + quoted, hint_for(path.text));
    }
  }

  /// Returns false if there is no such file.
  bool found(Node& import, const std::string& candidate, const std::string& importer) {
    const Node& path = *import.nodes.front();
    if (!known_.contains(candidate)) {
      const bool has_nul = candidate.find('\0') != std::string::npos;
      const Result<std::string> text =
          has_nul ? fail(Fault::not_found, "") : reader_.read(candidate);
      if (!text && text.error().fault == Fault::not_found) return false;
      if (!text && text.error().fault == Fault::denied) {
        mistake(importer, path, "`" + candidate + "` lies outside of the policy directory",
                "no symbolic link may lead out of it");
        return true;
      }
      if (!text) {
        mistake(importer, path, "`" + candidate + "` cannot be read: " + text.error().message);
        return true;
      }
      if (open_.size() == deepest_import) {
        mistake(importer, path,
                "more than " + std::to_string(deepest_import) + " files import one another");
        return true;
      }
      add(candidate, *text);
    } else if (std::ranges::find(open_, candidate) != open_.end()) {
      mistake(importer, path, "this import closes a cycle: " + cycle(candidate),
              "move what both need into a third file");
      return true;
    }
    import.file = known_.at(candidate);
    return true;
  }

  /// The cycle as text: "a.vsl, b.vsl, a.vsl".
  std::string cycle(const std::string& again) const {
    std::string text;
    for (auto one = std::ranges::find(open_, again); one != open_.end(); ++one) text += *one + ", ";
    return text + again;
  }

  std::string hint_for(const std::string& path) const {
    std::vector<std::string> there = reader_.list();
    for (std::string& one : there) one.resize(one.size() - std::string_view(".vsl").size());
    const auto near = nearest(path, {there.begin(), there.end()});
    return near ? "did you mean `" + std::string(*near) + "`?"
                : "a module is a .vsl file below the directory of the entry file; Postern's "
                  "functions "
                  "need no import";
  }

  /// Adds all other files, for imports whose path is computed at run time. Their mistakes are not
  /// reported, because the policy may never import them.
  void add_all_others() {
    std::vector<Mistake> mistakes = std::exchange(mistakes_, {});
    for (const std::string& path : reader_.list()) {
      if (known_.contains(path)) continue;
      if (const Result<std::string> text = reader_.read(path)) add(path, *text);
    }
    mistakes_ = std::move(mistakes);
  }

  void mistake(const std::string& file, const Node& where, std::string message,
               std::string hint = {}) {
    mistakes_.push_back({file, where.at, std::move(message), std::move(hint)});
  }

  const SourceReader& reader_;
  Sources sources_;
  std::map<std::string, std::optional<std::size_t>> known_;  ///< nullopt: it does not parse
  std::vector<std::string> open_;                            ///< their imports are being followed
  bool computed_ = false;                                    ///< an import has a computed path
  std::vector<Mistake> mistakes_;
};

}  // namespace

SourcesRead read_sources(const std::string& entry, const SourceReader& reader) {
  return Loader(reader).run(entry);
}

tl::expected<Sources, std::vector<Mistake>> load_sources(const std::string& entry,
                                                         const SourceReader& reader) {
  SourcesRead read = read_sources(entry, reader);
  if (!read.mistakes.empty()) return tl::unexpected(std::move(read.mistakes));
  return std::move(read.sources);
}

std::optional<std::size_t> find_import(const Sources& sources, std::string_view importer,
                                       std::string_view path) {
  for (const std::string& candidate : candidates_of(importer, path).paths) {
    const auto found = std::ranges::find(sources.files, candidate, &File::name);
    if (found != sources.files.end()) {
      return static_cast<std::size_t>(found - sources.files.begin());
    }
  }
  return std::nullopt;
}

}  // namespace postern::dialect::vsl
