#include "cli/commands_mail_test.h"
#include "net/dns_servers_test.h"

namespace postern::app {
namespace {

using namespace testing_mail;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr const char* route_zone = R"(
example.org.      MX 10 mx1.example.org.
example.org.      MX 20 mx2.example.org.
example.org.      MX 30 lost.example.org.
mx1.example.org.  A 192.0.2.1
mx1.example.org.  AAAA 2001:db8::1
mx2.example.org.  A 192.0.2.2
null.example.     MX 0 .
)";

class RouteCommand : public MailCommands {
 protected:
  void SetUp() override {
    MailCommands::SetUp();
    folder_.write("zone", route_zone);
    folder_.write("postern.toml",
                  "[server]\nhostname = \"mx.example.net\"\n"
                  "[[route]]\nmatch = [\"smart.example\"]\nto = [\"[198.51.100.7]:587\"]\n"
                  "tls = \"verify\"\nnames = [\"smart.example.net\"]\nauth_user = \"us\"\n"
                  "auth_password = \"/nonexistent\"\n"
                  "[[route]]\nmatch = [\"no@example.org\"]\nto = [\"error:550 5.7.1 not here\"]\n");
  }
  static Answer route(const std::vector<std::string>& more) {
    std::vector<std::string> words{"route", "--dns", "zone", "--config", "postern.toml"};
    words.insert(words.end(), more.begin(), more.end());
    return run(run_route, words);
  }
};

TEST_F(RouteCommand, shows_hosts_in_order_and_what_was_left_out) {
  const Answer answer = route({"ann@example.org"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("no route matches: the domain's MX"));
  EXPECT_THAT(answer.out,
              HasSubstr("mx1.example.org, preference 10, port 25: 2001:db8::1, 192.0.2.1"));
  EXPECT_THAT(answer.out, HasSubstr("TLS may"));
  EXPECT_THAT(answer.out, HasSubstr("lost.example.org: has no address"));
  EXPECT_THAT(answer.out, HasSubstr("MX   example.org"));
  EXPECT_THAT(answer.out, Not(HasSubstr("result"))) << "nobody hears a reply yet";
}

TEST_F(RouteCommand, leaves_out_addresses_that_the_pool_cannot_reach) {
  folder_.write(
      "postern.toml",
      "[server]\nhostname = \"mx.example.net\"\n"
      "[[egress]]\npool = \"four\"\nv4 = \"192.0.2.25\"\n"
      "[[route]]\nmatch = [\"a.example\", \"b.example\", \"example.org\", \"d.example\"]\n"
      "egress = \"four\"\n");
  const Answer answer = route({"ann@example.org"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("a.example, b.example, example.org and 1 more"));
  EXPECT_THAT(answer.out, HasSubstr("mx1.example.org, preference 10, port 25: 192.0.2.1\n"));
  EXPECT_THAT(answer.out, HasSubstr("2001:db8::1: the pool has no IPv6 address"));
  const Answer machine = route({"--json", "ann@example.org"});
  EXPECT_THAT(machine.out, HasSubstr(R"({"host":"2001:db8::1","why":"no_source"})"));
}

TEST_F(RouteCommand, shows_a_route_with_its_names_and_no_password) {
  const Answer answer = route({"b@smart.example"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("smart.example to [198.51.100.7]:587"));
  EXPECT_THAT(answer.out, HasSubstr("TLS verify for smart.example.net"));
  EXPECT_THAT(answer.out, Not(HasSubstr("nonexistent")));
}

/// End to end: DANE works with a name server that another process runs.
TEST_F(RouteCommand, follows_tlsa_records_that_a_forwarder_passes_on) {
  const net::SigningServer server;
  const auto said = [&](const std::string& dnssec, const std::string& anchor) {
    folder_.write("dns.toml", "[dns]\nservers = [\"" + server.address() + "\"]\ndnssec = \"" +
                                  dnssec + "\"\ntrust_anchor = \"" + anchor + "\"\n");
    const Answer answer = run(run_route, {"route", "--config", "dns.toml", "ann@example.com"});
    EXPECT_EQ(answer.code, 0) << answer.err;
    return answer.out;
  };
  const std::string validated = said("auto", net::SigningServer::anchor());
  EXPECT_THAT(validated, HasSubstr("TLS dane for mx.example.com"));
  EXPECT_THAT(validated, HasSubstr("validating\n"));
  const std::string trusted = said("auto", "/nonexistent");
  EXPECT_THAT(trusted, HasSubstr("TLS dane for mx.example.com"));
  EXPECT_THAT(trusted, HasSubstr("trusting 127.0.0.1\n"));
  const std::string off = said("off", "/nonexistent");
  EXPECT_THAT(off, HasSubstr("TLS may"));
  EXPECT_THAT(off, HasSubstr("off: `dns.dnssec` says so\n"));
}

TEST_F(RouteCommand, says_what_the_recipient_would_hear) {
  const Answer answer = route({"no@example.org", "b@null.example", "b@missing.example"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, HasSubstr("550 5.7.1 not here"));
  EXPECT_THAT(answer.out, HasSubstr("556 5.1.10"));
  EXPECT_THAT(answer.out, HasSubstr("550 5.1.2"));
}

TEST_F(RouteCommand, prints_an_object_for_each_address_that_can_be_asked_again) {
  const Answer answer = route({"--json", "--sts", "enforce:mx2.example.org", "ann@example.org"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const json::value parsed = json::parse(answer.out);
  EXPECT_EQ(parsed.at("destination"), "example.org");
  ASSERT_EQ(parsed.at("groups").as_array().size(), 1u);
  EXPECT_EQ(parsed.at_pointer("/groups/0/0/tls"), "sts");
  EXPECT_EQ(parsed.at_pointer("/attempts/0/0/host"), "mx2.example.org");
  folder_.write("recorded.json", answer.out);
  const Answer again = run(run_route, {"route", "--dns", "recorded.json", "--json", "--sts",
                                       "enforce:mx2.example.org", "ann@example.org"});
  EXPECT_EQ(json::parse(again.out).at("groups"), parsed.at("groups")) << again.err;
}

TEST_F(RouteCommand, says_which_folder_mail_is_delivered_to) {
  folder_.write("postern.toml",
                "[server]\nhostname = \"mx.example.net\"\n"
                "[[route]]\nmatch = [\"here.example\"]\nto = [\"maildir:/var/mail/here\"]\n");
  const Answer answer = route({"ann@here.example"});
  EXPECT_EQ(answer.code, 0) << answer.out;
  EXPECT_THAT(answer.out, HasSubstr("folder /var/mail/here, delivered here"));
  const json::value parsed = json::parse(route({"--json", "ann@here.example"}).out);
  EXPECT_EQ(parsed.at("result"), "folder");
  EXPECT_EQ(parsed.at("folder"), "/var/mail/here");
  for (const char* own : {"postmaster", "<postmaster>", "postmaster@mx.example.net"}) {
    const Answer kept = route({own});
    EXPECT_EQ(kept.code, 0) << kept.err;
    EXPECT_THAT(kept.out, HasSubstr("postmaster, delivered here")) << own;
  }
}

TEST_F(RouteCommand, refuses_what_is_no_address) {
  EXPECT_EQ(route({"a@@b"}).code, 64);
  EXPECT_EQ(route({"example.org"}).code, 64);
  EXPECT_EQ(route({}).code, 64);
  EXPECT_EQ(route({"--sts", "sometimes:mx.example.org", "ann@example.org"}).code, 64);
}

}  // namespace
}  // namespace postern::app
