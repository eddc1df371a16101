#include "dialect/kumo/literal_lint.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/kumo/api.h"
#include "dialect/kumo/conformance.h"
#include "dialect/kumo/throttles.h"

namespace postern::dialect::kumo {

namespace {

using Word = LuaWords::Word;

/// A value that stands in the text, or one that is computed.
struct Argument {
  enum class Is : std::uint8_t { computed, text, number, boolean, nil, table, function };
  Is is = Is::computed;
  std::string text;  ///< of a text without escapes, and of a number
  bool is_readable = false;
  bool may_be_many = false;  ///< a call or `...`, which as the last one may be any number of values
  std::vector<Word> words;   ///< of a table, to read its keys
};

Argument literal_argument(std::string_view word) {
  using Is = Argument::Is;
  Argument argument;
  if (is_quoted(word)) {
    argument.is = Is::text;
    const bool is_long = word.front() == '[';
    if (is_long) {
      const std::size_t bracket = word.find('[', 1) + 1;  // [==[
      word = word.substr(bracket, word.size() - 2 * bracket);
      if (word.starts_with('\n')) word.remove_prefix(1);
    } else {
      word = word.substr(1, word.size() - 2);
    }
    argument.is_readable = is_long || word.find('\\') == std::string_view::npos;
    argument.text = word;
  } else if (word.find_first_not_of("0123456789") == std::string_view::npos) {
    argument.is = Is::number;
    argument.is_readable = true;
    argument.text = word;
  } else if (word == "true" || word == "false") {
    argument.is = Is::boolean;
  } else if (word == "nil") {
    argument.is = Is::nil;
  }
  return argument;
}

/// Of one or more words. A table or function counts as one if nothing follows it.
Argument argument_of(std::vector<Word> words) {
  using Is = Argument::Is;
  if (words.size() == 1) {
    Argument argument = literal_argument(words.front().text);
    argument.may_be_many = words.front().text == "...";
    return argument;
  }
  Argument argument;
  const std::string_view first = words.front().text;
  const std::string_view last = words.back().text;
  const std::string_view before = words[words.size() - 2].text;
  argument.may_be_many =
      last == ")" || ((is_quoted(last) || last == "}") && first != "{" &&
                      (is_name_or_keyword(before) || before == ")" || before == "]"));
  if (first == "{" && last == "}") {
    int depth = 0;
    std::size_t closed = 0;
    for (const Word& word : words) {
      depth += word.text == "{";
      depth -= word.text == "}";
      ++closed;
      if (depth == 0) break;
    }
    if (closed == words.size()) {
      argument.is = Is::table;
      argument.words = std::move(words);
    }
  } else if (last == "}" && first != "{") {
    argument.may_be_many = true;  // f { ... }
  }
  return argument;
}

/// The arguments of a call. `words`: after the name. nullopt: they do not end.
std::optional<std::vector<Argument>> arguments_of(LuaWords words) {
  std::vector<Argument> arguments;
  Word word = words.next();
  if (is_quoted(word.text)) return std::vector{literal_argument(word.text)};
  const bool is_list = word.text == "(";
  int depth = is_list ? 0 : 1;
  std::vector<Word> current;
  if (!is_list) current.push_back(word);  // f { ... }
  for (word = words.next(); !word.text.empty(); word = words.next()) {
    const std::string_view text = word.text;
    if (is_list && depth == 0 && (text == ")" || text == ",")) {
      if (!current.empty()) arguments.push_back(argument_of(std::move(current)));
      current.clear();
      if (text == ")") return arguments;
      continue;
    }
    depth += text == "(" || text == "{" || text == "[" || text == "function" || text == "do" ||
             text == "if" || text == "repeat";
    depth -= text == ")" || text == "}" || text == "]" || text == "end" || text == "until";
    current.push_back(word);
    if (!is_list && depth == 0) return std::vector{argument_of(std::move(current))};
  }
  return std::nullopt;
}

/// A parameter of a row: "mode?: 'ro'|'rw'".
struct RowParameter {
  std::string_view name;
  std::string_view type;
  bool is_optional = false;
};

std::vector<RowParameter> row_parameters_of(std::string_view row) {
  std::vector<RowParameter> all;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= row.size(); ++i) {
    const char c = i < row.size() ? row[i] : ',';
    depth += c == '(' || c == '{' || c == '<';
    depth -= c == ')' || c == '}' || c == '>';
    if (c != ',' || depth != 0) continue;
    const std::string_view one = trim(row.substr(begin, i - begin));
    begin = i + 1;
    const std::size_t colon = one.find(':');
    if (colon == std::string_view::npos) continue;
    RowParameter parameter{.name = one.substr(0, colon), .type = trim(one.substr(colon + 1))};
    if (parameter.name.ends_with('?')) {
      parameter.name.remove_suffix(1);
      parameter.is_optional = true;
    }
    all.push_back(parameter);
  }
  return all;
}

/// Whether nil is no value of the type.
bool is_simple(std::string_view type) {
  return type == "string" || type == "integer" || type == "number" || type == "boolean";
}

/// What a table or an object of the host is: text and numbers are neither.
enum class Composite : std::uint8_t { no, table, object };
Composite composite(std::string_view type) {
  const bool is_capital = !type.empty() && type.front() >= 'A' && type.front() <= 'Z';
  if (!is_capital || !std::ranges::all_of(type, is_alnum)) return Composite::no;
  const auto types = all_types();
  const auto found = std::ranges::find(types, type, &DataType::name);
  if (found == types.end()) return Composite::object;
  return found->alias.empty() ? Composite::table : Composite::no;
}

/// Whether a call without the argument, or with nil, fails.
bool is_needed(const RowParameter& parameter) {
  return !parameter.is_optional && parameter.name != "..." &&
         (is_simple(parameter.type) || composite(parameter.type) != Composite::no);
}

/// The words for a literal; empty: it is computed.
std::string_view words_for(Argument::Is is) {
  switch (is) {
    case Argument::Is::text:
      return "text";
    case Argument::Is::number:
      return "a number";
    case Argument::Is::boolean:
      return "a boolean";
    case Argument::Is::table:
      return "a table";
    case Argument::Is::function:
      return "a function";
    case Argument::Is::nil:
      return "nil";
    case Argument::Is::computed:
      break;
  }
  return {};
}

/// Why an argument is no value of the type; empty: it may be one.
std::string wrong_type(const RowParameter& parameter, const Argument& given) {
  using Is = Argument::Is;
  const auto sentence = [&](std::string_view what) {
    return fmt::format("`{}` is {}, not {}", parameter.name, parameter.type, what);
  };
  if (given.is == Is::computed) return {};
  if (given.is == Is::nil) {
    return is_needed(parameter) ? sentence("nil") : "";
  }
  if (const Composite wanted = composite(parameter.type); wanted != Composite::no) {
    const bool fits = wanted == Composite::table && given.is == Is::table;
    return fits ? "" : sentence(words_for(given.is));
  }
  if (parameter.type.starts_with('\'')) {
    if (given.is != Is::text || !given.is_readable) return {};
    const auto words = split(parameter.type, '|');
    return std::ranges::find(words, "'" + given.text + "'") == words.end()
               ? sentence("'" + printable(given.text, 60) + "'")
               : "";
  }
  if (!is_simple(parameter.type)) return {};
  if (given.is == Is::table) return sentence("a table");
  if (parameter.type == "boolean") {
    return given.is == Is::text || given.is == Is::number ? sentence("text or a number") : "";
  }
  if (given.is == Is::boolean) return sentence("a boolean");
  const bool may_be_number = given.text.find_first_of("0123456789") != std::string::npos;
  if (parameter.type != "string" && given.is == Is::text && given.is_readable && !may_be_number) {
    return sentence("'" + printable(given.text, 60) + "'");
  }
  return {};
}

std::string refused_rate(std::string_view text) {
  const auto spec = parse_throttle(text);
  return spec ? "" : spec.error().message;
}
std::string refused_issues(std::string_view text) {
  const auto named = parse_issues(text);
  return named ? "" : named.error().message;
}
std::string refused_number(std::string_view text) {
  const auto code = parse_number(text);
  return code && *code < 1'000'000 ? refused_code(static_cast<std::int64_t>(*code)) : "";
}

/// A literal that a function refuses.
struct Demanded {
  std::string_view function;
  std::size_t index;  ///< of the argument
  std::string (*refused)(std::string_view text);
  bool stops_load = false;  ///< RefusedCall::stops_load
};
constexpr Demanded demanded[] = {
    {"kumo.reject", 0, refused_number},
    {"kumo.disconnect", 0, refused_number},
    {"kumo.make_throttle", 1, refused_rate, true},
    {"kumo.regex.compile", 0, refused_pattern},
    {"Message:check_fix_conformance", 0, refused_issues, true},
    {"Message:check_fix_conformance", 1, refused_issues, true},
    {"Message:set_sender", 0, refused_address},
    {"Message:set_recipient", 0, refused_address},
};

/// Why a signer does not take the options of a table; empty: it may take them.
std::string refused_options(const std::vector<Word>& words) {
  std::set<std::string_view> given;
  bool is_whole = !words.empty();  // each entry is `name = value`
  int depth = 0;
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    const std::string_view text = words[i].text;
    const bool begins = depth == 1 && (words[i - 1].text == "{" || words[i - 1].text == "," ||
                                       words[i - 1].text == ";");
    depth += text == "{" || text == "(" || text == "[" || text == "function";
    depth -= text == "}" || text == ")" || text == "]" || text == "end";
    if (!begins || text == "}") continue;
    if (!is_name_or_keyword(text) || words[i + 1].text != "=") {
      is_whole = false;
      continue;
    }
    given.insert(text);
    std::string why = refused_signer_option(text, words[i + 2].text == "false");
    if (!why.empty()) return why;
  }
  if (!is_whole) return {};
  for (const std::string_view name : needed_signer_options()) {
    if (!given.contains(name)) return fmt::format("'{}' is missing", name);
  }
  return {};
}

/// The file that a table names in an option, as a literal; empty: none.
std::string file_in_option(const std::vector<Word>& words, std::string_view option) {
  for (std::size_t i = 1; i + 2 < words.size(); ++i) {
    if (words[i].text != option || words[i + 1].text != "=") continue;
    const std::string_view after = i + 3 < words.size() ? words[i + 3].text : std::string_view();
    const Argument value = literal_argument(words[i + 2].text);
    const bool whole = after == "," || after == ";" || after == "}";
    return whole && value.is == Argument::Is::text && value.is_readable ? value.text : "";
  }
  return {};
}

class Calls {
 public:
  Calls(const std::vector<script::HostTable>& tables,
        const std::function<std::string_view(std::string_view)>& class_of,
        const UnreadableFile& unreadable)
      : class_of_(class_of), unreadable_(unreadable) {
    for (const script::HostTable& table : tables) {
      for (const script::HostFunction& row : table) rows_.emplace(row.name, &row);
    }
  }

  std::vector<RefusedCall> of(std::string_view text) const {
    std::vector<RefusedCall> found;
    LuaWords words(text);
    std::string chain;        // "kumo.regex.compile"
    std::string_view object;  // the variable before a colon
    std::string_view before;
    std::string_view two_before;
    bool defines = false;  // `function a.b:c(`
    for (Word word = words.next(); !word.text.empty(); word = words.next()) {
      defines =
          word.text == "function" ||
          (defines && (is_name_or_keyword(word.text) || word.text == "." || word.text == ":"));
      LuaWords ahead = words;
      const std::string_view next = ahead.next().text;
      if (is_name_or_keyword(word.text)) {
        const bool is_method = before == ":";
        object = is_method ? two_before : std::string_view();
        chain = before == "." ? chain + "." + std::string(word.text) : std::string(word.text);
        const bool is_call = !defines && (next == "(" || next == "{" || is_quoted(next));
        if (is_call && is_method) method(word, object, words, found);
        if (is_call && !is_method) function(chain, word, words, found);
      } else if (word.text != ".") {
        chain.clear();
      }
      two_before = before;
      before = word.text;
    }
    return found;
  }

 private:
  void method(const Word& word, std::string_view object, const LuaWords& words,
              std::vector<RefusedCall>& found) const {
    const std::string_view known =
        is_name_or_keyword(object) ? class_of_(object) : std::string_view();
    const auto row = rows_.find(fmt::format("{}:{}", known.empty() ? "Message" : known, word.text));
    if (row != rows_.end()) judge(*row->second, !known.empty(), word, words, found);
  }
  void function(std::string_view chain, const Word& word, const LuaWords& words,
                std::vector<RefusedCall>& found) const {
    const auto row = rows_.find(chain);
    // A single word may be a function of the policy.
    if (row != rows_.end() && chain.find('.') != std::string_view::npos) {
      judge(*row->second, true, word, words, found);
    }
  }

  /// `is_sure`: that the call is of this row.
  void judge(const script::HostFunction& row, bool is_sure, const Word& word, const LuaWords& words,
             std::vector<RefusedCall>& found) const {
    const auto given = arguments_of(words);
    if (!given) return;
    std::string why = is_sure ? wrong_arguments(row, *given) : std::string();
    bool stops_load = false;
    for (const Demanded& one : demanded) {
      if (!why.empty() || one.function != row.name || one.index >= given->size()) continue;
      if (!is_sure && word.text != "check_fix_conformance") continue;  // no other class has it
      const Argument& argument = (*given)[one.index];
      if (!argument.is_readable) continue;
      why = one.refused(argument.text);
      stops_load = !why.empty() && one.stops_load;
    }
    const bool makes_signer =
        row.name.starts_with("kumo.dkim.") && row.returns == "DkimSigner" && !given->empty();
    if (why.empty() && makes_signer) why = refused_options(given->front().words);
    bool may_work = false;
    const std::string file = is_sure && unreadable_ ? file_of(row, *given) : "";
    if (why.empty() && !file.empty()) {
      if (const auto trouble = unreadable_(file)) {
        why = trouble->message;
        may_work = trouble->fault != Fault::denied;
      }
    }
    if (!why.empty()) {
      found.push_back({word, fmt::format("{}: {}", word.text, why), stops_load, may_work});
    }
  }

  /// The file that a call reads, if a literal names it. sqlite.open() is not bound to the folders
  /// of scripts, and makes files.
  static std::string file_of(const script::HostFunction& row, const std::vector<Argument>& given) {
    if (given.empty() || row.name.starts_with("sqlite.")) return {};
    const Argument& first = given.front();
    if (row.parameters == "parameters: DkimParameters") return file_in_option(first.words, "key");
    const bool reads =
        row.parameters.starts_with("path: string") || row.parameters.starts_with("source: string|");
    return reads && first.is == Argument::Is::text && first.is_readable ? first.text : "";
  }

  static std::string wrong_arguments(const script::HostFunction& row,
                                     const std::vector<Argument>& given) {
    const std::vector<RowParameter> parameters = row_parameters_of(row.parameters);
    std::size_t least = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const RowParameter& one = parameters[i];
      if (is_needed(one)) least = i + 1;
    }
    const bool open = !given.empty() && given.back().may_be_many;
    if (given.size() < least && !open) {
      return fmt::format("takes {} argument{}, not {}: {}", least, least == 1 ? "" : "s",
                         given.size(), row.parameters);
    }
    for (std::size_t i = 0; i < std::min(given.size(), parameters.size()); ++i) {
      std::string why = wrong_type(parameters[i], given[i]);
      if (!why.empty()) return why;
    }
    return {};
  }

  const std::function<std::string_view(std::string_view)>& class_of_;
  const UnreadableFile& unreadable_;
  std::map<std::string, const script::HostFunction*, std::less<>> rows_;
};

}  // namespace

std::vector<RefusedCall> refused_calls(
    std::string_view text, const std::vector<script::HostTable>& tables,
    const std::function<std::string_view(std::string_view variable)>& class_of,
    const UnreadableFile& unreadable) {
  return Calls(tables, class_of, unreadable).of(text);
}

}  // namespace postern::dialect::kumo
