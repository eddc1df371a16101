#include "relay/lookup.h"

#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace postern::relay {

namespace asio = boost::asio;

namespace {

/// A loop of aliases takes eight rounds, everything else at most seven.
constexpr int max_rounds = 20;

/// Shared by the tasks of one round; the last task wakes the waiting one.
struct Round {
  explicit Round(const asio::any_io_executor& executor)
      : done(executor, asio::steady_timer::time_point::max()) {}
  std::vector<std::pair<dns::Question, dns::Answer>> answers;
  std::size_t open = 0;
  asio::steady_timer done;
};

Task<void> ask(std::shared_ptr<Round> round, dns::Resolver* resolver, std::size_t index,
               std::chrono::milliseconds limit) {
  round->answers[index].second = co_await resolver->lookup(round->answers[index].first, limit);
}

Task<void> ask_all(const Questions& questions, dns::Resolver& resolver,
                   std::chrono::milliseconds limit, Answers& answers) {
  if (questions.size() == 1) {
    dns::Answer answer = co_await resolver.lookup(questions.front(), limit);
    answers[questions.front()] = std::move(answer);
    co_return;
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto round = std::make_shared<Round>(executor);
  for (const dns::Question& question : questions)
    round->answers.emplace_back(question, dns::Answer());
  round->open = questions.size();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    asio::co_spawn(executor, ask(round, &resolver, i, limit), [round](const std::exception_ptr&) {
      if (--round->open == 0) round->done.cancel();
    });
  }
  while (round->open > 0) co_await round->done.async_wait(asio::as_tuple(asio::use_awaitable));
  for (auto& [question, answer] : round->answers) answers[question] = std::move(answer);
}

}  // namespace

Task<Routed> look_up(const RoutingConfig& config, const Route& way, const Recipient& recipient,
                     dns::Resolver& resolver, std::chrono::milliseconds limit, Answers& answers) {
  for (int i = 0; i < max_rounds; ++i) {
    auto step = route(config, way, recipient, answers);
    if (Routed* const done = std::get_if<Routed>(&step)) co_return std::move(*done);
    const Questions questions = std::get<Questions>(std::move(step));
    co_await ask_all(questions, resolver, limit, answers);
  }
  Routed given_up{.kind = Routed::Kind::temporary};
  given_up.reply = {.code = 451, .enhanced = {4, 4, 4}, .text = "DNS answers do not end"};
  co_return given_up;
}

}  // namespace postern::relay
