#include "dialect/kumo/auth_results.h"

#include <gmock/gmock.h>

#include "dialect/kumo/hooks_test.h"
#include "mailauth/dkim/sign.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const mailauth::dkim::SigningKey& key() {
  static const auto made = *mailauth::dkim::SigningKey::generate_ed25519();
  return made;
}

std::string records() {
  return R"({"example.com": {"TXT": ["v=spf1 ip4:203.0.113.0/24 -all"]},
             "other.example": {"TXT": ["v=spf1 -all"]},
             "mx.example.com": {"TXT": ["v=spf1 a -all"], "A": ["203.0.113.10"]},
             "10.113.0.203.in-addr.arpa": {"PTR": ["mx.example.com"]},
             "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
             "s1._domainkey.example.com": {"TXT": [")" +
         key().public_record() + R"("]}})";
}

class AuthResults : public testing::Hooks {
 protected:
  AuthResults() { zone(records()); }

  /// A message with this number of signatures.
  static std::string message(int signatures) {
    std::string text =
        "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=forged.example\r\n"
        "Authentication-Results: other.example.net; spf=pass\r\n"
        "From: <alerts@example.com>\r\nSubject: report\r\n\r\nall is well\r\n";
    std::string fields;
    for (int i = 0; i < signatures; ++i) {
      fields += *mailauth::dkim::sign_message(
          {{&key(), "s1"}},
          {.domain = "example.com", .selector = "s1", .signed_at = 1700000000 + i}, text);
    }
    return fields + text;
  }
  /// The lines that a handler of the message logs.
  std::vector<std::string> of_message(const std::string& body, int signatures = 1) {
    evidence_.session.script.reset();  // a session keeps the policy it began with
    load("kumo.on('smtp_server_message_received', function(msg, conn_meta) " + body + " end)");
    recipients({"anna"});
    receive(message(signatures));
    EXPECT_EQ(verdict(policy::Stage::message), "pass") << decision_.steps.back().verdict.detail;
    return said();
  }
};

TEST_F(AuthResults, signatures_are_a_list_of_results) {
  EXPECT_THAT(of_message("local r = msg:dkim_verify() local one = r[1] "
                         "kumo.log_info(#r, one.method, one.method_version, one.result, "
                         "one.props['header.d'], one.props['header.s'], tostring(one.reason))"),
              ElementsAre("1 dkim 1 pass example.com s1 nil"));
}

TEST_F(AuthResults, an_unsigned_message_has_none_and_a_flood_has_ten) {
  EXPECT_THAT(of_message("kumo.log_info(#msg:dkim_verify(), msg:arc_verify().result)", 0),
              ElementsAre("0 none"));
  world_.lines.clear();
  zone(records());
  evidence_.dkim.reset();
  evidence_.arc.reset();
  EXPECT_THAT(of_message("kumo.log_info(#msg:dkim_verify())", 12), ElementsAre("10"));
}

TEST_F(AuthResults, verdicts_are_found_out_once_whoever_asks) {
  of_message(
      "msg:dkim_verify() msg:dkim_verify() kumo.spf.check_msg(msg) "
      "kumo.spf.check_host('example.com', conn_meta, 'alerts@example.com')");
  EXPECT_EQ(gatherer_->gathered, 2);
  ASSERT_TRUE(evidence_.spf);
  EXPECT_EQ(evidence_.spf->status, mailauth::spf::Status::pass);
}

TEST_F(AuthResults, check_host_asks_about_any_domain) {
  load(
      "kumo.on('smtp_server_mail_from', function(sender, conn_meta) "
      "for _, one in ipairs { {'example.com', sender.email}, {'other.example', 'a@other.example'}, "
      "{'mx.example.com'}, {'nothing.example'} } do "
      "local r = kumo.spf.check_host(one[1], conn_meta, one[2]) "
      "kumo.log_info(r.disposition, r.result.result, r.result.props['smtp.mailfrom'] or '-', "
      "r.result.props['smtp.helo'] or '-') end end)");
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
  EXPECT_THAT(said(), ElementsAre("pass pass alerts@example.com -", "fail fail a@other.example -",
                                  "pass pass - mx.example.com", "none none - nothing.example"));
  EXPECT_EQ(gatherer_->gathered, 1) << "of the envelope, and of nothing else";
  EXPECT_GT(evidence_.dns.size(), 3u) << "every answer stays in the record";
}

TEST_F(AuthResults, a_null_sender_is_judged_by_its_helo_name) {
  evidence_.reverse_path.reset();
  load(
      "kumo.on('smtp_server_mail_from', function(sender, conn_meta) "
      "local r = kumo.spf.check_host('mx.example.com', conn_meta) "
      "kumo.log_info(r.disposition, r.result.props['smtp.helo']) end)");
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
  EXPECT_THAT(said(), ElementsAre("pass mx.example.com"));
  EXPECT_EQ(gatherer_->gathered, 1);
}

TEST_F(AuthResults, a_field_takes_the_place_of_forged_ones) {
  of_message(
      "msg:add_authentication_results('mx.example.org', { "
      "{ method = 'spf', result = 'pass', reason = 'a \"b\"', props = { ['smtp.mailfrom'] = 'x; "
      "dkim=pass' } } })");
  ASSERT_EQ(evidence_.copies.size(), 1u);
  const std::string& header = *evidence_.copies[0].header;
  EXPECT_THAT(header, StartsWith("Authentication-Results: mx.example.org;"));
  EXPECT_THAT(header, Not(HasSubstr("forged.example")));
  EXPECT_THAT(header, HasSubstr("other.example.net"));
  EXPECT_THAT(header, HasSubstr("\"x; dkim=pass\"")) << "a value stays a value";
  EXPECT_THAT(evidence_.copies[0].results_of, ElementsAre("mx.example.org"));
}

TEST_F(AuthResults, what_is_no_result_is_an_error) {
  const struct {
    std::string arguments, error;
  } cases[] = {
      {"'mx', 'x'", "a list of AuthenticationResult is expected"},
      {"'mx', { 'x' }", "a list of AuthenticationResult is expected"},
      {"'mx', { { method = 'spf' } }", "an AuthenticationResult needs a string `result`"},
      {"'mx', { { method = 'a b', result = 'pass' } }",
       "'a b' cannot be a name in Authentication-Results"},
      {"'mx', { { method = 'spf', result = 'pass\\r\\nX: y' } }", "cannot be a name"},
      {"'mx', { { method = 'spf', result = 'pass', props = { x = 'y' } } }", "names like"},
      {"'', {}", "a host name is expected"},
  };
  for (const auto& one : cases) {
    world_.lines.clear();
    EXPECT_THAT(of_message("local _, e = pcall(msg.add_authentication_results, msg, " +
                           one.arguments + ") kumo.log_info(e)"),
                ElementsAre(HasSubstr(one.error)))
        << one.arguments;
    EXPECT_FALSE(evidence_.copies[0].header);
  }
}

TEST_F(AuthResults, mail_auth_checks_all_and_writes_the_field) {
  evidence_.session.auth = policy::Authentication{.username = "scott", .mechanism = "PLAIN"};
  EXPECT_THAT(of_message("local r = require('policy-extras.mail_auth').check(msg) "
                         "kumo.log_info(r.dkim[1].result, r.spf.result, r.iprev.result, "
                         "r.smtp_auth.result, r.dmarc.result, r.arc.result, #r.auth_results)"),
              ElementsAre("pass pass pass pass pass none 6"));
  const std::string& header = *evidence_.copies[0].header;
  EXPECT_THAT(header, StartsWith("Authentication-Results: mx.example.org;"));
  for (const char* part : {"dkim=pass", "spf=pass", "iprev=pass", "policy.iprev=203.0.113.10",
                           "auth=pass", "smtp.auth=scott", "dmarc=pass", "arc=none"}) {
    EXPECT_THAT(header, HasSubstr(part));
  }
}

TEST_F(AuthResults, a_tenants_login_authenticates_nobody) {
  evidence_.session.auth = policy::Authentication{.username = "scott", .tenant = true};
  EXPECT_THAT(of_message("kumo.log_info(kumo.postern.smtp_auth().result)"), ElementsAre("none"));
}

TEST_F(AuthResults, mail_auth_leaves_out_what_it_is_told_to) {
  EXPECT_THAT(of_message("local r = require('policy-extras.mail_auth').check(msg, { dkim = false, "
                         "iprev = false, arc = false, dmarc = false, smtp_auth = false, "
                         "add_auth_results_header = false }) "
                         "kumo.log_info(tostring(r.dkim), tostring(r.arc), r.spf.result, "
                         "#r.auth_results)"),
              ElementsAre("nil nil pass 1"));
  EXPECT_FALSE(evidence_.copies[0].header);
  world_.lines.clear();
  EXPECT_THAT(of_message("local _, e = pcall(require('policy-extras.mail_auth').check, msg, "
                         "{ dkmi = true }) kumo.log_info(e)"),
              ElementsAre(HasSubstr("`dkmi` is no option of mail_auth.check")));
}

TEST_F(AuthResults, mail_auth_gives_results_as_they_are_documented) {
  // The values that a policy written for KumoMTA reads.
  const struct {
    std::string options, value, found;
  } cases[] = {
      {"", "r.spf.method", "spf"},
      {"", "r.spf.result", "fail"},
      {"", "r.spf.props['smtp.mailfrom']", "a@other.example"},
      {"", "r.spf.disposition", "nil"},
      {"", "#r.dkim", "1"},
      {"", "r.dkim[1].method", "dkim"},
      {"", "r.dkim[1].result", "none"},
      {"", "r.dkim[1].reason", "not signed"},
      {"", "#r.auth_results", "6"},
      {"", "r.auth_results[1] == r.dkim[1] and r.auth_results[2] == r.spf", "true"},
      {"{ dkim = false }", "r.dkim", "nil"},
      {"", "r.iprev.props['smtp.remote-ip']", "203.0.113.10"},
      {"", "r.smtp_auth.result", "none"},
      {"", "r.smtp_auth.props['smtp.mailfrom']", "a@other.example"},
      {"", "field()", "mx.example.org"},
      {"{ server_id = 'auth.example' }", "field()", "auth.example"},
      {"{ server_id = 5 }", "r", "nil"},
      {"{ server_id = 'auth.example', add_auth_results_header = false }", "field()",
       "mx.example.org"},
  };
  evidence_.reverse_path = mail::Mailbox{"a", "other.example"};
  for (const auto& one : cases) {
    evidence_.copies.clear();
    world_.lines.clear();
    of_message("local _, r = pcall(require('policy-extras.mail_auth').check, msg" +
                   (one.options.empty() ? "" : ", " + one.options) +
                   ") if type(r) ~= 'table' then r = nil end "
                   "local function field() return msg:get_first_named_header_value("
                   "'Authentication-Results'):match '^[^;]+' end "
                   "kumo.log_info(tostring(" +
                   one.value + "))",
               0);
    EXPECT_THAT(said(), ElementsAre(one.found)) << one.options << " " << one.value;
  }
}

TEST_F(AuthResults, mail_auth_asks_for_the_name_of_an_address) {
  const struct {
    std::string call, result;
  } cases[] = {
      {"iprev_msg(msg)", "pass nil"},
      {"iprev('203.0.113.10')", "pass nil"},
      {"iprev('[203.0.113.10]:25')", "pass nil"},
      {"iprev('203.0.113.11', 'own')", "permerror the address has no name"},
      {"iprev('nobody')", "`nobody` is no IP address"},
  };
  for (const auto& one : cases) {
    world_.lines.clear();
    of_message(
        "local mail_auth = require('policy-extras.mail_auth') "
        "local ok, r = pcall(function() return mail_auth." +
        one.call + " end) kumo.log_info(ok and r.result or r, tostring(ok and r.reason or nil))");
    EXPECT_THAT(said(), ElementsAre(HasSubstr(one.result))) << one.call;
  }
}

TEST_F(AuthResults, a_client_without_a_name_fails_iprev) {
  const struct {
    std::string zone, result;
  } cases[] = {
      {"{}", "permerror"},
      {R"({"10.113.0.203.in-addr.arpa": {"PTR": ["a.example"]}, "a.example": {"A": ["192.0.2.9"]}})",
       "fail"},
      {R"({"10.113.0.203.in-addr.arpa": "SERVFAIL"})", "temperror"},
  };
  for (const auto& one : cases) {
    world_.lines.clear();
    evidence_.dns.clear();
    zone(one.zone);
    EXPECT_THAT(of_message("kumo.log_info(kumo.postern.iprev().result)"), ElementsAre(one.result));
  }
}

TEST_F(AuthResults, the_record_answers_again) {
  of_message(
      "if msg:dkim_verify()[1].result == 'pass' and kumo.spf.check_msg(msg).disposition == 'pass' "
      "then msg:set_meta('x', 'y') end");
  const auto record = decision_.script;
  EXPECT_FALSE(record.empty());
  tape_ = policy::Tape::of(record);
  evidence_.spf.reset();
  evidence_.dkim.reset();
  zone("{}");
  EXPECT_EQ(verdict(policy::Stage::message), "pass");
  ASSERT_EQ(evidence_.copies.size(), 1u);
  EXPECT_EQ(evidence_.copies[0].meta.at("x").as_string(), "y");
  EXPECT_EQ(gatherer_->gathered, 0);
}

}  // namespace
}  // namespace postern::dialect::kumo
