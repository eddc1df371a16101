#include "mail/received.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

Arrival arrival() {
  return {.helo_name = "Client.Example",
          .client_name = "mail.client.example",
          .client_address = *IpAddress::parse("198.51.100.7"),
          .hostname = "mx.example.org",
          .protocol = "ESMTPSA",
          .tls = "TLSv1.3 TLS_AES_256_GCM_SHA384",
          .id = "01JD0000000000000000000000",
          .recipient = Mailbox{"bob", "example.org"},
          .time = std::chrono::system_clock::from_time_t(1795161600)};
}

TEST(Received, has_the_clauses_of_the_rfc_in_their_order) {
  EXPECT_EQ(received_field(arrival()),
            "Received: from client.example (mail.client.example [198.51.100.7])\r\n"
            "\tby mx.example.org with ESMTPSA\r\n"
            "\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
            "\tid 01JD0000000000000000000000\r\n"
            "\tfor <bob@example.org>;\r\n"
            "\tFri, 20 Nov 2026 08:00:00 +0000\r\n");
}

TEST(Received, leaves_out_what_is_not_known) {
  Arrival bare = arrival();
  bare.client_name.clear();
  bare.tls.clear();
  bare.id.clear();
  bare.recipient.reset();
  bare.protocol = "SMTP";
  EXPECT_EQ(received_field(bare),
            "Received: from client.example ([198.51.100.7])\r\n"
            "\tby mx.example.org with SMTP;\r\n"
            "\tFri, 20 Nov 2026 08:00:00 +0000\r\n");
}

struct Helo {
  const char* name;
  const char* from;
};
class ReceivedHelo : public testing::TestWithParam<Helo> {};

TEST_P(ReceivedHelo, appears_as_a_domain_a_literal_or_a_comment) {
  Arrival said = arrival();
  said.helo_name = GetParam().name;
  said.client_name.clear();
  const std::string field = received_field(said);
  EXPECT_EQ(field.substr(15, field.find("\r\n") - 15), GetParam().from);
}

INSTANTIATE_TEST_SUITE_P(
    Names, ReceivedHelo,
    testing::Values(Helo{"pc7", "pc7 ([198.51.100.7])"},
                    Helo{"[192.0.2.1]", "[192.0.2.1] ([198.51.100.7])"},
                    Helo{"[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1] ([198.51.100.7])"},
                    Helo{"", "[198.51.100.7] ([198.51.100.7])"},
                    Helo{"bad_.-name", "[198.51.100.7] (HELO bad_.-name, [198.51.100.7])"},
                    Helo{"a) by evil (\\",
                         "[198.51.100.7] (HELO a\\) by evil \\(\\\\, [198.51.100.7])"},
                    Helo{"x\r\nBcc: y", "[198.51.100.7] (HELO x??Bcc: y, [198.51.100.7])"},
                    Helo{"[192.0.2.1", "[198.51.100.7] (HELO [192.0.2.1, [198.51.100.7])"},
                    Helo{"b\xc3\xbc", "[198.51.100.7] (HELO b??, [198.51.100.7])"}));

TEST(Received, does_not_trust_reverse_dns_either) {
  Arrival lied = arrival();
  lied.client_name = "x) (y";
  EXPECT_TRUE(
      received_field(lied).starts_with("Received: from client.example ([198.51.100.7])\r\n"));
  lied.client_address = *IpAddress::parse("2001:db8::7");
  EXPECT_TRUE(
      received_field(lied).starts_with("Received: from client.example ([IPv6:2001:db8::7])"));
}

TEST(Received, comments_are_bounded) {
  EXPECT_EQ(comment_text(std::string(5000, 'a')), std::string(255, 'a'));
}

TEST(ReturnPath, is_empty_for_the_null_reverse_path) {
  EXPECT_EQ(return_path_field(std::nullopt), "Return-Path: <>\r\n");
  EXPECT_EQ(return_path_field(Mailbox{"a", "example.com"}), "Return-Path: <a@example.com>\r\n");
}

TEST(TransmissionType, is_a_registered_word) {
  EXPECT_EQ(transmission_type({}), "SMTP");
  EXPECT_EQ(transmission_type({.tls = true}), "SMTP");
  EXPECT_EQ(transmission_type({.extended = true}), "ESMTP");
  EXPECT_EQ(transmission_type({.extended = true, .tls = true}), "ESMTPS");
  EXPECT_EQ(transmission_type({.extended = true, .authenticated = true}), "ESMTPA");
  EXPECT_EQ(transmission_type({.extended = true, .tls = true, .authenticated = true}), "ESMTPSA");
  EXPECT_EQ(transmission_type({.extended = true, .tls = true, .smtputf8 = true}), "UTF8SMTPS");
}

}  // namespace
}  // namespace postern::mail
