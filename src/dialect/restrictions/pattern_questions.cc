#include "dialect/restrictions/pattern_questions.h"

namespace postern::dialect::restrictions {

namespace {

thread_local PatternQuestions* of_this_thread = nullptr;

}  // namespace

PatternQuestions::PatternQuestions(const std::set<std::string, std::less<>>& keys,
                                   const Answers& answers, Keys are, std::string login)
    : keys_(keys), answers_(answers), are_(are), login_(std::move(login)) {
  of_this_thread = this;
}

PatternQuestions::~PatternQuestions() { of_this_thread = nullptr; }

PatternQuestions* PatternQuestions::current() { return of_this_thread; }

std::optional<bool> PatternQuestions::answer(const std::string& pattern, std::string_view key) {
  Question question{pattern, std::string(key)};
  if (const auto known = answers_.find(question); known != answers_.end()) return known->second;
  if (!wanted_) wanted_ = std::move(question);
  return std::nullopt;
}

}  // namespace postern::dialect::restrictions
