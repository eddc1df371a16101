// A zone of tests/suites/relay with its DNSSEC results, as answers to questions.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include "base/text.h"
#include "dns/recorded_resolver.h"
#include "relay/routing.h"

namespace postern::relay::testing {

inline std::vector<std::string> strings(const boost::json::value& list) {
  std::vector<std::string> out;
  for (const boost::json::value& each : list.as_array()) out.emplace_back(each.as_string());
  return out;
}

/// A zone. Not thread-safe.
class SuiteZone {
 public:
  /// `zone` is in the format of tests/suites/dns_stub.py, `sec` as in the README of the suite.
  SuiteZone(const boost::json::value& zone, const boost::json::object& sec) {
    auto parsed = dns::RecordedResolver::parse(
        boost::json::serialize(boost::json::object{{"zone", zone}, {"sec", sec}}));
    if (!parsed) throw std::runtime_error(parsed.error().message);
    resolver_ = std::move(*parsed);
  }

  /// The answer to a question.
  dns::Answer resolve(const dns::Question& question) {
    asked.push_back(question);
    boost::asio::io_context loop;
    auto answer = boost::asio::co_spawn(loop, resolver_->lookup(question, std::chrono::seconds(5)),
                                        boost::asio::use_future);
    loop.run();
    return answer.get();
  }

  std::vector<dns::Question> asked;  ///< all questions so far

 private:
  std::unique_ptr<dns::RecordedResolver> resolver_;
};

/// Answers questions from the zone until there is an outcome.
inline Routed drive(const RoutingConfig& config, const Route& way, const Recipient& recipient,
                    SuiteZone& zone, Answers& answers) {
  for (int round = 0; round < 12; ++round) {
    auto step = route(config, way, recipient, answers);
    if (Routed* done = std::get_if<Routed>(&step)) return std::move(*done);
    const Questions& questions = std::get<Questions>(step);
    EXPECT_FALSE(questions.empty());
    for (const dns::Question& question : questions) {
      EXPECT_FALSE(answers.contains(question)) << "asked twice: " << question.name;
      answers[question] = zone.resolve(question);
    }
  }
  ADD_FAILURE() << "questions without end";
  return {};
}

}  // namespace postern::relay::testing
