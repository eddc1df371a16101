#include "plan/pattern_languages.h"

#include <fmt/format.h>

#include "dialect/restrictions/pattern_questions.h"

namespace postern::plan {

namespace {

constexpr dialect::RegexOptions in_lower_case{.caseless = true};
constexpr std::string_view label = "[a-z0-9]+(-[a-z0-9]+)*";

/// Texts of the usual forms; null: any may be said.
const Language* usual_form(const DialogueText& text) {
  using Part = DialogueText::Part;
  static const auto name = Language::of(fmt::format("^{0}(\\.{0})+$", label), in_lower_case);
  static const auto address =
      Language::of(fmt::format("^[a-z0-9]+([._+-][a-z0-9]+)*@{0}(\\.{0})+$", label), in_lower_case);
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
  const auto [known, is_new] =
      by_class_.try_emplace(fmt::format("^(?:{})$", classes_.pattern_of(text, value)));
  if (is_new) known->second = Language::of(known->first, in_lower_case);
  return known->second ? &*known->second : nullptr;
}

std::optional<bool> PatternLanguages::answer(const std::string& pattern, const DialogueText& text,
                                             std::size_t value) {
  const Language* language = of(pattern);
  if (language == nullptr) return std::nullopt;
  const Language* members = of_class(text, value);
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

TextFound PatternLanguages::text(const DialogueText& text, std::size_t value,
                                 const std::vector<Wanted>& wanted, bool can_be_said) {
  std::vector<const Language*> in;
  std::vector<const Language*> out;
  if (const Language* members = of_class(text, value)) in.push_back(members);
  if (can_be_said && usual_form(text) != nullptr) in.push_back(usual_form(text));
  for (const auto& [pattern, is_found] : wanted) {
    if (const Language* language = of(pattern)) (is_found ? in : out).push_back(language);
  }
  return text_of(in, out);
}

}  // namespace postern::plan
