#include "policy/authentication.h"

#include <gtest/gtest.h>

#include "dns/recorded_resolver.h"
#include "mailauth/dkim/sign.h"
#include "policy/catalogue.h"
#include "policy/testing.h"

namespace postern::policy {
namespace {

using namespace std::chrono_literals;
using testing::from_client;

/// Answers from a zone, counts the questions, and may let each one fail.
class CountingResolver final : public dns::Resolver {
 public:
  explicit CountingResolver(const std::string& zone) : zone_(*dns::RecordedResolver::parse(zone)) {}
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    asked.push_back(question.name);
    limits.push_back(limit);
    dns::Answer answer = co_await zone_->lookup(std::move(question), limit);
    answer.secure = true;
    co_return answer;
  }
  std::vector<std::string> asked;
  std::vector<std::chrono::milliseconds> limits;

 private:
  std::unique_ptr<dns::RecordedResolver> zone_;
};

const mailauth::dkim::SigningKey& alerts_key() {
  static const auto made = *mailauth::dkim::SigningKey::generate_ed25519();
  return made;
}

std::string alerts_zone() {
  return R"({"example.com": {"TXT": ["v=spf1 include:_spf.example.com -all"]},
             "_spf.example.com": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
             "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
             "silent.example.net": "SERVFAIL",
             "s1._domainkey.example.com": {"TXT": [")" +
         alerts_key().public_record() + R"("]}})";
}

std::string signed_report(std::string from = "From: <alerts@example.com>\r\n") {
  const std::string message = from + "Subject: report\r\n\r\nall is well\r\n";
  const auto field = mailauth::dkim::sign_message(
      {{&alerts_key(), "s1"}}, {.domain = "example.com", .selector = "s1", .signed_at = 1700000000},
      message);
  return *field + message;
}

class AuthenticationTest : public ::testing::Test {
 protected:
  MessageAuthentication& begin(const std::string& message) {
    authentication = std::make_unique<MessageAuthentication>(options, caches, resolver);
    authentication->begin(nullptr);
    for (std::size_t at = 0; at < message.size(); at += 7) {
      authentication->feed(std::string_view(message).substr(at, 7));
    }
    return *authentication;
  }
  Task<int> gathered(Need needs) {
    co_await authentication->gather(needs, evidence);
    co_return 0;
  }
  Task<int> reported(Need needs) {
    co_await authentication->report(needs, evidence);
    co_return 0;
  }
  void gather(Need needs) { testing::run(gathered(needs)); }

  AuthenticationOptions options{.receiver = "mx.example.org"};
  AuthenticationCaches caches;
  CountingResolver resolver{alerts_zone()};
  Evidence evidence = from_client("203.0.113.10");
  std::unique_ptr<MessageAuthentication> authentication;
};

constexpr Need everything = Need::spf | Need::dkim | Need::dmarc | Need::arc;

TEST_F(AuthenticationTest, finds_out_who_vouches_for_a_message) {
  begin(signed_report());
  gather(everything);
  EXPECT_EQ(evidence.spf->status, mailauth::spf::Status::pass);
  EXPECT_EQ(evidence.spf->mechanism, "include:_spf.example.com");
  ASSERT_EQ(evidence.dkim->signatures.size(), 1u);
  EXPECT_TRUE(evidence.dkim->signatures[0].acceptable);
  EXPECT_EQ(evidence.dmarc->status, mailauth::dmarc::Status::pass);
  EXPECT_TRUE(evidence.dmarc->spf_aligned);
  EXPECT_TRUE(evidence.dmarc->dkim_aligned);
  EXPECT_EQ(evidence.arc->status, mailauth::arc::Status::none);
  EXPECT_EQ(evidence.author->domains, std::vector<std::string>{"example.com"});
}

TEST_F(AuthenticationTest, asks_each_question_once_and_keeps_the_answers) {
  begin(signed_report());
  gather(Need::spf);
  gather(everything);
  gather(everything);
  testing::run(reported(everything));
  EXPECT_EQ(resolver.asked,
            (std::vector<std::string>{"example.com", "_spf.example.com",
                                      "s1._domainkey.example.com", "_dmarc.example.com"}));
  ASSERT_EQ(evidence.dns.size(), 4u);
  EXPECT_EQ(evidence.dns[3].question.name, "_dmarc.example.com");
  EXPECT_EQ(evidence.dns[3].answer.records, std::vector<std::string>{"v=DMARC1; p=reject"});
  EXPECT_TRUE(evidence.dns[3].answer.secure) << "what DNSSEC said is kept";
}

TEST_F(AuthenticationTest, gathers_only_what_is_asked_for) {
  begin(signed_report());
  gather(Need::dkim);
  EXPECT_FALSE(evidence.spf);
  EXPECT_FALSE(evidence.dmarc);
  EXPECT_EQ(resolver.asked, std::vector<std::string>{"s1._domainkey.example.com"});
}

TEST_F(AuthenticationTest, a_forged_author_fails_dmarc) {
  evidence.reverse_path = mail::Mailbox{"x", "example.org"};
  begin("From: <ceo@example.com>\r\n\r\npay now\r\n");
  gather(Need::dmarc);
  EXPECT_EQ(evidence.dmarc->status, mailauth::dmarc::Status::fail);
  EXPECT_EQ(evidence.dmarc->policy, mailauth::dmarc::Policy::reject);
}

TEST_F(AuthenticationTest, no_author_is_certain_in_a_header_that_is_read_in_two_ways) {
  for (const char* from :
       {" From: <a@example.org>\r\nFrom: <a@example.com>\r\n",
        "From: <a@example.com>\r\nFrom: <a@example.org>\r\n", "From : <a@example.com>\r\n", ""}) {
    evidence.reset_transaction();
    begin(from + std::string("\r\nhello\r\n"));
    gather(Need::dmarc);
    EXPECT_EQ(evidence.dmarc->status, mailauth::dmarc::Status::permerror) << from;
  }
}

TEST_F(AuthenticationTest, one_rule_of_doubt_for_dkim_dmarc_and_arc) {
  begin("From someone Mon Jan 15\r\n" + signed_report());
  gather(Need::spf | Need::dkim | Need::dmarc | Need::arc);
  ASSERT_EQ(evidence.dkim->signatures.size(), 1u);
  EXPECT_EQ(evidence.dkim->signatures[0].status, mailauth::dkim::Status::pass);
  EXPECT_FALSE(evidence.dkim->any_acceptable()) << "require_dkim let it in";
  EXPECT_EQ(evidence.dmarc->status, mailauth::dmarc::Status::permerror);
  EXPECT_EQ(checks::dkim_signed.judge(evidence, DomainSet()).reply.to_string(),
            "550 5.7.21 no acceptable DKIM signature of a permitted domain found");
}

TEST_F(AuthenticationTest, the_header_is_kept_once) {
  std::string fields;
  while (fields.size() < 300'000) fields += "X-Long: " + std::string(900, 'x') + "\r\n";
  begin(fields);
  EXPECT_GT(authentication->memory(), fields.size());
  EXPECT_LT(authentication->memory(), 2 * fields.size() + 8192);
}

TEST_F(AuthenticationTest, each_verdict_is_timed_once) {
  static std::vector<std::string> timed;
  timed.clear();
  authentication = std::make_unique<MessageAuthentication>(
      options, caches, resolver, [](std::string_view verdict, std::chrono::nanoseconds took) {
        EXPECT_GE(took.count(), 0);
        timed.emplace_back(verdict);
      });
  authentication->begin(nullptr);
  gather(Need::spf);
  EXPECT_EQ(timed, std::vector<std::string>{"spf"});
  gather(everything);
  gather(everything);
  EXPECT_EQ(timed, (std::vector<std::string>{"spf", "dkim", "dmarc", "arc"}));
}

TEST_F(AuthenticationTest, without_a_message_there_are_no_signatures) {
  authentication = std::make_unique<MessageAuthentication>(options, caches, resolver);
  gather(everything);
  EXPECT_EQ(evidence.spf->status, mailauth::spf::Status::pass);
  EXPECT_TRUE(evidence.dkim->signatures.empty());
  EXPECT_EQ(evidence.arc->status, mailauth::arc::Status::none);
  EXPECT_EQ(evidence.dmarc->status, mailauth::dmarc::Status::permerror);
}

TEST_F(AuthenticationTest, questions_beyond_the_budget_fail) {
  options.queries = 2;
  begin(signed_report());
  gather(everything);
  EXPECT_EQ(resolver.asked.size(), 2u);
  EXPECT_EQ(evidence.spf->status, mailauth::spf::Status::pass);
  EXPECT_EQ(evidence.dkim->signatures[0].status, mailauth::dkim::Status::temperror);
  EXPECT_EQ(evidence.dns[2].answer.status, dns::Status::server_failure) << "kept like any answer";
}

TEST_F(AuthenticationTest, the_budget_is_the_messages_and_not_the_gathers) {
  options.queries = 2;
  begin(signed_report());
  gather(Need::spf);
  gather(Need::dkim);
  EXPECT_EQ(resolver.asked.size(), 2u);
  EXPECT_EQ(evidence.dkim->signatures[0].status, mailauth::dkim::Status::temperror);
}

TEST_F(AuthenticationTest, when_time_is_up_nothing_more_is_asked) {
  options.report_within = 0ms;
  begin(signed_report());
  testing::run(reported(everything));
  EXPECT_TRUE(resolver.asked.empty());
  EXPECT_EQ(evidence.spf->status, mailauth::spf::Status::temperror);
  EXPECT_EQ(evidence.dkim->signatures[0].status, mailauth::dkim::Status::temperror);
  EXPECT_EQ(evidence.dmarc->status, mailauth::dmarc::Status::temperror);
}

TEST_F(AuthenticationTest, a_question_has_its_own_limit_within_the_whole) {
  options.question_within = 700ms;
  begin(signed_report());
  gather(Need::dkim);
  options.question_within = 5s;
  options.report_within = 900ms;
  evidence.reset_transaction();
  begin(signed_report());
  testing::run(reported(Need::dkim));
  ASSERT_EQ(resolver.limits.size(), 2u);
  EXPECT_EQ(resolver.limits[0], 700ms);
  EXPECT_LE(resolver.limits[1], 900ms);
}

TEST_F(AuthenticationTest, silence_of_dns_is_temporary) {
  evidence.reverse_path = mail::Mailbox{"x", "silent.example.net"};
  begin(signed_report());
  gather(Need::spf);
  EXPECT_EQ(evidence.spf->status, mailauth::spf::Status::temperror);
}

TEST_F(AuthenticationTest, a_null_reverse_path_is_judged_by_helo) {
  evidence.reverse_path.reset();
  evidence.session.helo = "example.com";
  begin(signed_report());
  gather(Need::spf);
  EXPECT_EQ(evidence.spf->status, mailauth::spf::Status::pass);
  EXPECT_EQ(evidence.spf->domain, "example.com");
}

TEST_F(AuthenticationTest, listed_domains_go_first_through_a_flood_of_signatures) {
  std::string junk;
  for (int i = 0; i < 100; ++i) {
    junk += "DKIM-Signature: v=1; a=ed25519-sha256; d=junk" + std::to_string(i) +
            ".example.org; s=x; h=from; bh=AAAA; b=AAAA\r\n";
  }
  const std::string message = junk + signed_report("From: <a@example.net>\r\n");
  const DomainSet listed({"example.com"});
  authentication = std::make_unique<MessageAuthentication>(options, caches, resolver);
  authentication->begin(&listed);
  authentication->feed(message);
  gather(Need::dkim);
  ASSERT_EQ(evidence.dkim->signatures.size(), 101u);
  EXPECT_TRUE(evidence.dkim->signatures[100].acceptable);
  EXPECT_LE(resolver.asked.size(), 10u);
}

}  // namespace
}  // namespace postern::policy
