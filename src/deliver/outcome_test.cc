#include "deliver/outcome.h"

#include <gtest/gtest.h>

namespace postern::deliver {
namespace {

using store::Override;

constexpr const char* message_id = "msg_01HX0000000000000000000000";

net::HttpResult answered(int status, net::HttpHeaders headers = {}) {
  return {.status = status, .headers = std::move(headers)};
}

TEST(DeliveryOutcome, each_status_has_the_reply_of_the_contract) {
  const std::pair<int, const char*> table[] = {
      {200, "250 2.0.0"}, {201, "250 2.0.0"}, {204, "250 2.0.0"}, {299, "250 2.0.0"},
      {301, "450 4.3.0"}, {302, "450 4.3.0"}, {307, "450 4.3.0"}, {400, "550 5.7.1"},
      {401, "550 5.7.1"}, {403, "550 5.7.1"}, {404, "550 5.7.1"}, {408, "450 4.3.0"},
      {410, "550 5.7.1"}, {418, "550 5.7.1"}, {425, "450 4.3.0"}, {429, "450 4.3.0"},
      {499, "550 5.7.1"}, {500, "450 4.3.0"}, {503, "450 4.3.0"}, {599, "450 4.3.0"},
      {600, "450 4.3.0"}, {999, "450 4.3.0"}};
  for (const auto& [status, reply] : table) {
    const DeliveryOutcome outcome = outcome_of(answered(status), message_id);
    EXPECT_TRUE(outcome.reply.to_string().starts_with(reply))
        << status << ' ' << outcome.reply.to_string();
    EXPECT_EQ(outcome.http_status, status);
    EXPECT_EQ(outcome.error.has_value(), status >= 300) << status;
    EXPECT_EQ(outcome.override, Override::none);
  }
  EXPECT_EQ(outcome_of(answered(200), message_id).reply.text,
            std::string("accepted ") + message_id);
}

TEST(DeliveryOutcome, without_an_answer_the_client_tries_again) {
  for (const net::HttpTrouble trouble :
       {net::HttpTrouble::blocked, net::HttpTrouble::unresolved, net::HttpTrouble::unreachable,
        net::HttpTrouble::tls, net::HttpTrouble::timeout, net::HttpTrouble::broken}) {
    const DeliveryOutcome outcome =
        outcome_of({.trouble = trouble, .detail = "blocked address 10.0.0.1"}, message_id);
    EXPECT_EQ(outcome.reply.to_string(), "450 4.4.1 the webhook cannot be reached now");
    EXPECT_FALSE(outcome.http_status);
    ASSERT_TRUE(outcome.error);
    EXPECT_TRUE(outcome.error->ends_with(": blocked address 10.0.0.1")) << *outcome.error;
  }
}

struct OverrideCase {
  int status;
  net::HttpHeaders headers;
  const char* reply;
  Override override;
};

TEST(DeliveryOutcome, one_valid_override_wins_over_the_status) {
  const OverrideCase cases[] = {
      {200,
       {{"X-Conduit-SMTP-Code", "550"}, {"X-Conduit-SMTP-Message", "No ticket with that number"}},
       "550 5.7.1 No ticket with that number",
       Override::applied},
      {500,
       {{"x-conduit-smtp-code", "250"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::applied},
      {404,
       {{"X-Conduit-SMTP-Code", "250"}, {"X-Conduit-SMTP-Message", "thanks"}},
       "250 2.0.0 thanks",
       Override::applied},
      {200,
       {{"X-Conduit-SMTP-Code", "451"}, {"X-Conduit-SMTP-Message", "4.7.1 greylisted"}},
       "451 4.7.1 greylisted",
       Override::applied},
      {200,
       {{"X-Conduit-SMTP-Code", "550"}, {"X-Conduit-SMTP-Message", "4.7.1 greylisted"}},
       "550 5.7.1 4.7.1 greylisted",
       Override::applied},
      {200,
       {{"X-Conduit-SMTP-Code", "552"}, {"X-Conduit-SMTP-Message", "5.2.2"}},
       "552 5.2.2 refused by the webhook",
       Override::applied},
      {200,
       {{"X-Conduit-SMTP-Code", "552"}, {"X-Conduit-SMTP-Message", "5.2.2x full"}},
       "552 5.7.1 5.2.2x full",
       Override::applied},
      {200,
       {{"X-Conduit-SMTP-Code", "552"}, {"X-Conduit-SMTP-Message", "5.2.1234 full"}},
       "552 5.7.1 5.2.1234 full",
       Override::applied},
      {200,
       {{"X-Postern-SMTP-Code", "421"}},
       "421 4.3.0 deferred by the webhook",
       Override::applied},
      {503,
       {{"X-Conduit-SMTP-Code", "599"}, {"X-Postern-SMTP-Message", "x"}},
       "599 5.7.1 x",
       Override::applied},
      {200,
       {{"X-Conduit-SMTP-Code", "999"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {404,
       {{"X-Conduit-SMTP-Code", "354"}},
       "550 5.7.1 the webhook refused the message",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Code", "199"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Code", "600"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Code", "550 "}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Code", "+55"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Code", ""}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Code", "550"}, {"X-Conduit-SMTP-Code", "550"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::ignored},
      {503,
       {{"X-Conduit-SMTP-Code", "250"}, {"X-Postern-SMTP-Code", "250"}},
       "450 4.3.0 the webhook cannot take the message now",
       Override::ignored},
      {200,
       {{"X-Conduit-SMTP-Message", "no code"}},
       "250 2.0.0 accepted msg_01HX0000000000000000000000",
       Override::none},
  };
  for (const OverrideCase& expected : cases) {
    const DeliveryOutcome outcome =
        outcome_of(answered(expected.status, expected.headers), message_id);
    EXPECT_EQ(outcome.reply.to_string(), expected.reply);
    EXPECT_EQ(outcome.override, expected.override) << expected.reply;
  }
  EXPECT_TRUE(
      outcome_of(answered(200, {{"X-Postern-SMTP-Code", "421"}}), message_id).reply.closes());
  EXPECT_EQ(outcome_of(answered(500, {{"X-Conduit-SMTP-Code", "250"}}), message_id).error,
            std::nullopt);
  EXPECT_EQ(outcome_of(answered(500, {{"X-Conduit-SMTP-Code", "451"}}), message_id).error,
            "HTTP status 500");
}

TEST(DeliveryOutcome, the_text_of_an_endpoint_cannot_leave_its_line) {
  const auto line = [](std::string text) {
    return outcome_of(answered(200, {{"X-Conduit-SMTP-Code", "550"},
                                     {"X-Conduit-SMTP-Message", std::move(text)}}),
                      message_id)
        .reply;
  };
  EXPECT_EQ(line("a\r\n250 ok\tb\x7f").to_wire(), "550 5.7.1 a250 okb\r\n");
  EXPECT_EQ(line("Gr\u00fc\u00dfe \u2713").text, "Gr??e ?");
  EXPECT_EQ(line("caf\xe9 \x80").text, "caf? ?");
  EXPECT_EQ(line(" \x01 ").text, "refused by the webhook");
  const smtp::Reply longest = line(std::string(2000, 'x'));
  EXPECT_EQ(longest.to_wire().size(), 512u);
  EXPECT_EQ(longest.to_wire().find("\r\n"), 510u);
  EXPECT_EQ(line("5.700.123 " + std::string(2000, 'x')).to_wire().size(), 512u);
}

}  // namespace
}  // namespace postern::deliver
