#include "config/relay_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/listener.h"
#include "relay/destination.h"

namespace postern::app {
namespace {

LoadOptions relay_machine() {
  LoadOptions out;
  out.machine_name = "mx.example.net";
  out.open_files = 100'000;
  return out;
}

ConfigResult parse_relay(std::string_view text) {
  return parse_config(text, "postern.toml", relay_machine());
}

/// `CODE line:column` of each error.
std::vector<std::string> complaints(std::string_view text) {
  std::vector<std::string> out;
  const ConfigResult result = parse_relay(text);
  for (const Diagnostic& each : result.diagnostics.list())
    out.push_back(each.code + " " + std::to_string(each.line) + ":" + std::to_string(each.column));
  return out;
}
using Complaints = std::vector<std::string>;

TEST(RelayOptions, limits_belong_to_the_destination) {
  const ConfigResult result = parse_relay(
      "[[egress]]\npool = \"main\"\nv4 = \"192.0.2.1\"\n"
      "[[route]]\nmatch = [\"example.org\", \".example.org\"]\n"
      "to = [\"a.example.com\", \"b.example.com:2525\"]\nmax_connections = 3\n"
      "[[route]]\nmatch = [\"example.net\"]\nto = [\"a.example.com\", \"b.example.com:2525\"]\n"
      "max_connections = 5\nmessages_per_minute = 60\n"
      "[[route]]\nmatch = [\"mx.example\"]\nmessages_per_minute = 7\n"
      "[[route]]\nmatch = [\"ann@pool.example\"]\negress = \"main\"\nmax_connections = 4\n"
      "[[route]]\nmatch = [\".below.example\"]\nmax_connections = 2\n"
      "[[route]]\nmatch = [\"*\"]\nto = [\"mx:smart.example\"]\nmessages_per_minute = 9\n");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  const auto relay = relay_options(result.config);
  ASSERT_TRUE(relay) << relay.error().message;
  const auto limits = [&](std::string_view local_part, std::string_view domain) {
    const auto found =
        relay::limits_of(*relay, relay::destination_of(*relay, local_part, domain, {}));
    return std::make_pair(found.max_connections.value_or(0), found.messages_per_minute);
  };
  using Limits = std::pair<std::uint32_t, std::uint32_t>;
  EXPECT_EQ(limits("x", "www.example.org"), Limits(3, 60)) << "the stricter of both";
  EXPECT_EQ(limits("x", "example.net"), Limits(3, 60));
  EXPECT_EQ(limits("x", "MX.example"), Limits(0, 7));
  EXPECT_EQ(limits("ann", "pool.example"), Limits(4, 0));
  EXPECT_EQ(limits("x", "www.below.example"), Limits(2, 0));
  EXPECT_EQ(limits("x", "elsewhere.example"), Limits(0, 9));
  EXPECT_EQ(relay::limits_of(*relay, "mx.example from main").messages_per_minute, 0);
  EXPECT_EQ(relay::limits_of(*relay, "mx.example.com").messages_per_minute, 0)
      << "a name is no beginning of a name";
}

TEST(RelayOptions, a_route_is_read_with_its_settings) {
  const tests::TemporaryFolder folder;
  const std::string password = folder.write("password", "s3cret\n");
  const ConfigResult result = parse_relay(
      "[relay]\nfamilies = \"v4\"\nrelay_to_private = \"never\"\n"
      "[[egress]]\npool = \"main\"\nv4 = \"192.0.2.1\"\nehlo = \"out.example.net\"\n"
      "[[route]]\nmatch = [\"example.org\", \".example.org\"]\nto = [\"smart.example.com:587\"]\n"
      "tls = \"verify\"\nauth_user = \"us\"\nauth_password = \"" +
      password + "\"\neightbit = \"send\"\nmax_connections = 3\negress = \"main\"\n");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  const auto relay = relay_options(result.config);
  ASSERT_TRUE(relay) << relay.error().message;
  EXPECT_FALSE(relay->routing.ipv6);
  EXPECT_EQ(relay->routing.private_addresses, false);
  EXPECT_EQ(relay->routing.hostname, "mx.example.net");

  const relay::Route& route = relay->routes.find("ann", "deep.example.org", {});
  EXPECT_EQ(relay::to_texts(route), std::vector<std::string>{"[smart.example.com]:587"});
  EXPECT_EQ(route.tls, relay::TlsLevel::verify);
  const relay::RouteSettings& settings = relay->settings_of(route);
  EXPECT_EQ(settings.login->user, "us");
  EXPECT_EQ(settings.login->password.reveal(), "s3cret");
  EXPECT_TRUE(settings.send_8bit);
  EXPECT_FALSE(settings.send_utf8_headers);
  EXPECT_EQ(settings.limits.max_connections, 3u);
  EXPECT_EQ(settings.pool->sources.front().ehlo, "out.example.net");
  EXPECT_NE(settings.tls, nullptr);

  const relay::Route& other = relay->routes.find("ann", "example.com", {});
  EXPECT_EQ(other, relay::Route());
  EXPECT_NE(relay->settings_of(other).tls, nullptr);
}

// RFC 5321 §4.5.1.
TEST(RelayOptions, mail_to_our_postmaster_has_a_place) {
  const auto place = [](std::string_view text) {
    const ConfigResult result = parse_relay(text);
    EXPECT_TRUE(result.ok()) << result.diagnostics.render();
    const auto relay = relay_options(result.config);
    return relay ? relay::to_texts(relay->routes.find("Postmaster", "mx.example.net", {})).front()
                 : relay.error().message;
  };
  const std::string folder = "[server]\ndata_dir = \"/var/lib/postern\"\n";
  EXPECT_EQ(place(folder), "maildir:/var/lib/postern/postmaster");
  EXPECT_EQ(place(folder + "[[route]]\nmatch = [\"example.org\"]\nto = [\"a.example\"]\n"),
            "maildir:/var/lib/postern/postmaster");
  EXPECT_EQ(place("[[route]]\nmatch = [\"*\"]\nto = [\"a.example\"]\n"), "[a.example]");
  EXPECT_EQ(place("[[route]]\nmatch = [\"mx.example.net\"]\nto = [\"mx\"]\n"), "mx");
  EXPECT_EQ(place("[[route]]\nmatch = [\"postmaster@mx.example.net\"]\nto = [\"b.example\"]\n"),
            "[b.example]");
}

TEST(RelayOptions, names_for_some_peers_are_our_names_too) {
  const auto variant = std::make_shared<dialect::kumo::Listener>();
  variant->name = "in/2";
  variant->hostname = "other.example.net";
  const auto started = std::make_shared<dialect::kumo::Listener>();
  started->name = "in";
  started->variants.push_back({.peer = std::nullopt, .via = std::nullopt, .as = variant});
  ConfigResult result = parse_relay("[server]\ndata_dir = \"/var/lib/postern\"\n");
  result.config.listeners.front().started = started;
  EXPECT_THAT(listener_hostnames(result.config),
              testing::ElementsAre(testing::Pair("in/2", "other.example.net")));
  const auto relay = relay_options(result.config);
  ASSERT_TRUE(relay) << relay.error().message;
  EXPECT_EQ(relay::to_texts(relay->routes.find("postmaster", "other.example.net", {})).front(),
            "maildir:/var/lib/postern/postmaster");
}

TEST(RelayOptions, what_we_listen_on_is_us) {
  const ConfigResult result = parse_relay(
      "[[listener]]\naddress = \"0.0.0.0:2525\"\n[relay]\nproxy_addresses = [\"192.0.2.7\"]\n");
  ASSERT_TRUE(result.ok()) << result.diagnostics.render();
  const auto relay = relay_options(result.config);
  ASSERT_TRUE(relay);
  const IpAddress here = IpAddress::v4(0x7f000001);
  EXPECT_TRUE(relay::is_self(relay->routing, here, 2525));
  EXPECT_FALSE(relay::is_self(relay->routing, here, 25));
  EXPECT_TRUE(relay::is_self(relay->routing, IpAddress::parse("192.0.2.7").value(), 25));
  EXPECT_TRUE(relay::is_self(relay->routing, "MX.example.net", 25));
  EXPECT_FALSE(relay::is_self(relay->routing, "mx.example.net", 10024));
}

TEST(RelayOptions, a_route_to_ourselves_is_an_error_with_its_place) {
  EXPECT_EQ(complaints("[[route]]\nmatch = [\"*\"]\nto = [\"[127.0.0.1]:2525\"]\n"),
            Complaints{"C051 3:6"});
  EXPECT_EQ(complaints("[[route]]\nmatch = [\"*\"]\nto = [\"mx.example.net\"]\n"),
            Complaints{"C051 3:6"});
  EXPECT_EQ(complaints("[relay]\nself_names = [\"mx2.example.net\"]\n"
                       "[[route]]\nmatch = [\"*\"]\nto = [\"a.example\", \"mx2.example.net\"]\n"),
            Complaints{"C051 5:6"});
  // Another program on this machine, on its own port.
  EXPECT_EQ(complaints("[[route]]\nmatch = [\"*\"]\nto = [\"[127.0.0.1]:10024\"]\n"), Complaints{});
}

TEST(RelayOptions, what_is_no_route_is_an_error) {
  const std::string all = "[[route]]\nmatch = [\"*\"]\n";
  EXPECT_EQ(complaints(all + "to = [\"192.0.2.1\"]\n"), Complaints{"C050 3:6"});
  EXPECT_EQ(complaints("[[route]]\nto = [\"discard\"]\n"), Complaints{"C050 2:6"});
  EXPECT_EQ(complaints("[[route]]\nmatch = [\"a b\"]\n"), Complaints{"C050 2:9"});
  EXPECT_EQ(complaints(all + all), Complaints{"C050 4:9"});
  EXPECT_EQ(complaints(all + "tlsa = [\"1 1 1 00\"]\n"), Complaints{"C050 3:8"});
  EXPECT_EQ(complaints(all + "to = [\"[192.0.2.1]\"]\ntls = \"verify\"\n"), Complaints{"C050 4:7"});
  EXPECT_EQ(complaints(all + "egress = \"main\"\n"), Complaints{"C050 3:10"});
  EXPECT_EQ(complaints(all + "tos = [\"mx\"]\n"), Complaints{"C012 3:1"});
  EXPECT_EQ(complaints(all + "fallback = [\"mx\", \"a b\"]\n"), Complaints{"C050 3:12"});
  EXPECT_EQ(complaints(all + "tables = [\"mysql:/nowhere.cf\"]\n"), Complaints{"C050 3:10"});
  EXPECT_EQ(complaints(all + "to = [\"discard\"]\ntables = [\"static:smtp\"]\n"),
            Complaints{"C050 4:10"});
  EXPECT_EQ(complaints(all + "to = [\"discard\"]\nfallback = [\"mx.example.com\"]\n"),
            Complaints{"C050 4:12"});
  EXPECT_EQ(complaints(all + "tls = \"verify\"\nfallback = [\"[192.0.2.1]\"]\n"),
            Complaints{"C050 4:12"});
  EXPECT_EQ(complaints("[server]\nhostname = \"mx.example.net\"\n" + all +
                       "fallback = [\"mx.example.net\"]\n"),
            Complaints{"C051 5:12"});
  EXPECT_EQ(complaints("[[egress]]\npool = \"main\"\n"), Complaints{"C052 2:8"});
}

TEST(RelayOptions, a_route_by_sender_refuses_nobody_and_is_no_exception_to_a_refusal) {
  const std::string from = "[[route]]\nmatch = [\"*\"]\nsender = [\"example.org\", \"<>\"]\n";
  EXPECT_EQ(complaints(from + "to = [\"mx.example.com\"]\n"), Complaints{});
  EXPECT_EQ(complaints(from + "to = [\"discard\"]\n"), Complaints{});
  EXPECT_EQ(complaints(from + "to = [\"error:550 5.7.1 no\"]\n"), Complaints{"C050 3:10"});
  EXPECT_EQ(complaints(from + "to = [\"maildir:/mail\"]\n"), Complaints{"C050 3:10"});
  EXPECT_EQ(complaints(from + from), Complaints{"C050 6:10"}) << "each pair once";
  EXPECT_EQ(complaints("[[route]]\nmatch = [\"*\"]\nsender = [\".example.org\"]\n"),
            Complaints{"C050 3:10"});
  const std::string no = "[[route]]\nmatch = [\"*\"]\nto = [\"error:550 5.7.1 no\"]\n";
  const std::string later = "[[route]]\nmatch = [\"*\"]\nto = [\"error:450 4.7.1 later\"]\n";
  EXPECT_EQ(complaints(no + from), Complaints{"C050 6:10"});
  EXPECT_EQ(complaints(later + from), Complaints{}) << "4xx is no refusal in RCPT";
  EXPECT_EQ(complaints(no + "tables = [\"static:smtp\"]\n" + from), Complaints{})
      << "RCPT does not know what a table says";
  EXPECT_EQ(
      complaints(no + "[[route]]\nmatch = [\".example.net\"]\nsender = [\"a@example.org\"]\n"),
      Complaints{"C050 6:10"});
}

TEST(RelayOptions, limits_of_a_route_by_sender_hold_for_every_domain) {
  const ConfigResult result = parse_relay(
      "[[egress]]\npool = \"bulk\"\nv4 = \"192.0.2.7\"\n"
      "[[route]]\nmatch = [\"*\"]\nsender = [\"news.example.org\"]\negress = \"bulk\"\n"
      "max_connections = 3\n");
  const auto relay = relay_options(result.config);
  ASSERT_TRUE(relay) << relay.error().message;
  const std::string bulk = relay::destination_of(*relay, "b", "x.example", "a@news.example.org");
  EXPECT_EQ(bulk, "x.example from bulk");
  EXPECT_EQ(relay::limits_of(*relay, bulk).max_connections, 3);
  EXPECT_FALSE(relay::limits_of(*relay, "x.example").max_connections);
}

TEST(RelayOptions, a_password_needs_a_verified_server_and_a_file) {
  const tests::TemporaryFolder folder;
  const std::string password = folder.write("password", "s3cret\n");
  std::filesystem::permissions(
      password, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string user = "[[route]]\nmatch = [\"*\"]\nauth_user = \"us\"\n";
  const std::string file = "auth_password = \"" + password + "\"\n";
  EXPECT_EQ(complaints(user), Complaints{"C050 3:13"});
  EXPECT_EQ(complaints(user + file), Complaints{"C050 3:13"});
  EXPECT_EQ(complaints(user + file + "auth_insecure = true\n"), Complaints{});
  EXPECT_EQ(complaints(user + file + "tls = \"verify\"\n"), Complaints{});
  EXPECT_EQ(complaints(user + "tls = \"verify\"\nauth_password = \"/nonexistent\"\n"),
            Complaints{"T001 5:17"});
  folder.write("password", "s3cret\nand more\n");
  const ConfigResult bad = parse_relay(user + file + "tls = \"verify\"\n");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.diagnostics.render().find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace postern::app
