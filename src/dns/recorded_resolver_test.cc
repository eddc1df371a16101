#include "dns/recorded_resolver.h"

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "dns/lookup_test.h"

namespace postern::dns {
namespace {

using namespace std::chrono_literals;
using Records = std::vector<std::string>;

constexpr const char* zone = R"({"zone": {
  "Example.com.": {"A": ["192.0.2.1"], "MX": [[10, "MX.example.com."]], "TXT": [["v=spf1 ", "-all"], {"hex": "00ff"}], "AAAA": "SERVFAIL"},
  "alias.example.com": {"CNAME": ["example.com"]},
  "loop.example.com": {"CNAME": ["loop.example.com"]},
  "*.wild.example.com": {"TXT": ["anything"]},
  "deep.below.example.com": {"A": ["192.0.2.3"]},
  "tls.example.com": {"TLSA": [[3, 1, 1, "ABCD"], "2 0 1 EF"], "!": {"ad": true, "ttl": 7}},
  "ca.example.com": {"CAA": ["0 issue ca.example", {"hex": "3020697373756520ff"}]},
  "silent.example.com": "timeout",
  "other.example.com": {"A": ["192.0.2.4"], "*": "REFUSED"},
  "once.example.com": {"A": ["192.0.2.5"], "!": {"fault": "SERVFAIL", "times": 1}},
  "slow.example.com": {"A": ["192.0.2.6"], "!": {"delay_ms": 3000, "types": ["A"]}, "AAAA": ["2001:DB8::6"]},
  "big.example.com": {"TXT": ["long"], "!": "TRUNCATE"},
  "1.2.0.192.in-addr.arpa": {"PTR": ["Host.Example.com."]},
  "ns.example.com": {"NS": ["whatever"], "SOA": ["a", "b", 1, 2, 3, 4, 5]}
}})";

class RecordedZone : public testing::Test {
 protected:
  void SetUp() override {
    auto parsed = RecordedResolver::parse(zone);
    ASSERT_TRUE(parsed) << parsed.error().message;
    resolver_ = std::move(*parsed);
  }
  Answer answer(std::string name, Type type, std::chrono::milliseconds limit = 5s) {
    return lookup(*resolver_, std::move(name), type, limit);
  }
  std::unique_ptr<RecordedResolver> resolver_;
};

TEST_F(RecordedZone, gives_records_in_their_text_forms) {
  EXPECT_EQ(answer("EXAMPLE.com", Type::a).records, Records{"192.0.2.1"});
  EXPECT_EQ(answer("example.com", Type::mx).records, Records{"10 mx.example.com"});
  EXPECT_EQ(answer("example.com", Type::txt).records,
            (Records{"v=spf1 -all", std::string("\0\xff", 2)}));
  EXPECT_EQ(answer("ca.example.com", Type::caa).records,
            (Records{"0 issue ca.example", "0 issue \xff"}));
  EXPECT_EQ(answer("1.2.0.192.in-addr.arpa", Type::ptr).records, Records{"host.example.com"});
  EXPECT_EQ(answer("slow.example.com", Type::aaaa).records, Records{"2001:db8::6"});
  const Answer tlsa = answer("tls.example.com", Type::tlsa);
  EXPECT_EQ(tlsa.records, (Records{"3 1 1 abcd", "2 0 1 ef"}));
  EXPECT_TRUE(tlsa.secure);
  EXPECT_EQ(tlsa.ttl, 7s);
}

TEST_F(RecordedZone, follows_aliases_and_wildcards) {
  const Answer found = answer("alias.example.com", Type::a);
  EXPECT_EQ(found.records, Records{"192.0.2.1"});
  EXPECT_EQ(found.canonical_name, "example.com");
  EXPECT_EQ(answer("alias.example.com", Type::cname).records, Records{"example.com"});
  EXPECT_EQ(answer("loop.example.com", Type::a).status, Status::server_failure);
  EXPECT_EQ(answer("a.b.wild.example.com", Type::txt).records, Records{"anything"});
  EXPECT_EQ(answer("a.wild.example.com", Type::a).status, Status::no_data);
}

TEST_F(RecordedZone, tells_no_data_from_no_name_from_faults) {
  EXPECT_EQ(answer("absent.example.com", Type::a).status, Status::nx_domain);
  EXPECT_EQ(answer("below.example.com", Type::a).status, Status::no_data);
  EXPECT_EQ(answer("example.com", Type::tlsa).status, Status::no_data);
  EXPECT_EQ(answer("example.com", Type::aaaa).status, Status::server_failure);
  EXPECT_EQ(answer("silent.example.com", Type::txt).status, Status::timeout);
  EXPECT_EQ(answer("other.example.com", Type::a).status, Status::found);
  EXPECT_EQ(answer("other.example.com", Type::txt).status, Status::server_failure);
  EXPECT_EQ(answer("big.example.com", Type::txt).records, Records{"long"});
  EXPECT_EQ(answer("ns.example.com", Type::a).status, Status::no_data);
}

TEST_F(RecordedZone, knows_faults_that_pass_and_delays) {
  EXPECT_EQ(answer("once.example.com", Type::a).status, Status::server_failure);
  EXPECT_EQ(answer("once.example.com", Type::a).status, Status::found);
  EXPECT_EQ(answer("slow.example.com", Type::a, 2s).status, Status::timeout);
  EXPECT_EQ(answer("slow.example.com", Type::a, 4s).status, Status::found);
}

TEST(RecordedAnswers, are_given_back_as_they_were) {
  auto parsed = RecordedResolver::parse(R"([
    {"name": "a.example.com", "type": "TXT", "status": "found", "records": ["v=spf1 -all", {"base64": "/w=="}], "secure": true, "ttl": 30},
    {"name": "a.example.com", "type": 1, "status": "bogus", "records": [], "secure": false, "ttl": 0},
    {"name": "gone.example.com", "type": 1, "status": "nx_domain"}])");
  ASSERT_TRUE(parsed) << parsed.error().message;
  const Answer text = lookup(**parsed, "A.example.com.", Type::txt);
  EXPECT_EQ(text, (Answer{.status = Status::found,
                          .records = {"v=spf1 -all", "\xff"},
                          .secure = true,
                          .ttl = 30s}));
  EXPECT_EQ(lookup(**parsed, "a.example.com", Type::a).status, Status::bogus);
  EXPECT_EQ(lookup(**parsed, "a.example.com", Type::aaaa).status, Status::no_data);
  EXPECT_EQ(lookup(**parsed, "b.example.com", Type::a).status, Status::nx_domain);
  EXPECT_EQ(lookup(**parsed, "gone.example.com", Type::txt).status, Status::nx_domain);
}

TEST(RecordedResolver, names_what_it_cannot_read) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "not JSON"},
      {"7", "the file cannot be read: a zone is {\"example.org\": {"},
      {R"({"bad.example.com": {"A": ["999.0.2.1"]}})",
       "bad.example.com cannot be read: A has \"999.0.2.1\"; it is a list such as "
       "[\"192.0.2.1\"], or one of the failures \"NXDOMAIN\", "},
      {R"({"bad.example.com": {"A": "192.0.2.1"}})", "A has \"192.0.2.1\"; it is a list such as ["},
      {R"({"bad.example.com": {"A": "SULKING"}})", "A has \"SULKING\"; it is"},
      {R"({"bad.example.com": {"A": {"ip": "192.0.2.1"}}})", "A has {\"ip\":\"192.0.2.1\"};"},
      {R"({"bad.example.com": {"AAAA": ["x"]}})", "such as [\"2001:db8::1\"]"},
      {R"({"bad.example.com": {"MX": ["10 mx.example.com"]}})",
       "MX has \"10 mx.example.com\"; it is a list such as [[10, \"mx.example.org\"]]"},
      {R"({"bad.example.com": {"MX": [10, "mx.example.com"]}})", "MX has 10; it is"},
      {R"({"bad.example.com": {"MX": [[10]]}})", "MX has [10]; it is"},
      {R"({"bad.example.com": {"MX": [["ten", "mx.example.com"]]}})", "such as [[10, "},
      {R"({"bad.example.com": {"TXT": "v=spf1 -all"}})", "such as [\"v=spf1 -all\"]"},
      {R"({"bad.example.com": {"TXT": [7]}})", "TXT has 7; it is"},
      {R"({"bad.example.com": {"CNAME": [7]}})", "such as [\"host.example.org\"]"},
      {R"({"bad.example.com": {"TLSA": [7]}})", "such as [[3, 1, 1, "},
      {R"({"bad.example.com": {"*": "SULKING"}})", "`*` has \"SULKING\"; it is one of"},
      {R"({"bad.example.com": ["192.0.2.1"]})", "it is [\"192.0.2.1\"], and not record types"},
      {R"({"bad.example.com": "192.0.2.1"})", "it is \"192.0.2.1\", and not record types"},
      {R"({"bad.example.com": null})", "it is null, and not record types"},
      {R"([{"name": "a", "type": "A", "status": "found"}, {"name": "a", "type": "LOC", "status": "found"}])",
       "answer 2 cannot be read: an answer is {\"name\": "}};
  for (const auto& [text, word] : cases) {
    const auto parsed = RecordedResolver::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().fault, Fault::malformed);
    EXPECT_NE(parsed.error().message.find(word), std::string::npos) << parsed.error().message;
  }
}

TEST(RecordedResolver, reads_the_zones_of_the_suites) {
  for (const char* name : {"conduit/dns/zone.json"}) {
    const auto parsed = RecordedResolver::parse(
        tests::read_file(std::string(POSTERN_SOURCE_DIR "/tests/suites/") + name));
    EXPECT_TRUE(parsed) << name << ": " << parsed.error().message;
  }
}

TEST(RecordedVerdicts, an_answer_is_as_secure_as_its_steps) {
  const auto resolver = RecordedResolver::parse(R"({"zone": {
    "signed.example": {"A": ["192.0.2.1"]},
    "a.signed.example": {"CNAME": ["signed.example"]},
    "b.signed.example": {"CNAME": ["plain.example"]},
    "plain.example": {"A": ["192.0.2.2"]}, "bad.signed.example": {"A": ["192.0.2.3"]}},
    "sec": {"default": "insecure", "secure": ["Signed.example."],
            "overrides": {"bad.signed.example/A": "bogus"}}})");
  ASSERT_TRUE(resolver) << resolver.error().message;
  const auto answer = [&](const char* name, Type type = Type::a) {
    return lookup(**resolver, name, type);
  };
  EXPECT_TRUE(answer("signed.example").secure);
  EXPECT_TRUE(answer("a.signed.example").secure);
  EXPECT_FALSE(answer("b.signed.example").secure);
  EXPECT_TRUE(answer("b.signed.example", Type::cname).secure);
  EXPECT_FALSE(answer("plain.example").secure);
  EXPECT_TRUE(answer("none.signed.example").secure) << "the denial is signed";
  EXPECT_EQ(answer("none.signed.example").status, Status::nx_domain);
  EXPECT_EQ(answer("bad.signed.example").status, Status::bogus);
  EXPECT_EQ(answer("bad.signed.example", Type::aaaa).status, Status::no_data);
  EXPECT_FALSE(RecordedResolver::parse(R"({"zone": {}, "sec": {"default": "perhaps"}})"));
}

}  // namespace
}  // namespace postern::dns
