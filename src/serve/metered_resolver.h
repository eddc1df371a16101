#pragma once

#include <chrono>

#include "dns/resolver.h"
#include "telemetry/metrics.h"

namespace postern::app {

/// Counts and times the queries that reach the name servers. As thread-safe as `inner`.
class MeteredResolver final : public dns::Resolver {
 public:
  /// `inner` outlives it.
  explicit MeteredResolver(dns::Resolver& inner) : inner_(inner) {}

  /// As lookup_for(), for no client.
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    return lookup_for("", std::move(question), limit);
  }
  /// Passes the query on and observes the answer.
  Task<dns::Answer> lookup_for(std::string client, dns::Question question,
                               std::chrono::milliseconds limit) override {
    const std::string_view type = dns::to_string(question.type);
    const auto started = std::chrono::steady_clock::now();
    dns::Answer answer = co_await inner_.lookup_for(std::move(client), std::move(question), limit);
    telemetry::Metrics& metrics = telemetry::metrics();
    metrics.dns_queries.counter({type, dns::to_string(answer.status)}).add();
    metrics.dns_query_duration.histogram({type}).observe(std::chrono::steady_clock::now() -
                                                         started);
    co_return answer;
  }

 private:
  dns::Resolver& inner_;
};

}  // namespace postern::app
