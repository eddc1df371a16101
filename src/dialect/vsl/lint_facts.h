// What the parts of the lint share: what each file declares, and where warnings go.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/ast.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/lint.h"

namespace postern::dialect::vsl {

/// Of one file. Views are into the tree.
struct FileFacts {
  const File* file = nullptr;
  std::map<std::string_view, const Node*> variables;  ///< object, service, let at file level
  std::map<std::string_view, std::vector<const Function*>> functions;
  std::map<std::string_view, const Node*> imports;  ///< by alias
  std::map<std::string_view, const Node*> exports;  ///< what importers see of the variables
};

/// A script's function and the file it stands in.
struct Callee {
  const Function* function = nullptr;
  const FileFacts* file = nullptr;
};

class Lint {
 public:
  using Find = std::function<Signature(std::string_view)>;
  Lint(const Sources& sources, const Find& find, const std::vector<std::string_view>& names,
       std::vector<Mistake>* misspelt);

  const FileFacts& entry() const { return files_.front(); }
  const std::vector<FileFacts>& files() const { return files_; }
  /// Null: the import's path is computed.
  const FileFacts* imported(const Node& import) const;
  /// Whose file-level import the alias is; null: none, or its path is computed.
  const FileFacts* module(const FileFacts& file, std::string_view alias) const;

  /// The script's function that a call means; null function: none.
  Callee callee(const FileFacts& file, const Node& call) const;
  /// The host's function that a call means: no function of the file is in front of it.
  Signature host(const FileFacts& file, const Node& call) const;
  Signature find(std::string_view name) const { return find_(name); }
  const std::vector<std::string_view>& function_names() const { return names_; }

  void warn(const FileFacts& file, Position at, std::string message, std::string hint = {});
  /// A name that can only be meant for another: a warning where none of them is asked for.
  void misspelt(const FileFacts& file, Position at, std::string message, std::string hint);
  /// What opens the relay.
  void opens_relay(const FileFacts& file, Position at, std::string message, std::string hint);
  std::vector<Mistake> take_open_relays() { return std::move(open_relays_); }
  /// Whether there are so many warnings that no more are looked for.
  bool full() const { return found_.size() >= max_warnings; }
  std::vector<Mistake> take();

 private:
  void gather(FileFacts& facts);
  void declare(FileFacts& facts, const Node& node);

  const Find& find_;
  const std::vector<std::string_view>& names_;
  std::vector<FileFacts> files_;
  std::vector<std::pair<std::size_t, Mistake>> found_;  ///< with the index of the file
  std::vector<Mistake> open_relays_;
  std::vector<Mistake>* misspelt_;  ///< null: they are warnings
};

/// `f(1, 2)` for messages.
std::string shown(const Node& call);
/// "did you mean `x`?"; empty: nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

// The parts.
void lint_names(Lint& lint);
void lint_rules(Lint& lint);
/// `declared`: what a name stands for at the place of the call; null: unknown.
void lint_call(Lint& lint, const FileFacts& file, const Node& call,
               const std::function<const Node*(const Node&)>& declared);
void lint_code_object(Lint& lint, const FileFacts& file, const Node& object);

}  // namespace postern::dialect::vsl
