#include "relay/report.h"

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "relay/report_parts.h"

namespace postern::relay {
namespace {

using Wall = std::chrono::system_clock::time_point;

constexpr std::string_view unique = "01JD0000000000000000000000";
const ReportSettings report_settings{.hostname = "relay.example.org"};
const std::string plain_message =
    "From: a@example.com\r\nSubject: x\r\nMessage-ID: <m1@example.com>\r\n\r\nthe body\r\n";

Original original_of(std::string_view message) {
  OriginalScan scanner;
  scanner.feed(message);
  return scanner.finish();
}

ReportedRecipient recipient(std::string address, smtp::ResultClass klass) {
  const bool refused = klass == smtp::ResultClass::permanent;
  const bool later = klass == smtp::ResultClass::temporary;
  return {.address = std::move(address),
          .klass = klass,
          .enhanced = refused ? smtp::EnhancedCode{5, 1, 1}
                      : later ? smtp::EnhancedCode{4, 2, 1}
                              : smtp::EnhancedCode{2, 1, 5},
          .reply = refused ? "550 5.1.1 no such user"
                   : later ? "451 4.2.1 later"
                           : "250 ok",
          .remote = "mx.example.net",
          .last_attempt = Wall(std::chrono::seconds(1763640000))};
}

smtp::ResultClass class_for(ReportKind kind) {
  return kind == ReportKind::failed    ? smtp::ResultClass::permanent
         : kind == ReportKind::delayed ? smtp::ResultClass::temporary
                                       : smtp::ResultClass::delivered;
}

ReportOccasion occasion(ReportKind kind = ReportKind::failed) {
  return {.kind = kind,
          .recipients = {recipient("b@example.net", class_for(kind))},
          .reverse_path = "a@example.com",
          .arrival = Wall(std::chrono::seconds(1763630000)),
          .log_id = "01JD1",
          .client = ClientStanding::authenticated,
          .helo = "client.example.com",
          .client_address = "192.0.2.7",
          .retry_until = Wall(std::chrono::seconds(1764060000))};
}

std::string why(const ReportOccasion& given, std::string_view message = plain_message) {
  const auto reason = suppressed(given, original_of(message), report_settings);
  return reason ? std::string(word_of(*reason)) : "sent";
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

/// Properties of every report, whatever its input.
void expect_fit(const Report& report, const std::string& text) {
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = text.find("\r\n", start);
    ASSERT_NE(end, std::string::npos) << "the last line ends in CRLF";
    const std::string_view line = std::string_view(text).substr(start, end - start);
    EXPECT_LE(line.size(), 998u);
    EXPECT_EQ(line.find_first_of(std::string_view("\r\n\0", 3)), line.npos) << printable(line);
    if (!report.eight_bit) EXPECT_TRUE(is_ascii(line)) << printable(line);
    start = end + 2;
  }
  const std::size_t quote = text.find("boundary=\"") + 10;
  const std::string boundary = text.substr(quote, text.find('"', quote) - quote);
  EXPECT_LE(boundary.size(), 70u);
  EXPECT_EQ(count(text, "\r\n--" + boundary + "\r\n"), 3u);
  EXPECT_EQ(count(text, "\r\n--" + boundary + "--\r\n"), 1u);
  EXPECT_TRUE(text.ends_with("\r\n--" + boundary + "--\r\n"));
}

struct Made {
  Report report;
  std::string text;
};

Made make(const ReportOccasion& given, std::string_view message = plain_message,
          const ReportSettings& with = report_settings) {
  const Original original = original_of(message);
  EXPECT_FALSE(suppressed(given, original, with));
  Made made{make_report(given, original, with, Wall(std::chrono::seconds(1763640100)), unique), {}};
  made.text = report_text(made.report, message);
  expect_fit(made.report, made.text);
  return made;
}

bool holds(const Made& made, std::string_view part) {
  return made.text.find(part) != std::string::npos;
}

TEST(Report, is_sent_as_NOTIFY_has_it) {
  using enum ReportKind;
  struct Row {
    const char* notify;
    std::vector<ReportKind> sent;
  };
  for (const Row& row :
       std::vector<Row>{{"", {failed, delayed}},
                        {"NEVER", {}},
                        {"never", {}},
                        {"SUCCESS", {relayed, delivered}},
                        {"failure", {failed}},
                        {"DELAY", {delayed}},
                        {"Success,DELAY", {delayed, relayed, delivered}},
                        {"FAILURE,DELAY,SUCCESS", {failed, delayed, relayed, delivered}}}) {
    for (const ReportKind kind : {failed, delayed, relayed, delivered}) {
      ReportOccasion given = occasion(kind);
      given.recipients[0].notify = row.notify;
      const bool sent = std::count(row.sent.begin(), row.sent.end(), kind) > 0;
      EXPECT_EQ(why(given), sent ? "sent" : "notify") << row.notify << " " << word_of(kind);
    }
  }
}

TEST(Report, the_first_reason_against_it_is_told) {
  ReportOccasion given = occasion(ReportKind::delayed);
  given.reverse_path = "";
  given.recipients[0].notify = "NEVER";
  given.recipients[0].delay_notice_sent = true;
  given.client = ClientStanding::stranger;
  given.sender_takes_no_mail = true;
  given.recipients[0].content_verdict = true;
  given.sent_to_address = 20;
  const std::string automatic = "Auto-Submitted: auto-replied\r\n\r\n";
  EXPECT_EQ(why(given, automatic), "null-sender");
  given.reverse_path = "Postmaster@Relay.Example.Org";
  EXPECT_EQ(why(given, automatic), "own-bounce-address");
  given.reverse_path = "MAILER-DAEMON@relay.example.org";
  EXPECT_EQ(why(given, automatic), "own-bounce-address");
  given.reverse_path = "a@example.com";
  EXPECT_EQ(why(given, automatic), "notify");
  given.recipients[0].notify = "";
  EXPECT_EQ(why(given, automatic), "automatic");
  EXPECT_EQ(why(given), "already-sent");
  given.recipients[0].delay_notice_sent = false;
  EXPECT_EQ(why(given), "sender-domain");
  given.sender_takes_no_mail = false;
  EXPECT_EQ(why(given), "backscatter");
  given.spf_pass = true;
  EXPECT_EQ(why(given), "content-verdict");
  given.recipients[0].content_verdict = false;
  EXPECT_EQ(why(given), "rate");
  given.sent_to_address = 19;
  EXPECT_EQ(why(given), "sent");
}

TEST(Report, goes_to_strangers_only_with_proof) {
  struct Row {
    const char* reverse_path;
    std::vector<std::string> signers;
    bool sent;
  };
  for (const Row& row :
       std::vector<Row>{{"a@example.com", {}, false},
                        {"a@example.com", {"example.com"}, true},
                        {"a@Example.COM", {"EXAMPLE.com"}, true},
                        {"a@example.com", {"example.net", "example.com"}, true},
                        {"a@mail.example.com", {"example.com"}, true},
                        // A signature of a subdomain does not authenticate its parent domain.
                        {"a@example.com", {"mail.example.com"}, false},
                        {"a@badexample.com", {"example.com"}, false},
                        {"a@example.com", {"com"}, false},
                        {"a@example.com", {""}, false},
                        {"a@[192.0.2.1]", {"example.com"}, false},
                        {"\"x@example.com\"@example.net", {"example.com"}, false}}) {
    ReportOccasion given = occasion();
    given.reverse_path = row.reverse_path;
    given.dkim_domains = row.signers;
    EXPECT_EQ(why(given), "sent") << "an own client needs none: " << row.reverse_path;
    given.client = ClientStanding::stranger;
    EXPECT_EQ(why(given), row.sent ? "sent" : "backscatter") << row.reverse_path;
    given.client = ClientStanding::trusted;
    EXPECT_EQ(why(given), "sent");
  }
}

TEST(Report, rates_of_a_domain_depend_on_who_sends) {
  ReportOccasion given = occasion();
  given.sent_to_domain = max_reports_to_domain;
  EXPECT_EQ(why(given), "sent");
  given.client = ClientStanding::stranger;
  given.spf_pass = true;
  EXPECT_EQ(why(given), "rate");
  given.client = ClientStanding::trusted;
  given.sent_to_domain = max_reports_to_domain_own;
  EXPECT_EQ(why(given), "rate");
}

TEST(Report, speaks_only_of_whom_it_is_about) {
  ReportOccasion given = occasion();
  given.client = ClientStanding::stranger;
  given.spf_pass = true;
  given.recipients.push_back(recipient("verdict@example.net", smtp::ResultClass::permanent));
  given.recipients[1].content_verdict = true;
  given.recipients.push_back(recipient("never@example.net", smtp::ResultClass::permanent));
  given.recipients[2].notify = "NEVER";
  given.recipients.push_back(recipient("later@example.net", smtp::ResultClass::temporary));
  given.recipients.push_back(recipient("over@example.net", smtp::ResultClass::temporary));
  given.recipients[4].expired = true;
  given.recipients.push_back(recipient("fine@example.net", smtp::ResultClass::delivered));
  const Made made = make(given);
  EXPECT_EQ(count(made.text, "Final-Recipient:"), 2u);
  EXPECT_TRUE(holds(made, "Subject: Undelivered: message to 2 recipients\r\n"));
  EXPECT_TRUE(
      holds(made, "Final-Recipient: rfc822; b@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
  EXPECT_TRUE(holds(
      made, "Final-Recipient: rfc822; over@example.net\r\nAction: failed\r\nStatus: 4.4.7\r\n"));
  for (const char* other : {"verdict@", "never@", "later@", "fine@"}) {
    EXPECT_FALSE(holds(made, other)) << other;
  }
  given.client = ClientStanding::authenticated;
  EXPECT_EQ(count(make(given).text, "Final-Recipient:"), 3u) << "verdicts are told to own users";
}

TEST(Report, tells_where_mail_came_from_to_own_users_only) {
  ReportOccasion given = occasion();
  EXPECT_TRUE(holds(make(given), "Received-From-MTA: dns; client.example.com ([192.0.2.7])\r\n"));
  given.client = ClientStanding::stranger;
  given.spf_pass = true;
  EXPECT_FALSE(holds(make(given), "Received-From-MTA"));
}

TEST(Report, has_a_status_of_the_class_of_its_action) {
  struct Row {
    ReportKind kind;
    smtp::EnhancedCode given;
    const char* status;
  };
  for (const Row& row :
       {Row{ReportKind::failed, {5, 7, 1}, "5.7.1"}, Row{ReportKind::failed, {4, 7, 1}, "5.0.0"},
        Row{ReportKind::failed, {}, "5.0.0"}, Row{ReportKind::delayed, {4, 4, 1}, "4.4.1"},
        Row{ReportKind::delayed, {5, 4, 1}, "4.0.0"}, Row{ReportKind::relayed, {2, 1, 5}, "2.0.0"},
        Row{ReportKind::delivered, {}, "2.0.0"}}) {
    ReportOccasion given = occasion(row.kind);
    given.recipients[0].notify = "SUCCESS,FAILURE,DELAY";
    given.recipients[0].enhanced = row.given;
    const Made made = make(given);
    EXPECT_TRUE(holds(made, std::string("\r\nStatus: ") + row.status + "\r\n")) << row.status;
    EXPECT_EQ(holds(made, "Will-Retry-Until"), row.kind == ReportKind::delayed);
    EXPECT_EQ(holds(made, "Remote-MTA"), row.kind != ReportKind::delivered);
  }
}

TEST(Report, returns_the_message_or_its_header) {
  const std::string header = "Subject: x\r\n\r\n";
  const auto lines = [&](std::size_t octets) {
    std::string message = header;
    while (message.size() + 80 <= octets) message += std::string(78, 'b') + "\r\n";
    if (message.size() < octets) message += std::string(octets - message.size() - 2, 'b') + "\r\n";
    return message;
  };
  struct Row {
    const char* name;
    const char* ret;
    std::string message;
    bool whole;
    bool base64;
  };
  for (const Row& row : std::vector<Row>{
           {"small", "", plain_message, true, false},
           {"64 KiB", "", lines(65536), true, false},
           {"above", "", lines(65540), false, false},
           {"above, asked", "full", lines(65540), true, false},
           {"small, not wanted", "hdrs", plain_message, false, false},
           {"long line in the body", "FULL", header + std::string(999, 'b') + "\r\n", false, false},
           {"line of 998", "FULL", header + std::string(998, 'b') + "\r\n", true, false},
           {"bare LF", "FULL", header + "a\nb\r\n", false, false},
           {"bare CR", "FULL", header + "a\rb\r\n", false, false},
           {"NUL", "FULL", header + std::string("\0\r\n", 3), false, false},
           {"8 bit", "FULL", header + "\xfc\r\n", true, false},
           {"8 bit in the header", "FULL", "Subject: \xfc\r\n\r\nb\r\n", true, false},
           {"long line in the header", "FULL", std::string(999, 'h') + "\r\n\r\nb\r\n", false,
            true},
           {"bare CR in the header", "FULL", "A: b\r\rc\r\n\r\nb\r\n", false, true},
           {"bare LF in the header", "FULL", "A: b\nB: c\r\n\r\nthe body\r\n", false, true},
           {"no line end", "FULL", header + "b", true, false},
           {"no body", "FULL", "Subject: x\r\n", true, false},
           {"no header", "FULL", "\r\nb\r\n", true, false},
           {"nothing", "FULL", "", true, false}}) {
    SCOPED_TRACE(row.name);
    ReportOccasion given = occasion();
    given.ret = row.ret;
    const Made made = make(given, row.message);
    const std::string type = row.whole ? "message/rfc822" : "text/rfc822-headers";
    const std::size_t part = made.text.find("Content-Type: " + type + "\r\n");
    ASSERT_NE(part, std::string::npos);
    const std::size_t begin = made.text.find("\r\n\r\n", part) + 4;
    const std::string returned =
        made.text.substr(begin, made.text.size() - made.report.tail.size() - begin);
    const std::string wanted =
        row.whole ? row.message : row.message.substr(0, original_of(row.message).header_size);
    EXPECT_EQ(returned, row.base64 ? base64_lines(wanted) : wanted);
    EXPECT_EQ(made.report.returned.base64, row.base64);
    EXPECT_EQ(made.report.eight_bit, !is_ascii(wanted));
  }
}

TEST(Report, requiretls_returns_no_body) {
  ReportOccasion given = occasion();
  given.ret = "FULL";
  given.requiretls = true;
  const Made made = make(given);
  EXPECT_TRUE(made.report.requiretls);
  EXPECT_FALSE(holds(made, "the body"));
}

TEST(Report, a_boundary_in_the_message_ends_nothing) {
  // A sender could know the unique part, and a report about the same message.
  const Made first = make(occasion());
  const std::size_t quote = first.text.find("boundary=\"") + 10;
  const std::string boundary = first.text.substr(quote, first.text.find('"', quote) - quote);
  std::string message = plain_message + "--" + boundary + "\r\n--" + boundary + "--\r\n--" +
                        std::string(unique) + "\r\n";
  const Made made = make(occasion(), message);  // checks that each boundary occurs once
  EXPECT_TRUE(holds(made, message));
  EXPECT_EQ(make(occasion(), first.text).report.head.find(boundary), std::string::npos);
}

TEST(Report, replies_are_quoted_harmlessly) {
  struct Row {
    std::string reply;
    const char* diagnostic;
  };
  for (const Row& row :
       std::vector<Row>{{"550 5.1.1 no such user", "550 5.1.1 no such user"},
                        {"550-one\n550 two", "550-one 550 two"},
                        {"550-one\r\n550 two\r\n", "550-one 550 two"},
                        {"550 a\r\nBcc: x@example.net\r\n\r\n--b", "550 a Bcc: x@example.net  --b"},
                        {"550 \x1b[31m\x07", "550 \\x1b[31m\\x07"},
                        {"550 caf\xc3\xa9", "550 caf\\xc3\\xa9"},
                        {std::string("550 \0", 5), "550 \\x00"}}) {
    ReportOccasion given = occasion();
    given.recipients[0].reply = row.reply;
    const Made made = make(given);
    EXPECT_TRUE(holds(made, std::string("Diagnostic-Code: smtp; ") + row.diagnostic + "\r\n"))
        << made.report.head;
    EXPECT_FALSE(holds(made, "\r\nBcc:"));
  }
}

TEST(Report, very_long_foreign_text_is_cut) {
  for (const std::string& word :
       {std::string(100000, 'x'), std::string(100000, '\xff'), std::string(100000, ' ') + "x",
        std::string(100000, '\n') + "x"}) {
    ReportOccasion given = occasion();
    given.recipients[0].reply = "550 " + word;
    given.recipients[0].remote = word;
    given.helo = word;
    given.envid = word;
    given.recipients[0].orcpt = "rfc822;" + word;
    EXPECT_LT(make(given).report.head.size(), 12000u);
  }
}

TEST(Report, a_finding_is_no_smtp_reply) {
  ReportOccasion given = occasion();
  given.recipients[0].reply = "";
  given.recipients[0].remote = "";
  given.recipients[0].finding = "the domain has a null MX";
  const Made made = make(given);
  EXPECT_TRUE(holds(made, "Diagnostic-Code: x-postern; the domain has a null MX\r\n"));
  EXPECT_FALSE(holds(made, "Remote-MTA"));
}

TEST(Report, tells_the_time_until_which_it_is_tried) {
  const Made made = make(occasion(ReportKind::delayed));
  EXPECT_TRUE(holds(made, "Will-Retry-Until: Tue, 25 Nov 2025 08:40:00 +0000\r\n"));
  EXPECT_TRUE(holds(made, "Subject: Delayed: message to b@example.net\r\n"));
  EXPECT_TRUE(holds(made, "Content-Type: text/rfc822-headers\r\n"));
}

TEST(Report, parameters_of_the_envelope_come_back_decoded) {
  ReportOccasion given = occasion();
  given.envid = "QQ+2B31";
  given.recipients[0].orcpt = "RFC822;Big+2BJoe@Orig.Example";
  Made made = make(given);
  EXPECT_TRUE(holds(made, "Original-Envelope-Id: QQ+31\r\n"));
  EXPECT_TRUE(holds(made, "Original-Recipient: RFC822; Big+Joe@Orig.Example\r\n"));
  given.envid = "a+0D+0Ab+2";  // sessions reject these; an old spool may contain them
  given.recipients[0].orcpt = "rfc822;+0D+0ABcc:x";
  made = make(given);
  EXPECT_FALSE(holds(made, "\r\nBcc:x"));
}

TEST(Report, utf8_goes_as_the_next_hop_can_take_it) {
  ReportOccasion given = occasion();
  given.smtputf8 = true;
  given.recipients[0].address = "j\xc3\xb6@example.net";
  given.recipients[0].orcpt = "utf-8;j\xc3\xb6\xf0\x9f\x90\xa6@example.net";
  given.ret = "FULL";
  const std::string message = "Subject: Z\xc3\xbcrich\r\n\r\nb\xc3\xb6\r\n";

  ReportSettings utf8 = report_settings;
  utf8.hop_smtputf8 = true;
  Made made = make(given, message, utf8);
  EXPECT_TRUE(made.report.smtputf8 && made.report.eight_bit);
  EXPECT_TRUE(holds(made, "Final-Recipient: utf-8; j\xc3\xb6@example.net\r\n"));
  EXPECT_TRUE(holds(made, "Content-Type: message/global-delivery-status\r\n"));
  EXPECT_TRUE(holds(made, message));

  made = make(given, message);  // expect_fit() checks that it is ASCII
  EXPECT_FALSE(made.report.smtputf8 || made.report.eight_bit);
  EXPECT_TRUE(holds(made, "Final-Recipient: utf-8; j\\x{F6}@example.net\r\n"));
  EXPECT_TRUE(holds(made, "Original-Recipient: utf-8; j\\x{F6}\\x{1F426}@example.net\r\n"));
  EXPECT_TRUE(
      holds(made, "Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                      base64_lines(message)));

  // A reverse-path beyond ASCII needs SMTPUTF8 anyway.
  given.reverse_path = "\xc3\xa4@example.com";
  made = make(given, message);
  EXPECT_TRUE(made.report.smtputf8);
  EXPECT_TRUE(holds(made, "\r\nTo: <\xc3\xa4@example.com>\r\n"));

  // SMTPUTF8 that was requested without need changes nothing.
  given = occasion();
  given.smtputf8 = true;
  made = make(given, plain_message, utf8);
  EXPECT_FALSE(made.report.smtputf8);
  EXPECT_TRUE(holds(made, "Content-Type: message/delivery-status\r\n"));
}

TEST(Report, the_manual_shows_one) {
  const std::string manual = tests::read_file(POSTERN_SOURCE_DIR "/docs/reports.md");
  std::string text = make(occasion()).text;
  std::erase(text, '\r');
  EXPECT_NE(manual.find("```text\n" + text + "```\n"), std::string::npos) << text;
}

TEST(Report, utf8_addresses_are_escaped_as_rfc_6533_has_it) {
  EXPECT_EQ(utf8_addr_xtext("j\xc3\xb6@example.net"), "j\\x{F6}@example.net");
  EXPECT_EQ(utf8_addr_xtext("a+b=c\\d e@x"), "a\\x{2B}b\\x{3D}c\\x{5C}d\\x{20}e@x");
  EXPECT_EQ(utf8_addr_xtext("\xe2\x82\xac\xf0\x9f\x90\xa6\n"), "\\x{20AC}\\x{1F426}\\x{0A}");
  EXPECT_EQ(utf8_addr_xtext("\xff@x"), "\\xff@x");
}

}  // namespace
}  // namespace postern::relay
