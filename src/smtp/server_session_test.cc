// The contract with the driver, which transcripts cannot express.
#include "smtp/server_session.h"

#include <gtest/gtest.h>

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

TEST(ServerSession, can_be_moved) {
  const ServerOptions options = example_options();
  ServerSession first(options);
  first.greet();
  ServerSession second(std::move(first));
  EXPECT_EQ(second.take_output(), "220 mx.example.org ESMTP Postern\r\n");
}

}  // namespace
}  // namespace postern::smtp
