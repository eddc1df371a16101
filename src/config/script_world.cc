#include "config/script_world.h"

#include <boost/asio/this_coro.hpp>

#include "telemetry/log.h"

namespace postern::app {

namespace {

using std::chrono::milliseconds;

net::HttpClientOptions client_options(ScriptWorld::Options options) {
  net::HttpClientOptions client;
  // The operator names the URL: Vault or an introspection endpoint is often on this machine.
  client.egress.trusted = true;
  client.egress.allow_http = true;
  client.user_agent = std::move(options.user_agent);
  client.ca_file = std::move(options.ca_file);
  client.body_timeout = std::chrono::minutes(10);  // the caller's deadline applies
  return client;
}

}  // namespace

ScriptWorld::ScriptWorld(dns::Resolver& resolver, net::WorkPool& pool, Options options)
    : clients_(resolver, client_options(std::move(options))), pool_(pool) {}

Task<Result<script::HttpAnswer>> ScriptWorld::http(script::HttpQuestion question,
                                                   script::Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - script::Clock::now());
  if (left <= milliseconds(0)) co_return fail(Fault::temporary, "no time is left");
  net::OutgoingRequest request{.url = std::move(question.url),
                               .headers = std::move(question.headers),
                               .body = net::HttpBody::of(std::move(question.body)),
                               .timeout = left,
                               .method = std::move(question.method),
                               .response_limit = question.answer_limit};
  const auto executor = co_await boost::asio::this_coro::executor;
  net::HttpResult result = co_await clients_.of(executor).send(std::move(request));
  if (result.trouble != net::HttpTrouble::none)
    co_return fail(Fault::temporary, std::move(result.detail));
  if (result.body_cut)
    co_return fail(Fault::temporary, "the answer is too long, or its end did not come");
  co_return script::HttpAnswer{.status = result.status,
                               .body = std::move(result.body),
                               .headers = std::move(result.headers)};
}

Task<Result<void>> ScriptWorld::blocking(std::function<void()> job) {
  auto work = [job = std::move(job)] {
    job();
    return true;
  };
  const Result<bool> ran = co_await pool_.run(std::move(work));
  if (!ran) co_return tl::unexpected<Error>(ran.error());
  co_return Result<void>();
}

void ScriptWorld::log(std::string_view level, std::string_view place, std::string_view text) {
  telemetry::Line line = level == "debug"     ? telemetry::log::debug("script.log")
                         : level == "warning" ? telemetry::log::warning("script.log")
                         : level == "error"   ? telemetry::log::error("script.log")
                                              : telemetry::log::info("script.log");
  if (line) line.field("place", place).msg(text);
}

}  // namespace postern::app
