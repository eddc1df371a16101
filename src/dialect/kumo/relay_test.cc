#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dialect/kumo/hooks_test.h"
#include "dialect/rederive.h"

namespace postern::dialect::kumo {
namespace {

using policy::Stage;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* closed = "550 5.7.1 relay not permitted to far.example";

class Relay : public testing::Hooks {
 protected:
  /// What becomes of a message for anna@example.net that a hook changed.
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
  /// The decision in hand made again from its record.
  std::vector<std::string> differences() {
    policy::Trace trace;
    trace.note(decision_);
    trace.evidence = evidence_;
    const auto again = script::testing::run(rederive(trace));
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

TEST_F(Relay, a_domain_without_reports_stays_closed) {
  load("kumo.on('get_listener_domain', function() return { log_oob = 'Ignore' } end)");
  EXPECT_FALSE(has_route("u", "bounces.example"));
}

}  // namespace
}  // namespace postern::dialect::kumo
