#include "dialect/kumo/use_lint.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/api.h"
#include "dialect/kumo/hook_parts.h"
#include "dialect/kumo/literal_lint.h"
#include "dialect/kumo/lua_words.h"
#include "dialect/kumo/name_lint.h"
#include "dialect/kumo/throttle_lint.h"
#include "script/standard_names.h"

namespace postern::dialect::kumo {

namespace {

using Names = std::set<std::string, std::less<>>;

constexpr std::string_view keywords[] = {"and",   "break", "do",       "else", "elseif", "end",
                                         "false", "for",   "function", "goto", "if",     "in",
                                         "local", "nil",   "not",      "or",   "repeat", "return",
                                         "then",  "true",  "until",    "while"};
/// Names whose use may define other names that this lint cannot find.
constexpr std::string_view hiding[] = {"_G",       "_ENV",    "load",  "dofile",
                                       "loadfile", "__index", "rawset"};

bool is_name(std::string_view word) {
  return is_name_or_keyword(word) && !is_one_of(word, keywords);
}

/// The content of a string literal; empty if it has escapes.
std::string_view literal_or_empty(std::string_view word) {
  return plain_literal(word).value_or(std::string_view());
}

/// A name in a text and its use.
struct Use {
  enum class Role { plain, called, method, field } role = Role::plain;
  LuaWords::Word word;
  std::string_view argument;   ///< of a call: its only argument if that is a literal
  std::string_view object;     ///< of a method: the name before the colon
  bool is_of_library = false;  ///< after `kumo.` or `os.`: name_lint.h, standard_lint.h judge it
};

/// Passes every name of a text with its use to `take`, and every string literal to `say`.
template <class Take, class Say>
void each_use(std::string_view text, const Take& take, const Say& say) {
  LuaWords words(text);
  std::string_view two_before;
  std::string_view before;
  LuaWords::Word word = words.next();
  while (!word.text.empty()) {
    const LuaWords::Word next = words.next();
    if (is_quoted(word.text)) say(literal_or_empty(word.text));
    LuaWords::Word after = next;
    if (is_name(word.text)) {
      const bool called = begins_arguments(next.text) && before != "function";
      const bool is_field = before == "." && next.text != "=";
      Use use{.role = before == ":" && called   ? Use::Role::method
                      : is_field                ? Use::Role::field
                      : called && before != ":" ? Use::Role::called
                                                : Use::Role::plain,
              .word = word,
              .argument = {},
              .object = before == ":" ? two_before : std::string_view(),
              .is_of_library = before == "." && (two_before == "kumo" ||
                                                 script::standard_library(two_before) != nullptr)};
      if (is_quoted(next.text)) use.argument = literal_or_empty(next.text);
      if (next.text == "(") {
        after = words.next();
        LuaWords ahead = words;
        const bool whole = ahead.next().text == ")";  // false for 'sites.' .. name
        if (is_quoted(after.text) && whole) use.argument = literal_or_empty(after.text);
        take(use);
        two_before = word.text;
        before = next.text;
        word = after;
        continue;
      }
      take(use);
    }
    two_before = before;
    before = word.text;
    word = next;
  }
}

class UseLint {
 public:
  UseLint(const std::function<bool(std::string_view)>& has_module, const HookParts& parts,
          const LintSite& site, std::vector<std::string_view> texts)
      : has_module_(has_module), parts_(parts), site_(site), texts_(std::move(texts)) {
    globals_.emplace("kumo");
    for (const script::StandardLibrary& library : script::standard_libraries()) take(library);
    // standard_lint.h judges these.
    for (const script::WithheldName& one : script::withheld_names()) {
      if (one.library == "_G") globals_.emplace(one.name);
      if (one.library == "FILE*") methods_.emplace(one.name);
    }
    for (const script::HostTable& table : all_functions()) take(table);
    for (const DataType& type : all_types()) {
      for (const DataField& field : type.fields) {
        const std::string_view name = field.name;
        members_.emplace(name.substr(0, name.find('?')));
      }
    }
  }

  /// Collects the names that a text defines or may define.
  void learn(std::string_view text) {
    // `function a.b.c:d()` defines these members.
    LuaWords words(text);
    bool defines = false;
    for (LuaWords::Word word = words.next(); !word.text.empty(); word = words.next()) {
      if (word.text == "function") {
        defines = true;
      } else if (defines && is_name(word.text)) {
        made_.emplace(word.text);
      } else if (word.text != "." && word.text != ":") {
        defines = false;
      }
    }
    each_use(
        text,
        [&](const Use& use) {
          guarded_ |= use.word.text == "pcall" || use.word.text == "xpcall";
          // A script may add folders and modules (package.path, package.preload).
          places_ |= use.word.text == "package";
          uncertain_ |= places_ || is_one_of(use.word.text, hiding);
          if (use.role == Use::Role::called && use.word.text == "require") required(use.argument);
          if (use.role == Use::Role::plain) made_.emplace(use.word.text);
        },
        [&](std::string_view said) { made_.emplace(said); });
  }
  /// Learns a module of Postern's. Such a module hides no names.
  void learn_module(const Module& module) {
    modules_.emplace(module.name);
    learn(module.text);
    members_.merge(made_);  // known as members, not as globals
    made_.clear();
    take(module.functions);
    uncertain_ = guarded_ = places_ = false;
  }
  /// Learns the name of a file; its text is learned separately.
  void learn_file(std::string_view name) { files_.emplace(name); }

  void look(std::string_view file, std::string_view text) {
    each_use(text, [&](const Use& use) { judge(file, use); }, [](std::string_view) {});
    const auto class_of = [this](std::string_view variable) { return parts_.class_of(variable); };
    for (const RefusedCall& one :
         refused_calls(text, all_functions(), class_of, site_.unreadable)) {
      const bool in_hook = parts_.holds(one.word.text);
      if (one.may_work && !in_hook) continue;
      std::vector<std::string>& into = !in_hook || one.may_work ? found_.warnings
                                       : one.stops_load         ? found_.mistakes
                                                                : found_.failing_calls;
      into.push_back(fmt::format("{}:{}:{}: {}", file, one.word.line, one.word.column, one.why));
    }
    for (const StandardCall& one : failing_standard_calls(text, texts_, site_.unreadable)) {
      const bool certain = one.is_certain && parts_.holds(one.word.text);
      (certain ? found_.failing_calls : found_.warnings)
          .push_back(fmt::format("{}:{}:{}: {}", file, one.word.line, one.word.column, one.why));
    }
    for (const LongWait& one : long_waits(text, site_.time)) {
      if (!parts_.holds(one.word.text)) continue;
      found_.warnings.push_back(
          fmt::format("{}:{}:{}: {}", file, one.word.line, one.word.column, one.why));
    }
    const auto in_hook = [this](std::string_view word) { return parts_.holds(word); };
    for (MissingName& one : lint_names(file, text, all_functions(), in_hook)) {
      const bool misspelt = one.misspelt_call && !uncertain_ && !guarded_;
      const bool certain = (misspelt || one.called_in_hook) && !made_.contains(one.member);
      (certain ? found_.mistakes : found_.warnings).push_back(std::move(one.finding));
    }
  }

  UseFindings take() { return std::move(found_); }

 private:
  /// If a module is read only when a handler runs, its names are unknown.
  void required(std::string_view module) {
    if (modules_.contains(module)) return;
    const std::string file(module.substr(module.rfind('.') + 1));
    const bool read = files_.contains(file + ".lua") || files_.contains("init.lua");
    uncertain_ |= module.empty() || (!read && has_module_(module));
  }

  void take(const script::StandardLibrary& library) {
    const bool is_global = library.name == "_G";
    const bool has_methods = library.name == "string" || library.name == "FILE*";
    for (const std::string_view name : split(library.offered, ' ')) {
      if (name.empty()) continue;
      (is_global ? globals_ : members_).emplace(name);
      if (has_methods) methods_.emplace(name);
    }
    if (!library.offered.empty() && library.name != "FILE*") modules_.emplace(library.name);
  }

  void take(const script::HostTable& table) {
    for (const script::HostFunction& row : table) take(row.name);
  }

  /// Learns a row of the host's tables: "kumo.on", "Message:sender", "EnvelopeAddress.domain".
  void take(std::string_view name) {
    const std::size_t end = name.find_last_of(".:");
    const std::string_view owner = name.substr(0, end);
    std::string_view member = name.substr(end + 1);
    const bool is_class = !owner.empty() && owner.front() >= 'A' && owner.front() <= 'Z';
    if (name[end] == ':') {
      methods_.emplace(member);
      if (is_class) of_class_[std::string(owner)].emplace(member);
    } else if (is_class) {
      fields_.emplace(member);
    }
    members_.emplace(member);
    if (is_class) return;
    for (std::size_t dot = owner.find('.'); dot != std::string_view::npos;
         dot = owner.find('.', dot + 1)) {
      modules_.emplace(owner.substr(0, dot));
    }
    modules_.emplace(owner);
  }

  void judge(std::string_view file, const Use& use) {
    const std::string_view name = use.word.text;
    switch (use.role) {
      case Use::Role::called:
        if (name == "require" && !use.argument.empty()) return judge_module(file, use);
        if (globals_.contains(name) || made_.contains(name)) return;
        return add(file, use, fmt::format("nothing defines the function `{}`", name), globals_,
                   !uncertain_);
      case Use::Role::method:
        if (judge_object(file, use)) return;
        if (methods_.contains(name) || made_.contains(name) || members_.contains(name)) return;
        if (is_missing_method(name)) return;  // has a finding of its own
        // A mistake only if it looks misspelled: it may be a method that Postern lacks.
        return add(file, use, fmt::format("nothing has a method `{}`", name), methods_,
                   !uncertain_ && !near_one(name, methods_).empty());
      case Use::Role::field: {
        // Data may have any name, so only likely misspellings are reported.
        const bool known = fields_.contains(name) || made_.contains(name) ||
                           members_.contains(name) || modules_.contains(name);
        if (known || use.is_of_library || name.size() < 4) return;
        if (near_one(name, fields_).empty()) return;
        return add(file, use, fmt::format("nothing has a field `{}`", name), fields_, false);
      }
      case Use::Role::plain:
        return;
    }
  }

  void judge_module(std::string_view file, const Use& use) {
    if (modules_.contains(use.argument) || has_module_(use.argument)) return;
    if (use.argument == "redis") {  // the only module of KumoMTA that Postern lacks
      return add(file, use,
                 "the module `redis` is not carried: count with `kumo.make_throttle`, keep data in "
                 "`sqlite`, or ask by HTTP",
                 {}, !guarded_, use.argument);
    }
    std::string what = fmt::format("there is no module `{}`", printable(use.argument, 64));
    const std::string helper = fmt::format("policy-extras.{}", use.argument);
    const bool is_helper = modules_.contains(helper);
    if (is_helper) what += fmt::format("; did you mean `{}`?", helper);
    add(file, use, std::move(what), is_helper ? Names() : modules_, !guarded_ && !places_,
        use.argument);
  }

  /// A method of what a handler is given: whether its class is known and has it.
  bool judge_object(std::string_view file, const Use& use) {
    const std::string_view name = use.word.text;
    if (use.object.empty() || is_missing_method(name) || !parts_.holds(name)) return false;
    const auto found = of_class_.find(parts_.class_of(use.object));
    if (found == of_class_.end()) return false;
    if (found->second.contains(name)) return true;
    std::string what = fmt::format("`{}` has no method `{}`", found->first, name);
    // The load ends only if it looks misspelled, as with methods of other objects.
    const bool slip = !near_one(name, found->second).empty();
    if (slip || uncertain_) {
      add(file, use, std::move(what), found->second, slip);
    } else {
      found_.failing_calls.push_back(
          fmt::format("{}:{}:{}: {}", file, use.word.line, use.word.column, what));
    }
    return true;
  }

  static std::string near_one(std::string_view word, const Names& names) {
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    const auto near = nearest(word, candidates);
    return near ? std::string(*near) : std::string();
  }

  void add(std::string_view file, const Use& use, std::string what, const Names& names,
           bool certain, std::string_view meant = {}) {
    std::string near = near_one(meant.empty() ? use.word.text : meant, names);
    if (near.empty() && use.role == Use::Role::called && meant.empty()) {
      near = near_one(use.word.text, made_);
    }
    if (!near.empty()) what += fmt::format("; did you mean `{}`?", near);
    (certain ? found_.mistakes : found_.warnings)
        .push_back(fmt::format("{}:{}:{}: {}", file, use.word.line, use.word.column, what));
  }

  const std::function<bool(std::string_view)>& has_module_;
  const HookParts& parts_;
  const LintSite& site_;
  const std::vector<std::string_view> texts_;           ///< of the whole policy
  std::map<std::string, Names, std::less<>> of_class_;  ///< methods of host classes
  Names globals_;
  Names methods_;
  Names fields_;
  Names members_;  ///< the last parts of all host names, and names in host modules
  Names modules_;
  Names made_;
  bool uncertain_ = false;
  bool guarded_ = false;
  bool places_ = false;
  Names files_;
  UseFindings found_;
};

}  // namespace

UseFindings lint_uses(const std::vector<std::pair<std::string, std::string_view>>& texts,
                      const std::function<bool(std::string_view name)>& has_module,
                      const LintSite& site) {
  const HookParts parts(texts);
  std::vector<std::string_view> bare;
  for (const auto& [file, text] : texts) bare.push_back(text);
  UseLint lint(has_module, parts, site, std::move(bare));
  for (const Module& module : all_modules()) lint.learn_module(module);
  for (const auto& [file, text] : texts) lint.learn_file(file);
  for (const auto& [file, text] : texts) lint.learn(text);
  for (const auto& [file, text] : texts) lint.look(file, text);
  return lint.take();
}

}  // namespace postern::dialect::kumo
