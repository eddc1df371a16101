// kumo.regex: regular expressions (PCRE2) with limited matching time.
#include <chrono>

#include "base/text.h"
#include "dialect/kumo/library.h"
#include "dialect/kumo/regex_syntax.h"
#include "dialect/kumo/regex_template.h"
#include "dialect/regex.h"
#include "script/state.h"

namespace postern::dialect::kumo {

using script::bind;
using script::Built;
using script::demand;
using script::HostFunction;

namespace {
struct Expression {
  Regex regex;
  std::string pattern;
  GroupNames names;
};
}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::Expression> {
  static constexpr std::string_view value = "Regex";
};

namespace postern::dialect::kumo {

namespace {

using ARegex = std::shared_ptr<Expression>;
using Outcome = Regex::Outcome;

/// Limits how long one operation blocks the event loop.
constexpr std::chrono::milliseconds longest_operation{250};

ARegex compile(std::string pattern) {
  auto made = std::make_shared<Expression>();
  made->regex = compiled(pattern);
  for (auto& [name, number] : made->regex.names()) made->names.emplace(name, number);
  made->pattern = std::move(pattern);
  return made;
}

/// The successive matches in a text, without overlaps. An empty match directly after another match
/// is skipped.
class Matches {
 public:
  Matches(const Expression& expression, std::string_view text)
      : regex_(expression.regex), text_(text) {
    demand(text.size() <= Regex::longest_search,
           "regular expression: the text is longer than 1 MiB");
  }

  bool next() {
    while (from_ <= text_.size()) {
      const Outcome outcome = regex_.search(text_, from_, until_);
      demand(outcome != Outcome::failed,
             "regular expression: it takes too many steps on this text");
      if (outcome == Outcome::no) break;
      const auto bounds = Regex::bounds(text_, 0);
      if (!bounds) break;
      const bool again = bounds->first == bounds->second && last_ == bounds->second;
      if (again) {
        from_ = behind_character(bounds->second);
        continue;
      }
      demand(++count_ <= longest_list, "regular expression: too many matches");
      begin_ = bounds->first;
      last_ = from_ = bounds->second;
      return true;
    }
    return false;
  }
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return *last_; }
  std::string_view matched() const { return text_.substr(begin_, *last_ - begin_); }

 private:
  std::size_t behind_character(std::size_t at) const {
    ++at;
    while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xc0) == 0x80) ++at;
    return at;
  }

  const Regex& regex_;
  std::string_view text_;
  std::chrono::steady_clock::time_point until_ =
      std::chrono::steady_clock::now() + longest_operation;
  std::size_t from_ = 0;
  std::size_t begin_ = 0;
  std::optional<std::size_t> last_;
  std::size_t count_ = 0;
};

bool is_match(ARegex regex, std::string_view text) { return Matches(*regex, text).next(); }

std::optional<std::string> find_match(ARegex regex, std::string_view text) {
  Matches matches(*regex, text);
  return matches.next() ? std::optional(std::string(matches.matched())) : std::nullopt;
}

std::vector<std::string_view> find_matches(ARegex regex, std::string_view text) {
  std::vector<std::string_view> found;
  for (Matches matches(*regex, text); matches.next();) found.push_back(matches.matched());
  return found;
}

std::optional<Built> captures(ARegex regex, std::string text) {
  if (!Matches(*regex, text).next()) return std::nullopt;
  std::vector<std::optional<std::string>> groups;
  for (unsigned i = 0; i <= regex->regex.groups(); ++i) {
    const auto bounds = Regex::bounds(text, i);
    groups.push_back(bounds
                         ? std::optional(text.substr(bounds->first, bounds->second - bounds->first))
                         : std::nullopt);
  }
  return Built{[regex, groups = std::move(groups)](lua_State* L) {
    lua_newtable(L);
    for (std::size_t i = 0; i < groups.size(); ++i) {
      script::stack::give(L, groups[i]);
      lua_rawseti(L, -2, static_cast<lua_Integer>(i));
    }
    for (const auto& [name, number] : regex->names) {
      if (number >= groups.size() || !groups[number]) continue;
      script::stack::push(L, std::string_view(name));
      script::stack::push(L, std::string_view(*groups[number]));
      lua_rawset(L, -3);
    }
  }};
}

std::string replace_matches(ARegex regex, std::string_view text, std::int64_t limit,
                            std::string_view with) {
  std::string out;
  std::size_t from = 0;
  Matches matches(*regex, text);
  for (std::int64_t i = 0; (limit <= 0 || i < limit) && matches.next(); ++i) {
    out.append(text, from, matches.begin() - from);
    expand_template(
        with, regex->names, [text](unsigned group) { return Regex::group(text, group); }, out);
    demand(out.size() <= largest_text, "regular expression: the result is longer than 16 MiB");
    from = matches.end();
  }
  return out.append(text, from);
}
std::string replace_match(ARegex regex, std::string_view text, std::string_view with) {
  return replace_matches(std::move(regex), text, 1, with);
}
std::string replace_all(ARegex regex, std::string_view text, std::string_view with) {
  return replace_matches(std::move(regex), text, 0, with);
}

std::vector<std::string_view> split_at_matches(ARegex regex, std::string_view text) {
  std::vector<std::string_view> pieces;
  std::size_t from = 0;
  for (Matches matches(*regex, text); matches.next();) {
    pieces.push_back(text.substr(from, matches.begin() - from));
    from = matches.end();
  }
  pieces.push_back(text.substr(from));
  return pieces;
}

std::string pattern(ARegex regex) { return regex->pattern; }

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view(R"(\.+*?()|[]{}^$#&-~)").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

constexpr HostFunction regex_rows[] = {
    {"kumo.regex.compile", "pattern: string", "Regex",
     "A regular expression in the syntax of PCRE2, which is Perl's: case matters, `.` does not "
     "match a line end, `$` matches only the end, classes include Unicode; `(?ims)` at the start "
     "changes that. A match that takes too long is an error: a pattern cannot block the server.",
     bind<&compile>},
    {"kumo.regex.escape", "text: string", "string",
     "The text with a backslash before every character that is special in a regular expression.",
     bind<&escape>},
    {"Regex:is_match", "text: string", "boolean", "Whether it matches anywhere.",
     script::derive<&is_match>},
    {"Regex:find", "text: string", "string|nil", "The first match.", script::derive<&find_match>},
    {"Regex:find_all", "text: string", "string[]", "All matches, without overlaps.",
     script::derive<&find_matches>},
    {"Regex:captures", "text: string", "table<integer|string, string>|nil",
     "The groups of the first match by number and, where they have one, by name; number 0 is the "
     "match itself.",
     script::derive<&captures>},
    {"Regex:replace", "text: string, with: string", "string",
     "The text with the first match replaced. In `with`, `$1` and `$name` are groups, `${1}` if a "
     "letter follows, `$$` is a dollar sign.",
     bind<&replace_match>},
    {"Regex:replace_all", "text: string, with: string", "string",
     "The text with all matches "
     "replaced.",
     bind<&replace_all>},
    {"Regex:replacen", "text: string, limit: integer, with: string", "string",
     "The text with the first `limit` matches replaced; 0 replaces all.", bind<&replace_matches>},
    {"Regex:split", "text: string", "string[]", "The pieces between the matches.",
     script::derive<&split_at_matches>},
    {"Regex.__tostring", "", "string", "The pattern.", bind<&pattern>},
};

}  // namespace

script::HostTable regex_functions() { return regex_rows; }

}  // namespace postern::dialect::kumo
