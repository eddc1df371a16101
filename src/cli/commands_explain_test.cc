#include "cli/commands_explain.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "admin/publisher.h"
#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "base/ulid.h"
#include "config/exit_code.h"
#include "config/verification_options.h"
#include "dialect/webhook/compile.h"
#include "explain/live.h"
#include "explain/report.h"
#include "policy/bcrypt.h"
#include "policy/testing.h"
#include "store/sqlite_store.h"
#include "store/traces.h"

namespace postern::app {
namespace {

using namespace postern::policy::testing;

/// A data directory and a directory of one webhook whose policy allows 203.0.113.0/24 and requires
/// AUTH.
class Explain : public ::testing::Test {
 protected:
  Explain() {
    config_ = default_config().config;
    config_.server.data_dir = folder_.path();
    dialect::webhook::PolicyFields fields;
    fields.name = "high-security";
    fields.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
    fields.require_smtp_auth = true;
    fields.smtp_credentials = {{"sender1", policy::unmatched_hash(12)}};
    auto hook = a_webhook("tickets");
    hook->policy_id = "pol_1";
    hook->rate_limit_per_minute = 10;
    directory_.apply({.put_webhooks = {hook, a_webhook("open")},
                      .put_policies = {dialect::webhook::compile("pol_1", "acc_1", 3, 1, fields)},
                      .put_domains = {"hooks.example.net"}});
    options_.client_ip = *IpAddress::parse("203.0.113.10");
    options_.mail_from = "alerts@example.com";
    options_.recipients = {"tickets+disk@hooks.example.net"};
    options_.auth = "sender1";
  }

  policy::Trace decided() {
    auto trace = decide_live(config_, options_, directory_);
    EXPECT_TRUE(trace) << trace.error().message;
    return std::move(*trace);
  }
  std::string reply() {
    const smtp::Reply settled = decided().settled();
    return settled.code == 0 ? "" : settled.to_string();
  }
  /// Runs the command and returns its output.
  std::string run_command(int expected) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = explain(config_, options_);
    errors_ = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(code, expected) << errors_;
    return ::testing::internal::GetCapturedStdout();
  }
  void keep(const policy::Trace& trace) {
    auto writer = store::TraceWriter::open(folder_.file("traces.db"));
    ASSERT_TRUE(writer) << writer.error().message;
    (*writer)->post(trace);
    (*writer)->flush();
  }

  tests::TemporaryFolder folder_;
  Config config_;
  policy::Directory directory_;
  ExplainOptions options_;
  std::string errors_;
};

TEST_F(Explain, decides_live_what_the_gateway_would) {
  EXPECT_EQ(reply(), "");
  EXPECT_EQ(decided().outcome, "accepted");
  options_.auth.reset();
  EXPECT_EQ(reply(), "530 5.7.0 authentication required: use STARTTLS, then AUTH");
  options_.tls = true;
  EXPECT_EQ(reply(), "530 5.7.0 authentication required");
  options_.auth = "sender2";
  EXPECT_EQ(reply(), "550 5.7.1 these credentials do not open this recipient's policy");
  options_.client_ip = *IpAddress::parse("198.51.100.1");
  EXPECT_EQ(reply(), "550 5.7.1 source address 198.51.100.1 is not in the policy's allowlist");
  options_.recipients = {"nobody@hooks.example.net"};
  EXPECT_EQ(reply(), "550 5.1.1 no such recipient here");
  options_.recipients = {"open@hooks.example.net"};
  EXPECT_EQ(reply(), "");
  options_.recipients = {"open@hooks.example.net", "someone@example.org"};
  EXPECT_EQ(decided().outcome, "accepted") << "one recipient is enough for the message";
}

TEST_F(Explain, answers_as_the_listener_would) {
  config_ = parse_config(R"(
[server]
hostname = "mx.example.net"
[[listener]]
name = "smtp"
address = "127.0.0.1:2525"
[[listener]]
name = "submission"
address = "127.0.0.1:2587"
tls = "required"
[[listener]]
name = "submissions"
address = "127.0.0.1:2465"
tls = "implicit"
[restrictions]
relay_domains = "example.com"
smtpd_restriction_classes = "signed_in"
signed_in = "permit_sasl_authenticated, reject"
client = "check_listener_access inline:{submission=signed_in}"
)",
                         "postern.toml")
                .config;
  config_.server.data_dir = folder_.path();
  config_.api.operators = {"acc_1"};
  options_.dns = folder_.write("dns.json", "{}");
  options_.recipients = {"bob@example.com"};
  options_.auth.reset();
  EXPECT_EQ(reply(), "");
  options_.listener = "submission";
  EXPECT_EQ(reply(), "530 5.7.0 must issue a STARTTLS command first");
  options_.tls = true;
  EXPECT_THAT(reply(),
              testing::HasSubstr("554 5.7.1 <unknown[203.0.113.10]>: Client host rejected"));
  EXPECT_EQ(decided().evidence.session.listener, "submission");
  options_.auth = "sender1";
  EXPECT_EQ(reply(), "");
  options_.listener = "submissions";
  options_.auth.reset();
  options_.tls = false;
  EXPECT_EQ(reply(), "");
  EXPECT_TRUE(decided().evidence.session.tls);
  options_.listener = "nowhere";
  run_command(65);
  EXPECT_THAT(errors_,
              testing::HasSubstr("there is no such listener; there is smtp, submission, "));
}

TEST_F(Explain, nobody_has_signed_in_before_auth) {
  const auto lists = [&](const std::string& rules) {
    config_ = parse_config("[server]\nhostname = \"mx.example.net\"\n[restrictions]\n" + rules,
                           "postern.toml")
                  .config;
    config_.server.data_dir = folder_.path();
    config_.api.operators = {"acc_1"};
    return reply();
  };
  const std::string late =
      "smtpd_sasl_auth_enable = \"yes\"\nsmtpd_delay_reject = \"no\"\n"
      "relay = \"permit_sasl_authenticated, reject_unauth_destination\"\n";
  for (const char* list : {"client", "helo"}) {
    EXPECT_EQ(lists(late + list + " = \"permit_sasl_authenticated, reject\"\n").substr(0, 9),
              "554 5.7.1")
        << list;
  }
  EXPECT_EQ(lists(late + "sender = \"permit_sasl_authenticated, reject\"\n"), "");
}

TEST_F(Explain, depends_on_a_program_that_it_does_not_run) {
  const std::string policy = folder_.write(
      "main.vsl",
      "service scan cmd = #{ command: \"/usr/bin/true\" };\n"
      "#{ rcpt: [ rule \"scanned\" || if scan.run().code == 0 { accept() } else { deny() } ] }\n");
  config_ = parse_config("[restrictions]\nrelay_domains = \"example.net\"\n[vsl]\npolicy = \"" +
                             policy + "\"\nallow_commands = [\"/usr/bin/true\"]\n",
                         "postern.toml")
                .config;
  ASSERT_TRUE(config_.vsl.loaded);
  config_.server.data_dir = folder_.path();
  options_.auth.reset();
  options_.recipients = {"b@example.net"};
  options_.dns = folder_.write("dns", "{}");
  options_.no_color = true;
  const std::string open = run_command(0);
  EXPECT_NE(open.find("Outcome: depends on what explain does not do (run /usr/bin/true); without "
                      "its result: 451"),
            std::string::npos)
      << open;
  EXPECT_NE(open.find("--answer cmd:/usr/bin/true=0"), std::string::npos) << open;
  options_.json = true;
  const auto json = boost::json::parse(run_command(0)).as_object();
  EXPECT_EQ(json.at("depends_on"), "run /usr/bin/true");
  EXPECT_EQ(json.at("programs_not_run"), boost::json::array({"/usr/bin/true"}));
  options_.json = false;
  options_.exit_code = true;
  (void)run_command(1);
  options_.answers = {"cmd:/usr/bin/true=0"};
  EXPECT_NE(run_command(0).find("Outcome: accepted so far"), std::string::npos);
  options_.answers = {"cmd:/usr/bin/true=1"};
  EXPECT_NE(run_command(1).find("Outcome: would be refused"), std::string::npos);
  options_.as_test = true;
  EXPECT_NE(run_command(1).find("answers.\"cmd:/usr/bin/true\" = \"1\""), std::string::npos);
  options_.answers = {"cmd:/usr/bin/true"};
  (void)run_command(65);
  EXPECT_NE(errors_.find("a service and its answer are expected"), std::string::npos) << errors_;
}

TEST_F(Explain, knows_the_sender_of_probes_unless_the_lists_are_in_shadow) {
  const auto is_probe_sender = [&](const std::string& more) {
    config_ = parse_config(
                  "[server]\nhostname = \"mx.example.net\"\n[restrictions]\n"
                  "myorigin = \"example.net\"\naddress_verify_sender_ttl = \"1h\"\n"
                  "recipient = \"reject_unverified_recipient\"\n" +
                      more,
                  "postern.toml")
                  .config;
    config_.server.data_dir = folder_.path();
    const auto parameters = verification_of(config_.restrictions);
    options_.recipients = {parameters->probe_sender(std::chrono::system_clock::now())};
    std::string answer = "not asked";
    for (const policy::Consultation& one : decided().evidence.consulted) {
      if (one.service == policy::probe_sender_service) answer = one.answer;
    }
    return answer;
  };
  EXPECT_EQ(is_probe_sender(""), "yes");
  EXPECT_EQ(is_probe_sender("mode = \"shadow\"\n"), "no");
}

TEST_F(Explain, dns_of_a_file_is_a_zone_or_json) {
  config_ = parse_config(
                "[server]\nhostname = \"mx.example.net\"\n[restrictions]\n"
                "relay_domains = \"hooks.example.net\"\n"
                "sender = \"reject_unknown_sender_domain, permit\"\n",
                "postern.toml")
                .config;
  config_.server.data_dir = folder_.path();
  options_.dns = folder_.write("zone", "example.com. IN A 192.0.2.1\n");
  EXPECT_EQ(reply(), "");
  const auto refused = [&](const std::string& text) {
    options_.dns = folder_.write("dns", text);
    const auto trace = decide_live(config_, options_, directory_);
    return trace ? "accepted" : trace.error().message;
  };
  EXPECT_TRUE(refused("example.com. IN A 192.0.2.1\nexample.com. IN AAAAA ::1\n")
                  .ends_with("line 2: there is no record type AAAAA"));
  EXPECT_TRUE(refused("{\n \"example.com\": {\"A\": [\"192.0.2.1\"],\n  \"MXX\": []}}")
                  .ends_with("line 3: example.com: there is no record type MXX"));
}

TEST_F(Explain, judges_the_message_as_it_would_travel) {
  std::string loop = "Subject: x\n";
  for (int i = 0; i < 101; ++i) loop += "Received: by mx.example.com\n";
  options_.message = folder_.write("loop.eml", loop + "\nbody\n");
  EXPECT_EQ(reply(), "554 5.4.6 mail loop: 101 Received fields, 100 at most");
  options_.message = folder_.write("fine.eml", "Subject: x\nMessage-ID: <1@example.com>\n\nbody\n");
  const policy::Trace fine = decided();
  EXPECT_EQ(fine.outcome, "accepted");
  EXPECT_EQ(fine.evidence.message->size, 49u) << "four line ends became CRLF";
  EXPECT_EQ(fine.evidence.message->message_id, "<1@example.com>");
  config_.limits.session.message_size = 48;
  EXPECT_EQ(reply(), "552 5.3.4 message exceeds 48 octets");
  config_.limits.session.message_size = 4800;
  options_.message = folder_.write("nul.eml", std::string("Subject: x\n\na\0b\n", 16));
  EXPECT_EQ(reply(), "550 5.5.2 bare CR, LF or NUL in message");
  options_.message = folder_.write("cr.eml", "Subject: x\n\na\rb\n");
  EXPECT_EQ(reply(), "550 5.5.2 bare CR, LF or NUL in message");
  config_.limits.session.text_line = 1000;
  options_.message = folder_.write("long.eml", "Subject: x\n\n" + std::string(1100, 'a') + "\n");
  EXPECT_EQ(reply(), "554 5.6.0 line too long in message");
}

TEST_F(Explain, lists_judge_addresses_without_a_domain) {
  options_.mail_from = "root";
  options_.recipients = {"postmaster"};
  options_.auth.reset();
  EXPECT_EQ(reply().substr(0, 9), "501 5.1.7") << "without lists they are refused";
  config_ = parse_config(
                "[restrictions]\nmynetworks = \"203.0.113.0/24\"\n"
                "myorigin = \"hooks.example.net\"\n",
                "x")
                .config;
  config_.server.data_dir = folder_.path();
  options_.auth.reset();
  policy::Trace trace = decided();
  EXPECT_EQ(trace.evidence.reverse_path->text(), "root");
  ASSERT_EQ(trace.evidence.recipients.size(), 1u);
  EXPECT_EQ(trace.evidence.recipients[0].address.text(), "postmaster");
  options_.recipients = {"open"};
  trace = decided();
  ASSERT_EQ(trace.evidence.recipients.size(), 1u);
  EXPECT_NE(trace.evidence.recipients[0].route.webhook, nullptr) << "completed with myorigin";
}

TEST_F(Explain, the_session_refuses_what_it_does_not_read) {
  const auto of = [&](const std::string& from, const std::string& to) {
    options_.mail_from = from;
    options_.recipients = {to};
    options_.auth.reset();
    return reply();
  };
  const std::string good = "open@hooks.example.net";
  EXPECT_EQ(of("a@example.com", good), "");
  EXPECT_EQ(of("<a@example.com>", "<" + good + ">"), "");
  EXPECT_EQ(of("ann..b@example.com", good).substr(0, 9), "501 5.1.7");
  EXPECT_EQ(of("a@example.com", "two words@example.com").substr(0, 9), "501 5.1.3");
  EXPECT_EQ(of("a@example.com", "").substr(0, 9), "501 5.1.3");
  EXPECT_EQ(of("j\u00fcrgen@example.com", good), "") << "with SMTPUTF8";
  config_ = parse_config("[restrictions]\nrelay_domains = \"hooks.example.net\"\n", "x").config;
  config_.server.data_dir = folder_.path();
  EXPECT_EQ(of("ann..b@example.com", good), "") << "as Postfix reads it";
  for (const char* address : {"-joe@example.com", "<-joe@example.com>", "joe@127.0.0.1"}) {
    EXPECT_EQ(of(address, good).substr(0, 9), "501 5.1.7") << address;
    EXPECT_EQ(of("a@example.com", address).substr(0, 9), "501 5.1.3") << address;
  }
  const policy::Trace trace = decided();
  ASSERT_FALSE(trace.decisions.empty());
  EXPECT_EQ(trace.decisions.back().recipient, "joe@127.0.0.1");
  EXPECT_EQ(trace.decisions.back().steps.back().check, "session");
}

TEST_F(Explain, auth_without_tls_gets_what_the_listener_says) {
  const auto with = [&](const std::string& listener) {
    config_ = parse_config("[[listener]]\naddress = \"127.0.0.1:25\"\n" + listener, "x").config;
    config_.server.data_dir = folder_.path();
    return reply();
  };
  EXPECT_EQ(with(""), "");
  EXPECT_EQ(with("tls = \"none\"\n"), "502 5.5.1 STARTTLS not offered");
  EXPECT_EQ(with("tls = \"none\"\nauth_without_tls = true\n"), "");
  EXPECT_FALSE(decided().evidence.session.tls);
  EXPECT_EQ(with("tls = \"none\"\n[[listener]]\nname = \"submission\"\n"
                 "address = \"127.0.0.1:465\"\ntls = \"implicit\"\n"),
            "");
  EXPECT_EQ(decided().evidence.session.listener, "submission");
  options_.no_tls = true;
  EXPECT_EQ(with(""), "538 5.7.11 encryption required, use STARTTLS first");
  EXPECT_EQ(with("tls = \"required\"\n"), "530 5.7.0 must issue a STARTTLS command first");
  EXPECT_EQ(with("auth_without_tls = true\n"), "");
  EXPECT_FALSE(decided().evidence.session.tls);
}

TEST_F(Explain, says_who_granted_relaying_and_where_the_rule_stands) {
  config_ =
      parse_config(
          "[restrictions]\nmynetworks = \"203.0.113.0/24\"\n"
          "relay = \"\"\"\n  reject_unknown_sender_domain\n  permit_mynetworks, reject\n\"\"\"\n",
          "lists.toml")
          .config;
  config_.server.data_dir = folder_.path();
  options_.auth.reset();
  options_.client_ip = *IpAddress::parse("203.0.113.7");
  options_.mail_from = "";
  options_.recipients = {"b@far.example"};
  const std::string text = run_command(0);
  EXPECT_NE(text.find("smtpd_relay_restrictions:2, lists.toml:5:3"), std::string::npos) << text;
  EXPECT_NE(text.find("effect: may be passed on, by the restriction lists "
                      "(permit_mynetworks at smtpd_relay_restrictions:2, lists.toml:5:3)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("effect: the client counts as one of ours"), std::string::npos) << text;
}

TEST_F(Explain, asks_the_next_hop_as_the_gateway_does_at_rcpt) {
  config_ = parse_config(
                "[restrictions]\nmynetworks = \"203.0.113.0/24\"\n"
                "[[route]]\nmatch = [\"gone.example\"]\nto = [\"error:550 5.1.2 gone\"]\n",
                "x")
                .config;
  config_.server.data_dir = folder_.path();
  options_.auth.reset();
  options_.recipients = {"ann@gone.example"};
  const policy::Trace trace = decided();
  EXPECT_EQ(trace.outcome, "rejected");
  EXPECT_EQ(trace.settled().to_string(), "550 5.1.2 gone");
  EXPECT_EQ(trace.decisions.back().steps.back().check, "next_hop");
  options_.recipients = {"ann@[192.0.2.9]"};
  EXPECT_TRUE(reply().starts_with("550 5.1.2 ")) << reply();
  options_.recipients = {"ann@elsewhere.example"};
  EXPECT_EQ(decided().outcome, "accepted");
}

TEST_F(Explain, names_the_option_that_is_wrong) {
  options_.message = "no-such-file.eml";
  EXPECT_EQ(decide_live(config_, options_, directory_).error().fault, Fault::not_found);
  options_.message.reset();
  options_.recipients = {"two\r\nRSET"};
  const Error error = decide_live(config_, options_, directory_).error();
  EXPECT_EQ(error.fault, Fault::malformed);
  EXPECT_TRUE(error.message.starts_with("--to two\\x0d")) << error.message;
  options_.recipients = {"open@hooks.example.net"};
  options_.dns = folder_.write("dns.json", "[1]");
  EXPECT_EQ(decide_live(config_, options_, directory_).error().fault, Fault::malformed);
}

TEST_F(Explain, prints_a_recorded_refusal_with_rule_origin_and_evidence) {
  options_.client_ip = *IpAddress::parse("198.51.100.43");
  policy::Trace trace = decided();
  for (policy::Decision& one : trace.decisions) one.took = std::chrono::microseconds(12);
  trace.started = std::chrono::system_clock::time_point(std::chrono::seconds(1700000000));
  keep(trace);
  options_ = {.id = trace.id};
  const std::string expected = "Trace " + trace.id + R"(   2023-11-14T22:13:20.000000Z
  client   198.51.100.43, EHLO [198.51.100.43], TLSv1.3, authenticated as sender1 (PLAIN) for pol_1
  from     <alerts@example.com>

RCPT TO:<tickets+disk@hooks.example.net>   stage rcpt, 12 us
  route: webhook wh_tickets with tag disk, policy pol_1 version 3
  layer    rule                verdict  place                            evidence
  webhook  webhook_active      pass     webhook/is_active                active
  webhook  policy_loaded       pass     webhook/smtp_security_policy_id  pol_1 version 3
  webhook  client_in_networks  REJECT   pol_1/allowed_source_ips         198.51.100.43 is not in 203.0.113.0/24
  => 550 5.7.1 source address 198.51.100.43 is not in the policy's allowlist

Outcome: rejected: 550 5.7.1 source address 198.51.100.43 is not in the policy's allowlist
Decided again from this record alone, without DNS and other servers: 1 of 1 decision came out the same.
)";
  EXPECT_EQ(run_command(0), expected);
  options_.exit_code = true;
  EXPECT_EQ(run_command(1), expected);
  options_.id = lower(trace.id);
  EXPECT_EQ(run_command(1), expected) << "an id typed in lower case is found too";
}

TEST_F(Explain, says_where_accepted_mail_went) {
  options_.message = folder_.write("fine.eml", "Subject: x\r\n\r\nbody\r\n");
  policy::Trace trace = decided();
  trace.reply = {.code = 250, .enhanced = {2, 0, 0}, .text = "delivered as msg_1"};
  keep(trace);
  options_ = {.id = trace.id, .exit_code = true};
  const std::string out = run_command(0);
  EXPECT_NE(out.find("=> accepted → webhook wh_tickets\n"), std::string::npos) << out;
  EXPECT_NE(out.find("Outcome: accepted: 250 2.0.0 delivered as msg_1\n"), std::string::npos);
  EXPECT_NE(out.find("2 of 2 decisions came out the same"), std::string::npos);
}

TEST_F(Explain, prints_one_json_object) {
  options_.client_ip = *IpAddress::parse("198.51.100.43");
  const policy::Trace trace = decided();
  keep(trace);
  options_ = {.id = trace.id, .json = true};
  const auto out = boost::json::parse(run_command(0)).as_object();
  EXPECT_EQ(out.at("id").as_string(), trace.id);
  EXPECT_EQ(out.at("refused").as_bool(), true);
  EXPECT_EQ(out.at("reply").at("code").as_int64(), 550);
  EXPECT_EQ(out.at("rederived").at("agrees").as_bool(), true);
  const auto& decision = out.at("decisions").at(0);
  EXPECT_EQ(decision.at("webhook_id").as_string(), "wh_tickets");
  EXPECT_EQ(decision.at("steps").at(2).at("origin").as_string(), "pol_1/allowed_source_ips");
  EXPECT_EQ(decision.at("steps").at(2).at("verdict").as_string(), "reject");
}

TEST_F(Explain, unknown_ids_and_missing_files_are_66) {
  options_ = {.id = "01HX0000000000000000000000"};
  EXPECT_EQ(run_command(66), "");
  EXPECT_NE(errors_.find("there is no "), std::string::npos) << errors_;
  keep(policy::Trace{.id = new_ulid(), .outcome = "accepted"});
  run_command(66);
  EXPECT_NE(errors_.find("no trace 01HX0000000000000000000000 in "), std::string::npos) << errors_;
  EXPECT_NE(errors_.find("--data-dir"), std::string::npos);
  options_.id = "../../etc/passwd";
  run_command(64);
}

TEST_F(Explain, other_ids_lead_to_the_decision) {
  const auto kept = [&](const std::string& session, std::string text) {
    policy::Trace trace = decided();
    trace.evidence.session.id = session;
    trace.reply = {.code = 250, .enhanced = {2, 0, 0}, .text = std::move(text)};
    keep(trace);
    return trace.id;
  };
  const std::string session = new_ulid();
  const std::string delivered = new_id("msg_");
  const std::string queued = new_ulid();
  const std::string only = kept(session, "accepted " + delivered);
  const auto shown = [&](const std::string& id, int code = 0) {
    options_ = {.id = id};
    return run_command(code);
  };
  const std::string live = options_.mail_from.value();
  for (const std::string& id : {session, lower(session), delivered, upper(delivered)}) {
    const std::string out = shown(id);
    EXPECT_NE(out.find("Trace " + only), std::string::npos) << id << out;
    EXPECT_NE(out.find("Note: "), std::string::npos) << out;
  }
  EXPECT_NE(shown(delivered).find(delivered + " is the id of a message"), std::string::npos);
  options_ = {.mail_from = live, .recipients = {"open@hooks.example.net"}};
  const std::string second = kept(session, "queued as " + queued);
  EXPECT_NE(shown(queued).find("Trace " + second), std::string::npos) << "as of earlier versions";
  shown(session, 66);
  for (const std::string& word :
       {session + " is the id of a session with 2 decisions", only, second}) {
    EXPECT_NE(errors_.find(word), std::string::npos) << word << "\n" << errors_;
  }
}

TEST_F(Explain, other_ids_than_those_of_decisions_say_where_to_look) {
  keep(policy::Trace{.id = new_ulid(), .outcome = "accepted"});
  const auto said = [&](const std::string& id, int code) {
    options_ = {.id = id};
    run_command(code);
    return errors_;
  };
  EXPECT_NE(said(new_id("wh_"), 64).find("it is the id of a webhook"), std::string::npos);
  EXPECT_NE(said(new_id("pol_"), 64).find("it is the id of a policy"), std::string::npos);
  EXPECT_NE(said("<a@example.com>", 64).find("the sender made this id"), std::string::npos);
  EXPECT_NE(said("nothing", 64).find("26 letters and digits"), std::string::npos);
  EXPECT_NE(said(new_ulid(), 66).find("session.refused"), std::string::npos) << errors_;
  EXPECT_NE(said(new_id("log_"), 66).find("no trace log_"), std::string::npos) << errors_;
}

TEST_F(Explain, waits_a_moment_for_a_trace_that_is_being_written) {
  keep(policy::Trace{.id = new_ulid(), .outcome = "accepted"});
  EXPECT_TRUE(tests::eventually([&] {  // a busy machine may be too late for the moment
    policy::Trace trace = decided();
    options_ = {.id = trace.id};
    std::thread late([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(120));
      keep(trace);
    });
    ::testing::internal::CaptureStdout();
    const int code = explain(config_, options_);
    const std::string out = ::testing::internal::GetCapturedStdout();
    late.join();
    return code == 0 && out.find("Outcome: accepted") != std::string::npos;
  }));
}

TEST_F(Explain, live_uses_the_policies_of_the_data_directory) {
  run_command(66);
  const std::string database = folder_.file("postern.db");
  {
    auto store = store::SqliteStore::open(database);
    ASSERT_TRUE(store) << store.error().message;
    store::AccountRow account{.id = new_id("acc_"), .email = "a@example.com"};
    ASSERT_TRUE((*store)->create_account(account, nullptr));
    store::WebhookRow row{.id = new_id("wh_"),
                          .account_id = account.id,
                          .address = "stored@hooks.example.net",
                          .target_url = "inbox"};
    row.secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    ASSERT_TRUE((*store)->create_webhook(row, nullptr));
  }
  options_.recipients = {"stored@hooks.example.net"};
  const std::string out = run_command(0);
  EXPECT_NE(out.find("A message that was never sent"), std::string::npos);
  EXPECT_NE(out.find("accepted so far → webhook wh_"), std::string::npos) << out;
  EXPECT_NE(out.find("; no message was given"), std::string::npos) << out;
  EXPECT_NE(out.find("Note: no account has the user name sender1: the gateway would answer AUTH "
                     "with 535"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("1 of 1 decision came out the same"), std::string::npos);
  options_.recipients = {"other@hooks.example.net"};
  EXPECT_NE(run_command(0).find("would be refused: 550 5.7.1 relay not permitted"),
            std::string::npos);
}

}  // namespace
}  // namespace postern::app
