#include "dialect/kumo/name_lint.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/lua_words.h"

namespace postern::dialect::kumo {

namespace {

/// Methods of KumoMTA's messages that Postern lacks; a hook that calls one fails at its first
/// message. Names that a script's own objects are likely to use are left out.
constexpr std::string_view missing_methods[] = {
    "append_text_html",       "append_text_plain", "arc_seal",
    "check_fix_conformance",  "import_headers",    "import_scheduling_header",
    "increment_num_attempts", "num_attempts",      "parse_mime",
    "parse_rfc3464",          "parse_rfc5965",     "queue_name",
    "set_force_sync",         "set_scheduling",    "shrink_data"};

/// Functions of KumoMTA that Postern lacks and whose names are similar to functions that it has.
/// A policy that runs in both may call them in handlers of events that Postern never fires.
constexpr std::string_view missing_functions[] = {"kumo.dns.set_mta_sts_enabled",
                                                  "kumo.dns.set_mx_transient_negative_cache_ttl",
                                                  "kumo.encode.charset_decode",
                                                  "kumo.encode.charset_encode",
                                                  "kumo.eval_config_monitor_globs",
                                                  "kumo.get_memory_hard_limit",
                                                  "kumo.get_memory_low_thresh",
                                                  "kumo.get_memory_soft_limit",
                                                  "kumo.invoke_get_egress_source",
                                                  "kumo.serde.toml_encode_pretty_compact",
                                                  "kumo.serde.yaml_encode",
                                                  "kumo.serde.yaml_load",
                                                  "kumo.serde.yaml_parse",
                                                  "kumo.toml_encode_pretty_compact",
                                                  "kumo.yaml_encode",
                                                  "kumo.yaml_load",
                                                  "kumo.yaml_parse"};

/// The edit distance up to which a name is taken for a misspelt one.
constexpr std::size_t most_slips = 2;

using Names = std::set<std::string, std::less<>>;

/// The known names, such as "kumo.string" and "kumo.string.split".
Names names_of(const std::vector<script::HostTable>& tables) {
  Names names;
  for (const script::HostTable& table : tables) {
    for (const script::HostFunction& row : table) {
      for (std::size_t dot = row.name.find('.'); dot != std::string_view::npos;
           dot = row.name.find('.', dot + 1)) {
        names.emplace(row.name.substr(0, dot));
      }
      names.emplace(row.name);
    }
  }
  return names;
}

using Words = LuaWords;

bool in_name(char c) { return is_alnum(c) || c == '_'; }

/// Whether a word after a function's name calls it: `f(1)`, `f{}`, `f'x'`, `f[[x]]`.
bool begins_arguments(std::string_view word) {
  return word.starts_with('(') || word.starts_with('{') || word.starts_with('"') ||
         word.starts_with('\'') || (word.starts_with('[') && word.size() > 1);
}

class NameLint {
 public:
  NameLint(std::string_view file, std::string_view text, Names& names)
      : file_(file), words_(text), names_(names) {}

  /// Returns the findings and adds the names that the text assigns to `names`; nullopt: its `kumo`
  /// may be another object.
  std::optional<std::vector<MissingName>> run() {
    std::string_view before;
    Words::Word word = words_.next();
    while (!word.text.empty()) {
      const std::string_view two_before = before;
      before = word.text;
      if (two_before == ":" && std::ranges::count(missing_methods, word.text) > 0) {
        add("msg:", word, {});
      }
      const bool is_kumo = word.text == "kumo" && two_before != "." && two_before != ":";
      word = words_.next();
      if (!is_kumo) continue;
      if (word.text == ".") {
        word = chain(word, two_before == "function");
        before = {};
      } else if (word.text == "=") {
        word = words_.next();
        if (word.text != "require") return std::nullopt;
      } else if (word.text == "," || word.text == ")") {
        return std::nullopt;  // a parameter, or one of several locals
      }
    }
    return std::move(findings_);
  }

 private:
  /// Follows a chain from the dot after `kumo`; returns the word after its last member.
  Words::Word chain(Words::Word dot, bool defines) {
    std::string path = "kumo";
    while (dot.text == ".") {
      const Words::Word member = words_.next();
      if (member.text.empty() || !in_name(member.text.front())) return member;
      const std::string name = path + "." + std::string(member.text);
      dot = words_.next();
      if (dot.text == "=" || defines) names_.insert(name);
      if (!names_.contains(name)) {
        add(path + ".", member, dot);
        return dot;
      }
      path = name;
      if (members(path).empty()) return dot;
    }
    return dot;
  }

  /// The members of a table.
  std::vector<std::string_view> members(const std::string& path) const {
    std::vector<std::string_view> found;
    const std::string below = path + ".";
    for (auto one = names_.lower_bound(below); one != names_.end(); ++one) {
      if (!one->starts_with(below)) break;
      const std::string_view member = std::string_view(*one).substr(below.size());
      if (member.find('.') == std::string_view::npos) found.push_back(member);
    }
    return found;
  }

  /// `owner`: "kumo." or "msg:". `after`: the word after the member.
  void add(const std::string& owner, const Words::Word& member, const Words::Word& after) {
    const std::string name = owner + std::string(member.text);
    MissingName missing{
        .finding = fmt::format("{}:{}: {} is not available in Postern", file_, member.line, name),
        .member = std::string(member.text)};
    const bool is_of_kumomta = std::ranges::count(missing_functions, name) > 0;
    const std::string table = owner.substr(0, owner.size() - 1);
    const auto near = is_of_kumomta ? std::nullopt : nearest(member.text, members(table));
    if (near) {
      missing.finding += fmt::format("; did you mean `{}{}`?", owner, *near);
      // A hint may be wide of the mark; an error is certain only for a slip of the keyboard.
      missing.misspelt_call =
          begins_arguments(after.text) && edit_distance(member.text, *near) <= most_slips;
    }
    for (MissingName& one : findings_) {
      if (one.finding != missing.finding) continue;
      one.misspelt_call |= missing.misspelt_call;
      return;
    }
    findings_.push_back(std::move(missing));
  }

  std::string_view file_;
  Words words_;
  Names& names_;
  std::vector<MissingName> findings_;
};

}  // namespace

bool is_missing_method(std::string_view name) {
  return std::ranges::find(missing_methods, name) != std::ranges::end(missing_methods);
}

std::vector<std::string> key_source_events(std::string_view text) {
  std::vector<std::string> names;
  Words words(text);
  for (Words::Word word = words.next(); !word.text.empty(); word = words.next()) {
    if (word.text != "event_name") continue;
    if (words.next().text != "=") continue;
    const std::string_view value = words.next().text;
    const bool quoted = value.size() > 2 && (value.front() == '"' || value.front() == '\'');
    if (quoted) names.emplace_back(value.substr(1, value.size() - 2));
  }
  return names;
}

std::vector<MissingName> lint_names(std::string_view file, std::string_view text,
                                    const std::vector<script::HostTable>& tables) {
  Names names = names_of(tables);
  NameLint(file, text, names).run();  // a name may be used before it is assigned
  return NameLint(file, text, names).run().value_or(std::vector<MissingName>());
}

}  // namespace postern::dialect::kumo
