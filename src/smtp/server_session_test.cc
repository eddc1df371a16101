// The contract with the driver, which transcripts cannot express.
#include "smtp/server_session.h"

#include <set>

#include <gtest/gtest.h>

#include "base/text.h"
#include "smtp/test_driver.h"

namespace postern::smtp {
namespace {

ServerOptions example_options() {
  ServerOptions options;
  options.hostname = "mx.example.org";
  return options;
}

TEST(ServerSession, refuses_a_connection_with_one_reply) {
  const ServerOptions options = example_options();
  ServerSession session(options);
  session.refuse({421, {4, 7, 0}, "too many connections"});
  EXPECT_TRUE(session.closed());
  EXPECT_EQ(session.take_output(), "421 4.7.0 too many connections\r\n");
  session.refuse({421, {4, 4, 2}, "timeout"});
  EXPECT_EQ(session.output_size(), 0u);
  EXPECT_EQ(std::get<Closed>(session.next()).reason, Closed::Reason::policy);
  session.feed("EHLO client.example\r\n");
  EXPECT_TRUE(std::holds_alternative<Closed>(session.next()));
  EXPECT_EQ(session.output_size(), 0u);
}

TEST(ServerSession, a_client_that_was_turned_away_may_pipeline) {
  ServerOptions options = example_options();
  options.reject_unauth_pipelining = true;
  ServerSession session(options);
  session.turn_away({554, {5, 7, 1}, "not you"});
  session.feed("MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n");
  EXPECT_TRUE(std::holds_alternative<NeedInput>(session.next()));
  EXPECT_EQ(session.take_output(),
            "554 5.7.1 not you\r\n503 5.7.0 access denied\r\n503 5.7.0 access denied\r\n");
}

TEST(ServerSession, tells_where_it_stands) {
  const ServerOptions options = example_options();
  TestDriver driver(options);
  EXPECT_FALSE(driver.session().esmtp());
  driver.say("EHLO client.example\r\n");
  EXPECT_TRUE(driver.session().esmtp());
  driver.say(
      "MAIL FROM:<a@example.com>\r\nRCPT TO:<unknown@example.org>\r\nRCPT TO:<b@example.org>\r\n");
  EXPECT_EQ(driver.session().errors(), 1u);
  EXPECT_FALSE(driver.session().in_data());
  driver.say("DATA\r\n");
  EXPECT_TRUE(driver.session().in_data());
  driver.say("x\r\n.\r\n");
  EXPECT_FALSE(driver.session().in_data());
  EXPECT_EQ(driver.messages, std::vector<std::string>{"x\r\n"});
}

TEST(ServerSession, tells_that_input_waits_behind_a_command) {
  const ServerOptions options = example_options();
  ServerSession session(options);
  session.feed("EHLO client.example\r\nMAIL");
  EXPECT_TRUE(std::holds_alternative<Helo>(session.next()));
  EXPECT_TRUE(session.input_waiting());
  session.accept();
  EXPECT_TRUE(std::holds_alternative<NeedInput>(session.next()));
  EXPECT_FALSE(session.input_waiting());
  session.feed(" FROM:<a@example.com>\r\n");
  EXPECT_TRUE(std::holds_alternative<Mail>(session.next()));
  EXPECT_FALSE(session.input_waiting());
}

TEST(ServerSession, hands_out_data_without_copying_it) {
  const ServerOptions options = example_options();
  TestDriver driver(options);
  driver.say(
      "HELO client.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
  const std::string data = "first line\r\nsecond line\r\n";
  driver.session().feed(data);
  EXPECT_EQ(std::get<Chunk>(driver.session().next()).bytes.data(), data.data());
  EXPECT_TRUE(std::holds_alternative<NeedInput>(driver.session().next()));
}

TEST(ServerSession, shrinks_without_losing_half_a_line) {
  const ServerOptions options = example_options();
  TestDriver driver(options);
  driver.say("EHLO client.exam");
  driver.session().shrink();
  driver.say("ple\r\n");
  driver.session().shrink();
  EXPECT_EQ(driver.events, std::vector<std::string>{"ehlo client.example"});
}

TEST(ServerSession, keeps_nothing_of_the_time_before_tls) {
  ServerOptions options = example_options();
  options.starttls = true;
  options.auth = true;
  TestDriver driver(options);
  driver.say("EHLO client.example\r\nXYZZY\r\nSTARTTLS\r\nMAIL FROM:<evil@example.net>\r\n");
  EXPECT_FALSE(driver.session().input_waiting());
  EXPECT_FALSE(driver.session().in_tls());
  driver.session().feed("EHLO evil.example\r\n");  // read before the handshake was done: dropped
  EXPECT_TRUE(std::holds_alternative<NeedInput>(driver.session().next()));
  driver.session().tls_started();
  EXPECT_TRUE(driver.session().in_tls());
  EXPECT_FALSE(driver.session().esmtp());
  EXPECT_FALSE(driver.session().authenticated());
  EXPECT_EQ(driver.session().errors(), 1u);
  driver.output.clear();
  driver.say("EHLO client.example\r\nAUTH PLAIN AGFsaWNlAGNvcnJlY3QgaG9yc2U=\r\n");
  EXPECT_TRUE(driver.session().authenticated());
  EXPECT_NE(driver.output.find("250-AUTH PLAIN LOGIN\r\n"), std::string::npos);
}

TEST(ServerSession, takes_a_trusted_login_as_authentication) {
  ServerOptions options = example_options();
  options.xclient = true;
  options.starttls = true;
  TestDriver driver(options);
  driver.say("EHLO proxy.example\r\nXCLIENT LOGIN=alice\r\n");
  EXPECT_TRUE(driver.session().authenticated());
  EXPECT_FALSE(driver.session().esmtp());
  driver.say("XCLIENT NAME=client.example\r\n");
  EXPECT_FALSE(driver.session().authenticated());
  driver.say("XCLIENT LOGIN=alice\r\nSTARTTLS\r\n");
  driver.session().tls_started();
  EXPECT_FALSE(driver.session().authenticated());
}

TEST(ServerSession, keeps_replies_apart_for_other_words) {
  ServerOptions options = example_options();
  options.auth = true;
  options.replies_apart = true;
  options.limits.auth_failures = 2;
  ServerSession session(options);
  session.tls_started();
  const auto given = [&](std::string_view lines) {
    session.feed(lines);
    const Event event = session.next();
    if (std::holds_alternative<Helo>(event)) session.accept();
    if (std::holds_alternative<Auth>(event)) session.reply({535, {5, 7, 8}, "failed"});
    session.next();
    std::vector<std::string> words;
    for (const Given& one : session.take_replies()) {
      words.push_back(std::to_string(one.reply.code) + " <" + one.command + ">" +
                      (one.as_is ? " as is" : ""));
    }
    EXPECT_EQ(session.output_size(), 0u);
    return words;
  };
  using Words = std::vector<std::string>;
  session.greet();
  EXPECT_EQ(given("NOOP\r\n"), (Words{"220 <>", "250 <NOOP>"}));
  EXPECT_EQ(given("EHLO client.example\r\n"), Words{"250 <EHLO client.example> as is"});
  EXPECT_EQ(given("rset\r\nVRFY a@example.com\r\nDATA\r\nMAIL x\r\n"),
            (Words{"250 <RSET>", "252 <VRFY a@example.com>", "503 <DATA>", "501 <MAIL x>"}));
  // An unknown command or mechanism may be a secret.
  EXPECT_EQ(given("c2VjcmV0\r\nAUTH c2VjcmV0\r\nAUTH plain ?\r\nX\r\n"),
            (Words{"500 <>", "504 <AUTH <redacted>>", "501 <AUTH PLAIN <redacted>>", "500 <>"}));
  EXPECT_EQ(given("AUTH PLAIN\r\n"), Words{"334 <AUTH PLAIN <redacted>> as is"});
  EXPECT_EQ(given("*\r\n"), Words{"501 <AUTH PLAIN <redacted>>"});

  session.write({550, {5, 7, 0}, "other words"});
  EXPECT_EQ(session.take_output(), "550 5.7.0 other words\r\n");
  EXPECT_FALSE(session.closed());
  session.write({421, {4, 7, 0}, "the last"});
  EXPECT_TRUE(session.closed());
}

TEST(ServerSession, does_not_pass_on_a_reply_that_is_none) {
  const ServerOptions options = example_options();
  TestDriver driver(options);
  driver.say("HELO client.example\r\nMAIL FROM:<a@example.com>\r\n");
  driver.output.clear();
  for (const std::uint16_t code : {0, 99, 150, 354, 600, 1000}) {
    driver.answer("rcpt", {code, {}, "nonsense"});
    driver.say("RCPT TO:<b@example.org>\r\n");
    EXPECT_TRUE(driver.output.starts_with("451 4.3.0 ")) << driver.output;
    driver.output.clear();
  }
  driver.say("DATA\r\n");
  EXPECT_TRUE(driver.output.starts_with("554 5.5.1 ")) << driver.output;
}

TEST(ServerSession, tells_each_violation_of_the_protocol_once) {
  using enum ProtocolError;
  using namespace std::string_literals;
  const std::string hello = "EHLO client.example\r\n";
  const std::string data = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
  struct Case {
    std::vector<std::string> said;
    std::vector<ProtocolError> told;
  };
  const std::vector<Case> cases{
      {{hello, data, "fine\r\n.\r\n", "NOOP\r\n", "QUIT\r\n"}, {}},
      {{hello, "MAIL FROM:<a@example.com> SIZE=99999999999\r\n"}, {}},
      {{hello + "\n"}, {pipelining, bare_lf}},
      {{"NOOP\n"}, {bare_lf}},
      {{"NO\rOP\r\n"}, {bare_cr}},
      {{hello, "NO\0OP\r\n"s}, {nul}},
      {{hello, data, "a\nb\rc\r\n.\r\n"}, {bare_lf}},
      {{hello, data, "a\rb\r\n.\r\n"}, {bare_cr}},
      {{hello, data, "a\0b\r\n.\r\n"s}, {nul}},
      {{hello, data, std::string(70'000, 'x') + "\r\n.\r\n"}, {long_line}},
      {{"NOOP " + std::string(3000, 'x') + "\r\n"}, {long_line}},
      {{std::string(70'000, 'x')}, {long_line}},
      {{hello, "AUTH PLAIN\r\n", std::string(13'000, 'x') + "\r\n"}, {long_line}},
      {{"FROBNICATE\r\n"}, {unknown_command}},
      {{"GET / HTTP/1.1\r\n"}, {other_protocol}},
      {{"\x16\x03\x01\r\n"}, {other_protocol}},
      {{"EHLO\r\n"}, {syntax}},
      {{hello, "MAIL FROM:a@example.com x\r\n"}, {syntax}},
      {{hello, "MAIL FROM:<a@example.com> FOO=1\r\n"}, {syntax}},
      {{hello, "NOOP \xff\r\n"}, {syntax}},
      {{hello, "BDAT x\r\n"}, {syntax}},
      {{hello, "AUTH\r\n"}, {syntax}},
      {{"MAIL FROM:<a@example.com>\r\n"}, {sequence}},
      {{hello, "DATA\r\n"}, {sequence}},
      {{hello, "BDAT 1 LAST\r\n", "x"}, {sequence}},
      {{hello, "AUTH PLAIN ***\r\n"}, {base64}},
      {{hello, "AUTH PLAIN\r\n", "*\r\n"}, {}},
      {{"EHLO client.example\r\nNOOP\r\n"}, {pipelining}},
      {{"X\r\n", "X\r\n", "X\r\n"},
       {unknown_command, unknown_command, unknown_command, too_many_errors}},
      {{hello, "NOOP\r\n", "NOOP\r\n", "NOOP\r\n"}, {too_many_commands}},
  };
  ServerOptions options = example_options();
  options.auth = options.auth_without_tls = true;
  options.limits.errors = 2;
  options.limits.junk_commands = 2;
  std::set<ProtocolError> seen{early_talker, proxy_header};  // the driver finds these
  for (const Case& one : cases) {
    TestDriver driver(options);
    driver.session().greet();
    for (const std::string& text : one.said) driver.say(text);
    EXPECT_EQ(driver.session().take_protocol_errors(), one.told)
        << one.said.back().substr(0, 80) << '\n'
        << driver.output;
    EXPECT_TRUE(driver.session().take_protocol_errors().empty());
    // The driver refuses nothing: each refusal is the session's own.
    std::vector<std::string> refusals, own;
    for (const std::string_view line : split(std::string_view(driver.output), '\n')) {
      if (line.starts_with('4') || line.starts_with('5')) refusals.emplace_back(trim(line));
    }
    for (const Reply& reply : driver.session().take_own_refusals()) {
      own.push_back(reply.to_string());
    }
    EXPECT_EQ(own, refusals);
    seen.insert(one.told.begin(), one.told.end());
  }
  EXPECT_EQ(seen.size(), protocol_error_names().size()) << "each kind has a case";
}

TEST(ServerSession, refusals_of_the_driver_are_not_its_own) {
  const ServerOptions options = example_options();
  const std::string begin = "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n";
  const Reply no{550, {5, 7, 1}, "no"};
  for (const auto& [what, said] : std::vector<std::pair<std::string, std::string>>{
           {"helo", ""},
           {"mail", "MAIL FROM:<a@example.com>\r\n"},
           {"data", begin + "DATA\r\n"},
           {"data", begin + "BDAT 3\r\nabc"},
           {"message", begin + "BDAT 3 LAST\r\nabc"}}) {
    TestDriver driver(options);
    driver.session().greet();
    driver.answer(what, no);
    driver.say("EHLO client.example\r\n");
    driver.say(said);
    EXPECT_TRUE(driver.output.find("550 5.7.1 no") != std::string::npos) << driver.output;
    EXPECT_TRUE(driver.session().take_own_refusals().empty()) << what;
  }
}

TEST(ServerSession, can_be_moved) {
  const ServerOptions options = example_options();
  ServerSession first(options);
  first.greet();
  ServerSession second(std::move(first));
  EXPECT_EQ(second.take_output(), "220 mx.example.org ESMTP Postern\r\n");
}

}  // namespace
}  // namespace postern::smtp
