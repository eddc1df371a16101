#include "net/forwarded.h"

#include <gtest/gtest.h>

#include "base/subscriber.h"

namespace postern::net {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

CidrSet networks(std::initializer_list<const char*> texts) {
  std::vector<Cidr> all;
  for (const char* text : texts) all.push_back(*Cidr::parse(text));
  return CidrSet(std::move(all));
}

/// Behind a proxy on loopback and one in 10.0.0.0/8.
std::string forwarded_client(const Headers& headers, const char* peer = "127.0.0.1") {
  const CidrSet trusted = networks({"127.0.0.0/8", "::1/128", "10.0.0.0/8"});
  return client_of(headers, *IpAddress::parse(peer), trusted).to_string();
}
std::string by_list(const std::string& value) {
  return forwarded_client({{"x-forwarded-for", value}});
}
std::string by_rfc(const std::string& value) { return forwarded_client({{"forwarded", value}}); }

TEST(Forwarded, is_believed_from_trusted_proxies_only) {
  EXPECT_EQ(forwarded_client({{"x-forwarded-for", "203.0.113.9"}}, "192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(forwarded_client({{"forwarded", "for=203.0.113.9"}}, "192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(forwarded_client({{"x-forwarded-for", "203.0.113.9"}}, "10.9.9.9"), "203.0.113.9");
  EXPECT_EQ(forwarded_client({{"x-forwarded-for", "203.0.113.9"}}, "::1"), "203.0.113.9");
  EXPECT_EQ(forwarded_client({}), "127.0.0.1");
  EXPECT_EQ(client_of({{"x-forwarded-for", "203.0.113.9"}}, *IpAddress::parse("127.0.0.1"), {})
                .to_string(),
            "127.0.0.1");
}

TEST(Forwarded, the_rightmost_hop_that_is_no_proxy_is_the_client) {
  EXPECT_EQ(by_list("198.51.100.1, 203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(by_list("198.51.100.1, 203.0.113.9, 10.0.0.7"), "203.0.113.9");
  EXPECT_EQ(by_rfc("for=198.51.100.1, for=203.0.113.9;proto=https, for=10.0.0.7"), "203.0.113.9");
  // Several fields are one list (RFC 9110 §5.3).
  EXPECT_EQ(
      forwarded_client({{"x-forwarded-for", "198.51.100.1"}, {"x-forwarded-for", "203.0.113.9"}}),
      "203.0.113.9");
  EXPECT_EQ(by_list("10.0.0.8, 10.0.0.7"), "10.0.0.8") << "all are trusted: the first one";
}

TEST(Forwarded, takes_ports) {
  EXPECT_EQ(by_list("192.0.2.1:4711"), "192.0.2.1");
  EXPECT_EQ(by_list("[2001:db8::1]:4711"), "2001:db8::1");
  EXPECT_EQ(by_list("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(by_list("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(by_list("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(by_rfc("for=192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(by_rfc(R"(for="192.0.2.1:4711")"), "192.0.2.1");
  EXPECT_EQ(by_rfc(R"(For="[2001:db8::1]:4711";by=203.0.113.60)"), "2001:db8::1");
  EXPECT_EQ(by_rfc(R"(for="[2001:db8::1]:_hidden")"), "2001:db8::1");
  EXPECT_EQ(by_rfc("for=192.0.2.1:4711"), "192.0.2.1") << "not quoted, but with one reading";
  EXPECT_EQ(by_rfc(R"(by="a, for=198.51.100.1" ; FOR="192.0.2\.1")"), "192.0.2.1");
}

TEST(Forwarded, what_cannot_be_read_names_nobody) {
  for (const char* value :
       {"unknown", "_hidden", "203.0.113.9:", "203.0.113.9:70000", "203.0.113.9:x", "203.0.113.09",
        "203.0.113.9 198.51.100.1", "[203.0.113.9]:1", "[2001:db8::1", "x", "2001:db8::1%eth0",
        "[2001:db8::1]x", "198.51.100.1, unknown"}) {
    EXPECT_EQ(by_list(value), "unknown") << value;
  }
  for (const char* value :
       {"for=unknown", "for=_hidden", "for", "for=", "=203.0.113.9", "proto=https",
        "for=203.0.113.9;for=198.51.100.1", R"(for="203.0.113.9)", R"(for="203.0.113.9\)",
        "for=203.0.113.9 x", "for =203.0.113.9", R"(for="203.0.113.9"x)", "203.0.113.9",
        R"(for="x", for="203.0.113.9" y, for=198.51.100.1)"}) {
    EXPECT_EQ(by_rfc(value), "unknown") << value;
  }
  EXPECT_EQ(by_list("203.0.113.9, unknown, 10.0.0.7"), "unknown");
  EXPECT_EQ(by_list("x, 203.0.113.9"), "203.0.113.9") << "behind the client anything may stand";
}

TEST(Forwarded, a_field_of_the_clients_own_does_not_name_it) {
  EXPECT_EQ(
      forwarded_client({{"forwarded", "for=198.51.100.1"}, {"x-forwarded-for", "203.0.113.9"}}),
      "unknown");
  EXPECT_EQ(
      forwarded_client({{"forwarded", "for=\"198.51.100.1"}, {"x-forwarded-for", "203.0.113.9"}}),
      "unknown");
  EXPECT_EQ(forwarded_client({{"forwarded", "for=\"198.51.100.1, for=203.0.113.9"}}), "unknown");
  EXPECT_EQ(
      forwarded_client({{"forwarded", "for=203.0.113.9"}, {"x-forwarded-for", "203.0.113.9:5"}}),
      "203.0.113.9");
  // The proxy's own field is parsed separately, even if the client left a quote open.
  EXPECT_EQ(
      forwarded_client({{"forwarded", "for=\"198.51.100.1"}, {"forwarded", "for=203.0.113.9"}}),
      "203.0.113.9");
}

TEST(Forwarded, nobody_is_in_no_network_and_in_a_bucket_of_nobodys) {
  const CidrSet trusted = networks({"127.0.0.0/8"});
  const IpAddress nobody =
      client_of({{"forwarded", "for=unknown"}}, *IpAddress::parse("127.0.0.1"), trusted);
  EXPECT_FALSE(networks({"0.0.0.0/0", "::/0"}).contains(nobody));
  for (const char* text : {"::", "::1", "0.0.0.0", "127.0.0.1"}) {
    EXPECT_NE(subscriber_key(nobody), subscriber_key(*IpAddress::parse(text))) << text;
  }
  EXPECT_NE(subscriber_key(nobody), "") << "it is counted";
}

TEST(Forwarded, empty_elements_are_nothing) {
  EXPECT_EQ(by_list(" , 203.0.113.9 ,, "), "203.0.113.9");
  EXPECT_EQ(by_rfc(" , for=203.0.113.9 ,, "), "203.0.113.9");
  EXPECT_EQ(by_list(""), "127.0.0.1");
  EXPECT_EQ(by_rfc(""), "127.0.0.1");
}

}  // namespace
}  // namespace postern::net
