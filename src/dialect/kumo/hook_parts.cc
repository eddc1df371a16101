#include "dialect/kumo/hook_parts.h"

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/lua_words.h"
#include "dialect/kumo/manual.h"

namespace postern::dialect::kumo {

namespace {

std::string_view in_quotes(std::string_view word) {
  const bool plain = word.size() > 2 && (word.front() == '"' || word.front() == '\'');
  return plain ? word.substr(1, word.size() - 2) : std::string_view();
}

/// Whether the event's handlers run while mail is received. Those of `init` run when the policy
/// loads, which shows their errors.
bool runs_in_session(const Event* event) {
  return event != nullptr && event->fired() && event->name != events::init &&
         event->name != events::pre_init;
}

}  // namespace

/// Reads the functions of one text.
class HookReader {
 public:
  HookReader(std::string_view file, std::string_view text, HookParts& parts)
      : parts_(parts), stem_(file.substr(0, file.find('.'))) {
    LuaWords reader(text);
    for (LuaWords::Word word = reader.next(); !word.text.empty(); word = reader.next()) {
      words_.push_back(word.text);
    }
    begin({.text = text});
  }

  void read() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::string_view word = words_[i];
      if (word == "function") {
        i = begin_function(i);
      } else if (word == "if" || word == "do" || word == "repeat") {
        blocks_.push_back(HookParts::none);
      } else if (word == "end" || word == "until") {
        end_block(word);
      } else if (word == "(" || word == "{" || word == "[") {
        open(i);
      } else if (word == ")" || word == "}" || word == "]") {
        if (!brackets_.empty() && brackets_.back().in == inside_) brackets_.pop_back();
      } else if (is_name_or_keyword(word)) {
        mention(i);
      }
    }
  }

 private:
  struct Bracket {
    std::size_t in = 0;            ///< the function that it is in
    bool caught = false;           ///< of a call of `pcall`
    std::string_view target;       ///< the variable that the call's result is assigned to
    const Event* event = nullptr;  ///< of a call of `kumo.on`
    bool registers = false;        ///< likewise, for any event
  };

  std::string_view at(std::size_t i) const {
    return i < words_.size() ? words_[i] : std::string_view();
  }
  std::string_view before(std::size_t i, std::size_t steps) const {
    return i >= steps ? words_[i - steps] : std::string_view();
  }

  void begin(HookParts::Function function) {
    inside_ = parts_.functions_.size();
    parts_.functions_.push_back(std::move(function));
  }

  /// Returns the index of the last word of its parameters.
  std::size_t begin_function(std::size_t i) {
    HookParts::Function function{.parent = inside_, .text = words_[i]};
    const Event* event = nullptr;
    std::size_t next = i + 1;
    if (is_name_or_keyword(at(next))) {
      while (is_name_or_keyword(at(next)) && (at(next + 1) == "." || at(next + 1) == ":"))
        next += 2;
      function.name = at(next++);
    } else if (before(i, 1) == "=") {
      function.name = is_name_or_keyword(before(i, 2)) ? before(i, 2) : in_quotes(before(i, 3));
    } else if (before(i, 1) == "return" && blocks_.empty()) {
      function.name = stem_;  // what `require` of this file gives
    } else if (!brackets_.empty() && brackets_.back().in == inside_) {
      event = brackets_.back().event;
      function.name = brackets_.back().target;
    }
    for (const Bracket& one : brackets_) function.caught |= one.caught && one.in == inside_;
    function.handles = runs_in_session(event);
    if (function.name.empty() && !brackets_.empty() && brackets_.back().registers && !event) {
      function.caught = true;  // the handler of an event that is never fired
    }
    if (event != nullptr && !function.handles) function.caught = true;
    std::vector<std::string_view> classes;
    if (function.handles) {
      for (const auto& [name, type] : parameters_of(event->arguments)) classes.push_back(type);
    }
    std::size_t count = 0;
    if (at(next) == "(") {
      for (++next; next < words_.size() && at(next) != ")"; ++next) {
        if (!is_name_or_keyword(at(next))) continue;
        function.parameters[std::string(at(next))] =
            count < classes.size() ? classes[count] : std::string_view();
        ++count;
      }
    }
    begin(std::move(function));
    blocks_.push_back(inside_);
    return next;
  }

  void end_block(std::string_view word) {
    if (blocks_.empty()) return;
    const std::size_t function = blocks_.back();
    blocks_.pop_back();
    if (function == HookParts::none) return;
    HookParts::Function& ended = parts_.functions_[function];
    const char* const first = ended.text.data();
    ended.text = {first, static_cast<std::size_t>(word.data() + word.size() - first)};
    std::erase_if(brackets_, [&](const Bracket& one) { return one.in == function; });
    inside_ = ended.parent;
  }

  void open(std::size_t i) {
    Bracket bracket{.in = inside_};
    if (!brackets_.empty() && brackets_.back().in == inside_) {
      bracket.target = brackets_.back().target;
    }
    std::size_t first = i;  // of the function's name before the bracket
    while (first > 0 && (is_name_or_keyword(words_[first - 1]) || words_[first - 1] == "." ||
                         words_[first - 1] == ":")) {
      --first;
      if (words_[first] == "return") break;
    }
    if (first > 1 && words_[first - 1] == "=" && is_name_or_keyword(words_[first - 2])) {
      bracket.target = words_[first - 2];
    }
    const std::string_view called = before(i, 1);
    bracket.caught = words_[i] == "(" && (called == "pcall" || called == "xpcall");
    if (called == "on" && before(i, 2) == "." && before(i, 3) == "kumo") {
      bracket.registers = true;
      bracket.event = event_named(in_quotes(at(i + 1)));
      bracket.target = {};
    }
    brackets_.push_back(bracket);
  }

  void mention(std::size_t i) {
    const std::string_view word = words_[i];
    HookParts::Function& function = parts_.functions_[inside_];
    if (before(i, 1) == "local") {
      function.locals.insert(word);
      return;
    }
    for (const Bracket& one : brackets_) {
      if (one.in != inside_) continue;
      if (one.caught) return;
      if (runs_in_session(one.event)) parts_.handlers_.insert(word);
    }
    function.mentions.insert(word);
  }

  HookParts& parts_;
  std::string_view stem_;
  std::vector<std::string_view> words_;
  std::size_t inside_ = 0;
  std::vector<std::size_t> blocks_;  ///< open blocks: a function, or none
  std::vector<Bracket> brackets_;
};

HookParts::HookParts(const std::vector<std::pair<std::string, std::string_view>>& texts) {
  for (const auto& [file, text] : texts) HookReader(file, text, *this).read();
  follow();
}

void HookParts::follow() {
  std::set<std::string_view> mentioned = handlers_;
  for (bool more = true; more;) {
    more = false;
    for (Function& one : functions_) {
      if (one.runs || one.caught || one.parent == none) continue;
      const Function& parent = functions_[one.parent];
      const bool is_file = parent.parent == none;
      const bool called =
          one.name.empty() ? parent.runs : (is_file || parent.runs) && mentioned.contains(one.name);
      if (!one.handles && !called) continue;
      one.runs = more = true;
      mentioned.insert(one.mentions.begin(), one.mentions.end());
    }
  }
}

std::size_t HookParts::function_at(std::string_view word) const {
  std::size_t found = none;
  for (std::size_t i = 0; i < functions_.size(); ++i) {
    const std::string_view text = functions_[i].text;
    const bool begins = !std::less<>()(word.data(), text.data());
    const bool ends = !std::less<>()(text.data() + text.size(), word.data() + word.size());
    if (begins && ends) found = i;  // inner functions come after outer ones
  }
  return found;
}

bool HookParts::holds(std::string_view word) const {
  const std::size_t function = function_at(word);
  return function != none && functions_[function].runs;
}

std::string_view HookParts::class_of(std::string_view variable) const {
  for (std::size_t i = function_at(variable); i != none; i = functions_[i].parent) {
    if (functions_[i].locals.contains(variable)) return {};
    const auto found = functions_[i].parameters.find(variable);
    if (found != functions_[i].parameters.end()) return found->second;
  }
  return {};
}

}  // namespace postern::dialect::kumo
