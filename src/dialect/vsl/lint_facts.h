// Shared by the parts of the lint: the declarations of each file, and the collected warnings.
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

/// The declarations of one file. Views point into the tree.
struct FileFacts {
  const File* file = nullptr;                         ///< outlives the lint
  std::map<std::string_view, const Node*> variables;  ///< object, service and let at file level
  /// By name; overloads differ in the number of parameters.
  std::map<std::string_view, std::vector<const Function*>> functions;
  std::map<std::string_view, const Node*> imports;  ///< by alias
  std::map<std::string_view, const Node*> exports;  ///< the variables that importers see
};

/// A script's function and its file.
struct Callee {
  const Function* function = nullptr;  ///< null: there is none
  const FileFacts* file = nullptr;     ///< null: there is none
};

/// Facts about all files, and the collected findings.
class Lint {
 public:
  using Find = std::function<Signature(std::string_view)>;  ///< signature_of
  /// `misspelt`, `failing` and `settings`: see lint(). The arguments must outlive this object.
  Lint(const Sources& sources, const Find& find, const std::vector<std::string_view>& names,
       std::vector<Mistake>* misspelt, std::vector<Mistake>* failing, const LintSettings* settings);

  const FileFacts& entry() const { return files_.front(); }  ///< of the entry file
  /// In the order of Sources::files.
  const std::vector<FileFacts>& files() const { return files_; }
  /// The file that an import names. Null: its path is computed.
  const FileFacts* imported(const Node& import) const;
  /// The file imported under an alias at file level. Null: there is none, or its path is computed.
  const FileFacts* module(const FileFacts& file, std::string_view alias) const;

  /// The script's function that a call refers to; null function: there is none.
  Callee callee(const FileFacts& file, const Node& call) const;
  /// The host function that a call refers to: the file has no function that hides it.
  Signature host(const FileFacts& file, const Node& call) const;
  Signature find(std::string_view name) const { return find_(name); }  ///< a host function
  const std::vector<std::string_view>& function_names() const { return names_; }  ///< of the host

  /// Adds a warning, until full().
  void warn(const FileFacts& file, Position at, std::string message, std::string hint = {});
  /// Adds a name that resembles a known one: to `misspelt`, or as a warning if that is null.
  void misspelt(const FileFacts& file, Position at, std::string message, std::string hint);
  /// Adds a call that fails whenever it is reached: to `failing`, or as a warning if that is null.
  void fails(const FileFacts& file, Position at, std::string message, std::string hint = {});
  const LintSettings* settings() const { return settings_; }  ///< null: unknown
  /// Adds a call that opens the relay.
  void opens_relay(const FileFacts& file, Position at, std::string message, std::string hint);
  std::vector<Mistake> take_open_relays() { return std::move(open_relays_); }  ///< and forgets them
  /// Whether there are max_warnings warnings.
  bool full() const { return found_.size() >= max_warnings; }
  /// The warnings, sorted and without duplicates. To be called once.
  std::vector<Mistake> take();

 private:
  void gather(FileFacts& facts);
  void declare(FileFacts& facts, const Node& node);

  const Find& find_;
  const std::vector<std::string_view>& names_;
  std::vector<FileFacts> files_;
  std::vector<std::pair<std::size_t, Mistake>> found_;  ///< with the index of the file
  std::vector<Mistake> open_relays_;                    ///< the Mistake, with the index of its file
  std::vector<Mistake>* misspelt_;                      ///< null: such names are warnings
  std::vector<Mistake>* failing_;                       ///< null: such calls are warnings
  const LintSettings* settings_;                        ///< null: unknown
};

/// A call for messages: `f()`, with back-ticks.
std::string shown(const Node& call);
/// "did you mean `x`?"; empty: no candidate resembles `word`.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

// The parts.
/// Names and their declarations.
void lint_names(Lint& lint);
/// Rules, actions, stages and statuses.
void lint_rules(Lint& lint);
/// The arguments of a call. `declared`: the declaration of a name at the place of the call; null:
/// unknown. `is_in_try`: the script handles the error of a call that fails.
void lint_call(Lint& lint, const FileFacts& file, const Node& call, bool is_in_try,
               const std::function<const Node*(const Node&)>& declared);
/// What a call needs besides its arguments: a method of the service, and of the configuration a
/// folder, keys, accounts, an allowed command. The parameters are those of lint_call().
void lint_site(Lint& lint, const FileFacts& file, const Node& call, bool is_in_try,
               const std::function<const Node*(const Node&)>& declared);
/// A `code` object: whether code and enhanced code agree (RFC 3463 §2).
void lint_code_object(Lint& lint, const FileFacts& file, const Node& object);

}  // namespace postern::dialect::vsl
