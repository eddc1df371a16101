#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/kumo/hooks_test.h"
#include "policy/trace.h"
#include "replay/rederive.h"

namespace postern::dialect::kumo {
namespace {

using policy::Stage;
using ::testing::IsEmpty;

constexpr const char* closed = "550 5.7.1 relay not permitted to far.example";

class Relay : public testing::Hooks {
 protected:
  /// The verdict on a message for anna@example.net that a hook changed.
  std::string changed(const std::string& change, const std::string& domains) {
    load("kumo.on('smtp_server_message_received', function(msg) " + change +
         " end) "
         "kumo.on('get_listener_domain', function(domain) return (" +
         domains + ")[domain] end)");
    evidence_.session.script.reset();
    evidence_.kept.clear();
    evidence_.copies.clear();
    recipients({"anna"});
    receive("Subject: x\r\n\r\ntext\r\n");
    return verdict(Stage::message);
  }
  /// How the last decision differs if it is made again from its record.
  std::vector<std::string> differences() {
    policy::Trace trace;
    trace.note(decision_);
    trace.evidence = evidence_;
    const auto again = script::testing::run(replay::rederive(trace));
    if (!again) return {again.error().message};
    return again->answers.front().differences;
  }
};

TEST_F(Relay, a_new_recipient_needs_a_grant) {
  constexpr const char* far = "msg:set_recipient 'x@far.example'";
  struct Case {
    const char* change;
    const char* domains;
    const char* wanted;
  };
  const Case cases[] = {
      {far, "{}", closed},
      {far, "{ ['far.example'] = { relay_to = true } }", "pass"},
      {far, "{ ['far.example'] = { log_oob = true } }", closed},
      {"msg:set_recipient 'anna@example.net'", "{}", "pass"},
      {"msg:set_recipient(msg:recipient())", "{}", "pass"},
      {"msg:set_recipient { msg:recipient(), 'x@far.example' }", "{}", closed},
      {"msg:set_sender 'a@send.example' msg:set_recipient 'x@far.example'",
       "{ ['send.example'] = { relay_from = { '203.0.113.0/24' } } }", "pass"},
      {"msg:set_sender '' msg:set_recipient 'x@far.example'",
       "{ ['send.example'] = { relay_from = { '203.0.113.0/24' } } }", closed},
      {"msg:set_sender 'a@send.example' msg:set_recipient 'x@far.example'",
       "{ ['send.example'] = { relay_from = { '0.0.0.0/1', '128.0.0.0/1' } } }",
       "451 4.3.0 temporary local problem, try again later"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(changed(one.change, one.domains), one.wanted) << one.change << " " << one.domains;
    EXPECT_THAT(differences(), IsEmpty()) << one.change;
  }
}

TEST_F(Relay, networks_of_relay_hosts_send_anywhere) {
  evidence_.session.client_ip = *IpAddress::parse("198.51.100.7");
  EXPECT_EQ(changed("msg:set_recipient 'x@far.example'", "{}"), "pass");
}

TEST_F(Relay, the_trace_names_what_permits) {
  const std::pair<const char*, const char*> cases[] = {
      {"relay_from = { '203.0.113.0/24' }", "203.0.113.10 is in relay_from of the sender's domain"},
      {"relay_from = { '203.0.113.10' }, relay_from_authz = 'john'",
       "john is in relay_from_authz of the sender's domain"},
      {"relay_from_authz = 'john'", "nothing lets this client relay"},
  };
  for (const auto& [grant, why] : cases) {
    load(std::string("kumo.on('get_listener_domain', function(domain) if domain == 'send.example' "
                     "then return kumo.make_listener_domain { ") +
         grant + " } end end)");
    evidence_.session.script.reset();
    evidence_.kept.clear();
    evidence_.reverse_path = mail::Mailbox{"a", "send.example"};
    has_route("x", "far.example");
    EXPECT_EQ(decision_.steps.back().verdict.detail, why) << grant;
  }
}

TEST_F(Relay, reports_are_taken_and_nothing_else) {
  struct Case {
    const char* domain;
    const char* type;
    const char* wanted;
    bool to_nobody;
  };
  const Case cases[] = {
      {"{ log_oob = true }", "multipart/report; report-type=delivery-status", "pass", false},
      {"{ log_oob = true }", "Multipart/Report; boundary=x;\r\n Report-Type=\"Delivery-Status\"",
       "pass", false},
      {"{ log_oob = 'LogThenDrop' }", "multipart/report; report-type=delivery-status", "pass",
       true},
      {"{ log_oob = true }", "multipart/report; report-type=feedback-report",
       "550 5.7.1 relay not permitted to bounces.example", false},
      {"{ log_arf = 'LogThenDrop' }", "multipart/report; report-type=feedback-report", "pass",
       true},
      {"{ log_oob = true, log_arf = true }", "text/plain; x=\"multipart/report\"",
       "550 5.7.1 relay not permitted to bounces.example", false},
      {"{ log_oob = true, relay_to = true }", "text/plain", "pass", false},
  };
  for (const Case& one : cases) {
    load("kumo.on('get_listener_domain', function(domain) return " + std::string(one.domain) +
         " end)");
    evidence_.session.script.reset();
    evidence_.kept.clear();
    evidence_.copies.clear();
    recipients({});
    ASSERT_TRUE(has_route("u", "bounces.example")) << one.domain;
    evidence_.recipients.push_back(*evidence_.candidate);
    evidence_.candidate.reset();
    receive("Content-Type: " + std::string(one.type) + "\r\n\r\ntext\r\n");
    EXPECT_EQ(verdict(Stage::message), one.wanted) << one.domain << " " << one.type;
    const std::string before = one.wanted;
    if (before == "pass") {
      ASSERT_EQ(evidence_.copies.size(), 1u);
      EXPECT_EQ(evidence_.copies.front().to_nobody, one.to_nobody) << one.type;
    }
    EXPECT_THAT(differences(), IsEmpty()) << one.domain;
  }
}

/// The handler is asked about sender and recipient at RCPT, and again after the data.
TEST_F(Relay, what_rcpt_granted_is_asked_again) {
  struct Case {
    const char* grant;   ///< at the end of data; `n` counts the questions
    const char* change;  ///< of smtp_server_message_received
    const char* wanted;
    const char* asked;
  };
  const std::string at_rcpt = "example.com far.example";
  const Case cases[] = {
      {"{ relay_to = true }", "", "pass", " example.com far.example"},
      {"nil", "", closed, " example.com far.example"},
      {"{ log_oob = true }", "", closed, " example.com far.example"},
      {"{ log_arf = true }", "", "pass", " example.com far.example"},
      {"kumo.reject(451, '4.7.1 later')", "", "451 4.7.1 later", " example.com"},
      {"error('x')", "", "451 4.3.0 temporary local problem, try again later", " example.com"},
      // A hook may change the sender; the relay decision uses the sender of MAIL.
      {"domain == 'example.com' and { relay_from = { '203.0.113.0/24' } } or nil",
       "msg:set_sender 'bounces@mailer.example'", "pass", " example.com far.example"},
      // A recipient that the client named is still checked if a hook adds others.
      {"nil", "msg:set_recipient { 'u@far.example', 'anna@near.example' }", closed,
       " example.com far.example"},
      {"{ relay_to = true }", "msg:set_recipient { 'u@far.example', 'v@near.example' }", "pass",
       " example.com far.example example.com near.example"},
  };
  for (const Case& one : cases) {
    load(
        "kumo.on('get_listener_domain', function(domain, listener, conn_meta) "
        "conn_meta:set_meta('x_asked', (conn_meta:get_meta 'x_asked' or '') .. ' ' .. domain) "
        "if conn_meta:get_meta 'x_asked' == ' example.com' or "
        "conn_meta:get_meta 'x_asked' == ' example.com far.example' then "
        "return { relay_to = true } end return " +
        std::string(one.grant) + " end) kumo.on('smtp_server_message_received', function(msg) " +
        one.change + " end)");
    evidence_.session.script.reset();
    evidence_.kept.clear();
    evidence_.copies.clear();
    evidence_.reverse_path = mail::Mailbox{"anna", "example.com"};
    recipients({});
    ASSERT_TRUE(has_route("u", "far.example")) << one.grant;
    evidence_.recipients.push_back(*evidence_.candidate);
    evidence_.candidate.reset();
    receive("Content-Type: multipart/report; report-type=feedback-report\r\n\r\ntext\r\n");
    EXPECT_EQ(verdict(Stage::message), one.wanted) << one.grant << one.change;
    EXPECT_EQ(evidence_.session.script->meta.at("x_asked").as_string(), " " + at_rcpt + one.asked)
        << one.grant << one.change;
    EXPECT_THAT(differences(), IsEmpty()) << one.grant << one.change;
  }
}

TEST_F(Relay, whom_the_handler_did_not_let_in_is_not_asked_about) {
  load(
      "kumo.on('get_listener_domain', function(domain) kumo.log_info(domain) end) "
      "kumo.on('smtp_server_message_received', function() end)");
  recipients({"ours"});
  receive("\r\ntext\r\n");
  EXPECT_EQ(verdict(Stage::message), "pass");
  evidence_.session.client_ip = *IpAddress::parse("198.51.100.7");  // in relay_hosts
  ASSERT_TRUE(has_route("u", "far.example"));
  evidence_.recipients.push_back(*evidence_.candidate);
  evidence_.candidate.reset();
  EXPECT_EQ(verdict(Stage::message), "pass");
  EXPECT_THAT(said(), IsEmpty());
}

TEST_F(Relay, a_domain_without_reports_stays_closed) {
  load("kumo.on('get_listener_domain', function() return { log_oob = 'Ignore' } end)");
  EXPECT_FALSE(has_route("u", "bounces.example"));
}

}  // namespace
}  // namespace postern::dialect::kumo
