// Cases that routing.json of the suite does not contain.
#include "relay/routing.h"

#include <gtest/gtest.h>

#include "mail/address.h"
#include "relay/suite_zone_test.h"

namespace postern::relay {
namespace {

namespace json = boost::json;

class Routing : public ::testing::Test {
 protected:
  Routed routed(const char* domain) {
    testing::SuiteZone zone(json::parse(zone_text), json::parse(sec_text).as_object());
    answers_.clear();
    Recipient recipient{.local_part = "user", .domain = domain, .sts = sts_};
    return testing::drive(config_, way(recipient.domain), recipient, zone, answers_);
  }
  void add_route(const char* key, const char* to, std::optional<TlsLevel> tls = std::nullopt) {
    Route route = parse_route({to}).value();
    route.tls = tls;
    ASSERT_TRUE(routes_.add(key, std::move(route)));
  }
  static std::string reasons(const Routed& routed) {
    std::string out;
    for (const Skipped& each : routed.skipped)
      out += each.host + ":" + std::string(to_string(each.why)) + " ";
    return out;
  }

  const Route& way(const std::string& domain) const {
    const auto parsed = mail::Domain::parse(domain);
    return routes_.find("user", parsed ? parsed->text() : domain, {});
  }

  std::string zone_text = "{}";
  std::string sec_text = R"({"default": "insecure"})";
  RoutingConfig config_;
  RouteTable routes_;
  std::optional<StsPolicy> sts_;
  Answers answers_;
};

TEST_F(Routing, malformed_domain_is_refused) {
  EXPECT_EQ(routed("a b.example").reply.code, 501);
  EXPECT_EQ(routed("").reply.enhanced, (smtp::EnhancedCode{5, 1, 3}));
  EXPECT_TRUE(answers_.empty()) << "nothing was asked";
}

class Fallback : public Routing {
 protected:
  /// The hosts in the order of trying; fallback hosts with a "+".
  std::string hosts(const char* domain) {
    answers_.clear();
    const Routed result = routed(domain);
    std::string out;
    for (std::size_t i = 0; i < result.groups.size(); ++i) {
      for (const Target& target : result.groups[i]) {
        EXPECT_EQ(target.fallback, i >= result.first_fallback);
        out += (target.fallback ? "+" : "") + target.host + " ";
      }
    }
    if (result.kind != Routed::Kind::targets) out += std::to_string(result.reply.code);
    return out;
  }
  void with_fallback(Route route, const std::string& host) {
    route.fallback = {{{.name = host, .address = std::nullopt}}};
    ASSERT_TRUE(routes_.add("*", std::move(route)));
  }
};

TEST_F(Fallback, comes_after_the_hosts_and_alone_when_there_are_none) {
  zone_text = R"({"good.test": {"MX": [[5, "mx.good.test"]]}, "mx.good.test": {"A": ["192.0.2.1"]},
    "broken.test": {"MX": "SERVFAIL"}, "empty.test": {"MX": [[5, "no.address.test"]]},
    "null.test": {"MX": [[0, "."]]}, "ours.test": {"MX": [[5, "mx.good.test"], [9, "us.test"]]},
    "us.test": {"A": ["192.0.2.25"]}, "rest.test": {"A": ["192.0.2.9"]}})";
  config_.self = {{*IpAddress::from_text("192.0.2.25"), 25}};
  with_fallback({}, "rest.test");
  EXPECT_EQ(hosts("good.test"), "mx.good.test +rest.test ");
  EXPECT_EQ(hosts("broken.test"), "+rest.test ");
  EXPECT_EQ(hosts("empty.test"), "+rest.test ");
  EXPECT_EQ(hosts("absent.test"), "+rest.test ");
  EXPECT_EQ(hosts("null.test"), "556") << "RFC 7505: the domain takes no mail";
  EXPECT_EQ(hosts("ours.test"), "mx.good.test ") << "the fallback could send it back to this host";
}

TEST_F(Fallback, has_the_level_of_its_route_for_its_own_name) {
  zone_text = R"({"mx.test": {"A": ["192.0.2.1"]}, "rest.test": {"A": ["192.0.2.9"]}})";
  Route route{.kind = Route::Kind::hosts};
  route.hosts = {{{.name = "mx.test", .address = std::nullopt}}};
  route.tls = TlsLevel::verify;
  route.names = {"name.test"};
  with_fallback(route, "rest.test");
  const Routed result = routed("any.test");
  ASSERT_EQ(result.groups.size(), 2U);
  EXPECT_EQ(result.groups[0][0].names, std::vector<std::string>{"name.test"});
  EXPECT_EQ(result.groups[1][0].names, std::vector<std::string>{"rest.test"});
  EXPECT_EQ(result.groups[1][0].tls, TlsLevel::verify);
}

TEST_F(Fallback, that_has_no_address_leaves_the_outcome_of_the_route) {
  zone_text = R"({"good.test": {"A": ["192.0.2.1"]}})";
  with_fallback({}, "nowhere.test");
  EXPECT_EQ(hosts("good.test"), "good.test ");
  EXPECT_EQ(hosts("absent.test"), "550");
}

TEST_F(Routing, error_of_a_route_returns_mail_or_lets_it_wait) {
  add_route("no.test", "error:550 5.1.1 not here");
  add_route("later.test", "error:450 4.3.2 moving today");
  EXPECT_EQ(routed("no.test").kind, Routed::Kind::permanent);
  EXPECT_EQ(routed("later.test").kind, Routed::Kind::temporary);
  EXPECT_EQ(routed("later.test").reply.text, "moving today");
  EXPECT_FALSE(routed("later.test").our_fault);
}

TEST_F(Routing, family_in_trouble_beside_one_without_addresses_is_no_proof) {
  zone_text = R"({"e.test": {"MX": [[1, "mx.e.test"]]}, "mx.e.test": {"AAAA": "SERVFAIL"}})";
  const Routed result = routed("e.test");
  EXPECT_EQ(result.kind, Routed::Kind::temporary);
  EXPECT_EQ(reasons(result), "mx.e.test:dns-error ");
}

TEST_F(Routing, mistakes_in_our_own_routes_never_bounce_mail) {
  zone_text = R"({"null.test": {"MX": [[0, "."]]}, "us.test": {"A": ["192.0.2.25"]}})";
  config_.self = {{*IpAddress::from_text("192.0.2.25"), 25}};
  add_route("a.test", "mx:null.test");
  add_route("b.test", "mx:absent.test");
  add_route("c.test", "us.test");
  for (const char* domain : {"a.test", "b.test", "c.test"}) {
    const Routed result = routed(domain);
    EXPECT_EQ(result.kind, Routed::Kind::temporary) << domain;
    EXPECT_EQ(result.reply.enhanced, (smtp::EnhancedCode{4, 3, 5})) << domain;
    EXPECT_TRUE(result.our_fault) << domain;
  }
}

TEST_F(Routing, name_in_a_route_may_lead_to_loopback_and_an_mx_may_not) {
  zone_text = R"({"filter.test": {"A": ["127.0.0.1"], "MX": [[1, "filter.test"]]}})";
  EXPECT_EQ(reasons(routed("filter.test")), "filter.test:forbidden-address ");
  add_route("e.test", "filter.test");
  EXPECT_EQ(routed("e.test").kind, Routed::Kind::targets);
  add_route("m.test", "mx:filter.test");
  EXPECT_EQ(reasons(routed("m.test")), "filter.test:forbidden-address ");
}

TEST_F(Routing, an_mx_leads_to_no_special_address) {
  for (const char* address :
       {"255.255.255.255", "240.0.0.1", "192.0.0.8", "192.88.99.1", "224.0.0.1", "198.18.0.1"}) {
    zone_text = std::string(R"({"x.test": {"A": [")") + address + "\"]}}";
    EXPECT_EQ(reasons(routed("x.test")), "x.test:forbidden-address ") << address;
  }
  for (const char* address : {"64:ff9b:1::a00:1", "64:ff9b::a00:1", "2002:a00:1::1", "100::1",
                              "2001::1", "5f00::1", "fec0::1"}) {
    zone_text = std::string(R"({"x.test": {"AAAA": [")") + address + "\"]}}";
    EXPECT_EQ(reasons(routed("x.test")), "x.test:forbidden-address ") << address;
  }
  // A private NAT64 prefix is treated like other private networks.
  config_.private_addresses = true;
  zone_text = R"({"x.test": {"AAAA": ["64:ff9b:1::a00:1"]}})";
  EXPECT_EQ(routed("x.test").kind, Routed::Kind::targets);
}

TEST_F(Routing, private_addresses_are_for_hosts_that_a_route_names) {
  zone_text = R"({"in.test": {"A": ["10.1.2.3"], "AAAA": ["fd00::1"]}})";
  add_route("e.test", "in.test");
  EXPECT_EQ(routed("e.test").kind, Routed::Kind::targets);
  EXPECT_EQ(reasons(routed("in.test")), "in.test:forbidden-address ");
  config_.private_addresses = true;
  EXPECT_EQ(routed("in.test").kind, Routed::Kind::targets);
  config_.private_addresses = false;
  EXPECT_EQ(reasons(routed("e.test")), "in.test:forbidden-address ");
  add_route("l.test", "[10.1.2.3]");
  EXPECT_EQ(routed("l.test").kind, Routed::Kind::targets) << "written as an address";
}

TEST_F(Routing, bogus_family_makes_the_host_unreachable) {
  zone_text = R"({"e.test": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]}})";
  sec_text = R"({"default": "secure", "overrides": {"e.test/AAAA": "bogus"}})";
  const Routed result = routed("e.test");
  EXPECT_EQ(reasons(result), "e.test:dns-bogus ");
  EXPECT_EQ(result.reply.enhanced, (smtp::EnhancedCode{4, 4, 3}));
}

TEST_F(Routing, self_is_an_address_at_the_port_that_would_be_used) {
  zone_text = R"({"us.test": {"A": ["192.0.2.25"]}})";
  config_.hostname = "us.test";
  config_.self = {{*IpAddress::from_text("192.0.2.25"), 25}};
  add_route("filter.test", "us.test:10024");
  const Routed result = routed("filter.test");
  ASSERT_EQ(result.kind, Routed::Kind::targets) << result.reply.text;
  EXPECT_EQ(result.groups[0][0].port, 10024);
}

TEST_F(Routing, literals_are_judged_as_addresses_of_strangers) {
  config_.literals = true;
  config_.self = {{*IpAddress::from_text("192.0.2.25"), 25}};
  EXPECT_EQ(routed("[127.0.0.1]").reply.enhanced, (smtp::EnhancedCode{5, 4, 4}));
  EXPECT_EQ(routed("[10.0.0.1]").reply.enhanced, (smtp::EnhancedCode{5, 4, 4}));
  EXPECT_EQ(routed("[192.0.2.25]").reply.enhanced, (smtp::EnhancedCode{5, 4, 6}));
  EXPECT_EQ(routed("[192.0.2.9]").kind, Routed::Kind::targets);
}

TEST_F(Routing, thousands_of_mx_are_not_all_looked_up) {
  json::object zone;
  json::array records;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "mx" + std::to_string(i) + ".e.test";
    records.push_back(json::array{i, name});
    zone[name] = json::object{{"A", json::array{"192.0.2.1"}}};
  }
  zone["e.test"] = json::object{{"MX", records}};
  zone_text = json::serialize(zone);
  const Routed result = routed("e.test");
  EXPECT_EQ(result.groups.size(), max_looked_up);
  EXPECT_EQ(answers_.size(), 1 + 2 * max_looked_up);
}

TEST_F(Routing, host_counts_once_at_its_best_preference) {
  zone_text =
      R"({"e.test": {"MX": [[20, "MX.e.test"], [10, "mx.e.test."]]}, "mx.e.test": {"A": ["192.0.2.1"]}})";
  const Routed result = routed("e.test");
  ASSERT_EQ(result.groups.size(), 1u);
  ASSERT_EQ(result.groups[0].size(), 1u);
  EXPECT_EQ(result.groups[0][0].preference, 10u);
}

TEST_F(Routing, level_of_a_route_asks_no_policy) {
  zone_text = R"({"e.test": {"MX": [[1, "mx.e.test"]]}, "mx.e.test": {"A": ["192.0.2.1"]},
                  "_25._tcp.mx.e.test": {"TLSA": "SERVFAIL"}})";
  sec_text = R"({"default": "secure"})";
  EXPECT_EQ(routed("e.test").reply.enhanced, (smtp::EnhancedCode{4, 7, 5}));
  add_route("e.test", "mx", TlsLevel::encrypt);
  const Routed result = routed("e.test");
  ASSERT_EQ(result.kind, Routed::Kind::targets);
  EXPECT_EQ(result.groups[0][0].tls, TlsLevel::encrypt);
  EXPECT_TRUE(result.groups[0][0].secure);
  EXPECT_FALSE(policy_domain(way("e.test"), {.local_part = "user", .domain = "e.test"}));
}

TEST_F(Routing, default_level_is_raised_by_policies_and_never_lowered) {
  zone_text = R"({"e.test": {"MX": [[1, "mx.e.test"]]}, "mx.e.test": {"A": ["192.0.2.1"]}})";
  config_.default_tls = TlsLevel::verify;
  sts_ = StsPolicy{.mode = StsPolicy::Mode::testing, .mx = {"mx.e.test"}};
  EXPECT_EQ(routed("e.test").groups[0][0].tls, TlsLevel::verify);
  EXPECT_EQ(routed("e.test").groups[0][0].names, std::vector<std::string>{"mx.e.test"});
  sts_->mode = StsPolicy::Mode::enforce;
  EXPECT_EQ(routed("e.test").groups[0][0].tls, TlsLevel::sts);
}

TEST_F(Routing, bogus_alias_of_a_host_is_no_way_round_dane) {
  zone_text = R"({"e.test": {"MX": [[1, "mx.e.test"]]}, "mx.e.test": {"CNAME": ["x.plain.test"]},
                  "x.plain.test": {"A": ["192.0.2.1"]}})";
  sec_text = R"({"default": "insecure", "secure": ["e.test"],
                 "overrides": {"mx.e.test/CNAME": "bogus"}})";
  EXPECT_EQ(reasons(routed("e.test")), "mx.e.test:dns-bogus ");
}

TEST_F(Routing, more_than_eight_aliases_are_too_many_whoever_followed_them) {
  const auto chain = [](int length) {
    std::string zone = "{";
    for (int i = 0; i < length; ++i) {
      zone += R"("a)" + std::to_string(i) + R"(.test": {"CNAME": ["a)" + std::to_string(i + 1) +
              R"(.test"]}, )";
    }
    return zone + R"("a)" + std::to_string(length) + R"(.test": {"A": ["192.0.2.1"]}})";
  };
  zone_text = chain(8);
  EXPECT_EQ(routed("a0.test").kind, Routed::Kind::targets);
  zone_text = chain(9);
  const Routed endless = routed("a0.test");
  EXPECT_EQ(endless.kind, Routed::Kind::temporary);
  EXPECT_EQ(endless.reply.enhanced, (smtp::EnhancedCode{4, 4, 4}));
}

TEST(TlsPolicy, tlsa_records_that_smtp_can_use) {
  const std::string sha256(64, 'a');
  const std::string sha512(128, 'B');
  EXPECT_TRUE(is_usable_tlsa("3 1 1 " + sha256));
  EXPECT_TRUE(is_usable_tlsa("2 0 2 " + sha512));
  const std::string ed25519 = "302a300506032b6570032100" + sha256;  // RFC 8410 §4
  EXPECT_TRUE(is_usable_tlsa("3 1 0 " + ed25519));
  EXPECT_FALSE(is_usable_tlsa("3 0 0 " + ed25519)) << "a key is no certificate";
  EXPECT_FALSE(is_usable_tlsa("3 1 0 " + ed25519 + "00"));
  for (const std::string& record :
       {"0 1 1 " + sha256, "1 1 1 " + sha256, "255 1 1 " + sha256, "3 2 1 " + sha256,
        "3 1 3 " + sha256, "3 1 2 " + sha256, "3 1 1 " + sha512, "3 1 1 " + sha256 + "a",
        "3 1 1 " + std::string(64, 'g'), std::string("3 1 1"), std::string("3 1 1 "),
        std::string(""), std::string("3 0 0 "), std::string("3 0 0 3003020105"),
        std::string("3 0 0 0203020105"), std::string("3 0 0 3080020105"), "3 1 1 x " + sha256}) {
    EXPECT_FALSE(is_usable_tlsa(record)) << record;
  }
}

TEST(TlsPolicy, asterisk_stands_for_one_label) {
  const StsPolicy policy{.mode = StsPolicy::Mode::enforce, .mx = {"Mail.example", "*.mx.example"}};
  EXPECT_TRUE(sts_allows(policy, "mail.EXAMPLE"));
  EXPECT_TRUE(sts_allows(policy, "a.MX.example"));
  EXPECT_FALSE(sts_allows(policy, "mx.example"));
  EXPECT_FALSE(sts_allows(policy, "a.b.mx.example"));
  EXPECT_FALSE(sts_allows(policy, "amx.example"));
  EXPECT_FALSE(sts_allows(policy, ".mx.example"));
}

}  // namespace
}  // namespace postern::relay
