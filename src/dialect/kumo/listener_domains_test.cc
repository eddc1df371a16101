#include "dialect/kumo/listener_domains.h"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace postern::dialect::kumo {
namespace {

Result<ListenerDomains> domains_of(const std::string& text) {
  auto file = parse_data("domains.toml", text);
  if (!file) return tl::unexpected(file.error());
  return load_listener_domains({*file});
}

constexpr const char* example = R"(
["*"]
log_oob = true
["example.com"]
relay_to = true
["bounce.example.com"]
log_oob = 'LogThenDrop'
["send.example"]
relay_from = ['192.0.2.0/24', '2001:db8::/32']
["auth.example"]
relay_from = ['192.0.2.0/24']
relay_from_authz = ['john']
["*.wild.example"]
relay_to = true
log_arf = 'LogThenRelay'
["www.wild.example"]
["*.büro.example"]
relay_to = true
["Offen.BÜRO.example."]
log_arf = true
[listener."127.0.0.1:25"."*.wild.example"]
log_arf = false
[listener."[2001:db8::1]:25"."example.com"]
[listener."*"."everywhere.example"]
relay_to = true
)";

TEST(ListenerDomains, the_listener_then_any_then_the_star) {
  const auto domains = domains_of(example);
  ASSERT_TRUE(domains) << domains.error().message;
  const struct {
    std::string_view domain, listener, parameters;
  } cases[] = {
      {"Example.COM", "192.0.2.9:25",
       R"({"relay_to":true,"relay_from":[],"log_oob":"Ignore","log_arf":"Ignore"})"},
      {"example.com", "[2001:DB8:0::1]:25",
       R"({"relay_to":false,"relay_from":[],"log_oob":"Ignore","log_arf":"Ignore"})"},
      {"bounce.example.com", "192.0.2.9:25",
       R"({"relay_to":false,"relay_from":[],"log_oob":"LogThenDrop","log_arf":"Ignore"})"},
      {"other.example.com", "192.0.2.9:25",
       R"({"relay_to":false,"relay_from":[],"log_oob":"LogThenRelay","log_arf":"Ignore"})"},
      {"a.b.wild.example", "127.0.0.1:2525",
       R"({"relay_to":true,"relay_from":[],"log_oob":"Ignore","log_arf":"LogThenRelay"})"},
      {"a.b.wild.example", "127.0.0.1:25",
       R"({"relay_to":false,"relay_from":[],"log_oob":"Ignore","log_arf":"Ignore"})"},
      {"www.wild.example", "127.0.0.1:2525",
       R"({"relay_to":false,"relay_from":[],"log_oob":"Ignore","log_arf":"Ignore"})"},
      {"a.xn--bro-hoa.example", "127.0.0.1:25",
       R"({"relay_to":true,"relay_from":[],"log_oob":"Ignore","log_arf":"Ignore"})"},
      {"offen.xn--bro-hoa.example", "127.0.0.1:25",
       R"({"relay_to":false,"relay_from":[],"log_oob":"Ignore","log_arf":"LogThenRelay"})"},
      {"everywhere.example", "not a listener",
       R"({"relay_to":true,"relay_from":[],"log_oob":"Ignore","log_arf":"Ignore"})"},
      {"send.example", "192.0.2.9:25",
       R"({"relay_to":false,"relay_from":["192.0.2.0/24","2001:db8::/32"],"log_oob":"Ignore",
           "log_arf":"Ignore"})"},
  };
  for (const auto& c : cases) {
    const ListenerDomain* found = find_listener_domain(*domains, c.domain, c.listener);
    ASSERT_TRUE(found) << c.domain;
    EXPECT_EQ(json::value(parameters_for(*found, "198.51.100.1:4000", std::nullopt)),
              json::parse(c.parameters))
        << c.domain << ' ' << c.listener;
  }
  EXPECT_EQ(find_listener_domain(*domains_of("['a.example']\nrelay_to = true\n"), "b.test", "*"),
            nullptr);
}

TEST(ListenerDomains, a_listed_identity_relays_from_where_it_is) {
  const auto domains = domains_of(example);
  ASSERT_TRUE(domains) << domains.error().message;
  const ListenerDomain* found = find_listener_domain(*domains, "auth.example", "192.0.2.9:25");
  ASSERT_TRUE(found);
  const struct {
    std::string_view peer;
    std::optional<std::string> authz_id;
    std::string_view relay_from;
  } cases[] = {
      {"198.51.100.1:4000", "john", R"(["198.51.100.1"])"},
      {"[2001:db8::5]:4000", "john", R"(["2001:db8::5"])"},
      {"198.51.100.1:4000", "eve", R"(["192.0.2.0/24"])"},
      {"198.51.100.1:4000", "John", R"(["192.0.2.0/24"])"},
      {"198.51.100.1:4000", {}, R"(["192.0.2.0/24"])"},
      {"nonsense", "john", "[]"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(json::serialize(parameters_for(*found, c.peer, c.authz_id).at("relay_from")),
              c.relay_from)
        << c.peer;
    const auto parameters = parameters_for(*found, c.peer, c.authz_id);
    const json::value* by = parameters.if_contains("relay_from_authz");
    EXPECT_EQ(by != nullptr ? std::string(by->as_string()) : "", c.authz_id == "john" ? "john" : "")
        << "the trace names what permits";
  }
}

TEST(ListenerDomains, mistakes_have_their_place) {
  const struct {
    std::string_view text, message;
  } cases[] = {
      {"['a.example']\nrelay_too = true\n",
       "domains.toml:2: `a.example.relay_too` is not a known key; did you mean `relay_to`?"},
      {"['a.example']\nrelay_to = 'yes'\n",
       "domains.toml:2: `a.example.relay_to` must be true or false, this is text"},
      {"['a.example']\nrelay_from = '192.0.2.1'\n",
       "domains.toml:2: `a.example.relay_from` must be a list of texts, this is text"},
      {"['a.example']\nlog_oob = 'Drop'\n",
       "domains.toml:2: `a.example.log_oob` must be true, false, 'Ignore', 'LogThenDrop' or "
       "'LogThenRelay'"},
      {"relay_to = true\n", "domains.toml:1: `relay_to` must be a table, this is true or false"},
      {"['a.*']\n",
       "domains.toml:1: `a.*` is no domain; write a name, `*.` and a name, or `*`: domain holds an "
       "octet that no label has"},
      {"['']\n",
       "domains.toml:1: `` is no domain; write a name, `*.` and a name, or `*`: domain is "
       "empty"},
      {"\n['ⅷ..example']\n",
       "domains.toml:2: `\\xe2\\x85\\xb7..example` is no domain; write a name, `*.` and a name, or "
       "`*`: domain has an empty label"},
      {"[listener.'127.0.0.1'.'a.example']\n",
       "domains.toml:1: `listener.127.0.0.1` is not a listener: write \"ip:port\", as in "
       "\"192.0.2.1:25\""},
      {"[listener.'127.0.0.1:25'.'a.example']\nx = 1\n",
       "domains.toml:2: `listener.127.0.0.1:25.a.example.x` is not a known key"},
  };
  for (const auto& c : cases) {
    const auto domains = domains_of(std::string(c.text));
    ASSERT_FALSE(domains) << c.text;
    EXPECT_EQ(domains.error().message, c.message);
  }
  const auto host_bits = domains_of("['a.example']\nrelay_from = ['192.0.2.1/24']\n");
  ASSERT_FALSE(host_bits);
  EXPECT_TRUE(host_bits.error().message.starts_with(
      "domains.toml:2: `a.example.relay_from` holds no network: "))
      << host_bits.error().message;
}

TEST(ListenerDomains, that_let_strangers_relay_do_not_load_unless_that_is_known) {
  const std::string open = "['send.example']\nrelay_from = ['0.0.0.0/1', '128.0.0.0/1']\n";
  const auto refused = domains_of(open);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("an open relay"), std::string::npos);
  EXPECT_TRUE(load_listener_domains({*parse_data("domains.toml", open)}, true));
  EXPECT_TRUE(domains_of("['send.example']\nrelay_from = ['10.0.0.0/8', '203.0.0.0/12']\n"));
}

}  // namespace
}  // namespace postern::dialect::kumo
