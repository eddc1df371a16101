// Where taken mail goes in two versions: next hops, webhooks, and what cannot be told.
#include "plan/routes.h"

#include <gtest/gtest.h>

#include "plan/edition_test.h"
#include "plan/report.h"

namespace postern::plan {
namespace {

constexpr auto relay_lists = R"([restrictions]
mydestination = "local.example"
local_recipient_maps = ""
relay_domains = "relay.example"
mynetworks = "10.1.0.0/16"
smtpd_relay_restrictions = "permit_mynetworks, reject_unauth_destination"
)";

/// Nobody may relay.
constexpr auto closed = R"([restrictions]
mydestination = "local.example"
local_recipient_maps = ""
mynetworks = ""
inet_interfaces = "192.0.2.77"
smtpd_sasl_auth_enable = "no"
smtpd_relay_restrictions = "reject_unauth_destination"
)";

std::string route(const std::string& match, const std::string& to, const std::string& more = "") {
  return "[[route]]\nmatch = [" + match + "]\nto = [" + to + "]\n" + more + "\n";
}

Edition with_routes(const std::string& name, const std::string& routes,
                    const std::string& policy = relay_lists) {
  return edition_of_text(name, policy + routes);
}

Comparison compared_routes(const Edition& before, const Edition& after, bool routes = true) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.routes = routes;
  return judge_edit(before, after, options).comparison;
}
Comparison compared_routes(const std::string& before, const std::string& after,
                           const std::string& policy = relay_lists) {
  return compared_routes(with_routes("old.toml", before, policy),
                         with_routes("new.toml", after, policy));
}

const Witness* witness_of(const Comparison& found) {
  for (const Witness& one : found.witnesses) {
    if (one.kind == DifferenceKind::routes) return &one;
  }
  return nullptr;
}

std::string reasons_of(const Comparison& found) {
  std::string text;
  for (const NotProved& one : found.not_proved) text += one.reason + ": " + one.text + "\n";
  for (const Witness& one : found.witnesses) {
    text += one.spoken.sender + " to " + one.spoken.recipient + ": " + one.before.next_hop + ", " +
            one.after.next_hop + "\n";
  }
  return text;
}

const std::string local_route = route("\"local.example\"", "\"a.example.net\"");

TEST(PlanRoutesTest, EditsOfRoutes) {
  const struct {
    std::string what, before, after;
    Known routes;
    std::string recipient = {};  ///< of the witness
    std::string old_hop = {}, new_hop = {};
  } cases[] = {
      {"nothing", local_route, local_route, Known::no},
      {"other words", route("\"local.example\", \".local.example\"", "\"a.example.net:25\""),
       route("\".LOCAL.example\"", "\"[a.example.net]\"") + local_route, Known::no},
      {"another host", local_route, route("\"local.example\"", "\"b.example.net\""), Known::yes,
       "y@local.example", "[a.example.net]", "[b.example.net]"},
      {"another port", local_route, route("\"local.example\"", "\"a.example.net:2525\""),
       Known::yes, "y@local.example", "[a.example.net]", "[a.example.net]:2525"},
      {"TLS is not where it goes", local_route,
       route("\"local.example\"", "\"a.example.net\"", "tls = \"encrypt\""), Known::no},
      {"a route for one address", local_route,
       local_route + route("\"ann@local.example\"", "\"discard\""), Known::yes, "ann@local.example",
       "[a.example.net]", "discard"},
      {"names below", local_route, local_route + route("\".relay.example\"", "\"b.example.net\""),
       Known::yes, "y@d.relay.example", "mx", "[b.example.net]"},
      {"all others", local_route, local_route + route("\"*\"", "\"b.example.net\""), Known::yes},
      {"the postmaster has a folder if no route is for all", local_route + route("\"*\"", "\"mx\""),
       local_route, Known::yes},
      {"a fallback", local_route,
       route("\"local.example\"", "\"a.example.net\"", "fallback = [\"c.example.net\"]"),
       Known::yes, "y@local.example", "[a.example.net]",
       "[a.example.net]; fallback [c.example.net]"},
      {"a sender", local_route,
       local_route +
           route("\"local.example\"", "\"b.example.net\"", "sender = [\"ann@example.org\"]"),
       Known::yes, "y@local.example", "[a.example.net]", "[b.example.net]"},
      {"the null sender", local_route,
       local_route + route("\"local.example\"", "\"b.example.net\"", "sender = [\"<>\"]"),
       Known::yes, "y@local.example", "[a.example.net]", "[b.example.net]"},
      {"the order", local_route + route("\"relay.example\"", "\"b.example.net\""),
       route("\"relay.example\"", "\"b.example.net\"") + local_route, Known::no},
      {"mail that waits", local_route, route("\"local.example\"", "\"error:450 4.3.2 later\""),
       Known::yes, "y@local.example", "[a.example.net]", "error:450 4.3.2 later"},
      {"rows of a table", local_route,
       route("\"local.example\"", "\"a.example.net\"",
             "tables = [\"inline:{bob@local.example=smtp:[b.example.net]}\"]"),
       Known::yes, "bob@local.example", "[a.example.net]", "[b.example.net]"},
      {"a table without a row that says more", local_route,
       route("\"local.example\"", "\"a.example.net\"",
             "tables = [\"inline:{bob@local.example=smtp:[a.example.net]}\"]"),
       Known::no},
  };
  for (const auto& one : cases) {
    const Comparison found = compared_routes(one.before, one.after);
    EXPECT_EQ(found.answer(), Answer::same) << one.what << "\n" << reasons_of(found);
    ASSERT_TRUE(found.routes) << one.what;
    EXPECT_EQ(*found.routes, one.routes) << one.what << "\n" << reasons_of(found);
    const Witness* witness = witness_of(found);
    EXPECT_EQ(witness != nullptr, one.routes == Known::yes) << one.what;
    if (witness == nullptr || one.recipient.empty()) continue;
    EXPECT_EQ(witness->spoken.recipient, one.recipient) << one.what;
    EXPECT_TRUE(witness->before.taken && witness->after.taken) << one.what;
    EXPECT_EQ(witness->before.next_hop, one.old_hop) << one.what;
    EXPECT_EQ(witness->after.next_hop, one.new_hop) << one.what;
    const Comparison back = compared_routes(one.after, one.before);
    EXPECT_EQ(back.routes, found.routes) << one.what << ", the other way round";
  }
}

TEST(PlanRoutesTest, TheSenderOfARouteIsThatOfTheDialogue) {
  const std::string by_sender = local_route + route("\"local.example\"", "\"b.example.net\"",
                                                    "sender = [\"ann@example.org\"]");
  const Comparison found = compared_routes(local_route, by_sender);
  ASSERT_NE(witness_of(found), nullptr);
  EXPECT_EQ(witness_of(found)->spoken.sender, "ann@example.org");
}

// Routes of mail that no version takes are no difference.
TEST(PlanRoutesTest, OnlyTakenMailCounts) {
  const std::string more = local_route + route("\"elsewhere.example\"", "\"b.example.net\"");
  const Comparison refused = compared_routes(local_route, more, closed);
  EXPECT_EQ(refused.routes, Known::no) << reasons_of(refused);
  const Comparison taken = compared_routes(local_route, more);  // from mynetworks
  EXPECT_EQ(taken.routes, Known::yes) << reasons_of(taken);
}

// What a version refuses because of a route is a verdict, not a route, and is not proved; nor is
// where mail goes that both take then.
TEST(PlanRoutesTest, ARouteThatRefusesDecides) {
  const Edition before = with_routes("old.toml", local_route);
  const Edition after =
      with_routes("new.toml", route("\"local.example\"", "\"error:550 5.7.1 not here\""));
  EXPECT_TRUE(routes_may_decide(before.config, after.config));
  const Comparison found = compared_routes(before, after);
  EXPECT_EQ(found.answer(), Answer::not_proved);
  EXPECT_EQ(found.routes, Known::unknown) << reasons_of(found);
  const Edition other = with_routes("new.toml", route("\"local.example\"", "\"b.example.net\""));
  EXPECT_FALSE(routes_may_decide(before.config, other.config));
  const std::string verifying =
      std::string(relay_lists) + "smtpd_sender_restrictions = \"reject_unverified_sender\"\n";
  EXPECT_TRUE(
      routes_may_decide(with_routes("old.toml", local_route, verifying).config, other.config));
}

// Not asked: nothing is said of routes, and one that cannot refuse leaves the verdicts alone.
TEST(PlanRoutesTest, RoutesAreNotAskedUnlessTheyAre) {
  const Edition before = with_routes("old.toml", local_route);
  const Edition after = with_routes("new.toml", route("\"local.example\"", "\"b.example.net\""));
  const Comparison found = compared_routes(before, after, false);
  EXPECT_EQ(found.routes, std::nullopt);
  EXPECT_EQ(found.answer(), Answer::same) << reasons_of(found);
  Report report;
  report.comparison = found;
  EXPECT_TRUE(report_json(report).at("routes").is_null());
  EXPECT_EQ(report_text(report).find("routes: "), std::string::npos);
  report.comparison = compared_routes(before, after);
  const boost::json::object json = report_json(report);
  EXPECT_EQ(json.at("routes"), "differs");
  EXPECT_EQ(json.at("witnesses").at(0).at("kind"), "routes");
  EXPECT_EQ(json.at("witnesses").at(0).at("new").at("next_hop"), "[b.example.net]");
  EXPECT_NE(report_text(report).find("250, taken, route relay to [b.example.net]"),
            std::string::npos)
      << report_text(report);
  EXPECT_NE(report_text(report).find("  routes: differ\n"), std::string::npos);
}

// Rows of another program are the same for both, and not known.
TEST(PlanRoutesTest, TablesOfOtherProgramsAreNotAsked) {
  const auto with_table = [](const std::string& to) {
    return route("\"local.example\"", to, "tables = [\"tcp:127.0.0.1:9\"]");
  };
  const std::string a = "\"a.example.net\"";
  EXPECT_EQ(compared_routes(with_table(a), with_table(a)).routes, Known::no);
  const Comparison found = compared_routes(with_table(a), with_table("\"b.example.net\""));
  EXPECT_EQ(found.routes, Known::unknown);
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.back().reason, "external_table");
  EXPECT_NE(found.not_proved.back().text.find("tcp:127.0.0.1:9"), std::string::npos);
  EXPECT_EQ(compared_routes(local_route, with_table(a)).routes, Known::unknown);
}

// Rows that are patterns make no classes, but where they do not match can be played.
TEST(PlanRoutesTest, TablesOfPatternsArePlayed) {
  const auto with_table = [](const std::string& to) {
    return route("\"local.example\"", to, "tables = [\"regexp:{{/^bob@/ smtp:[c.example.net]}}\"]");
  };
  const std::string a = "\"a.example.net\"";
  EXPECT_EQ(compared_routes(with_table(a), with_table(a)).routes, Known::no);
  const Comparison found = compared_routes(with_table(a), with_table("\"b.example.net\""));
  EXPECT_EQ(found.routes, Known::yes) << reasons_of(found);
  EXPECT_EQ(compared_routes(local_route, with_table(a)).routes, Known::unknown);
}

// <postmaster> is taken whatever the lists say of the same address with its domain.
TEST(PlanRoutesTest, PostmasterWithoutADomainIsTaken) {
  const Comparison found = compared_routes(
      local_route, local_route + route("\"postmaster@mx.example.com\"", "\"b.example.net\""),
      closed);
  EXPECT_EQ(found.routes, Known::yes) << reasons_of(found);
  ASSERT_NE(witness_of(found), nullptr);
  EXPECT_EQ(witness_of(found)->spoken.recipient, "postmaster");
  EXPECT_EQ(witness_of(found)->group, Group::ours);
  EXPECT_EQ(witness_of(found)->after.next_hop, "[b.example.net]");
}

// Answers to probes are taken and not delivered.
TEST(PlanRoutesTest, AnswersToProbesGoNowhere) {
  std::string local = closed;
  local.replace(local.find("local.example"), 13, "local.example, mx.example.com");
  const auto with_route = [](const std::string& address) {
    return local_route + route("\"" + address + "\"", "\"b.example.net\"");
  };
  local += "address_verify_sender_ttl = \"0s\"\n";
  const Comparison found =
      compared_routes(local_route, with_route("double-bounce@mx.example.com"), local);
  EXPECT_EQ(found.routes, Known::no) << reasons_of(found);
  EXPECT_EQ(compared_routes(local_route, with_route("bob@mx.example.com"), local).routes,
            Known::yes);
  const Edition before = with_routes("old.toml", local_route, local);
  const Edition after =
      with_routes("new.toml", local_route, local + "address_verify_sender = \"probe\"\n");
  EXPECT_EQ(compared_routes(before, after).routes, Known::yes)
      << reasons_of(compared_routes(before, after));
}

// A table that cannot be read here may have any rows.
TEST(PlanRoutesTest, TablesThatCannotBeReadAreNotKnown) {
  const auto with_table = [](const std::string& to) {
    return route("\"local.example\"", to, "tables = [\"texthash:/nonexistent/transport\"]");
  };
  const Comparison found =
      compared_routes(with_table("\"a.example.net\""), with_table("\"b.example.net\""));
  EXPECT_EQ(found.routes, Known::unknown);
  ASSERT_FALSE(found.not_proved.empty());
  EXPECT_EQ(found.not_proved.back().reason, "external_table");
}

// Without lists a difference is played, and none is proved.
TEST(PlanRoutesTest, WithoutListsDifferencesAreTried) {
  const std::string server = "[server]\nhostname = \"mx.example.com\"\n";
  const std::string postmaster = route("\"postmaster@mx.example.com\"", "\"a.example.net\"");
  const Comparison found = compared_routes("", postmaster, server);
  EXPECT_EQ(found.routes, Known::yes) << reasons_of(found);
  ASSERT_NE(witness_of(found), nullptr);
  EXPECT_TRUE(witness_of(found)->before.next_hop.starts_with("maildir:"));
  EXPECT_EQ(witness_of(found)->after.next_hop, "[a.example.net]");
  EXPECT_EQ(compared_routes("", local_route, server).routes, Known::unknown);
  EXPECT_EQ(compared_routes(local_route, local_route, server).routes, Known::no);
}

TEST(PlanRoutesTest, OneGroupIsAskedAbout) {
  EditOptions options;
  options.compare.time = std::chrono::minutes(1);
  options.compare.routes = true;
  const Edition before = with_routes("old.toml", local_route, closed);
  const Edition after =
      with_routes("new.toml", route("\"local.example\"", "\"b.example.net\""), closed);
  for (const auto& [group, known] :
       {std::pair(Group::ours, Known::yes), std::pair(Group::foreign, Known::no)}) {
    options.compare.only = group;
    const Comparison found = judge_edit(before, after, options).comparison;
    EXPECT_EQ(found.routes, known) << to_string(group) << "\n" << reasons_of(found);
  }
}

TEST(PlanRoutesTest, WhatElseDiffersLeavesRoutesOpen) {
  const Edition before = with_routes("old.toml", local_route);
  const Edition after = with_routes("new.toml", local_route + "[limits]\nmessage_size = 1000000\n");
  EXPECT_EQ(compared_routes(before, after).routes, Known::unknown);
}

// A difference of lists and one of routes at once.
TEST(PlanRoutesTest, ListsAndRoutesMayBothDiffer) {
  const Edition before = with_routes("old.toml", local_route);
  std::string wider = relay_lists;
  wider.replace(wider.find("10.1.0.0/16"), 11, "10.0.0.0/8");
  const Edition after =
      with_routes("new.toml", route("\"local.example\"", "\"b.example.net\""), wider);
  const Comparison found = compared_routes(before, after);
  EXPECT_EQ(found.answer(), Answer::accepts_more) << reasons_of(found);
  EXPECT_EQ(found.routes, Known::yes) << reasons_of(found);
  const Comparison same = compared_routes(before, with_routes("new.toml", local_route, wider));
  EXPECT_EQ(same.answer(), Answer::accepts_more);
  EXPECT_EQ(same.routes, Known::no) << reasons_of(same);
}

// A tagged address may become a webhook of its own.
TEST(PlanRoutesTest, AnotherWebhookIsAnotherRoute) {
  const auto with_webhooks = [](const std::string& name, const std::set<std::string>& addresses) {
    Edition made = edition_of_text(name, "[server]\nhostname = \"mx.example.com\"\n");
    auto directory = std::make_shared<policy::Directory>();
    policy::Change change;
    change.put_domains.emplace_back("hooks.example");
    for (const std::string& address : addresses) {
      auto webhook = std::make_shared<policy::Webhook>();
      webhook->id = "wh_" + address;
      webhook->address = address;
      change.put_webhooks.push_back(webhook);
      made.webhooks.push_back(webhook);
    }
    directory->apply(std::move(change));
    made.directory = directory;
    made.compared = addresses;
    return made;
  };
  const Edition one = with_webhooks("old.toml", {"orders@hooks.example"});
  const Edition two = with_webhooks("new.toml", {"orders@hooks.example", "orders+x@hooks.example"});
  const Comparison found = compared_routes(one, two);
  EXPECT_EQ(found.answer(), Answer::same) << reasons_of(found);
  EXPECT_EQ(found.routes, Known::yes) << reasons_of(found);
  ASSERT_NE(witness_of(found), nullptr);
  EXPECT_EQ(witness_of(found)->before.next_hop, "orders@hooks.example");
  EXPECT_EQ(witness_of(found)->after.next_hop, "orders+x@hooks.example");
  EXPECT_EQ(compared_routes(two, one).routes, Known::yes);
  EXPECT_EQ(compared_routes(two, two).routes, Known::no);
}

// `mx` is the recipient's domain, and what completes that differs.
TEST(PlanRoutesTest, CompletedDomainsAreNamed) {
  const std::string open = std::string(relay_lists) + "append_dot_mydomain = \"yes\"\n";
  const auto with_domain = [&](const std::string& name, const std::string& domain) {
    return with_routes(name, local_route, open + "mydomain = \"" + domain + "\"\n");
  };
  const Comparison found =
      compared_routes(with_domain("old.toml", "a.test"), with_domain("new.toml", "b.test"));
  EXPECT_EQ(found.routes, Known::yes) << reasons_of(found);
  ASSERT_NE(witness_of(found), nullptr);
  EXPECT_TRUE(witness_of(found)->before.next_hop.ends_with(".a.test")) << reasons_of(found);
  EXPECT_TRUE(witness_of(found)->after.next_hop.ends_with(".b.test")) << reasons_of(found);
}

// What a table is asked is not what its rows are: addresses with an extension may have others.
TEST(PlanRoutesTest, TablesThatAreAskedOtherwiseAreNotTheSame) {
  const std::string by_table =
      route("\"local.example\"", "\"a.example.net\"", "tables = [\"tcp:127.0.0.1:9\"]");
  const std::string plus = std::string(relay_lists) + "recipient_delimiter = \"+\"\n";
  const Edition before = with_routes("old.toml", by_table);
  const Comparison found = compared_routes(before, with_routes("new.toml", by_table, plus));
  EXPECT_EQ(found.routes, Known::unknown) << reasons_of(found);
  EXPECT_EQ(found.not_proved.back().reason, "external_table");
  EXPECT_EQ(compared_routes(before, with_routes("new.toml", by_table)).routes, Known::no);
}

}  // namespace
}  // namespace postern::plan
