// The client core beyond the relay suite: exact octets, reuse, limits, forbidden outcomes.
#include "smtp/client_session.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "smtp/client_attempt.h"

namespace postern::smtp {
namespace {

constexpr const char* ehlo = "EHLO relay.example\r\n";

struct Client {
  explicit Client(ClientOptions given = {}) : options(std::move(given)), session(options) {
    options.ehlo_name = "relay.example";
    message.reverse_path = "a@example.com";
    message.recipients = {{"b@example.org", "", ""}};
    use(octets);
  }
  void use(std::string text) {
    octets = std::move(text);
    message.size = octets.size();
  }
  void recipients(std::size_t count) {
    message.recipients.clear();
    for (std::size_t i = 0; i < count; ++i) {
      message.recipients.push_back({"r" + std::to_string(i) + "@example.org", "", ""});
    }
  }
  /// The client's output after this input, message text included.
  std::string say(std::string_view reply) {
    session.feed(reply);
    return take();
  }
  std::string take() {
    std::string out = session.take_output();
    while (const auto* want = want_text()) {
      session.text(octets.substr(want->offset, want->room));
      out += session.take_output();
    }
    session.written();
    return out;
  }
  const NeedText* want_text() {
    event = session.next();
    return std::get_if<NeedText>(&event);
  }
  /// Greeting and EHLO; the client's output after them.
  std::string greeted(const std::string& keywords = "250 PIPELINING\r\n") {
    session.deliver(message);
    EXPECT_EQ(say("220 mx.example\r\n"), ehlo);
    return say("250-mx.example\r\n" + keywords);
  }
  DeliveryDone done() {
    event = session.next();
    const auto* found = std::get_if<DeliveryDone>(&event);
    EXPECT_NE(found, nullptr);
    return found != nullptr ? *found : DeliveryDone{};
  }
  bool waits_for(ClientWait wait) {
    event = session.next();
    const auto* found = std::get_if<NeedReply>(&event);
    return found != nullptr && found->wait == wait;
  }
  const RecipientResult& result(std::size_t i = 0) { return session.results().at(i); }

  ClientOptions options;
  OutboundMessage message;
  std::string octets = "Subject: x\r\n\r\nhello\r\n";
  ClientSession session;
  ClientEvent event;
};

ClientOptions at(TlsLevel level) {
  ClientOptions options;
  options.tls = level;
  return options;
}

TEST(ClientSession, SaysOneCommandAtATimeWithoutPipelining) {
  Client client;
  EXPECT_TRUE(client.waits_for(ClientWait::greeting));
  EXPECT_EQ(client.greeted("250 SIZE\r\n"), "MAIL FROM:<a@example.com> SIZE=21\r\n");
  EXPECT_TRUE(client.waits_for(ClientWait::mail));
  EXPECT_EQ(client.say("250 ok\r\n"), "RCPT TO:<b@example.org>\r\n");
  EXPECT_TRUE(client.waits_for(ClientWait::rcpt));
  EXPECT_EQ(client.say("250 ok\r\n"), "DATA\r\n");
  EXPECT_TRUE(client.waits_for(ClientWait::data));
  EXPECT_EQ(client.say("354 go\r\n"), "Subject: x\r\n\r\nhello\r\n.\r\n");
  EXPECT_TRUE(client.waits_for(ClientWait::end_of_data));
  EXPECT_EQ(client.say("250 2.6.0 taken\r\n"), "");
  EXPECT_TRUE(client.done().reusable);
  EXPECT_EQ(client.result(),
            (RecipientResult{ResultClass::delivered, 250, {2, 6, 0}, "2.6.0 taken"}));
  client.session.quit();
  EXPECT_EQ(client.take(), "QUIT\r\n");
  EXPECT_FALSE(client.done().reusable);
}

TEST(ClientSession, SaysTheEnvelopeInOneWriteWithPipelining) {
  Client client;
  client.recipients(2);
  EXPECT_EQ(client.greeted(),
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<r0@example.org>\r\nRCPT TO:<r1@example.org>\r\n"
            "DATA\r\n");
}

TEST(ClientSession, AProbeEndsAfterRcpt) {
  for (const bool pipelines : {true, false}) {
    for (const std::string_view reply : {"250 2.1.5 ok", "550 5.1.1 no", "552 5.2.2 full"}) {
      Client c;
      c.message.probe = true;
      c.message.size = 0;
      std::string said = c.greeted(pipelines ? "250-SIZE 9\r\n250 PIPELINING\r\n" : "250 HELP\r\n");
      said += c.say("250 2.1.0 ok\r\n");
      EXPECT_EQ(said, "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n");
      EXPECT_EQ(c.say(std::string(reply) + "\r\n"), "RSET\r\n");
      EXPECT_EQ(c.say("250 2.0.0 ok\r\n"), "QUIT\r\n");
      EXPECT_FALSE(c.done().reusable);
      EXPECT_EQ(c.result().klass,
                reply.starts_with('2') ? ResultClass::delivered : ResultClass::permanent);
    }
  }
}

TEST(ClientSession, ManyRecipientsHoldDataBackAndTheirRepliesAreBounded) {
  Client client;
  client.recipients(250);
  std::string said = client.greeted();
  std::size_t asked = 0;
  std::size_t answered = 0;
  while (said.find("DATA") == std::string::npos) {
    for (std::size_t i = said.find("\r\n"); i != std::string::npos; i = said.find("\r\n", i + 1)) {
      ++asked;
    }
    ASSERT_LE(asked - answered, ClientSession::pipelined_recipients + 3);
    ASSERT_LE(asked, 251u);
    ++answered;
    said = client.say("250 ok\r\n");
  }
  EXPECT_EQ(said, "DATA\r\n");
  EXPECT_EQ(answered, 251u);
}

TEST(ClientSession, StuffsDotsAndEndsLinesWhateverThePieces) {
  for (const std::size_t room : {1u, 2u, 3u, 100u}) {
    Client client;
    client.use(".\r\n..a\r\nb.\r\n.");
    client.greeted();
    client.session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
    std::string text;
    while (const auto* want = client.want_text()) {
      client.session.text(client.octets.substr(want->offset, std::min(room, want->room)));
      text += client.session.take_output();
    }
    EXPECT_EQ(text, "..\r\n...a\r\nb.\r\n..\r\n.\r\n");
  }
}

TEST(ClientSession, HoldsAMessageWithBareLineEnds) {
  for (const std::string bad : {"a\nb\r\n", "a\rb\r\n", "\n", "a\r\n\n", "a\r\r\n", "a\r", "\r"}) {
    for (const std::size_t room : {1u, 100u}) {
      Client client;
      client.use(bad);
      client.greeted();
      client.session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
      while (const auto* want = client.want_text()) {
        client.session.text(client.octets.substr(want->offset, std::min(room, want->room)));
      }
      EXPECT_EQ(client.session.take_output(), "");
      EXPECT_FALSE(client.done().reusable);
      EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 3, 0})) << bad;
      EXPECT_FALSE(client.result().next_host);
    }
  }
}

TEST(ClientSession, AnEnvelopeCannotSayCommands) {
  Client client;
  client.message.recipients.push_back({"c@example.org>\r\nRCPT TO:<d@example.org", "", ""});
  client.message.recipients.push_back({"e@example.org", "", "rfc822;x NOTIFY=NEVER"});
  EXPECT_EQ(client.greeted(), "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
  EXPECT_EQ(client.result(1).enhanced, (EnhancedCode{4, 3, 0}));
  EXPECT_EQ(client.result(2).enhanced, (EnhancedCode{4, 3, 0}));
}

TEST(ClientSession, SendsTheALabelOfADomain) {
  Client client;
  client.message.recipients = {{"b@bücher.example", "", ""}};
  EXPECT_EQ(client.greeted("250 8BITMIME\r\n"), "MAIL FROM:<a@example.com>\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "RCPT TO:<b@xn--bcher-kva.example>\r\n");
}

TEST(ClientSession, OneRecipientInNeedOfUtf8DoesNotHoldTheOthers) {
  Client client;
  client.message.recipients.push_back({"jö@example.org", "", ""});
  EXPECT_EQ(client.greeted(), "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
  client.say("250 ok\r\n250 ok\r\n354 go\r\n");
  client.say("250 ok\r\n");
  EXPECT_EQ(client.result(0).klass, ResultClass::delivered);
  EXPECT_TRUE(client.result(1).lacking);
  EXPECT_TRUE(client.result(1).next_host);
}

TEST(ClientSession, A250BeforeTheEndOfTheMessageIsNoDelivery) {
  Client client;
  client.use(std::string(200000, 'x') + "\r\n");
  client.greeted();
  client.session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  ASSERT_NE(client.want_text(), nullptr);
  client.session.text(client.octets.substr(0, 1000));
  client.session.feed("250 taken\r\n");
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 5, 0}));
  EXPECT_FALSE(client.result().uncertain);
  EXPECT_EQ(client.session.take_output(), "");
}

TEST(ClientSession, A250BeforeTheEndIsWrittenIsNoDeliveryEither) {
  Client client;
  client.greeted();
  client.session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  ASSERT_NE(client.want_text(), nullptr);
  client.session.text(client.octets);
  EXPECT_TRUE(client.session.take_output().ends_with(".\r\n"));
  client.session.feed("250 taken\r\n");  // written() was not called
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 5, 0}));
}

TEST(ClientSession, LostBeforeAndAfterTheEndOfTheMessage) {
  for (const bool after : {false, true}) {
    Client client;
    client.greeted();
    client.session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
    client.session.text(client.octets);
    client.session.take_output();
    if (after) client.session.written();
    client.session.lost(Lost::timeout);
    EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 4, 2}));
    EXPECT_EQ(client.result().uncertain, after);
    EXPECT_EQ(client.result().next_host, !after);
  }
}

TEST(ClientSession, ATransactionWithoutAMessageIsResetBeforeTheNext) {
  Client client;
  client.greeted();
  client.say("250 ok\r\n550 no\r\n503 no\r\n");
  EXPECT_TRUE(client.done().reusable);
  client.session.deliver(client.message);
  EXPECT_EQ(client.take(),
            "RSET\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
  EXPECT_TRUE(client.waits_for(ClientWait::reset));
  client.say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  client.say("250 ok\r\n");
  EXPECT_EQ(client.result().klass, ResultClass::delivered);
  client.session.deliver(client.message);
  EXPECT_TRUE(client.take().starts_with("MAIL"));
}

TEST(ClientSession, AnIdleConnectionThatSpeaksIsOver) {
  Client client;
  client.greeted();
  client.say("250 ok\r\n250 ok\r\n354 go\r\n");
  client.say("250 ok\r\n");
  EXPECT_TRUE(client.done().reusable);
  EXPECT_EQ(client.say("421 bye\r\n"), "");
  EXPECT_FALSE(client.done().reusable);
  EXPECT_EQ(client.result().klass, ResultClass::delivered);
  client.session.deliver(client.message);
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 4, 2}));
  EXPECT_TRUE(client.result().next_host);
}

TEST(ClientSession, RepliesAroundTheHandshakeAreInjected) {
  for (const int when : {0, 1, 2}) {
    Client client(at(TlsLevel::may));
    EXPECT_EQ(client.greeted("250 STARTTLS\r\n"), "STARTTLS\r\n");
    if (when == 0) {
      client.session.feed("220 go\r\n250 x\r\n");
    } else {
      client.session.feed("220 go\r\n");
      ASSERT_TRUE(std::holds_alternative<NeedTls>(client.session.next()));
      if (when == 2) client.session.tls_started();
      client.session.feed("250 x\r\n");
    }
    EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 7, 0})) << when;
    EXPECT_FALSE(client.done().retry_without_tls);
    EXPECT_EQ(client.session.take_output(), "");
  }
}

TEST(ClientSession, OurOwnNameIsALoop) {
  Client client;
  client.session.deliver(client.message);
  client.say("220 Relay.Example ESMTP\r\n");
  EXPECT_EQ(client.say("250 relay.example\r\n"), "QUIT\r\n");
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{5, 4, 6}));
  EXPECT_EQ(client.result().klass, ResultClass::permanent);
}

TEST(ClientSession, StarttlsRefusedAtLevelEncryptIsTemporaryWhateverItsClass) {
  Client client(at(TlsLevel::encrypt));
  client.greeted("250 STARTTLS\r\n");
  EXPECT_EQ(client.say("502 5.5.1 what\r\n"), "QUIT\r\n");
  EXPECT_EQ(client.result().klass, ResultClass::temporary);
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 7, 4}));
}

TEST(ClientSession, NoCredentialsBelowLevelVerify) {
  ClientOptions options = at(TlsLevel::encrypt);
  options.credentials = ClientCredentials{"u", Secret("p"), "n"};
  Client client(options);
  client.greeted("250 STARTTLS\r\n");
  client.say("220 go\r\n");
  client.session.tls_started();
  EXPECT_EQ(client.take(), ehlo);
  EXPECT_EQ(client.say("250-mx\r\n250 AUTH PLAIN\r\n"), "QUIT\r\n");
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 7, 0}));
}

TEST(ClientSession, LoginInsideVerifiedTls) {
  ClientOptions options = at(TlsLevel::verify);
  options.credentials = ClientCredentials{"u", Secret("p"), ""};
  Client client(options);
  client.greeted("250 STARTTLS\r\n");
  client.say("220 go\r\n");
  client.session.tls_started();
  client.take();
  EXPECT_EQ(client.say("250-mx\r\n250 AUTH=LOGIN\r\n"), "AUTH LOGIN\r\n");
  EXPECT_TRUE(client.waits_for(ClientWait::auth));
  EXPECT_EQ(client.say("334 VXNlcm5hbWU6\r\n"), "dQ==\r\n");
  EXPECT_EQ(client.say("334 UGFzc3dvcmQ6\r\n"), "cA==\r\n");
  EXPECT_EQ(client.say("235 ok\r\n"), "MAIL FROM:<a@example.com>\r\n");
}

TEST(ClientSession, AScramServerThatProvesNothingGetsNoMail) {
  ClientOptions options = at(TlsLevel::none);
  options.auth_insecure = true;
  options.credentials = ClientCredentials{"u", Secret("p"), "n"};
  Client client(options);
  EXPECT_TRUE(client.greeted("250 AUTH SCRAM-SHA-256\r\n").starts_with("AUTH SCRAM-SHA-256 "));
  EXPECT_EQ(client.say("235 ok\r\n"), "QUIT\r\n");
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{4, 7, 0}));
}

TEST(ClientSession, BdatIsSentAsItIsAndRemembersALoss) {
  ClientOptions options = at(TlsLevel::may);
  options.chunking = true;
  Client client(options);
  client.use(".\r\n.");
  client.greeted("250 STARTTLS\r\n");
  client.say("220 go\r\n");
  client.session.tls_started();
  client.take();
  EXPECT_EQ(client.say("250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"),
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n");
  EXPECT_EQ(client.say("250 ok\r\n250 ok\r\n"), "BDAT 4 LAST\r\n.\r\n.");
  client.session.lost(Lost::closed);
  EXPECT_TRUE(client.done().chunking_failed);
  EXPECT_TRUE(client.result().uncertain);
}

TEST(ClientSession, MailmaxEndsTheConnectionAndTheAttemptDialsAgain) {
  Client client;
  client.recipients(2);
  client.greeted("250-LIMITS MAILMAX=1 RCPTMAX=1\r\n250 PIPELINING\r\n");
  client.say("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "QUIT\r\n");
  EXPECT_TRUE(client.done().same_host);
  EXPECT_EQ(client.result(0).klass, ResultClass::delivered);
  EXPECT_EQ(client.result(1).enhanced, (EnhancedCode{4, 5, 3}));

  DeliveryAttempt attempt(client.message, 1);
  attempt.finished(client.session.results(), client.done());
  ASSERT_TRUE(attempt.next());
  EXPECT_EQ(attempt.next()->host, 0u);
  ASSERT_EQ(attempt.remaining().recipients.size(), 1u);
  EXPECT_EQ(attempt.remaining().recipients[0].address, "r1@example.org");
}

TEST(ClientSession, AfterA452NobodyElseIsAskedInThisTransaction) {
  Client client;
  client.recipients(3);
  client.greeted("250 SIZE\r\n");
  client.say("250 ok\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "RCPT TO:<r1@example.org>\r\n");
  EXPECT_EQ(client.say("452 too many\r\n"), "DATA\r\n");
  client.say("354 go\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "MAIL FROM:<a@example.com> SIZE=21\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "RCPT TO:<r1@example.org>\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "RCPT TO:<r2@example.org>\r\n");
  EXPECT_EQ(client.say("250 ok\r\n"), "DATA\r\n");
  client.say("354 go\r\n");
  client.say("250 ok\r\n");
  for (const RecipientResult& one : client.session.results()) {
    EXPECT_EQ(one.klass, ResultClass::delivered);
  }
}

TEST(ClientSession, PuttingOffEndsAtSomeTime) {
  Client client;
  client.recipients(40);
  std::string said = client.greeted();
  std::size_t transactions = 0;
  while (said.starts_with("MAIL")) {
    ++transactions;
    std::string replies = "250 ok\r\n250 ok\r\n";
    for (std::size_t at = said.find("RCPT");
         (at = said.find("RCPT", at + 1)) != std::string::npos;) {
      replies += "452 4.5.3 too many\r\n";
    }
    client.say(replies + "354 go\r\n");
    said = client.say("250 ok\r\n");
  }
  EXPECT_EQ(transactions, 1 + ClientSession::put_off_rounds);
  EXPECT_EQ(client.result(20).klass, ResultClass::delivered);
  EXPECT_EQ(client.result(21).code, 452);
  EXPECT_FALSE(client.result(21).next_host) << "others were delivered here";
}

TEST(ClientSession, A555IsTriedAgainOnce) {
  Client client;
  client.greeted("250-SIZE\r\n250 PIPELINING\r\n");
  EXPECT_EQ(client.say("555 no\r\n503 no\r\n503 no\r\n"),
            "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
  client.say("555 no\r\n503 no\r\n503 no\r\n");
  EXPECT_EQ(client.result().klass, ResultClass::permanent);
  EXPECT_EQ(client.result().code, 555);
}

TEST(ClientSession, AServerThatTakesDataForNobodyGetsALoneDot) {
  Client client;
  client.greeted();
  EXPECT_EQ(client.say("250 ok\r\n550 no\r\n354 go\r\n"), ".\r\n");
  EXPECT_EQ(client.say("250 taken\r\n"), "");
  EXPECT_EQ(client.result().code, 550);
  EXPECT_TRUE(client.done().reusable);
}

TEST(ClientSession, RequiretlsIsNotSatisfiedByAnyCertificate) {
  Client client(at(TlsLevel::encrypt));
  client.message.requiretls = true;
  client.greeted("250 STARTTLS\r\n");
  client.say("220 go\r\n");
  client.session.tls_started();
  client.take();
  EXPECT_EQ(client.say("250-mx\r\n250 REQUIRETLS\r\n"), "QUIT\r\n");
  EXPECT_EQ(client.result().enhanced, (EnhancedCode{5, 7, 10}));
  EXPECT_TRUE(client.result().lacking);
}

TEST(DeliveryAttempt, ALackIsPermanentOnlyWhereEveryHostHasIt) {
  Client client;
  client.message.recipients = {{"jö@example.org", "", ""}};
  DeliveryAttempt attempt(client.message, 2);
  client.greeted();
  attempt.finished(client.session.results(), client.done());
  ASSERT_TRUE(attempt.next());
  EXPECT_EQ(attempt.next()->host, 1u);
  attempt.unreachable("connection refused");
  EXPECT_FALSE(attempt.next());
  EXPECT_EQ(attempt.results()[0].klass, ResultClass::temporary);
  EXPECT_EQ(attempt.results()[0].enhanced, (EnhancedCode{4, 6, 7}));
}

TEST(DeliveryAttempt, WhatAHostSaidIsKeptWhereTheNextIsNotReached) {
  Client client;
  DeliveryAttempt attempt(client.message, 2);
  client.greeted();
  client.say("250 ok\r\n450 4.7.1 greylisted\r\n503 no\r\n");
  attempt.finished(client.session.results(), client.done());
  ASSERT_TRUE(attempt.next());
  attempt.unreachable("connection refused");
  EXPECT_FALSE(attempt.next());
  EXPECT_EQ(attempt.results()[0].code, 450);
}

TEST(DeliveryAttempt, AddressesOfAHostAreOneHost) {
  Client client;
  client.message.recipients = {{"jö@example.org", "", ""}};
  // Two addresses of the first host, three of the second.
  DeliveryAttempt attempt(client.message, std::vector<std::size_t>{0, 0, 1, 1, 1});
  attempt.unreachable("connection refused");
  ASSERT_TRUE(attempt.next());
  EXPECT_EQ(attempt.next()->host, 1u);
  client.greeted();
  attempt.finished(client.session.results(), client.done());
  ASSERT_TRUE(attempt.next());
  EXPECT_EQ(attempt.next()->host, 2u);
  attempt.unreachable("connection refused");
  ASSERT_TRUE(attempt.next());
  EXPECT_EQ(attempt.next()->host, 3u);
  attempt.finished(client.session.results(), client.done());
  // A feature missing at one address is not tried at the next.
  EXPECT_FALSE(attempt.next());
  EXPECT_EQ(attempt.results()[0].klass, ResultClass::permanent);
  EXPECT_EQ(attempt.calls()[0], 3u);
}

TEST(DeliveryAttempt, AnUnreachedHostMayHaveWhatTwoAddressesOfAnotherLack) {
  Client client;
  client.message.recipients = {{"jö@example.org", "", ""}, {"b@example.org", "", ""}};
  DeliveryAttempt attempt(client.message, std::vector<std::size_t>{0, 1, 1});
  attempt.unreachable("connection refused");
  RecipientResult lack{
      .klass = ResultClass::permanent, .enhanced = {5, 6, 7}, .next_host = true, .lacking = true};
  RecipientResult later{
      .klass = ResultClass::temporary, .code = 450, .enhanced = {4, 2, 0}, .next_host = true};
  attempt.finished({lack, later}, {});
  ASSERT_TRUE(attempt.next());
  attempt.finished({lack, later}, {});
  EXPECT_FALSE(attempt.next());
  EXPECT_EQ(attempt.results()[0].klass, ResultClass::temporary);
}

TEST(DeliveryAttempt, HostsBehindTheLimitsDoNotCount) {
  Client client;
  client.message.recipients = {{"jö@example.org", "", ""}};
  DeliveryAttempt attempt(client.message, 3);
  client.greeted();
  attempt.finished(client.session.results(), client.done());
  attempt.end();
  EXPECT_FALSE(attempt.next());
  EXPECT_EQ(attempt.results()[0].klass, ResultClass::permanent);

  DeliveryAttempt other(client.message, 3);
  other.unreachable("connection refused");
  other.finished(client.session.results(), client.done());
  other.end();
  EXPECT_EQ(other.results()[0].klass, ResultClass::temporary);
}

}  // namespace
}  // namespace postern::smtp
