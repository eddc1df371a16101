#include "deliver/payload.h"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "deliver/template.h"

namespace postern::deliver {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point payload_arrival{
    1705312802s};  // 2024-01-15T10:00:02Z

policy::Evidence three_recipients() {
  policy::Evidence evidence;
  evidence.session.client_ip = IpAddress::parse("203.0.113.10").value();
  evidence.session.helo = "mx.partner.example.com";
  evidence.session.esmtp = true;
  evidence.reverse_path = mail::Mailbox{"alerts", "partner.example.com"};
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->id = "pol_01HX0000000000000000000000";
  policy->name = "high-security";
  policy->version = 3;
  for (const std::string local : {"inbox", "inbox+vip", "INBOX"}) {
    policy::Recipient recipient;
    recipient.address = mail::Mailbox{local, "hooks.example.net"};
    recipient.route.policy = policy;
    if (local == "inbox+vip") recipient.route.tag = "vip";
    evidence.recipients.push_back(recipient);
  }
  return evidence;
}

MessageIdentity identity() {
  return {"msg_01HX0000000000000000000000", "wh_01HX0000000000000000000000", payload_arrival,
          false};
}

json::value payload_of(std::string_view message, const PayloadOptions& options = {},
                       const policy::Evidence& facts = three_recipients(),
                       const MessageIdentity& id = identity()) {
  Result<Payload> payload = build_payload(message, facts, id, options);
  EXPECT_TRUE(payload) << (payload ? "" : payload.error().message);
  return json::parse(payload->body.view().value());
}

std::string conduit_message(const std::string& path) {
  return tests::read_file(POSTERN_SOURCE_DIR "/tests/suites/conduit/messages/" + path);
}

/// Keeps files in memory and numbers the links.
class MemoryStore final : public AttachmentStore {
 public:
  std::unique_ptr<LinkedFiles> begin(std::string message_id, std::string webhook_id,
                                     std::chrono::hours life) override {
    EXPECT_EQ(message_id, "msg_01HX0000000000000000000000");
    EXPECT_EQ(webhook_id, "wh_01HX0000000000000000000000");
    lives.push_back(life);
    return std::make_unique<Kept>(*this);
  }
  std::vector<std::pair<LinkedFiles::File, std::string>> files;
  std::vector<std::chrono::hours> lives;  ///< of each message
  int finished = 0;
  bool fails = false;

 private:
  class Kept final : public LinkedFiles {
   public:
    explicit Kept(MemoryStore& store) : store_(store) {}
    Result<Link> add(const File& file, const Source& source) override {
      if (store_.fails) return fail(Fault::temporary, "no space");
      std::string octets;
      Result<void> done = source([&](std::string_view piece) -> Result<void> {
        octets += piece;
        return {};
      });
      if (!done) return tl::unexpected(done.error());
      EXPECT_EQ(octets.size(), file.size);
      store_.files.emplace_back(file, octets);
      return Link{
          "https://gw.example/api/v1/attachments/att_" + std::to_string(store_.files.size()),
          payload_arrival + 168h};
    }
    Result<void> finish() override {
      ++store_.finished;
      return {};
    }
    std::string name() const override { return "att_1"; }
    void keep(Done done) override { done({}); }
    void leave() override {}
    void remove() override {}

   private:
    MemoryStore& store_;
  };
};

TEST(Payload, has_the_members_of_the_contract) {
  const json::value payload = payload_of(conduit_message("plain-unsigned.eml"));
  const json::value want = json::parse(R"({
    "message_id": "<abc123@mail.partner.example.com>", "from": "alerts@partner.example.com",
    "to": ["inbox@hooks.example.net", "inbox+vip@hooks.example.net"],
    "subject": "Disk usage above 90% on web-01", "date": "2024-01-15T10:00:00Z",
    "text": "Disk usage on web-01 is at 91%. Please investigate.\n",
    "headers": {},
    "schema": "postern.inbound.v1", "id": "msg_01HX0000000000000000000000",
    "webhook_id": "wh_01HX0000000000000000000000", "received_at": "2024-01-15T10:00:02Z",
    "simulated": false, "warnings": [], "ambiguous": false,
    "header_from": [{"name": "Alerts", "address": "alerts@partner.example.com"}],
    "header_to": [{"name": "Inbox", "address": "inbox@hooks.example.net"}], "cc": [], "reply_to": [],
    "envelope": {"mail_from": "alerts@partner.example.com",
      "rcpt_to": [{"address": "inbox@hooks.example.net", "tag": null},
                  {"address": "inbox+vip@hooks.example.net", "tag": "vip"}],
      "smtputf8": false, "body": "7BIT"},
    "client": {"ip": "203.0.113.10", "helo": "mx.partner.example.com", "rdns": null, "esmtp": true,
      "tls": null, "auth": null},
    "policy": {"id": "pol_01HX0000000000000000000000", "name": "high-security", "version": 3},
    "auth": {"spf": {"result": "skipped", "identity": "mailfrom", "domain": "partner.example.com",
        "mechanism": null, "aligned": false, "reason": "not evaluated"},
      "dkim": [],
      "dmarc": {"result": "none", "policy": null, "domain": null,
        "record_domain": null, "spf_aligned": false, "dkim_aligned": false},
      "arc": {"result": "none", "instance": 0, "sealers": [], "oldest_pass": 0, "reason": null}},
    "attachments": []})");
  for (const json::key_value_pair& member : want.as_object()) {
    const json::value* got = payload.as_object().if_contains(member.key());
    ASSERT_NE(got, nullptr) << member.key();
    if (member.key() != "headers") {
      EXPECT_EQ(*got, member.value()) << member.key() << " is " << *got;
    }
  }
  EXPECT_EQ(payload.at("size"), conduit_message("plain-unsigned.eml").size());
  EXPECT_EQ(payload.at("header_list").at(0).at("name"), "From");
  EXPECT_FALSE(payload.as_object().contains("html"));
  EXPECT_FALSE(payload.as_object().contains("raw"));
  EXPECT_FALSE(payload.as_object().contains("parse_error"));
}

TEST(Payload, reports_multiparts_and_repeated_headers) {
  const json::value payload = payload_of(conduit_message("multipart-attachment.eml"));
  EXPECT_EQ(payload.at("text"), "See the report.");
  EXPECT_EQ(payload.at("html"), "<p>See the <b>report</b>.</p>");
  const json::object& headers = payload.at("headers").as_object();
  EXPECT_EQ(headers.at("X-Priority"), json::parse(R"(["1"])"));
  EXPECT_EQ(headers.at("X-Custom-Tag"), json::parse(R"(["one", "two"])"));
  EXPECT_TRUE(headers.contains("Dkim-Signature"));
  for (const char* name :
       {"From", "To", "Subject", "Date", "Message-Id", "Content-Type", "Mime-Version"}) {
    EXPECT_FALSE(headers.contains(name)) << name;
  }
  const json::array& attachments = payload.at("attachments").as_array();
  ASSERT_EQ(attachments.size(), 2u);
  EXPECT_EQ(attachments[0], json::parse(R"({"filename": "r.csv", "content_type": "text/csv",
      "disposition": "attachment", "content_id": null, "size": 8,
      "sha256": "492d5ea496056f1a6a6592241032fab764c321596317930b4fa0e1e8bc3b7470",
      "content": "YSxiCjEsMgo="})"))
      << attachments[0];
  EXPECT_EQ(attachments[1].at("content_id"), "dot@partner");
  EXPECT_EQ(attachments[1].at("disposition"), "inline");
}

TEST(Payload, decodes_charsets_file_names_and_leading_dots) {
  const json::value latin = payload_of(conduit_message("latin1-qp-encoded-words.eml"));
  EXPECT_EQ(latin.at("subject"), "Ångström report");
  EXPECT_EQ(latin.at("text"), "Temperatur: 21°C, très bien!\n");
  EXPECT_EQ(
      payload_of(conduit_message("rfc2231-filename.eml")).at("attachments").at(0).at("filename"),
      "résumé final.pdf");
  EXPECT_EQ(payload_of(conduit_message("path-traversal-filename.eml"))
                .at("attachments")
                .at(0)
                .at("filename"),
            "passwd");
}

TEST(Payload, omits_what_is_absent) {
  const json::value payload = payload_of(conduit_message("html-only-no-date-no-mid.eml"));
  for (const char* name : {"message_id", "subject", "date", "text"}) {
    EXPECT_FALSE(payload.as_object().contains(name)) << name;
  }
  EXPECT_EQ(payload.at("html"), "<p>hi</p>\n");
  EXPECT_FALSE(payload_of(conduit_message("bad-date.eml")).as_object().contains("date"));

  PayloadOptions options;
  options.message_id_domain = "gw.example";
  EXPECT_EQ(payload_of(conduit_message("html-only-no-date-no-mid.eml"), options).at("message_id"),
            "<msg_01HX0000000000000000000000@gw.example>");
}

TEST(Payload, has_an_empty_sender_for_the_null_reverse_path) {
  policy::Evidence facts = three_recipients();
  facts.reverse_path.reset();
  facts.session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  facts.session.auth = policy::Authentication{"sender1", "PLAIN", {}};
  facts.body_8bitmime = true;
  const json::value payload = payload_of("\r\n", {}, facts);
  EXPECT_EQ(payload.at("from"), "");
  EXPECT_EQ(payload.at("envelope").at("mail_from"), "");
  EXPECT_EQ(payload.at("envelope").at("body"), "8BITMIME");
  EXPECT_EQ(payload.at("auth").at("spf").at("identity"), "helo");
  EXPECT_EQ(payload.at("client").at("tls").at("version"), "TLSv1.3");
  EXPECT_EQ(payload.at("client").at("auth").at("username"), "sender1");
}

TEST(Payload, has_no_client_and_policy_when_simulated) {
  MessageIdentity id = identity();
  id.simulated = true;
  const json::value payload = payload_of("\r\n", {}, three_recipients(), id);
  EXPECT_EQ(payload.at("simulated"), true);
  EXPECT_TRUE(payload.at("client").is_null());
  EXPECT_TRUE(payload.at("policy").is_null());
}

TEST(Payload, joins_text_parts_by_one_newline) {
  const std::string message =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\n\r\n"
      "--b\r\nContent-Type: text/html\r\n\r\n<i>\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
  const json::value payload = payload_of(message);
  EXPECT_EQ(payload.at("text"), "one\ntwo");
  EXPECT_EQ(payload.at("html"), "<i>");
}

TEST(Payload, damaged_base64_is_ambiguous) {  // RFC 2045 §6.8
  const std::pair<const char*, bool> cases[] = {
      {"aGVsbG8=\r\n", false}, {"aGVs\r\n bG8=\r\n", false},   {"", false},
      {"aGVsbG8\r\n", true},   {"aGVsbG8=d29ybGQ=\r\n", true}, {"aGVs*bG8=\r\n", true},
      {"aGVsb\r\n", true},     {"aGVsbG8=\r\n-- \r\n", true},
  };
  for (const char* type : {"text/plain", "application/octet-stream"}) {
    for (const auto& [body, damaged] : cases) {
      const json::value payload =
          payload_of(std::string("Content-Type: ") + type +
                     "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body);
      EXPECT_EQ(payload.at("ambiguous").as_bool(), damaged) << type << " " << body;
      EXPECT_EQ(payload.at("warnings").as_array().empty(), !damaged) << type << " " << body;
    }
  }
}

TEST(Payload, warns_of_steering_fields_that_the_author_did_not_sign) {
  policy::Evidence facts = three_recipients();
  facts.author = mailauth::dmarc::Author{.domains = {"example.com"}, .valid = true, .addresses = 1};
  facts.dkim.emplace();
  mailauth::dkim::SignatureResult one{.status = mailauth::dkim::Status::pass};
  one.signature.domain = "example.com";
  one.signature.fields = {"from", "to"};
  one.acceptable = true;
  facts.dkim->signatures = {one};
  const std::string message = "From: a@example.com\r\nReply-To: b@example.net\r\n\r\n";
  const json::value payload = payload_of(message, {}, facts);
  EXPECT_EQ(json::serialize(payload.at("warnings")),
            R"(["no DKIM signature of the author's domain covers Reply-To: it may have been added )"
            R"(on the way"])");
  EXPECT_FALSE(payload.at("ambiguous").as_bool());
  facts.dkim->signatures[0].acceptable = false;
  EXPECT_TRUE(payload_of(message, {}, facts).at("warnings").as_array().empty());
}

TEST(Payload, warns_of_what_it_could_not_decode) {
  const auto warnings = [](std::string_view message) {
    return json::serialize(payload_of(message).at("warnings"));
  };
  EXPECT_EQ(warnings("Content-Type: text/plain; charset=x-nonsense\r\n\r\n\xE9"),
            R"(["text: unknown charset \"x-nonsense\" read as windows-1252"])");
  EXPECT_EQ(warnings("\r\n\xE9"),
            R"(["text: 8-bit octets without a charset read as windows-1252"])");
  EXPECT_EQ(warnings("Content-Type: text/html; charset=utf-8\r\n\r\n\xE9"),
            R"(["html: octets that cannot be decoded are U+FFFD"])");
  EXPECT_EQ(warnings("Date: soon\r\n\r\n"), R"(["the Date field is not a date"])");
}

TEST(Payload, keeps_the_octets_of_attachments) {
  const std::string message =
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/csv\r\n\r\n"
      "a\r\nb\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n";
  const json::value payload = payload_of(message);
  EXPECT_EQ(base64_decode(payload.at("attachments").at(0).at("content").as_string()), "a\r\nb\r\n");
  EXPECT_EQ(base64_decode(payload.at("attachments").at(1).at("content").as_string()),
            "Subject: x\r\n\r\ny");
}

TEST(Payload, hands_out_links_for_what_is_large) {
  const std::string big(3000, 'x');
  const std::string part = "--b\r\nContent-Type: application/x\r\n\r\n";
  const std::string message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part +
                              "small\r\n" + part + big + "\r\n" + part + std::string(900, 'y') +
                              "\r\n--b--\r\n";
  MemoryStore store;
  PayloadOptions options;
  options.store = &store;
  options.inline_limit = 1000;
  options.inline_total_limit = 900;
  const json::value payload = payload_of(message, options);
  const json::array& attachments = payload.at("attachments").as_array();
  EXPECT_EQ(attachments[0].at("content"), "c21hbGw=");
  EXPECT_FALSE(attachments[1].as_object().contains("content"));
  EXPECT_EQ(attachments[1].at("url"), "https://gw.example/api/v1/attachments/att_1");
  EXPECT_EQ(attachments[1].at("expires_at"), "2024-01-22T10:00:02Z");
  EXPECT_EQ(attachments[1].at("size"), 3000);
  EXPECT_TRUE(attachments[2].as_object().contains("url"));  // the total is used up
  ASSERT_EQ(store.files.size(), 2u);
  EXPECT_EQ(store.files[0].second, big);

  store.fails = true;
  const Result<Payload> failed = build_payload(message, three_recipients(), identity(), options);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().fault, Fault::temporary);
}

TEST(Payload, follows_the_attachment_and_raw_settings) {
  const std::string message = conduit_message("multipart-attachment.eml");
  MemoryStore store;
  PayloadOptions options;
  options.store = &store;
  policy::Webhook webhook;
  webhook.attachments = policy::AttachmentMode::link;
  webhook.include_raw = policy::RawMode::link;
  const json::value linked = payload_of(message, options_for(webhook, options));
  EXPECT_FALSE(linked.at("attachments").at(0).as_object().contains("content"));
  EXPECT_EQ(store.lives.back(), std::chrono::days(7));
  // Once the inbox kept the message for 30 days, but the linked files for 7.
  webhook.target_url = "inbox";
  payload_of(message, options_for(webhook, options));
  EXPECT_EQ(store.lives.back(), std::chrono::days(31));
  webhook.target_url = "https://example.com/";
  webhook.queued = true;
  payload_of(message, options_for(webhook, options));
  EXPECT_EQ(store.lives.back(), std::chrono::days(30));
  EXPECT_TRUE(linked.at("attachments").at(1).as_object().contains("url"));
  EXPECT_TRUE(linked.at("raw").as_object().contains("url"));
  EXPECT_EQ(store.files.back().second, message);

  webhook.attachments = policy::AttachmentMode::none;
  webhook.include_raw = policy::RawMode::inline_content;
  const json::value inlined = payload_of(message, options_for(webhook, options));
  EXPECT_EQ(inlined.at("attachments"), json::array());
  EXPECT_EQ(inlined.at("raw").at("encoding"), "base64");
  EXPECT_EQ(base64_decode(inlined.at("raw").at("content").as_string()), message);
}

TEST(Payload, delivers_what_it_stops_parsing_by_link) {
  std::string message;
  for (int i = 0; i < 1200; ++i) message += "X-Many: 1\r\n";
  message += "\r\nbody\r\n";
  MemoryStore store;
  PayloadOptions options;
  options.store = &store;
  const json::value payload = payload_of(message, options);
  EXPECT_EQ(payload.at("parse_error"), "more than 1000 header fields");
  EXPECT_EQ(payload.at("warnings").at(0), "parsing stopped: more than 1000 header fields");
  EXPECT_EQ(payload.at("header_list").as_array().size(), 1000u);
  EXPECT_TRUE(payload.at("raw").as_object().contains("url"));
  EXPECT_EQ(store.files.at(0).second, message);
}

TEST(Payload, has_our_results_beside_raw) {
  policy::Evidence facts = three_recipients();
  facts.spf =
      mailauth::spf::Result{.status = mailauth::spf::Status::fail, .domain = "partner.example.com"};
  const std::string message = "Subject: x\r\n\r\ny\r\n";
  MemoryStore store;
  PayloadOptions options;
  options.store = &store;
  options.include_raw = policy::RawMode::inline_content;
  options.authserv_id = "gw.example";
  const json::value field =
      "Authentication-Results: gw.example;\r\n\tspf=fail smtp.mailfrom=partner.example.com\r\n";
  const json::value inlined = payload_of(message, options, facts).at("raw");
  EXPECT_EQ(inlined.at("trace_fields"), field);
  EXPECT_EQ(base64_decode(inlined.at("content").as_string()), message);
  options.include_raw = policy::RawMode::link;
  EXPECT_EQ(payload_of(message, options, facts).at("raw").at("trace_fields"), field);
  EXPECT_EQ(store.files.at(0).second, message);
  options.authserv_id = "";
  EXPECT_FALSE(payload_of(message, options, facts).at("raw").as_object().contains("trace_fields"));
}

TEST(Payload, removes_results_that_claim_to_be_ours) {
  const std::string message =
      "Authentication-Results: gw.example; spf=pass\r\n"
      "Authentication-Results: \"GW.example\" 1; spf=pass\r\n"
      "authentication-results : (c) gw.example.\r\n ; dmarc=pass\r\n"
      "Authentication-Results: gw.(x)example; dkim=pass\r\n"
      "Authentication-Results: other.example; spf=fail\r\n\r\n";
  PayloadOptions options;
  options.authserv_id = "gw.example";
  const json::value payload = payload_of(message, options);
  EXPECT_EQ(payload.at("headers").at("Authentication-Results"),
            json::parse(R"(["other.example; spf=fail"])"));
  EXPECT_EQ(payload.at("header_list").as_array().size(), 1u);
}

TEST(Payload, is_utf8_and_json_whatever_the_message_is) {
  std::string message = "X-\x7F: \xFF\r\nSubject: \"\\\x01\x02\r\nFrom: \xC3 <\xE9@\xFF>\r\n";
  message += "Content-Type: te\xFFxt/pl\"ain\r\nContent-ID: <\xFF>\r\n";
  message += "Content-Disposition: \xFE; filename=\"\xFF\"\r\n\r\n";
  for (int i = 0; i < 256; ++i) message += static_cast<char>(i);
  const json::value payload = payload_of(message);
  EXPECT_TRUE(is_utf8(json::serialize(payload)));
}

TEST(Payload, feeds_templates_under_camel_case_names) {
  const json::value data = template_data(payload_of(conduit_message("multipart-attachment.eml")));
  const Result<Template> parsed = Template::parse(
      "{{.MessageID}} {{.From}} {{.Date}} {{.HTML}} {{.Auth.SPF.Result}} {{.WebhookID}}"
      " {{index .Headers \"X-Custom-Tag\" 1}} {{range .Attachments}}{{.Filename}}:{{.SHA256 | "
      "json | default \"\" | eq \"\"}},{{end}}");
  ASSERT_TRUE(parsed) << parsed.error().message;
  MemoryCharge charge;
  EXPECT_EQ(render(*parsed, data, charge).value(),
            "<rep-1@partner.example.com> alerts@partner.example.com 2024-01-15T10:00:00Z "
            "<p>See the <b>report</b>.</p> skipped wh_01HX0000000000000000000000 two "
            "r.csv:false,dot.png:false,");
}

}  // namespace
}  // namespace postern::deliver
