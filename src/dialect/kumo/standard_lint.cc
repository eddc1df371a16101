#include "dialect/kumo/standard_lint.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "script/standard_names.h"

namespace postern::dialect::kumo {

namespace {

using script::StandardLibrary;
using Word = LuaWords::Word;
using Names = std::set<std::string, std::less<>>;

bool opens(std::string_view word) { return word == "(" || word == "{" || word == "["; }
bool closes(std::string_view word) { return word == ")" || word == "}" || word == "]"; }

/// A library that scripts can index; `_G` and the methods of files are none.
const StandardLibrary* indexed_library(std::string_view name) {
  if (name == "_G" || name == "FILE*") return nullptr;
  return script::standard_library(name);
}

/// The words of a text, with an empty one behind either end.
class WordList {
 public:
  explicit WordList(std::string_view text) {
    LuaWords reader(text);
    for (Word word = reader.next(); !word.text.empty(); word = reader.next()) all_.push_back(word);
  }
  std::size_t size() const { return all_.size(); }
  const Word& word(std::size_t i) const { return all_[i]; }
  std::string_view at(std::size_t i) const { return i < all_.size() ? all_[i].text : ""; }
  std::string_view before(std::size_t i, std::size_t steps = 1) const {
    return i >= steps ? at(i - steps) : std::string_view();
  }
  /// The first word after the bracket that is open at `i`, or after a literal.
  std::size_t after_arguments(std::size_t i) const {
    if (!opens(at(i))) return i + 1;
    int depth = 0;
    for (; i < all_.size(); ++i) {
      depth += opens(at(i)) ? 1 : 0;
      depth -= closes(at(i)) ? 1 : 0;
      if (depth == 0) return i + 1;
    }
    return i;
  }
  /// Whether the program asks if the value that ends before `after` and begins at `first` is there.
  bool is_tested(std::size_t first, std::size_t after) const {
    const std::string_view next = at(after);
    const std::string_view last = before(first);
    if (opens(next) || is_quoted(next) || next == "." || next == ":") return false;
    return next == "and" || next == "or" || next == "then" || next == "==" || next == "~=" ||
           last == "not" || last == "==" || last == "~=";
  }

 private:
  std::vector<Word> all_;
};

/// What the texts themselves say of Lua's names.
class Known {
 public:
  explicit Known(const std::vector<std::string_view>& texts) {
    for (const std::string_view text : texts) learn(WordList(text));
  }

  /// Whether the name of a library may stand for something else.
  bool is_taken(std::string_view library) const { return taken_.contains(library); }
  /// Whether more names may be in a library than can be seen.
  bool is_filled(std::string_view library) const { return filled_.contains(library); }
  bool is_defined(const std::string& name) const { return defined_.contains(name); }
  bool is_tested(std::string_view name) const { return tested_.contains(name); }
  /// The full name that a variable stands for; empty: it stands for none.
  std::string_view meaning_of(std::string_view variable) const {
    const auto found = aliases_.find(variable);
    return found == aliases_.end() || taken_.contains(variable) ? std::string_view()
                                                                : found->second;
  }

 private:
  void learn(const WordList& words) {
    bool in_parameters = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string_view word = words.at(i);
      if (word == "function") {
        std::size_t next = i + 1;
        while (is_name_or_keyword(words.at(next)) || words.at(next) == "." || words.at(next) == ":")
          ++next;
        if (next > i + 1) define(words, i + 1);
        in_parameters = words.at(next) == "(";
        if (in_parameters) i = next;
        continue;
      }
      if (word == ")") in_parameters = false;
      if (!is_name_or_keyword(word) || words.before(i) == "." || words.before(i) == ":") continue;
      if (in_parameters) {
        taken_.emplace(word);
        continue;
      }
      root(words, i);
    }
  }

  void define(const WordList& words, std::size_t i) {
    if (words.at(i + 1) == ".") {
      defined_.insert(fmt::format("{}.{}", words.at(i), words.at(i + 2)));
    } else {
      taken_.emplace(words.at(i));
    }
  }

  /// A name that begins an expression or is assigned to.
  void root(const WordList& words, std::size_t i) {
    const std::string_view word = words.at(i);
    const std::string_view next = words.at(i + 1);
    if (next == "=") {
      const std::string_view value = words.at(i + 2);
      const bool itself = value == word && words.at(i + 3) != ".";
      const bool required = value == "require";
      alias(words, i);
      if (!itself && !required && aliases_.find(word) == aliases_.end()) taken_.emplace(word);
      return;
    }
    if (words.before(i) == "local" || words.before(i) == "for" || next == "in" ||
        (next == "," && words.before(i) == ",")) {
      taken_.emplace(word);
      return;
    }
    if (words.is_tested(i, i + 1)) tested_.emplace(word);
    if (indexed_library(word) == nullptr) return;
    if (next != ".") {
      if (words.before(i) != "=") filled_.emplace(word);
      return;
    }
    const std::string name = fmt::format("{}.{}", word, words.at(i + 2));
    if (words.at(i + 3) == "=") defined_.insert(name);
    if (words.is_tested(i, i + 3)) tested_.insert(name);
  }

  /// `local run = os.execute`
  void alias(const WordList& words, std::size_t i) {
    const bool whole = indexed_library(words.at(i + 2)) != nullptr && words.at(i + 3) == "." &&
                       is_name_or_keyword(words.at(i + 4));
    const std::string_view after = words.at(i + 5);
    if (!whole || opens(after) || is_quoted(after) || after == "." || after == ":" ||
        after == "or" || after == "and") {
      return;
    }
    aliases_[std::string(words.at(i))] = fmt::format("{}.{}", words.at(i + 2), words.at(i + 4));
  }

  Names taken_;
  Names filled_;
  Names defined_;
  Names tested_;
  std::map<std::string, std::string, std::less<>> aliases_;
};

class StandardLint {
 public:
  StandardLint(std::string_view text, const Known& known, const UnreadableFile& unreadable)
      : words_(text), known_(known), unreadable_(unreadable) {}

  std::vector<StandardCall> run() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::string_view word = words_.at(i);
      const std::string_view before = words_.before(i);
      if (!is_name_or_keyword(word) || before == "." || before == ":" || before == "function")
        continue;
      if (indexed_library(word) != nullptr && words_.at(i + 1) == "." && !known_.is_taken(word)) {
        member(i, word, words_.at(i + 2), i + 2);
      } else if (is_call(i + 1)) {
        call(i);
      } else if (words_.at(i + 1) == ":" && is_call(i + 3)) {
        method(i);
      }
    }
    return std::move(found_);
  }

 private:
  bool is_call(std::size_t i) const {
    return words_.at(i) == "(" || words_.at(i) == "{" || is_quoted(words_.at(i));
  }
  void add(std::size_t i, std::string why, bool is_certain) {
    found_.push_back({words_.word(i), std::move(why), is_certain});
  }

  /// A member of a library, whose last word is at `i`.
  void member(std::size_t first, std::string_view owner, std::string_view name, std::size_t i) {
    const StandardLibrary& library = *indexed_library(owner);
    const std::string full = fmt::format("{}.{}", owner, name);
    if (!is_name_or_keyword(name) || known_.is_defined(full)) return;
    const std::string_view after = words_.at(i + 1);
    const bool is_used = is_call(i + 1) || after == "." || after == ":" || after == "[";
    if (script::is_offered(library, name)) {
      if (full == "io.open" && is_call(i + 1)) open(first, i);
      if (full == "io.lines" && is_call(i + 1)) read(i, "io.lines");
      return;
    }
    // An index of a library that is not there fails by itself.
    if (!is_used && !library.offered.empty()) return;
    if (known_.is_tested(full) || known_.is_tested(owner)) return;
    lacks(i, owner, name);
  }

  void lacks(std::size_t i, std::string_view owner, std::string_view name) {
    if (const script::WithheldName* row = script::withheld_name(owner, name)) {
      return add(i, fmt::format("{}.{} is not available in Postern: {}", owner, name, row->instead),
                 true);
    }
    const StandardLibrary& library = *indexed_library(owner);
    if (library.offered.empty()) {
      return add(i, fmt::format("there is no `{}` library in Postern", owner), true);
    }
    std::string why = fmt::format("Lua 5.4 has no {}.{}", owner, printable(name, 64));
    if (const auto near = nearest(name, split(library.offered, ' '))) {
      why += fmt::format("; did you mean `{}.{}`?", owner, *near);
    }
    add(i, std::move(why), !known_.is_filled(owner));
  }

  /// A call of a name without a dot.
  void call(std::size_t i) {
    const std::string_view word = words_.at(i);
    if (const std::string_view full = known_.meaning_of(word); !full.empty()) {
      const std::size_t dot = full.find('.');
      const std::string_view owner = full.substr(0, dot);
      const std::string_view name = full.substr(dot + 1);
      const bool is_there = script::is_offered(*indexed_library(owner), name) ||
                            known_.is_defined(std::string(full)) || known_.is_tested(word);
      if (!is_there && !known_.is_taken(owner)) lacks(i, owner, name);
      return;
    }
    if (known_.is_taken(word)) return;
    if (const script::WithheldName* row = script::withheld_name("_G", word)) {
      if (known_.is_tested(word)) return;
      return add(i, fmt::format("{} is not available in Postern: {}", word, row->instead), true);
    }
    if (word == "dofile") read(i, "dofile");
    if (word == "setmetatable") metatable(i);
  }

  /// Finalizers and weak keys, which setmetatable() refuses.
  void metatable(std::size_t i) {
    const std::size_t end = words_.after_arguments(i + 1);
    int depth = 0;
    for (std::size_t at = i + 1; at < end; ++at) {
      depth += opens(words_.at(at)) ? 1 : 0;
      depth -= closes(words_.at(at)) ? 1 : 0;
      if (depth != 2 || words_.at(at + 1) != "=") continue;
      const auto value = plain_literal(words_.at(at + 2));
      if (words_.at(at) == "__gc") add(i, "setmetatable: __gc is not available here", true);
      if (words_.at(at) == "__mode" && value && value->find('k') != std::string_view::npos) {
        add(i, "setmetatable: weak keys (__mode) are not available here", true);
      }
    }
  }

  /// A method of a file that can only be read.
  void method(std::size_t i) {
    const script::WithheldName* row = script::withheld_name("FILE*", words_.at(i + 2));
    if (row == nullptr || !opened_.contains(words_.at(i))) return;
    add(i + 2, fmt::format("a file has no method `{}`: {}", row->name, row->instead),
        !tests(words_.at(i)));
  }

  /// Whether the text asks anywhere if a variable has a value.
  bool tests(std::string_view variable) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_.at(i) != variable || words_.before(i) == "." || words_.before(i) == ":") continue;
      if (words_.is_tested(i, i + 1)) return true;
      if (words_.before(i) == "(" && words_.before(i, 2) == "assert") return true;
    }
    return false;
  }
  /// Whether the text uses what a variable holds.
  bool uses(std::string_view variable) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_.at(i) == variable && words_.before(i) != "." && words_.at(i + 1) == ":")
        return true;
    }
    return false;
  }

  /// The variable that the first result of a call is assigned to; empty: none.
  std::string_view target(std::size_t first) const {
    if (words_.before(first) != "=") return {};
    std::size_t at = first - 1;
    while (at >= 2 && is_name_or_keyword(words_.at(at - 1)) && words_.at(at - 2) == ",") at -= 2;
    return words_.before(at);
  }

  /// The literal that a call has as its first argument; nullopt: it is computed.
  std::optional<std::string_view> path_of(std::size_t i) const {
    if (is_quoted(words_.at(i + 1))) return plain_literal(words_.at(i + 1));
    const std::string_view after = words_.at(i + 3);
    if (after != ")" && after != ",") return std::nullopt;
    return plain_literal(words_.at(i + 2));
  }

  /// io.open(), which gives nil for a file that it cannot open. `i`: its last word.
  void open(std::size_t first, std::size_t i) {
    const auto path = path_of(i);
    const auto mode = words_.at(i + 1) == "(" && words_.at(i + 3) == "," && words_.at(i + 5) == ")"
                          ? plain_literal(words_.at(i + 4))
                          : std::nullopt;
    const std::size_t end = words_.after_arguments(i + 1);
    const bool asserted = words_.before(first) == "(" && words_.before(first, 2) == "assert";
    const std::string_view variable = target(asserted ? first - 2 : first);
    if (!variable.empty()) opened_.emplace(variable);
    if (words_.at(end) == ":") {
      if (const auto* row = script::withheld_name("FILE*", words_.at(end + 1))) {
        return add(i, fmt::format("a file has no method `{}`: {}", row->name, row->instead), true);
      }
    }
    const bool fails_without = words_.at(end) == ":" || asserted ||
                               (!variable.empty() && uses(variable) && !tests(variable));
    if (mode && *mode != "r" && *mode != "rb") {
      return add(i,
                 fmt::format("io.open: files can only be read here, not opened with mode '{}'",
                             printable(*mode, 20)),
                 fails_without);
    }
    if (!path || !unreadable_) return;
    const auto why = unreadable_(*path);
    if (!why) return;
    const bool never = why->fault == Fault::denied;
    if (never || fails_without) add(i, "io.open: " + why->message, never && fails_without);
  }

  /// A function that fails if it cannot read the file.
  void read(std::size_t i, std::string_view function) {
    const auto path = path_of(i);
    if (!path || !unreadable_) return;
    if (const auto why = unreadable_(*path)) {
      add(i, fmt::format("{}: {}", function, why->message), why->fault == Fault::denied);
    }
  }

  WordList words_;
  const Known& known_;
  const UnreadableFile& unreadable_;
  Names opened_;  ///< variables that hold what io.open() gave
  std::vector<StandardCall> found_;
};

}  // namespace

std::vector<StandardCall> failing_standard_calls(std::string_view text,
                                                 const std::vector<std::string_view>& texts,
                                                 const UnreadableFile& unreadable) {
  const Known known(texts);
  return StandardLint(text, known, unreadable).run();
}

}  // namespace postern::dialect::kumo
