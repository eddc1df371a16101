// A zone of tests/suites/relay with its DNSSEC verdicts, as answers to questions.
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

class SuiteZone {
 public:
  /// `zone` in the format of tests/suites/dns_stub.py, `sec` as the suite's README says.
  SuiteZone(const boost::json::value& zone, const boost::json::object& sec) : sec_(sec) {
    const std::string text = boost::json::serialize(boost::json::object{{"zone", zone}});
    auto parsed = dns::RecordedResolver::parse(text);
    if (!parsed) throw std::runtime_error(parsed.error().message);
    resolver_ = std::move(*parsed);
  }

  /// Follows aliases itself, since each step has a verdict of its own.
  dns::Answer resolve(const dns::Question& question) {
    asked.push_back(question);
    std::string name = lower(question.name);
    std::set<std::string> seen{name};
    bool secure = true;
    while (question.type != dns::Type::cname) {
      const dns::Answer alias = lookup({name, dns::Type::cname});
      if (alias.status != dns::Status::found) break;
      const std::string verdict = verdict_of(name, "CNAME");
      if (verdict == "bogus") return {.status = dns::Status::bogus};
      secure &= verdict == "secure";
      name = lower(alias.records.front());
      if (!seen.insert(name).second) return {.status = dns::Status::server_failure};
    }
    dns::Answer answer = lookup({name, question.type});
    const std::string verdict = verdict_of(name, std::string(dns::to_string(question.type)));
    if (verdict == "bogus") return {.status = dns::Status::bogus};
    answer.secure = secure && verdict == "secure";
    answer.canonical_name = name == lower(question.name) ? "" : name;
    return answer;
  }

  std::vector<dns::Question> asked;

 private:
  dns::Answer lookup(const dns::Question& question) {
    boost::asio::io_context loop;
    auto answer = boost::asio::co_spawn(loop, resolver_->lookup(question, std::chrono::seconds(5)),
                                        boost::asio::use_future);
    loop.run();
    return answer.get();
  }
  std::string verdict_of(const std::string& name, const std::string& type) const {
    if (const auto* overrides = sec_.if_contains("overrides")) {
      if (const auto* verdict = overrides->as_object().if_contains(name + "/" + type))
        return std::string(verdict->as_string());
    }
    if (const auto* suffixes = sec_.if_contains("secure")) {
      for (const auto& each : suffixes->as_array()) {
        const std::string suffix(each.as_string());
        if (name == suffix || name.ends_with("." + suffix)) return "secure";
      }
    }
    return std::string(sec_.at("default").as_string());
  }

  boost::json::object sec_;
  std::unique_ptr<dns::RecordedResolver> resolver_;
};

/// Asks the zone until the outcome is there.
inline Routed drive(const RoutingConfig& config, const RouteTable& routes,
                    const Recipient& recipient, SuiteZone& zone, Answers& answers) {
  for (int round = 0; round < 12; ++round) {
    auto step = route(config, routes, recipient, answers);
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
