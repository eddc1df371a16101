#include "relay/route.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

Route parsed(const std::vector<std::string>& to) {
  const Result<Route> route = parse_route(to);
  EXPECT_TRUE(route) << route.error().message;
  return route.value_or(Route{});
}

TEST(Route, that_says_nothing_leads_to_the_mx_of_the_domain) {
  EXPECT_TRUE(Route{}.is_default());
  EXPECT_FALSE(Route{.settings = 1}.is_default());
  EXPECT_FALSE(Route{.mx_domain = "other.example"}.is_default());
  EXPECT_FALSE(Route{.kind = Route::Kind::discard}.is_default());
}

TEST(ParseRoute, reads_what_a_route_may_say) {
  EXPECT_EQ(parsed({"mx"}), Route{});
  EXPECT_EQ(parsed({"mx:Hub.Example."}).mx_domain, "hub.example");
  EXPECT_EQ(parsed({"discard"}).kind, Route::Kind::discard);
  const Route error = parsed({"error:550 5.7.1 not here"});
  EXPECT_EQ(error.refusal.code, 550);
  EXPECT_EQ(error.refusal.enhanced, (smtp::EnhancedCode{5, 7, 1}));
  EXPECT_EQ(error.refusal.text, "not here");
}

TEST(ParseRoute, reads_hosts_in_their_order) {
  const Route route = parsed({"A.example|[192.0.2.1]:2525", "[IPv6:2001:db8::1]:26", "[b.example]",
                              "c.example:587", "[mx]"});
  ASSERT_EQ(route.hosts.size(), 5u);
  EXPECT_EQ(route.hosts[0][0], (RouteHost{.name = "a.example"}));
  EXPECT_EQ(route.hosts[0][1].address, IpAddress::from_text("192.0.2.1"));
  EXPECT_EQ(route.hosts[0][1].port, 2525);
  EXPECT_EQ(route.hosts[1][0].name, "2001:db8::1");
  EXPECT_EQ(route.hosts[1][0].port, 26);
  EXPECT_EQ(route.hosts[2][0], (RouteHost{.name = "b.example"}));
  EXPECT_EQ(route.hosts[3][0], (RouteHost{.name = "c.example", .port = 587}));
  EXPECT_EQ(route.hosts[4][0], (RouteHost{.name = "mx"})) << "brackets: a host of that name";
  EXPECT_EQ(parsed(to_texts(route)), route);
}

TEST(ParseRoute, an_address_has_one_spelling) {
  for (const char* text : {"[IPv6:2001:DB8::1]:26", "[2001:db8:0:0:0:0:0:1]:26"}) {
    EXPECT_EQ(to_texts(parsed({text})), std::vector<std::string>{"[IPv6:2001:db8::1]:26"});
  }
  EXPECT_EQ(to_texts(parsed({"[127.0.0.1]"})), std::vector<std::string>{"[127.0.0.1]"});
}

TEST(ParseRoute, refuses_everything_else) {
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {""},
                                                    {"mx:"},
                                                    {"mx:[192.0.2.1]"},
                                                    {"a.example", ""},
                                                    {"a.example|"},
                                                    {"192.0.2.1"},
                                                    {"[192.0.2.1"},
                                                    {"[192.0.2.1]25"},
                                                    {"[192.0.2.1]:"},
                                                    {"[2001:db8::1"},
                                                    {"2001:db8::1"},
                                                    {"a.example:0"},
                                                    {"a.example:65536"},
                                                    {"a.example:25:26"},
                                                    {"a b.example"},
                                                    {"error:"},
                                                    {"error:450 5.7.1 later"},
                                                    {"error:550 4.7.1 mixed"},
                                                    {"error:550 no code"},
                                                    {"error:550 5.7.1 two\r\n250 lines"},
                                                    {"error:550 5.7.1 " + std::string(401, 'x')},
                                                    {"discard", "mx:a.example"}};
  for (const auto& to : wrong) {
    const Result<Route> route = parse_route(to);
    EXPECT_FALSE(route) << (to.empty() ? "nothing" : to.front());
    if (!route) {
      EXPECT_EQ(route.error().fault, Fault::malformed);
    }
  }
  for (const char* bare : {"192.0.2.1", "192.0.2.1:25"}) {
    const Result<Route> route = parse_route({bare});
    ASSERT_FALSE(route) << bare;
    EXPECT_EQ(route.error().message, "an address needs brackets: write [192.0.2.1]") << bare;
  }
}

TEST(RouteTable, finds_the_nearest_key) {
  RouteTable table;
  const auto add = [&](const std::string& key) {
    const auto added = table.add(key, Route{.mx_domain = "at." + std::to_string(key.size())});
    EXPECT_TRUE(added) << key;
  };
  const auto found = [&](const char* local, const char* domain) {
    return table.find(local, domain, {}).mx_domain;
  };
  EXPECT_EQ(found("u", "other.example"), "") << "plain MX without any route";
  add("Boss@Example.ORG");  // 16
  add("example.org");       // 11
  add(".example.org");      // 12
  add(".b.example.org");    // 14
  add("*");                 // 1
  EXPECT_EQ(found("bOSS", "example.org"), "at.16");
  EXPECT_EQ(found("user", "example.org"), "at.11");
  EXPECT_EQ(found("boss", "a.example.org"), "at.12");
  EXPECT_EQ(found("user", "a.b.example.org"), "at.14");
  EXPECT_EQ(found("user", "b.example.org"), "at.12") << ".b does not match b itself";
  EXPECT_EQ(found("user", "notexample.org"), "at.1");
}

TEST(RouteTable, refuses_keys_that_are_none_and_keys_twice) {
  RouteTable table;
  for (const char* key : {"", ".", "@example.org", "**", "*.example.org", "[192.0.2.1]", "a b",
                          "user@.example.org", ".user@example.org", ".user@", "user@"}) {
    const auto added = table.add(key, Route{});
    ASSERT_FALSE(added) << key;
    EXPECT_EQ(added.error().fault, Fault::malformed);
  }
  EXPECT_TRUE(table.add("example.org", Route{}));
  const auto twice = table.add("EXAMPLE.org.", Route{});
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().fault, Fault::conflict);
}

TEST(RouteTable, the_sender_decides_among_the_routes_of_one_key) {
  RouteTable table;
  const auto add = [&](std::string_view key, std::string_view sender, std::string mx) {
    ASSERT_TRUE(table.add(key, sender, {.mx_domain = std::move(mx)})) << key << " " << sender;
  };
  ASSERT_TRUE(table.add("*", {.mx_domain = "all.test"}));
  ASSERT_TRUE(table.add("near.example", {.mx_domain = "near.test"}));
  add("*", "ann@Example.ORG", "ann.test");
  add("*", "@example.org", "org.test");
  add("*", "<>", "null.test");
  add(".far.example", "example.org", "far.test");
  const auto of = [&](std::string_view domain, std::string_view sender) {
    return table.find("bob", domain, sender).mx_domain;
  };
  EXPECT_EQ(of("x.example", "Ann@example.org"), "ann.test");
  EXPECT_EQ(of("x.example", "\"ann\"@example.org"), "ann.test");
  EXPECT_EQ(of("x.example", "other@EXAMPLE.org"), "org.test");
  EXPECT_EQ(of("x.example", "ann@sub.example.org"), "all.test") << "a domain is not its parent";
  EXPECT_EQ(of("x.example", ""), "null.test");
  EXPECT_EQ(of("x.example", "ann"), "all.test");
  EXPECT_EQ(of("x.example", any_sender), "all.test") << "not that of the null sender";
  EXPECT_EQ(of("near.example", "ann@example.org"), "near.test") << "the nearer key counts";
  EXPECT_EQ(of("a.far.example", "ann@example.org"), "far.test");
  EXPECT_EQ(of("a.far.example", "bob@example.net"), "all.test") << "the key has no route for bob";
  EXPECT_EQ(table.add("*", "EXAMPLE.org", {}).error().fault, Fault::conflict);
  for (const char* bad : {"", "*", ".example.org", "@", "@@example.org", "a b"}) {
    EXPECT_EQ(table.add("*", bad, {}).error().fault, Fault::malformed) << bad;
  }
}

TEST(RouteTable, all_routes_of_a_domain_are_one_for_each_settings) {
  RouteTable table;
  ASSERT_TRUE(table.add("*", {.settings = 1}));
  ASSERT_TRUE(table.add("*", "a.example", {.settings = 2}));
  ASSERT_TRUE(table.add("*", "b.example", {.settings = 2}));
  ASSERT_TRUE(table.add("near.example", "a.example", {.settings = 3}));
  const auto settings = [&](std::string_view domain) {
    std::vector<std::size_t> out;
    for (const Route* route : table.all_of(domain)) out.push_back(route->settings);
    return out;
  };
  EXPECT_EQ(settings("x.example"), (std::vector<std::size_t>{2, 1}));
  EXPECT_EQ(settings("near.example"), (std::vector<std::size_t>{3, 2, 1}));
}

// RFC 5321 §4.1.2: quoting does not change the mailbox.
TEST(RouteTable, quotes_of_a_local_part_do_not_matter) {
  RouteTable table;
  ASSERT_TRUE(table.add("postmaster@mx.example.net", {.kind = Route::Kind::discard}));
  ASSERT_TRUE(table.add("\"two words\"@mx.example.net", {.kind = Route::Kind::discard}));
  for (const char* local_part :
       {"postmaster", "\"postmaster\"", "\"Post\\master\"", "\"two words\"", "\"two\\ words\""})
    EXPECT_EQ(table.find(local_part, "mx.example.net", {}).kind, Route::Kind::discard)
        << local_part;
  EXPECT_EQ(table.find("\"post master\"", "mx.example.net", {}).kind, Route::Kind::mx);
}

}  // namespace
}  // namespace postern::relay
