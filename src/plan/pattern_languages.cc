#include "plan/pattern_languages.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/pattern_questions.h"

namespace postern::plan {

namespace {

constexpr dialect::RegexOptions in_lower_case{.caseless = true};
constexpr std::string_view host_label = "[a-z0-9]+(-[a-z0-9]+)*";

/// Texts of the usual forms; null: any may be said.
const Language* usual_form(const DialogueText& text) {
  using Part = DialogueText::Part;
  static const auto name = Language::of(fmt::format("^{0}(\\.{0})+$", host_label), in_lower_case);
  static const auto address = Language::of(
      fmt::format("^[a-z0-9]+([._+-][a-z0-9]+)*@{0}(\\.{0})+$", host_label), in_lower_case);
  if (text.axis == Axis::helo || text.axis == Axis::name) return &*name;
  const bool is_address = text.axis == Axis::sender || text.axis == Axis::recipient;
  return is_address && text.part == Part::whole ? &*address : nullptr;
}

}  // namespace

const Language* PatternLanguages::of(const std::string& pattern) {
  auto known = by_pattern_.find(pattern);
  if (known == by_pattern_.end()) {
    const auto asked = dialect::restrictions::asked_pattern(pattern);
    known = by_pattern_
                .emplace(pattern, asked ? Language::of(asked->perl, asked->options) : std::nullopt)
                .first;
  }
  return known->second ? &*known->second : nullptr;
}

const Language* PatternLanguages::of_class(const DialogueText& text, std::size_t value) {
  return of_texts(classes_.pattern_of(text, value));
}

const Language* PatternLanguages::of_texts(const std::string& pattern) {
  const auto [known, is_new] = by_class_.try_emplace(fmt::format("^(?:{})$", pattern));
  if (is_new) known->second = Language::of(known->first, in_lower_case);
  return known->second ? &*known->second : nullptr;
}

bool PatternLanguages::is_blind(const std::string& pattern) {
  const auto known = blind_.find(pattern);
  if (known != blind_.end()) return known->second;
  return blind_.emplace(pattern, is_blind_to_quotes(pattern)).first->second;
}

std::optional<bool> PatternLanguages::answer(const std::string& pattern, const DialogueText& text,
                                             std::size_t value) {
  return answer_among(pattern, classes_.pattern_of(text, value));
}

std::optional<bool> PatternLanguages::answer_among(const std::string& pattern,
                                                   const std::string& texts) {
  const Language* language = of(pattern);
  if (language == nullptr) return std::nullopt;
  const Language* members = of_texts(texts);
  if (members == nullptr) return std::nullopt;
  constexpr std::size_t most_answers = 20'000;
  constexpr std::size_t most_states = 1000;
  const auto known = answers_.find({language, members});
  if (known != answers_.end()) return known->second;
  if (answers_.size() >= most_answers) return std::nullopt;
  std::optional<bool> said;
  if (text_of({members, language}, {}, most_states).status == TextFound::Status::none) {
    said = false;
  } else if (text_of({members}, {language}, most_states).status == TextFound::Status::none) {
    said = true;
  }
  answers_.emplace(std::tuple(language, members), said);
  return said;
}

void PatternLanguages::add(const std::vector<Wanted>& wanted, std::vector<const Language*>& in,
                           std::vector<const Language*>& out) {
  for (const auto& [pattern, is_found] : wanted) {
    if (const Language* language = of(pattern)) (is_found ? in : out).push_back(language);
  }
}

TextFound PatternLanguages::text(const DialogueText& text, std::size_t value,
                                 const std::vector<Wanted>& wanted, bool can_be_said) {
  std::vector<const Language*> in;
  std::vector<const Language*> out;
  if (const Language* members = of_class(text, value)) in.push_back(members);
  if (can_be_said && usual_form(text) != nullptr) in.push_back(usual_form(text));
  add(wanted, in, out);
  return text_of(in, out);
}

bool PatternLanguages::may_be(const std::vector<Wanted>& wanted) {
  std::vector<const Language*> in;
  std::vector<const Language*> out;
  add(wanted, in, out);
  return in.empty() || text_of(in, out).status != TextFound::Status::none;
}

bool is_blind_to_quotes(const std::string& question) {
  const auto asked = dialect::restrictions::asked_pattern(question);
  if (!asked || asked->options.extended || asked->options.anchored) return false;
  std::string_view text = asked->perl;
  const bool ends = text.ends_with('$') && !text.ends_with("\\$");
  if (ends) text.remove_suffix(1);
  const std::size_t sign = text.starts_with('@') ? 1 : text.starts_with("\\@") ? 2 : 0;
  text.remove_prefix(sign);
  // `@.*` finds the last @, too, and what has to end the text is then of the domain.
  const bool spans = sign > 0 && (text.starts_with(".*") || text.starts_with(".+"));
  if (spans) text.remove_prefix(2);
  if (spans && !ends) return false;
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '(') ++depth;
    if (text[at] == ')') --depth;
    const bool escapes = text[at] == '\\' && at + 1 < text.size() &&
                         std::string_view(".-_").find(text[at + 1]) != std::string_view::npos;
    if (escapes) ++at;
    const bool is_plain =
        is_alnum(text[at]) || std::string_view("-_()|").find(text[at]) != std::string_view::npos;
    if (!escapes && !is_plain) return false;
    if (text[at] == '|' && depth == 0 && spans) return false;
  }
  return true;
}

bool may_give_up(const std::string& question) {
  const auto asked = dialect::restrictions::asked_pattern(question);
  if (!asked) return false;
  const std::string_view text = asked->perl;
  constexpr std::size_t most_repetitions = 2;
  std::size_t repetitions = 0;
  std::vector<bool> groups{false};  // whether an open group has a repetition or alternatives
  bool ended = false;               // the last group has one, and may be repeated itself
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_braced = text[at] == '{' && text.find(',', at) < text.find('}', at);
    const bool repeats = text[at] == '*' || text[at] == '+' || is_braced;
    const bool in_repetition = std::exchange(ended, false);
    switch (text[at]) {
      case '\\':
        ++at;
        continue;
      case '[':
        at += at + 1 < text.size() && text[at + 1] == '^' ? 2 : 1;
        while (++at < text.size() && text[at] != ']') at += text[at] == '\\' ? 1 : 0;
        continue;
      case '(':
        groups.push_back(false);
        continue;
      case '|':
        groups.back() = true;
        continue;
      case ')':
        if (groups.size() == 1) continue;
        ended = groups.back();
        groups.pop_back();
        groups.back() = groups.back() || ended;
        continue;
      default:
        break;
    }
    if (!repeats) continue;
    if (in_repetition || ++repetitions > most_repetitions) return true;
    groups.back() = true;
    // A sign behind it says how it repeats.
    if (is_braced) at = text.find('}', at);
    if (at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '?')) ++at;
  }
  return false;
}

}  // namespace postern::plan
