// Names that nothing declares. A name that is similar to a known one is a mistake. Another variable
// is a warning, because printed examples have such; another function is an error of
// `postern check`.
#include <algorithm>
#include <iterator>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/lint_facts.h"
#include "dialect/vsl/vsmtp_names.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace {

/// Methods of values and services, which are functions too: `len(x)` is `x.len()`.
constexpr std::string_view method_names[] = {
    "len",        "is_empty",       "contains",   "starts_with", "ends_with",
    "to_lower",   "to_upper",       "trim",       "split",       "index_of",
    "sub_string", "parse_int",      "replace",    "push",        "pop",
    "map",        "filter",         "truncate",   "sort",        "keys",
    "values",     "to_string",      "to_debug",   "type_of",     "call",
    "run",        "cmd_run",        "run_cmd",    "get",         "set",
    "rm",         "query",          "db_query",   "db_add",      "db_rm",
    "get_domain", "get_local_part", "local_part", "domain",      "local_parts",
    "domains"};
/// Functions of the language itself.
constexpr std::string_view of_language[] = {"print", "debug"};

std::vector<std::string_view> keys_of(const auto& map) {
  const auto keys = std::views::keys(map);
  return {keys.begin(), keys.end()};
}

class Names {
 public:
  Names(Lint& lint, const FileFacts& file) : lint_(lint), file_(file) {}

  void run() {
    scopes_.push_back({file_.variables, file_.imports});
    twice();
    for (const NodePtr& statement : file_.file->body) node(*statement);
    for (const Function& one : file_.file->functions) {
      const Inner inner(*this);
      in_function_ = true;
      for (const Name& parameter : one.parameters) declare(parameter.text, nullptr);
      node(*one.body);
      in_function_ = false;
    }
  }

 private:
  struct Scope {
    std::map<std::string_view, const Node*> variables;  ///< null: the value is unknown
    std::map<std::string_view, const Node*> imports;
  };
  /// Opens a scope; the destructor closes it.
  class Inner {
   public:
    explicit Inner(Names& names) : names_(names) { names_.scopes_.emplace_back(); }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;
    ~Inner() { names_.scopes_.pop_back(); }

   private:
    Names& names_;
  };

  void node(const Node& node);
  void variable(const Node& node);
  void call(const Node& node);
  void own_call(const Node& node, const std::vector<const Function*>& functions);
  void needs_of(const Node& node);
  void method(const Node& node);
  void exported(const Node& node);
  void twice();

  void children(const Node& node) {
    for_each_child(node, [&](const Node& child) { this->node(child); });
  }
  void declare(std::string_view name, const Node* as) {
    scopes_.back().variables.insert_or_assign(name, as);
  }
  void warn(Position at, std::string message, std::string hint = {}) {
    lint_.warn(file_, at, std::move(message), std::move(hint));
  }
  /// Reports a call that fails whenever it is reached. In `try` the script handles that.
  void fails(Position at, std::string message, std::string hint = {}) {
    if (in_try_) return warn(at, std::move(message), std::move(hint));
    lint_.fails(file_, at, std::move(message), std::move(hint));
  }
  /// What a name that nothing declares is used for.
  enum class Use : std::uint8_t { value, call };
  /// Reports a name that nothing declares. A short name is similar to some name by chance.
  void unknown(std::string_view name, Position at, std::string message, std::string hint,
               Use use = Use::value) {
    const bool slip = name.size() >= 4 && hint.starts_with("did you mean");
    if (slip) return lint_.misspelt(file_, at, std::move(message), std::move(hint));
    if (use == Use::value || in_try_) return warn(at, std::move(message), std::move(hint));
    if (hint.empty()) hint = "docs/vsl-api.md has all functions";
    fails(at, std::move(message), std::move(hint));
  }
  /// Whether the name is declared here, and its declaration.
  std::pair<bool, const Node*> find(std::string_view name) const;
  /// Whether an import has this alias, and the file if its path is a literal.
  std::pair<bool, const FileFacts*> module(std::string_view alias) const;
  /// Returns false after reporting that there is no such module.
  bool has_module(const Node& node);
  std::vector<std::string_view> visible() const;
  const Node* declared(const Node& variable) const;

  Lint& lint_;
  const FileFacts& file_;
  std::vector<Scope> scopes_;
  bool in_function_ = false;
  bool in_try_ = false;
  const std::vector<std::string_view> predefined_ = keys_of(predefined_objects());
};

std::pair<bool, const Node*> Names::find(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->variables.find(name);
    if (found != scope->variables.end()) return {true, found->second};
  }
  return {false, nullptr};
}

std::pair<bool, const FileFacts*> Names::module(std::string_view alias) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->imports.find(alias);
    if (found != scope->imports.end()) return {true, lint_.imported(*found->second)};
  }
  return {false, nullptr};
}

bool Names::has_module(const Node& node) {
  const std::string& alias = node.path.front();
  if (module(alias).first) return true;
  std::vector<std::string_view> aliases;
  for (const Scope& scope : scopes_) {
    for (const auto& [name, import] : scope.imports) aliases.push_back(name);
  }
  std::string what = "no module `" + alias + "` is imported";
  std::string hint = did_you_mean(alias, aliases);
  if (hint.empty() && lint_.find(node.text).function != nullptr) {
    // As in vSMTP 2, but not in the module that has it there.
    what = "vSMTP has the function `" + node.text + "`, but not in a module `" + alias + "`";
    hint = "write `" + node.text + "`";
    const auto own =
        std::ranges::find(other_names(), std::string_view(node.text), &OtherName::here);
    if (own != other_names().end() && !own->module.empty()) {
      hint += fmt::format(", or `{}::{}` as version 2 has it", own->module, own->name);
    }
  } else if (hint.empty()) {
    hint = "at the top of the file, write `import \"" + alias + "\" as " + alias + ";`";
  }
  unknown(alias, node.at, std::move(what), std::move(hint),
          node.kind == Kind::call ? Use::call : Use::value);
  return false;
}

std::vector<std::string_view> Names::visible() const {
  std::vector<std::string_view> names = predefined_;
  for (const Scope& scope : scopes_) {
    for (const auto& [name, declared] : scope.variables) names.push_back(name);
  }
  return names;
}

const Node* Names::declared(const Node& variable) const {
  if (variable.path.empty()) return find(variable.text).second;
  const FileFacts* file =
      variable.path.size() == 1 ? module(variable.path.front()).second : nullptr;
  if (file == nullptr) return nullptr;
  const auto found = file->exports.find(variable.text);
  return found == file->exports.end() ? nullptr : found->second;
}

void Names::node(const Node& node) {
  switch (node.kind) {
    case Kind::variable:
      return variable(node);
    case Kind::call:
      children(node);
      return call(node);
    case Kind::method:
      children(node);
      return method(node);
    case Kind::block: {
      const Inner inner(*this);
      return children(node);
    }
    case Kind::closure: {
      const Inner inner(*this);
      const bool before = std::exchange(in_function_, true);
      for (const Name& name : node.names) declare(name.text, nullptr);
      children(node);
      in_function_ = before;
      return;
    }
    case Kind::for_loop: {
      this->node(*node.nodes[0]);
      const Inner inner(*this);
      for (const Name& name : node.names) declare(name.text, nullptr);
      return this->node(*node.nodes[1]);
    }
    case Kind::try_catch: {
      // The script handles what fails in it.
      const bool before = std::exchange(in_try_, true);
      this->node(*node.nodes[0]);
      in_try_ = before;
      const Inner inner(*this);
      declare(node.text, nullptr);
      return this->node(*node.nodes[1]);
    }
    case Kind::let:
    case Kind::object:
    case Kind::service:
      children(node);
      if (!node.text.empty()) declare(node.text, &node);
      if (node.kind == Kind::object) lint_code_object(lint_, file_, node);
      return;
    case Kind::import:
      children(node);
      scopes_.back().imports.insert_or_assign(node.text, &node);
      return;
    case Kind::export_name:
      return exported(node);
    default:
      return children(node);
  }
}

void Names::variable(const Node& node) {
  if (lint_.full()) return;
  if (node.path.empty()) {
    const bool known = find(node.text).first || is_one_of(node.text, predefined_) ||
                       (node.text == "this" && in_function_);
    if (known) return;
    std::string hint = did_you_mean(node.text, visible());
    if (node.text == "null" || node.text == "nil" || node.text == "None") hint = "nothing is `()`";
    const bool is_function =
        file_.functions.contains(node.text) || lint_.find(node.text).function != nullptr;
    if (is_function) hint = "a function is called with `" + node.text + "()`";
    return unknown(node.text, node.at, "no variable `" + node.text + "` is defined",
                   std::move(hint));
  }
  if (node.path.size() > 1) return;
  const std::string& alias = node.path.front();
  const auto [is_imported, file] = module(alias);
  if (!is_imported && alias == "toml") {
    if (node.text == "server" || node.text == "app") return;
    return warn(node.at, "`toml` has no `" + node.text + "`",
                "it has `toml::server` and `toml::app`");
  }
  if (!is_imported && alias == "sys" && is_one_of(node.text, predefined_)) return;
  if (!has_module(node) || file == nullptr || file->exports.contains(node.text)) return;
  std::string hint = did_you_mean(node.text, keys_of(file->exports));
  if (file->variables.contains(node.text)) {
    hint = "write `export` before it in " + file->file->name;
  }
  unknown(node.text, node.at, "the module `" + alias + "` exports no `" + node.text + "`",
          std::move(hint));
}

void Names::call(const Node& node) {
  if (lint_.full()) return;
  lint_call(lint_, file_, node, in_try_, [&](const Node& variable) { return declared(variable); });
  const bool is_sys = node.path.size() == 1 && node.path.front() == "sys" && !module("sys").first;
  if (node.path.empty() || is_sys) {
    const auto own = file_.functions.find(node.text);
    const bool is_host = lint_.find(node.text).function != nullptr;
    const bool is_method = is_one_of(node.text, method_names) && !node.nodes.empty();
    if (!is_sys && own != file_.functions.end()) {
      if (!is_host) own_call(node, own->second);
      return;
    }
    if (is_host || (!is_sys && is_method)) return needs_of(node);
    if (!is_sys && is_one_of(node.text, of_language)) return;
    std::vector<std::string_view> there = lint_.function_names();
    std::ranges::copy(file_.functions | std::views::keys, std::back_inserter(there));
    std::string hint = did_you_mean(node.text, there);
    if (!is_sys && find(node.text).first) {
      hint = "a function in a variable is called with `" + node.text + ".call()`";
    }
    return unknown(node.text, node.at, "no function `" + node.text + "` is defined",
                   std::move(hint), Use::call);
  }
  const FileFacts* file = module(node.path.front()).second;
  if (node.path.size() > 1 || !has_module(node) || file == nullptr) return;
  const auto found = file->functions.find(node.text);
  if (found != file->functions.end()) {
    const bool is_private = std::ranges::all_of(found->second, &Function::is_private);
    if (!is_private) return own_call(node, found->second);
    return unknown({}, node.at, shown(node) + " is private to " + file->file->name,
                   "write `fn` without `private` there", Use::call);
  }
  unknown(node.text, node.at,
          "the module `" + node.path.front() + "` has no function `" + node.text + "`",
          did_you_mean(node.text, keys_of(file->functions)), Use::call);
}

void Names::own_call(const Node& node, const std::vector<const Function*>& functions) {
  std::string takes;
  for (const Function* one : functions) {
    if (one->parameters.size() == node.nodes.size()) return;
    takes += (takes.empty() ? "" : " or ") + std::to_string(one->parameters.size());
  }
  fails(node.at, shown(node) + " takes " + takes + (takes == "1" ? " argument" : " arguments") +
                     ", not " + std::to_string(node.nodes.size()));
}

void Names::needs_of(const Node& node) {
  lint_site(lint_, file_, node, in_try_, [&](const Node& variable) { return declared(variable); });
}

/// Which methods a value has depends on the value; a name that no value has is unknown.
void Names::method(const Node& node) {
  if (lint_.full()) return;
  const bool known = is_one_of(node.text, method_names) || file_.functions.contains(node.text) ||
                     lint_.find(node.text).function != nullptr;
  if (known) {
    lint_call(lint_, file_, node, in_try_,
              [&](const Node& variable) { return declared(variable); });
  }
  if (known && !file_.functions.contains(node.text)) return needs_of(node);
  if (known) return;
  unknown(node.text, node.at, "no value has a method `" + node.text + "`",
          did_you_mean(node.text, {std::begin(method_names), std::end(method_names)}), Use::call);
}

void Names::exported(const Node& node) {
  if (find(node.text).first) return;
  unknown(node.text, node.at, "no variable `" + node.text + "` is defined",
          did_you_mean(node.text, visible()));
}

/// Warns of functions with the same name and number of parameters: only the last one is called.
void Names::twice() {
  for (const auto& [name, functions] : file_.functions) {
    for (std::size_t i = 1; i < functions.size(); ++i) {
      const std::size_t count = functions[i]->parameters.size();
      const bool again =
          std::any_of(functions.begin(), functions.begin() + std::ptrdiff_t(i),
                      [&](const Function* one) { return one->parameters.size() == count; });
      if (!again) continue;
      warn(functions[i]->at, "the function `" + std::string(name) + "` with " +
                                 std::to_string(count) + " parameters is defined twice");
    }
  }
}

}  // namespace

void lint_names(Lint& lint) {
  for (const FileFacts& file : lint.files()) Names(lint, file).run();
}

}  // namespace postern::dialect::vsl
