// regexp and pcre: patterns in file order; the first that matches gives the result.
#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/regex.h"
#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/posix_regex.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {
namespace {

/// A result text: literal pieces, each followed by a group (0: none).
struct Template {
  struct Piece {
    std::string text;
    unsigned group = 0;
  };
  std::vector<Piece> pieces;
  unsigned highest = 0;

  bool is_constant() const { return highest == 0; }
  std::string expand(std::string_view subject) const {
    std::string out;
    for (const Piece& piece : pieces) {
      out += piece.text;
      if (piece.group > 0) out += Regex::group(subject, piece.group);
    }
    return out;
  }
};

/// Actions that do not depend on the text of a group after them. Keywords do: a group could name a
/// zone.
constexpr std::array fixed_actions{"OK",   "DUNNO", "REJECT",  "DEFER",  "DEFER_IF_PERMIT",
                                   "HOLD", "WARN",  "DISCARD", "INFO",   "DEFER_IF_REJECT",
                                   "BCC",  "RELAY", "PREPEND", "FILTER", "REDIRECT"};

/// A result with groups as `REJECT ... $1`, if its action is certain; nullopt otherwise.
std::optional<std::string> certain_value(const Template& result) {
  std::string written;
  std::string literal;
  for (const Template::Piece& piece : result.pieces) {
    written += piece.text;
    literal += piece.text;
    if (piece.group > 0) written += fmt::format("${}", piece.group);
  }
  const std::string& first = result.pieces.front().text;
  const std::size_t blank = first.find_first_of(" \t");
  if (blank == std::string::npos) return std::nullopt;
  const std::string word = upper(first.substr(0, blank));
  const bool fixed =
      std::find(fixed_actions.begin(), fixed_actions.end(), word) != fixed_actions.end();
  // "550 $1" is a permit if the group is empty: digits alone permit.
  const bool code = word.size() == 3 && (word[0] == '4' || word[0] == '5') && is_digit(word[1]) &&
                    is_digit(word[2]) && !trim(literal.substr(blank)).empty();
  return fixed || code ? std::optional(written) : std::nullopt;
}

constexpr unsigned highest_group = 99;

/// `$1`, `${1}`, `$(1)`, `$$`. A name that is not a number is an error, as in Postfix.
Result<Template> parse_template(std::string_view text) {
  Template made{{{}}, 0};
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$') {
      made.pieces.back().text += text[at];
      continue;
    }
    if (text.substr(at).starts_with("$$")) {
      made.pieces.back().text += '$';
      ++at;
      continue;
    }
    std::string_view name = text.substr(at + 1);
    std::size_t taken = 0;
    if (name.starts_with('{') || name.starts_with('(')) {
      const std::size_t close = name.find(name[0] == '{' ? '}' : ')');
      if (close == std::string_view::npos) {
        return fail(Fault::malformed, "the bracket after `$` is not closed");
      }
      name = name.substr(1, close - 1);
      taken = close + 1;
    } else {
      while (taken < name.size() && (is_alnum(name[taken]) || name[taken] == '_')) ++taken;
      name = name.substr(0, taken);
    }
    const auto number = parse_number(name);
    if (!number || *number == 0 || *number > highest_group) {
      return fail(Fault::malformed,
                  fmt::format("`${}` in the result is not the number of a group; write $1, ${{1}} "
                              "before letters, or $$ for a dollar sign",
                              printable(name, 32)));
    }
    made.pieces.back().group = static_cast<unsigned>(*number);
    made.highest = std::max(made.highest, made.pieces.back().group);
    made.pieces.push_back({});
    at += taken;
  }
  return made;
}

struct PatternLine {
  enum class Kind : std::uint8_t { row, block, end };
  Kind kind = Kind::row;
  bool negated = false;
  std::optional<Regex> regex;
  std::string pattern;    ///< as written
  std::string written;    ///< kind, flags and text of the pattern
  std::string action;     ///< the result as written
  std::string question;   ///< its name in PatternQuestions; empty: it matches every key
  std::string folded;     ///< the same where no key has capitals
  bool is_blind = false;  ///< it matches a key if it matches it in lower case
  Template result;
  std::string owner;  ///< the name of the question whom the result names; empty: it has no groups
  std::size_t line = 0;
  std::size_t behind = 0;  ///< of a block: index of the rule after its endif
};

class PatternTable final : public NamedTable {
 public:
  using NamedTable::NamedTable;

  Found lookup(std::string_view key) const override {
    return search(key, PatternQuestions::current());
  }
  bool is_pattern() const override { return true; }
  /// The results without groups.
  std::vector<std::string> plain_results() const {
    std::vector<std::string> results;
    for (const PatternLine& rule : rules_) {
      if (rule.kind == PatternLine::Kind::row && rule.result.is_constant()) {
        results.push_back(rule.result.expand({}));
      }
    }
    return results;
  }

  std::optional<std::vector<std::string>> values() const override {
    std::vector<std::string> list;
    std::set<std::string> seen;
    for (const PatternLine& rule : rules_) {
      if (rule.kind != PatternLine::Kind::row) continue;
      const bool constant = rule.result.is_constant();
      std::optional<std::string> value =
          constant ? rule.result.expand({}) : certain_value(rule.result);
      if (!value) return std::nullopt;
      if (seen.insert(*value).second) list.push_back(std::move(*value));
    }
    return list;
  }
  std::optional<std::vector<Row>> rows_with(std::string_view value,
                                            std::size_t most) const override {
    std::vector<Row> rows;
    for (const PatternLine& rule : rules_) {
      if (rows.size() >= most) break;
      if (rule.kind != PatternLine::Kind::row || rule.negated || !rule.result.is_constant())
        continue;
      if (rule.result.expand({}) != value) continue;
      rows.push_back({.key = rule.pattern, .last = {}, .line = rule.line});
    }
    return rows;
  }
  std::optional<std::vector<std::string>> row_names(std::size_t most) const override {
    if (rows_ > most) return std::nullopt;
    std::vector<std::string> names;
    for (const PatternLine& rule : rules_) {
      if (rule.kind == PatternLine::Kind::row) names.push_back(name_of(rule));
    }
    return names;
  }
  std::string row_named(std::string_view key) const override {
    const PatternLine* row = nullptr;
    search(key, nullptr, &row);
    return row != nullptr ? name_of(*row) : std::string();
  }
  bool has_fixed_results() const override {
    return std::ranges::all_of(rules_,
                               [](const PatternLine& one) { return one.result.is_constant(); });
  }
  std::string content() const override {
    std::string text;
    for (const PatternLine& rule : rules_) {
      text += fmt::format("{:d}{:d} {}:{} {}:{}\n", static_cast<int>(rule.kind), rule.negated,
                          rule.written.size(), rule.written, rule.action.size(), rule.action);
    }
    return text;
  }
  bool is_total() const override { return total_; }
  std::size_t rows() const override { return rows_; }
  std::size_t memory() const override {
    std::size_t octets = sizeof *this + rules_.capacity() * sizeof(PatternLine);
    for (const PatternLine& rule : rules_) {
      if (rule.regex) octets += rule.regex->memory();
      for (const auto& piece : rule.result.pieces) octets += sizeof piece + piece.text.capacity();
    }
    return octets;
  }

 private:
  friend class PatternReader;

  static std::string name_of(const PatternLine& rule) {
    return fmt::format("line {}: {}/{}/", rule.line, rule.negated ? "!" : "", rule.pattern);
  }
  /// `row`: gets the row that was found, unless it is null.
  Found search(std::string_view key, PatternQuestions* questions,
               const PatternLine** row = nullptr) const {
    for (std::size_t i = 0; i < rules_.size();) {
      const PatternLine& rule = rules_[i];
      if (rule.kind == PatternLine::Kind::end) {
        ++i;
        continue;
      }
      const std::optional<Regex::Outcome> outcome = match(rule, key, questions);
      if (!outcome) return {Found::Status::waiting, {}, {}};
      if (*outcome == Regex::Outcome::failed) {
        return {Found::Status::failed,
                {},
                fmt::format("{} line {}: the pattern took more steps than are allowed",
                            printable(name(), 200), rule.line)};
      }
      const bool holds = (*outcome == Regex::Outcome::yes) != rule.negated;
      if (rule.kind == PatternLine::Kind::block) {
        i = holds ? i + 1 : rule.behind;
      } else if (holds) {
        if (row != nullptr) *row = &rule;
        return result_of(rule, key, questions);
      } else {
        ++i;
      }
    }
    return {};
  }
  /// Of a row that was found.
  static Found result_of(const PatternLine& rule, std::string_view key,
                         PatternQuestions* questions) {
    if (rule.result.is_constant()) return {Found::Status::found, rule.result.expand(key), {}};
    const bool is_blind = rule.is_blind || rule.question.empty();
    const bool asked = questions != nullptr && questions->asks_about(key, is_blind);
    if (questions != nullptr && questions->asks_owner(asked)) {
      const auto owns =
          questions->answer(rule.owner, fmt::format("{} {}", key, questions->owner()));
      if (!owns) return {Found::Status::waiting, {}, {}};
      return {Found::Status::found, *owns ? questions->owner() : std::string(), {}};
    }
    // A pattern that was asked has no groups; values() is nullopt if they mattered.
    return {Found::Status::found, asked ? stand_in(rule) : rule.result.expand(key), {}};
  }
  /// The result of a row whose groups are not known. If they may begin its text they may be an
  /// enhanced code, and it has one that no other row has.
  static std::string stand_in(const PatternLine& rule) {
    std::string value = certain_value(rule.result).value_or("");
    const std::string& first = rule.result.pieces.front().text;
    const std::size_t word = first.find_first_not_of(" \t", first.find_first_of(" \t"));
    const bool is_known = word != std::string::npos && first.find_first_of(" \t", word) != word &&
                          first.find_first_of(" \t", word) != std::string::npos;
    if (value.empty() || is_known) return value;
    constexpr std::size_t numbers = 900;
    const std::size_t hash = std::hash<std::string>{}(rule.folded + '\n' + rule.action);
    const std::string code =
        fmt::format(" 5.{}.{}", 100 + hash % numbers, 100 + hash / numbers % numbers);
    return value.insert(std::min(value.find_first_of(" \t"), value.size()), code);
  }
  /// Whether the pattern matches; nullopt: `questions` has no answer yet.
  static std::optional<Regex::Outcome> match(const PatternLine& rule, std::string_view key,
                                             PatternQuestions* questions) {
    const bool asks =
        questions != nullptr && !rule.question.empty() && questions->asks_about(key, rule.is_blind);
    if (!asks) return rule.regex->match(key);
    const bool in_lower_case = rule.is_blind || questions->are_folded();
    const auto said = questions->answer(in_lower_case ? rule.folded
                                        : questions->sees_case(key)
                                            ? std::string(written_question) + rule.question
                                            : rule.question,
                                        key);
    if (!said) return std::nullopt;
    return *said ? Regex::Outcome::yes : Regex::Outcome::no;
  }

  std::vector<PatternLine> rules_;
  std::size_t rows_ = 0;
  bool total_ = false;
};

class PatternReader {
 public:
  PatternReader(PatternTable& table, RowReport& report, PatternKind kind)
      : table_(table), report_(report), kind_(kind) {}

  Result<void> read(std::string_view text) {
    for (LogicalLines lines(text); lines.next();) {
      line_ = lines.number();
      if (!row(lines.text())) return report_.error();
    }
    for (; !open_.empty(); open_.pop_back()) {
      const std::size_t line = table_.rules_[open_.back()].line;
      if (!report_.bad(line, "`if` without `endif`")) return report_.error();
      table_.rules_[open_.back()].behind = table_.rules_.size();
    }
    table_.keep(report_);
    return {};
  }

 private:
  struct Pattern {
    std::string_view text;
    RegexOptions options;
    bool extended = true;  ///< POSIX: extended, not basic, expressions
    bool negated = false;
  };

  /// False: the table does not load.
  bool row(std::string_view text) {
    if (is_blank(text.front())) {
      return report_.bad(line_, "a line that begins with blank has nothing to continue");
    }
    if (is_word(text, "endif")) return end_block(trim_blanks(text.substr(5)));
    if (is_word(text, "if")) {
      text = trim_blanks(text.substr(2));
      return add(text, PatternLine::Kind::block);
    }
    return add(text, PatternLine::Kind::row);
  }
  static bool is_word(std::string_view text, std::string_view word) {
    return istarts_with(text, word) && (text.size() == word.size() || !is_alnum(text[word.size()]));
  }

  bool end_block(std::string_view rest) {
    if (open_.empty()) return report_.bad(line_, "`endif` without `if`");
    if (!rest.empty()) report_.warn(line_, "text after `endif` is ignored");
    PatternLine rule;
    rule.kind = PatternLine::Kind::end;
    rule.line = line_;
    table_.rules_.push_back(std::move(rule));
    table_.rules_[open_.back()].behind = table_.rules_.size();
    open_.pop_back();
    return true;
  }

  bool add(std::string_view text, PatternLine::Kind kind) {
    PatternLine rule;
    rule.kind = kind;
    rule.line = line_;
    const auto pattern = take_pattern(text);
    if (!pattern) return report_.bad(line_, pattern.error().message);
    rule.negated = pattern->negated;
    rule.pattern = std::string(pattern->text);
    if (kind == PatternLine::Kind::block && open_.size() >= max_table_nesting) {
      return report_.bad(line_, "`if` is nested too deep");
    }
    auto regex = compile(*pattern);
    if (!regex) return report_.bad(line_, regex.error().message);
    rule.regex = std::move(*regex);
    const std::string_view type = kind_ == PatternKind::perl ? "pcre" : "regexp";
    rule.written = fmt::format("{} {}", type, text_of(*pattern));
    if (!matches_all(*pattern)) {
      rule.question = rule.written;
      Pattern caseless = *pattern;
      caseless.options.caseless = true;
      const std::string in_lower_case = lower(pattern->text);
      caseless.text = in_lower_case;
      const bool is_same = is_same_in_lower_case(*pattern, kind_ == PatternKind::perl);
      rule.is_blind = is_same && pattern->options.caseless;
      rule.folded = is_same ? fmt::format("{} {}", type, text_of(caseless)) : rule.question;
    }
    if (kind == PatternLine::Kind::block) {
      if (!text.empty()) report_.warn(line_, "text after the pattern of `if` is ignored");
      open_.push_back(table_.rules_.size());
      table_.rules_.push_back(std::move(rule));
      return true;
    }
    if (text.empty()) return report_.bad(line_, "a pattern without a result");
    auto result = parse_template(text);
    if (!result) return report_.bad(line_, result.error().message);
    if (rule.negated && !result->is_constant()) {
      return report_.bad(line_, "a pattern that must not match has no groups for the result");
    }
    if (result->highest > rule.regex->groups()) {
      return report_.bad(line_, fmt::format("`${}` in the result, but the pattern has {} group(s)",
                                            result->highest, rule.regex->groups()));
    }
    rule.result = std::move(*result);
    if (!rule.result.is_constant()) {
      rule.owner = fmt::format("{}{} {}", owner_question, rule.written, text);
    }
    rule.action = std::string(text);
    note_hidden(*pattern);
    table_.rules_.push_back(std::move(rule));
    ++table_.rows_;
    return true;
  }

  /// `!/pattern/flags`; the rest stays in `text`.
  Result<Pattern> take_pattern(std::string_view& text) const {
    Pattern pattern;
    pattern.options.dollar_end_only = kind_ == PatternKind::posix;
    while (text.starts_with('!')) {
      pattern.negated = !pattern.negated;
      text = trim_blanks(text.substr(1));
    }
    if (text.empty() || is_alnum(text.front())) {
      return fail(Fault::malformed, "a row begins with /pattern/, !/pattern/, if or endif");
    }
    const char delimiter = text.front();
    std::size_t end = 1;
    while (end < text.size() && text[end] != delimiter) end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) {
      return fail(Fault::malformed, fmt::format("the second `{}` of the pattern is missing",
                                                printable({&delimiter, 1})));
    }
    pattern.text = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    for (const char flag : take_word(text)) {
      if (!toggle(pattern, flag)) {
        return fail(Fault::malformed,
                    fmt::format("`{}` is not a flag of {} patterns", printable({&flag, 1}),
                                kind_ == PatternKind::perl ? "pcre" : "regexp"));
      }
    }
    return pattern;
  }

  bool toggle(Pattern& pattern, char flag) const {
    const auto flip = [](bool& which) {
      which = !which;
      return true;
    };
    RegexOptions& options = pattern.options;
    if (flag == 'i') return flip(options.caseless);
    if (flag == 'm' && kind_ == PatternKind::posix) flip(options.dot_all);
    if (flag == 'm') return flip(options.multiline);
    if (kind_ == PatternKind::posix) return flag == 'x' && flip(pattern.extended);
    switch (flag) {
      case 's':
        return flip(options.dot_all);
      case 'x':
        return flip(options.extended);
      case 'A':
        return flip(options.anchored);
      case 'E':
        return flip(options.dollar_end_only);
      case 'U':
        return flip(options.ungreedy);
      // PCRE2 always refuses unknown escapes, which this flag asked for.
      case 'X':
        return true;
      default:
        return false;
    }
  }

  Result<Regex> compile(const Pattern& pattern) {
    const auto named = [&](const Error& error) {
      return fail(error.fault,
                  fmt::format("the pattern `{}` {}", printable(pattern.text, 128), error.message));
    };
    std::string text(pattern.text);
    if (kind_ == PatternKind::posix) {
      auto posix = translate_posix(pattern.text, {.extended = pattern.extended,
                                                  .caseless = pattern.options.caseless,
                                                  .multiline = pattern.options.multiline});
      if (!posix) return named(posix.error());
      for (const std::string& warning : posix->warnings) report_.warn(line_, warning);
      text = std::move(posix->perl);
    }
    auto regex = Regex::compile(text, pattern.options);
    if (!regex) return named(regex.error());
    return regex;
  }

  /// Whether the pattern matches every possible key.
  static bool matches_all(const Pattern& pattern) {
    static constexpr std::array all{"",    "^",    "$",    ".",      "^.",   ".$",
                                    ".*",  "^.*",  ".*$",  "^.*$",   ".+",   "^.+",
                                    ".+$", "^.+$", "(.*)", "^(.*)$", "(.+)", "^(.+)$"};
    return !pattern.negated && pattern.extended && !pattern.options.extended &&
           pattern.options.dot_all && std::find(all.begin(), all.end(), pattern.text) != all.end();
  }
  /// Whether the pattern matches keys without capitals as its text in lower case does, whatever the
  /// case means to it. False also where that is not certain: escapes of letters and digits, classes
  /// that tell the cases apart, ranges in which there may be capitals.
  static bool is_same_in_lower_case(const Pattern& pattern, bool perl) {
    constexpr std::array neutral{"alnum", "alpha", "blank", "cntrl", "digit",
                                 "graph", "print", "punct", "space", "xdigit"};
    constexpr std::array groups{":", "=", "!", "<=", "<!"};
    const std::string_view text = pattern.text;
    const auto starts = [](std::string_view rest) {
      return [rest](std::string_view one) { return rest.starts_with(one); };
    };
    const bool has_capitals = lower(text) != text;
    if (has_capitals && !pattern.options.caseless) return false;
    bool in_class = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
      const std::string_view rest = text.substr(at + 1);
      const char next = rest.empty() ? '\0' : rest.front();
      if (text[at] == '\\' && (perl || !in_class)) {
        const bool is_known = perl && (next == 'd' || next == 'w' || next == 's' || next == 'b');
        if (is_alnum(next) && !is_known) return false;
        ++at;
      } else if (!in_class && text[at] == '(' && (next == '?' || next == '*')) {
        if (next == '*' ? perl : std::ranges::none_of(groups, starts(rest.substr(1)))) return false;
      } else if (!in_class && text[at] == '[') {
        in_class = true;
        if (next == '^') ++at;
        if (at + 1 < text.size() && text[at + 1] == ']') ++at;  // it stands for itself
      } else if (in_class && text[at] == '[' && (next == ':' || next == '.' || next == '=')) {
        const std::size_t end = rest.find(":]");
        if (next != ':' || end == std::string_view::npos) return false;
        if (std::ranges::find(neutral, rest.substr(1, end - 1)) == neutral.end()) return false;
        at += end + 2;
      } else if (in_class && text[at] == ']') {
        in_class = false;
      } else if (in_class && text[at] == '-' && next != ']') {
        const char first = text[at - 1];
        const bool letters = is_alpha(first) && is_alpha(next);
        const bool same_case = letters && (first >= 'a') == (next >= 'a');
        if (!same_case && !(is_digit(first) && is_digit(next))) return false;
      }
    }
    return !in_class;
  }
  /// The flags and the text: equal for equal patterns. asked_pattern() reads it.
  static std::string text_of(const Pattern& pattern) {
    return fmt::format("{:d}{:d}{:d}{:d}{:d}{:d}{:d}{:d} {}", pattern.extended,
                       pattern.options.caseless, pattern.options.multiline, pattern.options.dot_all,
                       pattern.options.extended, pattern.options.anchored,
                       pattern.options.dollar_end_only, pattern.options.ungreedy, pattern.text);
  }
  void note_hidden(const Pattern& pattern) {
    const std::string key = fmt::format("{:d} {}", pattern.negated, text_of(pattern));
    const bool repeated = seen_.contains(key);
    if (table_.total_ || repeated) report_.hidden(line_);
    // A rule in a block hides nothing outside the block.
    if (!open_.empty()) return;
    seen_.insert(key);
    if (matches_all(pattern)) table_.total_ = true;
  }

  PatternTable& table_;
  RowReport& report_;
  PatternKind kind_;
  std::size_t line_ = 0;
  std::vector<std::size_t> open_;  ///< rules of the blocks that have not ended
  std::set<std::string> seen_;
};

}  // namespace

/// Reads what PatternReader::text_of() has written behind the kind.
std::optional<AskedPattern> asked_pattern(const std::string& given) {
  const std::string question =
      given.substr(given.starts_with(written_question) ? written_question.size() : 0);
  constexpr std::size_t flags = 8;
  const std::size_t at = question.find(' ') + 1;
  const std::string_view kind = std::string_view(question).substr(0, at);
  const bool posix = kind == "regexp ";
  if ((!posix && kind != "pcre ") || question.size() <= at + flags) return std::nullopt;
  const auto on = [&](std::size_t number) { return question[at + number] == '1'; };
  AskedPattern asked{.perl = question.substr(at + flags + 1),
                     .options = {.caseless = on(1),
                                 .multiline = on(2),
                                 .dot_all = on(3),
                                 .extended = on(4),
                                 .anchored = on(5),
                                 .dollar_end_only = on(6),
                                 .ungreedy = on(7)}};
  if (!posix) return asked;
  auto translated = translate_posix(asked.perl, {.extended = on(0),
                                                 .caseless = asked.options.caseless,
                                                 .multiline = asked.options.multiline});
  if (!translated) return std::nullopt;
  asked.perl = std::move(translated->perl);
  return asked;
}

std::optional<std::vector<std::string>> plain_results(const Table& table) {
  const auto* patterns = dynamic_cast<const PatternTable*>(&table);
  if (patterns == nullptr) return std::nullopt;
  return patterns->plain_results();
}

OpenedTable open_pattern(std::string spec, PatternKind kind, std::string_view name,
                         const TableSources& sources) {
  const auto source = read_source(kind == PatternKind::perl ? "pcre" : "regexp", name, sources);
  if (!source) return tl::unexpected(source.error());
  RowReport report(source->file, sources.bad_rows);
  auto table = std::make_shared<PatternTable>(std::move(spec));
  if (const auto read = PatternReader(*table, report, kind).read(source->text); !read) {
    return tl::unexpected(read.error());
  }
  return table;
}

}  // namespace postern::dialect::restrictions
