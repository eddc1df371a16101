#include "dialect/vsl/host_functions_test.h"
#include "policy/webhook.h"

namespace postern::dialect::vsl {
namespace {

using policy::Route;
using policy::Stage;
using ::testing::HasSubstr;
using testing::Scene;
using ::testing::StartsWith;

constexpr const char* relay_zone = R"({
  "mta.example": {"A": ["198.51.100.77", "198.51.100.78"], "AAAA": ["2001:db8::77"]},
  "xn--bcher-kva.example": {"A": ["198.51.100.79"]},
  "silent.example": "SERVFAIL",
  "77.100.51.198.in-addr.arpa": {"PTR": ["claimed.example"]}})";

constexpr const char* refused = "554 5.7.1 Relay access denied";

TEST(CheckMailRelay, knows_clients_by_address_network_and_name) {
  const std::string net = "group.of(obj.of('ip4', '192.168.1.254'), obj.of('fqdn', 'mta.example'))";
  struct {
    std::string client;
    std::string hosts;
    bool found;
  } const cases[] = {
      {"192.168.1.254", net, true},
      {"192.168.1.253", net, false},
      {"::ffff:192.168.1.254", net, true},
      {"198.51.100.78", net, true},
      {"2001:db8::77", net, true},
      {"2001:db8::78", net, false},
      {"192.168.0.7", "obj.of('rg4', '192.168.0.9/24')", true},
      {"192.168.1.7", "obj.of('rg4', '192.168.0.0/24')", false},
      {"2001:db8::1", "obj.of('rg6', '2001:db8::/32')", true},
      {"2001:db8::1", "obj.of('ip6', '2001:DB8:0::1')", true},
      {"192.0.2.1", "obj.of('rg6', '::/0')", false},
      {"10.1.2.3", "group.of(group.of(), group.of(obj.of('rg4', '10.0.0.0/8')))", true},
      {"10.1.2.3", "group.of(obj.of('string', '10.0.0.0/8'))", true},
      {"10.1.2.3", "group.of(obj.of('string', '10.1.2.3'))", true},
      {"198.51.100.77", "group.of(obj.of('string', 'MTA.example.'))", true},
      {"10.1.2.3", "group.of(obj.of('regex', '^10\\\\.1\\\\.'))", true},
      {"110.1.2.3", "group.of(obj.of('regex', '^10\\\\.1\\\\.'))", false},
      {"10.1.2.3", "'10.0.0.0/8'", true},
      {"10.1.2.3", "array.of('192.0.2.1', obj.of('ip4', '10.1.2.3'))", true},
      {"198.51.100.79", "obj.of('fqdn', 'b\u00fccher.example')", true},
      {"10.1.2.3", "group.of()", false},
      // Neither the name in HELO nor a PTR record alone is a name of the client.
      {"198.51.100.77", "obj.of('fqdn', 'claimed.example')", false},
      {"198.51.100.7", "obj.of('fqdn', 'mx.sender.example')", false},
      {"198.51.100.7", "obj.of('fqdn', 'silent.example')", false},
  };
  for (const auto& c : cases) {
    Scene scene(relay_zone);
    scene.from(c.client).sender("john@doe-family.com");
    const std::string answer = scene.ask("vsl.check_mail_relay(" + c.hosts + ")");
    EXPECT_THAT(answer, StartsWith(c.found ? "next" : std::string("deny ") + refused))
        << c.client << " " << c.hosts;
  }
}

TEST(CheckMailRelay, says_what_it_saw) {
  Scene scene(relay_zone);
  scene.sender("john@doe-family.com");
  EXPECT_EQ(scene.ask("vsl.check_mail_relay(obj.of('rg4', '198.51.100.0/24'))"),
            "next | 198.51.100.7 is in 198.51.100.0/24");
  EXPECT_EQ(scene.ask("vsl.check_mail_relay(group.of(obj.of('ip4', '192.0.2.1'), obj.of('fqdn', "
                      "'silent.example')))"),
            std::string("deny ") + refused +
                " | 198.51.100.7 is in none of 2 hosts, DNS failed for 1 of them");
  scene.from("198.51.100.77");
  EXPECT_EQ(scene.ask("vsl.check_mail_relay(obj.of('fqdn', 'mta.example'))"),
            "next | 198.51.100.77 is an address of mta.example");
}

TEST(CheckMailRelay, concerns_senders_of_ours_and_strangers_alone) {
  struct {
    std::string sender;
    bool denied;
  } const cases[] = {
      {"john@doe-family.com", true},    {"john@DOE-FAMILY.COM", true}, {"x@virtual.example", true},
      {"x@sub.virtual.example", false}, {"ann@good.example", false},   {"", false},
  };
  for (const auto& c : cases) {
    Scene scene(relay_zone);
    scene.sender(c.sender);
    const std::string ask = "vsl.check_mail_relay(obj.of('fqdn', 'mta.example'))";
    EXPECT_THAT(scene.ask(ask), StartsWith(c.denied ? "deny" : "next")) << c.sender;
    EXPECT_EQ(scene.resolver.asked.empty(), !c.denied) << "nobody asks without need";
    scene.evidence.session.auth = policy::Authentication{.username = "john"};
    EXPECT_THAT(scene.ask(ask), StartsWith("next")) << c.sender;
  }
}

TEST(CheckMailRelay, asks_about_a_name_once) {
  Scene scene(relay_zone);
  scene.sender("john@doe-family.com");
  const std::string ask = "vsl.check_mail_relay(obj.of('fqdn', 'mta.example'))";
  scene.ask(ask);
  scene.ask(ask);
  EXPECT_EQ(scene.resolver.asked, std::vector<std::string>{"mta.example A"});
  ASSERT_EQ(scene.evidence.dns.size(), 1u) << "the record holds the answer";
}

TEST(CheckMailRelay, mistakes_are_errors_before_anything_is_asked) {
  for (const char* hosts :
       {"42", "true", "map.of('a', 'b')", "obj.of('address', 'a@b.example')",
        "obj.of('identifier', 'mta.example')", "obj.of('code', '550 no')", "'a b'", "''",
        "array.of('mta.example', 42)",
        "group.of(obj.of('fqdn', 'mta.example'), obj.of('address', 'a@b.example'))"}) {
    Scene scene(relay_zone);
    scene.sender("john@doe-family.com");
    const std::string ask = std::string("vsl.check_mail_relay(") + hosts + ")";
    EXPECT_THAT(scene.ask(ask), StartsWith("error: ")) << hosts;
    scene.sender("ann@good.example");
    EXPECT_THAT(scene.ask(ask), StartsWith("error: ")) << "whoever the sender is: " << hosts;
    EXPECT_TRUE(scene.resolver.asked.empty()) << hosts;
  }
}

TEST(CheckMailRelay, needs_a_sender) {
  Scene scene(relay_zone);
  scene.at(Stage::helo);
  EXPECT_THAT(scene.ask("vsl.check_mail_relay(group.of())"), HasSubstr("is not defined yet"));
  EXPECT_THAT(scene.script.answer("vsl.check_mail_relay(group.of())", nullptr),
              HasSubstr("only available inside a rule"));
}

TEST(CheckRcptRelay, refuses_a_foreign_recipient_and_grants_it_to_known_clients) {
  const std::string ask = "vsl.check_rcpt_relay(obj.of('rg4', '192.168.0.0/24'))";
  struct {
    std::string client;
    std::string recipient;
    bool refused;
    Route::Kind route;
  } const cases[] = {
      {"198.51.100.7", "x@elsewhere.example", true, Route::Kind::none},
      {"198.51.100.7", "jane@doe-family.com", false, Route::Kind::none},
      {"198.51.100.7", "Jane@Doe-Family.COM", false, Route::Kind::none},
      {"198.51.100.7", "x@sub.doe-family.com", true, Route::Kind::none},
      {"198.51.100.7", "x@[192.0.2.1]", true, Route::Kind::none},
      {"192.168.0.7", "x@elsewhere.example", false, Route::Kind::relay},
      {"192.168.0.7", "jane@doe-family.com", false, Route::Kind::none},
  };
  for (const auto& c : cases) {
    Scene scene(relay_zone);
    scene.from(c.client).recipient(c.recipient);
    EXPECT_THAT(scene.ask(ask),
                StartsWith(c.refused ? std::string("refuse_recipient ") + refused : "next"))
        << c.client << " " << c.recipient;
    EXPECT_EQ(scene.relays(), c.route == Route::Kind::relay) << c.client << " " << c.recipient;
    EXPECT_EQ(scene.trusts(), c.route == Route::Kind::relay);
  }
}

TEST(CheckRcptRelay, who_authenticated_may_send_abroad) {
  Scene scene(relay_zone);
  scene.recipient("x@elsewhere.example");
  scene.evidence.session.auth = policy::Authentication{.username = "john"};
  EXPECT_EQ(scene.ask("vsl.check_rcpt_relay(group.of())"), "next | authenticated as john");
  EXPECT_TRUE(scene.relays());
}

TEST(CheckRcptRelay, leaves_webhooks_and_unknown_addresses_of_theirs_alone) {
  Scene scene(relay_zone);
  scene.from("192.168.0.7").recipient("x@hooks.example");
  Route& route = scene.evidence.candidate->route;
  route.missing = Route::Missing::unknown_address;
  EXPECT_THAT(scene.ask("vsl.check_rcpt_relay(obj.of('rg4', '192.168.0.0/24'))"),
              StartsWith("next"));
  EXPECT_FALSE(scene.relays());
  route.kind = Route::Kind::webhook;
  route.missing = Route::Missing::foreign_domain;
  scene.ask("vsl.check_rcpt_relay(obj.of('rg4', '192.168.0.0/24'))");
  EXPECT_FALSE(scene.relays());
  EXPECT_FALSE(scene.trusts());
}

TEST(CheckRcptRelay, judges_the_recipient_as_rules_left_it) {
  Scene scene(relay_zone);
  scene.recipient("x@elsewhere.example");
  scene.draft.removed.insert("x@elsewhere.example");
  EXPECT_EQ(scene.ask("vsl.check_rcpt_relay(group.of())"), "next | no recipient is left");
  scene.draft.added.push_back({"jane", "doe-family.com"});
  EXPECT_EQ(scene.ask("vsl.check_rcpt_relay(group.of())"), "next | the recipient is one of ours");
}

TEST(CheckRcptRelay, is_no_open_relay_however_the_networks_are_cut) {
  const char* open[] = {
      "obj.of('rg4', '0.0.0.0/0')",
      "array.of('0.0.0.0/1', '128.0.0.0/1')",
      "group.of(obj.of('rg4', '0.0.0.0/1'), group.of(obj.of('rg4', '128.0.0.0/1')))",
      "array.of('::/1', '8000::/1')",
      "array.of('0.0.0.0/2', '64.0.0.0/2', '128.0.0.0/2', '192.0.0.0/2')",
      "obj.of('regex', '.')",
      "group.of(obj.of('regex', '^1'), obj.of('regex', '^[2-9]'))"};
  for (const char* hosts : open) {
    Scene scene(relay_zone);
    scene.from("198.51.100.7").recipient("x@elsewhere.example");
    const std::string ask = "vsl.check_rcpt_relay(" + std::string(hosts) + ")";
    EXPECT_THAT(scene.ask(ask), HasSubstr(": an open relay")) << hosts;
    EXPECT_FALSE(scene.relays()) << hosts;
  }
  for (const char* hosts : {"array.of('10.0.0.0/8', '203.0.0.0/12', '198.51.100.0/24')",
                            "obj.of('regex', '^198[.]51[.]100[.]')"}) {
    Scene scene(relay_zone);
    scene.from("198.51.100.7").recipient("x@elsewhere.example");
    scene.ask("vsl.check_rcpt_relay(" + std::string(hosts) + ")");
    EXPECT_TRUE(scene.relays()) << hosts;
  }
}

TEST(CheckRcptRelay, a_client_that_nobody_knows_is_no_host) {
  for (const char* hosts : {"obj.of('rg4', '192.168.0.0/24')", "obj.of('rg6', '2001:db8::/32')",
                            "obj.of('regex', 'unknown')", "obj.of('fqdn', 'mta.example')"}) {
    Scene scene(relay_zone);
    scene.recipient("x@elsewhere.example");
    scene.evidence.session.client_ip = IpAddress::unknown();
    EXPECT_THAT(scene.ask("vsl.check_rcpt_relay(" + std::string(hosts) + ")"),
                StartsWith(std::string("refuse_recipient ") + refused))
        << hosts;
  }
}

TEST(CheckRcptRelay, belongs_to_one_stage) {
  Scene scene(relay_zone);
  EXPECT_EQ(scene.ask("vsl.check_rcpt_relay(group.of())"),
            "error: the field: `rcpt` is not defined yet, it only is available from the `rcpt` "
            "stage");
  scene.recipient("x@elsewhere.example").at(Stage::message);
  EXPECT_THAT(scene.ask("vsl.check_rcpt_relay(group.of())"), StartsWith("error: check_rcpt_relay"));
}

}  // namespace
}  // namespace postern::dialect::vsl
