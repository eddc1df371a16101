#include "serve/live_answers.h"

#include <boost/json/object.hpp>
#include <boost/json/value_from.hpp>

namespace postern::app {

Task<Result<boost::json::object>> LiveAnswersPort::answer(std::string question,
                                                          boost::json::object given) {
  if (question == "reload") {
    const boost::json::value* of_file = given.if_contains("lists_of_file");
    const bool lists_of_file = of_file != nullptr && of_file->is_bool() && of_file->get_bool();
    const Result<ReloadOutcome> outcome = co_await reloads_.ask(lists_of_file);
    if (!outcome) co_return tl::unexpected(outcome.error());
    co_return boost::json::object{{"in_force", outcome->in_force},
                                  {"waiting", boost::json::value_from(outcome->reloaded.waiting)},
                                  {"notes", boost::json::value_from(outcome->reloaded.notes)},
                                  {"diagnostics", outcome->diagnostics},
                                  {"json_lines", outcome->json_lines},
                                  {"error", outcome->error},
                                  {"hint", outcome->hint}};
  }
  if (question == "health") co_return co_await health_();
  auto work = [this, question = std::move(question), given = std::move(given)] {
    if (question == "running") return running_();
    if (question.starts_with("tls-")) return about_tls_(question, given);
    return answer_question(question, *this, given);
  };
  auto answered = co_await disk_.run({.account = "control", .client = {}}, std::move(work));
  if (!answered) co_return tl::unexpected(answered.error());
  co_return std::move(*answered);
}

Result<std::optional<store::VerifiedRow>> LiveAnswersPort::verified(const std::string& address) {
  const auto known = addresses_.known(address);
  if (!known) return std::nullopt;
  return store::VerifiedRow{.address = address,
                            .kind = static_cast<std::int64_t>(known->verified.kind),
                            .why = known->verified.why,
                            .found = known->found};
}

}  // namespace postern::app
