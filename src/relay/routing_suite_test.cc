// Plays tests/suites/relay/routing.json: which hosts, in which order, with which TLS level.
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "mail/address.h"
#include "relay/attempt_plan.h"
#include "relay/routing.h"
#include "relay/suite_zone_test.h"

namespace postern::relay {
namespace {

namespace json = boost::json;
using testing::strings;
using Texts = std::multiset<std::string>;

/// Cases that need features which do not exist, with the reason; counted and printed.
const std::map<std::string, std::string> not_played{};

json::value read_suite() {
  return json::parse(tests::read_file(POSTERN_SOURCE_DIR "/tests/suites/relay/routing.json"));
}

TlsLevel level(const json::value& text) {
  const auto parsed = parse_tls_level(text.as_string());
  if (!parsed) throw std::runtime_error("no TLS level: " + std::string(text.as_string()));
  return *parsed;
}

void add_routes(RouteTable& table, const json::object& routes) {
  for (const auto& [key, value] : routes) {
    const json::object& object = value.as_object();
    const json::value& to = object.at("to");
    auto route = parse_route(to.is_array() ? strings(to)
                                           : std::vector<std::string>{std::string(to.as_string())});
    ASSERT_TRUE(route) << route.error().message;
    for (const auto& [name, setting] : object) {
      if (name == "tls") {
        route->tls = level(setting);
      } else if (name == "names") {
        route->names = strings(setting);
      } else {
        ASSERT_EQ(name, "to") << "unknown key of a route";
      }
    }
    const auto added = table.add(key, std::move(*route));
    ASSERT_TRUE(added) << added.error().message;
  }
}

void configure(RoutingConfig& config, RouteTable& routes, const json::object& from) {
  for (const auto& [name, value] : from) {
    if (name == "hostname") {
      config.hostname = value.as_string();
    } else if (name == "self_names") {
      config.self_names = strings(value);
    } else if (name == "listen" || name == "proxy_addresses") {
      for (const std::string& address : strings(value))
        config.self.push_back({IpAddress::parse(address).value(), smtp_port});
    } else if (name == "families") {
      config.ipv4 = value.as_string() != "v6";
      config.ipv6 = value.as_string() != "v4";
    } else if (name == "relay_to_literals") {
      config.literals = value.as_bool();
    } else if (name == "relay_to_private") {
      config.private_addresses = value.as_bool();
    } else if (name == "dane") {
      config.dane = value.as_string() == "on";
    } else if (name == "tls") {
      config.default_tls = level(value);
    } else {
      ASSERT_EQ(name, "routes") << "unknown key of config";
      add_routes(routes, value.as_object());
    }
  }
}

std::optional<StsPolicy> sts_of(const json::object& test) {
  const auto* sts = test.if_contains("sts");
  if (sts == nullptr) return std::nullopt;
  StsPolicy policy{.mx = strings(sts->at("mx"))};
  const std::string_view mode = sts->at("mode").as_string();
  policy.mode = mode == "enforce"   ? StsPolicy::Mode::enforce
                : mode == "testing" ? StsPolicy::Mode::testing
                                    : StsPolicy::Mode::none;
  return policy;
}

Texts texts(const std::vector<IpAddress>& addresses) {
  Texts out;
  for (const IpAddress& address : addresses) out.insert(address.to_string());
  return out;
}
Texts texts(const json::value& list) {
  const auto all = strings(list);
  return {all.begin(), all.end()};
}

void compare_target(const Target& target, const json::object& wanted) {
  SCOPED_TRACE(target.host);
  for (const auto& [key, value] : wanted) {
    if (key == "host") {
      EXPECT_EQ(target.host, value.as_string());
    } else if (key == "pref") {
      EXPECT_EQ(target.preference, value.to_number<std::uint32_t>());
    } else if (key == "port") {
      EXPECT_EQ(target.port, value.to_number<std::uint16_t>());
    } else if (key == "v6") {
      EXPECT_EQ(texts(target.v6), texts(value));
    } else if (key == "v4") {
      EXPECT_EQ(texts(target.v4), texts(value));
    } else if (key == "tls") {
      EXPECT_EQ(to_string(target.tls), value.as_string());
    } else if (key == "names") {
      EXPECT_EQ(Texts(target.names.begin(), target.names.end()), texts(value));
      if (!target.names.empty() && !value.as_array().empty()) {
        EXPECT_EQ(target.names.front(), value.as_array().front().as_string());
      }
    } else if (key == "sni") {
      EXPECT_EQ(target.sni.value_or("(none)"),
                value.is_null() ? std::string("(none)") : std::string(value.as_string()));
    } else {
      ASSERT_EQ(key, "tlsa") << "unknown key of a target";
      EXPECT_EQ(target.tlsa, strings(value));
    }
  }
  if (!wanted.contains("port")) {
    EXPECT_EQ(target.port, smtp_port);
  }
  if (!wanted.contains("tlsa")) {
    EXPECT_TRUE(target.tlsa.empty());
  }
}

void compare_groups(const std::vector<std::vector<Target>>& groups, const json::array& wanted) {
  ASSERT_EQ(groups.size(), wanted.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const json::array& members = wanted[i].as_array();
    ASSERT_EQ(groups[i].size(), members.size());
    for (const json::value& member : members) {
      const auto found =
          std::find_if(groups[i].begin(), groups[i].end(), [&](const Target& target) {
            return target.host == member.as_object().at("host").as_string();
          });
      ASSERT_NE(found, groups[i].end()) << member.as_object().at("host");
      compare_target(*found, member.as_object());
    }
  }
}

/// The order of the families for one host: alternating, IPv6 first, until one is exhausted.
void check_addresses(const Target& target, const std::vector<IpAddress>& addresses) {
  EXPECT_EQ(addresses.size(), std::min<std::size_t>(4, target.v4.size() + target.v6.size()));
  std::size_t v6 = target.v6.size();
  std::size_t v4 = target.v4.size();
  bool wants_v6 = true;
  for (const IpAddress& address : addresses) {
    if (v6 == 0) wants_v6 = false;
    if (v4 == 0) wants_v6 = true;
    EXPECT_EQ(!address.is_v4(), wants_v6);
    --(address.is_v4() ? v4 : v6);
    wants_v6 = address.is_v4();
  }
}

/// In 200 attempts groups keep their order, and each member is first in its group at least once.
void check_attempts(const std::vector<std::vector<Target>>& groups, std::size_t at_most) {
  std::map<std::size_t, std::set<std::size_t>> first;
  std::mt19937 engine(7);
  const Random random = [&](std::size_t bound) { return engine() % bound; };
  std::size_t members = 0;
  for (const auto& group : groups) members += group.size();
  for (int run = 0; run < 200; ++run) {
    const auto plan = plan_attempt(groups, {}, Family::v6, random);
    ASSERT_EQ(plan.size(), std::min(members, at_most));
    std::size_t group = SIZE_MAX;
    std::set<std::pair<std::size_t, std::size_t>> seen;
    for (const PlannedHost& host : plan) {
      if (host.group != group) {
        ASSERT_EQ(host.group, group + 1) << "groups in order";
        group = host.group;
        first[group].insert(host.member);
      }
      ASSERT_TRUE(seen.emplace(host.group, host.member).second);
      check_addresses(groups[host.group][host.member], host.addresses);
    }
  }
  for (const auto& [group, seen] : first) EXPECT_EQ(seen.size(), groups[group].size());
}

void compare(const Routed& routed, const json::object& expect) {
  const std::string_view result = expect.at("result").as_string();
  const std::map<std::string_view, Routed::Kind> kinds{{"targets", Routed::Kind::targets},
                                                       {"discard", Routed::Kind::discard},
                                                       {"temporary", Routed::Kind::temporary},
                                                       {"permanent", Routed::Kind::permanent}};
  ASSERT_EQ(routed.kind, kinds.at(result)) << routed.reply.text;
  for (const auto& [key, value] : expect) {
    if (key == "groups") {
      compare_groups(routed.groups, value.as_array());
    } else if (key == "skipped") {
      Texts seen;
      Texts wanted;
      for (const Skipped& each : routed.skipped)
        seen.insert(each.host + " " + std::string(to_string(each.why)));
      for (const json::value& each : value.as_array())
        wanted.insert(std::string(each.at("host").as_string()) + " " +
                      std::string(each.at("why").as_string()));
      EXPECT_EQ(seen, wanted);
    } else if (key == "enhanced") {
      EXPECT_EQ(routed.reply.enhanced.to_string(), value.as_string());
    } else if (key == "code") {
      EXPECT_EQ(routed.reply.code, value.to_number<std::uint16_t>());
    } else {
      ASSERT_TRUE(key == "result" || key == "tried_at_most") << "unknown key " << key;
    }
  }
  if (routed.kind != Routed::Kind::targets) return;
  std::size_t at_most = AttemptLimits{}.max_hosts;
  if (const auto* limit = expect.if_contains("tried_at_most"))
    at_most = limit->to_number<std::size_t>();
  check_attempts(routed.groups, at_most);
}

void play_routing(const json::object& test) {
  RoutingConfig config;
  RouteTable routes;
  configure(config, routes, test.at("config").as_object());
  Recipient recipient{.local_part = "user",
                      .domain = std::string(test.at("rcpt_domain").as_string())};
  const auto name = mail::Domain::parse(recipient.domain);
  const Route& way = routes.find(recipient.local_part, name ? name->text() : recipient.domain, {});
  // The policy in the suite belongs to the recipient's domain.
  const auto own = mail::Domain::parse(recipient.domain);
  if (const auto domain = policy_domain(way, recipient); domain && own && *domain == own->text())
    recipient.sts = sts_of(test);
  testing::SuiteZone zone(test.at("zone"), test.at("sec").as_object());
  Answers answers;
  const Routed routed = testing::drive(config, way, recipient, zone, answers);
  compare(routed, test.at("expect").as_object());

  // Questions that must not be asked: in these two cases the server does not answer them.
  const std::string id(test.at("id").as_string());
  for (const auto& [question, answer] : answers) {
    if (id == "v4-only" || id == "dane-insecure-a") {
      EXPECT_NE(answer.status, dns::Status::timeout);
    }
  }
}

TEST(RoutingSuite, plays_every_case) {
  const json::value suite = read_suite();
  ASSERT_EQ(suite.at("format").as_string(), "postern-relay-routing/1");
  std::size_t played = 0;
  std::size_t left_out = 0;
  for (const json::value& each : suite.at("cases").as_array()) {
    const std::string id(each.at("id").as_string());
    SCOPED_TRACE(id);
    if (const auto why = not_played.find(id); why != not_played.end()) {
      std::printf("not played: %s: %s\n", id.c_str(), why->second.c_str());
      ++left_out;
      continue;
    }
    play_routing(each.as_object());
    ++played;
  }
  std::printf("routing.json: %zu played, %zu not\n", played, left_out);
  EXPECT_EQ(left_out, not_played.size()) << "the table names a case that is not there";
  EXPECT_EQ(played + left_out, suite.at("cases").as_array().size());
  EXPECT_GE(played, 74u);
}

}  // namespace
}  // namespace postern::relay
