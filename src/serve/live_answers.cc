#include "serve/live_answers.h"

namespace postern::app {

Task<Result<boost::json::object>> LiveAnswersPort::answer(std::string question,
                                                          boost::json::object given) {
  auto work = [this, question = std::move(question), given = std::move(given)] {
    return answer_question(question, *this, given);
  };
  auto answered = co_await disk_.run({.account = "control", .client = {}}, std::move(work));
  if (!answered) co_return tl::unexpected(answered.error());
  co_return std::move(*answered);
}

}  // namespace postern::app
