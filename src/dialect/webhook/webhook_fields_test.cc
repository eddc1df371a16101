#include "dialect/webhook/webhook_fields.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "dialect/webhook/bodies_test.h"

namespace postern::dialect::webhook {
namespace {

namespace json = boost::json;

constexpr std::string_view known_policy = "pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X";

WebhookRules rules() {
  return {.has_queue = true,
          .public_domain = "hooks.example.net",
          .owns_domain = [](std::string_view name) { return name == "mail.example.com"; },
          .has_policy = [](std::string_view id) { return id == known_policy; },
          .template_error = [](std::string_view text) -> std::optional<std::string> {
            if (text.find("{{") == std::string_view::npos) return std::nullopt;
            return "1:1: unknown name";
          }};
}

Parsed<WebhookWrite> created_webhook(std::string_view members, const WebhookRules& by = rules()) {
  return parse_webhook(
      object(R"({"target_url":"https://hook.example.com/in")" + std::string(members) + "}"),
      nullptr, by);
}

WebhookFields made_webhook(std::string_view members) {
  auto write = created_webhook(members);
  EXPECT_TRUE(write) << members << ": " << write.error().summary();
  return write ? write->fields : WebhookFields();
}

TEST(TargetUrl, the_attack_suite_at_save_time) {
  const TargetRules http{.allow_http = true};
  int played = 0;
  const json::value suite =
      json::parse(tests::read_file(POSTERN_SOURCE_DIR "/tests/suites/attacks/ssrf.json"));
  for (const json::value& entry : suite.at("cases").as_array()) {
    const json::object& one = entry.as_object();
    // The addresses of a name are judged when the connection is made.
    if (one.contains("dns") || one.at("expect") == "no-follow") continue;
    const auto refusal = refuse_target(std::string(one.at("url").as_string()), http);
    EXPECT_EQ(refusal.has_value(), one.at("expect") == "refuse")
        << one.at("id") << ": " << refusal.value_or("accepted");
    ++played;
  }
  EXPECT_GT(played, 35);
}

struct Url {
  const char* url;
  const char* words;  ///< part of the message; nullptr: accepted
};

TEST(TargetUrl, an_international_host_is_kept_in_its_ascii_form) {  // RFC 5890 §2.3.2.1
  EXPECT_EQ(with_ascii_host("https://m\u00fcnchen.example:8443/a?b"),
            "https://xn--mnchen-3ya.example:8443/a?b");
  EXPECT_EQ(with_ascii_host("https://example.com/m\u00fcnchen"),
            "https://example.com/m\u00fcnchen");
  EXPECT_EQ(with_ascii_host("https://example.com"), "https://example.com");
  EXPECT_EQ(with_ascii_host("\u00fc"), "\u00fc");
  EXPECT_EQ(refuse_target(with_ascii_host("https://m\u00fcnchen.example/"), {}), std::nullopt);
}

TEST(TargetUrl, default_rules) {
  constexpr Url table[] = {
      {"inbox", nullptr},
      {"https://hook.example.com", nullptr},
      {"https://hook.example.com/", nullptr},
      {"HTTPS://Hook.Example.com/in?x=1&y=%20", nullptr},
      {"https://hook.example.com:443/", nullptr},
      {"https://hook.example.com:8443/in", nullptr},
      {"https://hook.example.com:80/", nullptr},
      {"https://hook.example.com./", nullptr},
      {"https://xn--bcher-kva.example/", nullptr},
      {"https://under_score.example/", nullptr},
      {"https://93.184.216.34/", nullptr},
      {"https://[2606:4700::1111]/", nullptr},
      {"https://1.2.3.4.example.com/", nullptr},
      {"Inbox", "not a URL"},
      {"", "empty"},
      {"not a url", "blank"},
      {"notaurl", "not a URL"},
      {"http://hook.example.com/", "allow_http"},
      {"ftp://example.com/", "https://"},
      {"mailto:a@example.com", "https://"},
      {"https:hook.example.com", "no host"},
      {"https:///x", "no host"},
      {"https://", "no host"},
      {"https://user:pw@example.com/", "user name"},
      {"https://user@example.com/", "user name"},
      {"https://@example.com/", "user name"},
      {"https://example.com/#x", "fragment"},
      {"https://example.com/#", "fragment"},
      {"https://example.com\\@127.0.0.1/", "backslash"},
      {"https://example.com/a b", "blank"},
      {"https://b\xc3\xbc"
       "cher.example/",
       "ASCII"},
      {"https://example.com/\x01", "control"},
      {"https://example.com/\x7f", "control"},
      {"https://%65xample.com/", "percent-encode"},
      {"https://exa!mple.com/", "invalid host name"},
      {"https://-a.example/", "invalid host name"},
      {"https://a..example/", "invalid host name"},
      {"https://localhost/", "localhost"},
      {"https://LOCALHOST./", "localhost"},
      {"https://x.localhost:8443/", "localhost"},
      {"https://127.1/", "number"},
      {"https://2130706433/", "number"},
      {"https://0x7f.1/", "number"},
      {"https://0x7f000001/", "number"},
      {"https://0177.0.0.1/", "number"},
      {"https://1.2.3.4.5/", "number"},
      {"https://127.0.0.1./", "number"},
      {"https://10.0.0.1/", "private network"},
      {"https://169.254.169.254/latest", "link-local"},
      {"https://192.0.2.1/", "documentation"},
      {"https://[::1]/", "loopback"},
      {"https://[::ffff:169.254.169.254]/", "link-local"},
      {"https://[fd00::1]/", "private network"},
      {"https://[64:ff9b::7f00:1]/", "loopback"},
      {"https://[v7.x]/", "unknown kind"},
      {"https://example.com:0/", "port"},
      {"https://example.com:25/", "port 25"},
      {"https://example.com:465/", "port 465"},
      {"https://example.com:587/", "port 587"},
      {"https://example.com:22/", "port 22"},
      {"https://example.com:1023/", "port 1023"},
      {"https://example.com:65536/", "port"},
      {"https://example.com:99999999999999999999/", "port"},
      {"https://example.com:/", "port"},
  };
  for (const Url& row : table) {
    const auto refusal = refuse_target(row.url, TargetRules());
    if (row.words == nullptr) {
      EXPECT_EQ(refusal, std::nullopt) << row.url;
    } else {
      EXPECT_NE(refusal.value_or("").find(row.words), std::string::npos)
          << row.url << " -> " << refusal.value_or("accepted");
    }
  }
  EXPECT_EQ(refuse_target("https://example.com/" + std::string(2028, 'x'), {}), std::nullopt);
  EXPECT_TRUE(refuse_target("https://example.com/" + std::string(2029, 'x'), {}));
  EXPECT_TRUE(refuse_target("https://" + std::string(64, 'a') + ".example/", {}));
}

TEST(TargetUrl, the_operators_exceptions) {
  const TargetRules open{.allow_http = true,
                         .allow_networks = CidrSet({*Cidr::parse("127.0.0.1/32")}),
                         .allow_ports = {587}};
  EXPECT_EQ(refuse_target("http://127.0.0.1:40123/case", open), std::nullopt);
  EXPECT_EQ(refuse_target("http://hook.example.com:587/", open), std::nullopt);
  EXPECT_TRUE(refuse_target("http://hook.example.com:25/", open));
  EXPECT_TRUE(refuse_target("http://127.0.0.2/", open));
  EXPECT_TRUE(refuse_target("http://0xA9FEA9FE/", open));
  EXPECT_TRUE(refuse_target("https://10.0.0.1/", open));
}

TEST(WebhookFields, defaults) {
  const auto write = parse_webhook(object(R"({"target_url":"inbox"})"), nullptr, rules());
  ASSERT_TRUE(write);
  EXPECT_EQ(json::serialize(to_json(write->fields)),
            R"({"name":"","email_address":"","target_url":"inbox","is_active":true,)"
            R"("smtp_security_policy_id":null,"custom_headers":{},"payload_template":"",)"
            R"("rate_limit_per_minute":0,"delivery_mode":"sync","attachments":"inline",)"
            R"("include_raw":"none","timeout_ms":30000,"inbox_max_messages":10000,)"
            R"("inbox_max_octets":268435456,"inbox_keep_days":30})");
  EXPECT_EQ(write->changed, std::vector<std::string>{"target_url"});
}

TEST(WebhookFields, the_documents_have_the_inbox_limits_of_the_program) {
  const policy::InboxLimits limits;
  const std::string top = POSTERN_SOURCE_DIR "/docs/";
  const std::string reference = tests::read_file(top + "openapi.yaml");
  const std::string fields = tests::read_file(top + "webhook-policies.md");
  for (const std::uint64_t number :
       {std::uint64_t{limits.messages}, limits.octets, std::uint64_t{limits.keep_days}}) {
    const std::string text = std::to_string(number);
    EXPECT_NE(reference.find("description: " + text + " when it is not given."), std::string::npos)
        << text;
    EXPECT_NE(fields.find("default " + text), std::string::npos) << text;
  }
}

TEST(WebhookFields, a_missing_target_is_400) {
  const auto write = parse_webhook(object("{}"), nullptr, rules());
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().kind, FieldErrors::Kind::missing_field);
  EXPECT_TRUE(write.error().has("target_url"));
  const auto empty = parse_webhook(object(R"({"target_url":""})"), nullptr, rules());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().kind, FieldErrors::Kind::validation_failed);
}

TEST(WebhookFields, everything_set) {
  const WebhookFields fields = made_webhook(
      R"(,"name":" n1 ","email_address":"Notifications@MAIL.example.com","is_active":false,)"
      R"("smtp_security_policy_id":"pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X",)"
      R"("custom_headers":{"X-Token":"a b","Authorization":"Bearer x"},"payload_template":"{}",)"
      R"("rate_limit_per_minute":2,"delivery_mode":"queued","attachments":"link",)"
      R"("include_raw":"inline","timeout_ms":1000,"inbox_max_messages":5,)"
      R"("inbox_max_octets":1048576,"inbox_keep_days":7)");
  EXPECT_EQ(fields.name, "n1");
  EXPECT_EQ(fields.email_address, "notifications@mail.example.com");
  EXPECT_FALSE(fields.is_active);
  EXPECT_EQ(fields.policy_id, known_policy);
  EXPECT_EQ(fields.custom_headers.at("X-Token"), "a b");
  EXPECT_EQ(fields.payload_template, "{}");
  EXPECT_EQ(fields.rate_limit_per_minute, 2u);
  EXPECT_EQ(fields.delivery_mode, "queued");
  EXPECT_EQ(attachment_mode(fields.attachments), policy::AttachmentMode::link);
  EXPECT_EQ(raw_mode(fields.include_raw), policy::RawMode::inline_content);
  EXPECT_EQ(fields.timeout_ms, 1000u);
  EXPECT_EQ(fields.inbox,
            (policy::InboxLimits{.messages = 5, .octets = 1'048'576, .keep_days = 7}));
}

struct WebhookRefusal {
  const char* members;
  const char* field;
  const char* words;
};

class WebhookRefusals : public ::testing::TestWithParam<WebhookRefusal> {};

TEST_P(WebhookRefusals, name_the_field_and_say_why) {
  const auto write = created_webhook(GetParam().members);
  ASSERT_FALSE(write) << GetParam().members;
  EXPECT_EQ(write.error().fields.size(), 1u) << write.error().summary();
  const std::string text = sentence(write, GetParam().field);
  EXPECT_NE(text.find(GetParam().words), std::string::npos) << GetParam().members << " -> " << text;
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << "quotes a header's value";
}

constexpr WebhookRefusal webhook_refusals[] = {
    {R"(,"targeturl":1)", "targeturl", "did you mean `target_url`?"},
    {R"(,"name":7)", "name", "string"},
    {R"(,"name":"a\u0000")", "name", "control"},
    {R"(,"is_active":"yes")", "is_active", "true or false"},
    {R"(,"email_address":null)", "email_address", "string"},
    {R"(,"email_address":"nobody")", "email_address", "not a mail address"},
    {R"(,"email_address":"a@b@mail.example.com")", "email_address", "not a mail address"},
    {R"(,"email_address":"ü@mail.example.com")", "email_address", "not a mail address"},
    {R"(,"email_address":"\"a b\"@mail.example.com")", "email_address", "quoted"},
    {R"(,"email_address":"a@[192.0.2.1]")", "email_address", "literal"},
    {R"(,"email_address":"chosen@Hooks.example.net")", "email_address", "assigned"},
    {R"(,"email_address":"a@example.org")", "email_address", "not a verified domain"},
    {R"(,"smtp_security_policy_id":null)", "smtp_security_policy_id", "clear_security_policy"},
    {R"(,"smtp_security_policy_id":7)", "smtp_security_policy_id", "string"},
    {R"(,"smtp_security_policy_id":"")", "smtp_security_policy_id", "no policy"},
    {R"(,"smtp_security_policy_id":"pol_01HX...")", "smtp_security_policy_id", "elision"},
    {R"(,"smtp_security_policy_id":"pol_01HX5B3W7Q8Z2M4N6P8R0T2V4Y")", "smtp_security_policy_id",
     "no policy"},
    {R"(,"smtp_security_policy_id":"pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X","clear_security_policy":true)",
     "smtp_security_policy_id", "together"},
    {R"(,"clear_security_policy":"true")", "clear_security_policy", "true or false"},
    {R"(,"custom_headers":[])", "custom_headers", "object"},
    {R"(,"custom_headers":null)", "custom_headers", "object"},
    {R"(,"custom_headers":{"X-A":1})", "custom_headers", "must be a string"},
    {R"(,"custom_headers":{"":"x"})", "custom_headers", "not a header name"},
    {R"(,"custom_headers":{"X A":"x"})", "custom_headers", "not a header name"},
    {R"(,"custom_headers":{"X:A":"x"})", "custom_headers", "not a header name"},
    {R"(,"custom_headers":{"X-Ä":"x"})", "custom_headers", "not a header name"},
    {R"(,"custom_headers":{"X-A\r\nB":"x"})", "custom_headers", "not a header name"},
    {R"(,"custom_headers":{"X-A":"hunter2\r\nX-B: y"})", "custom_headers", "line break"},
    {R"(,"custom_headers":{"X-A":"hunter2\u0000"})", "custom_headers", "control"},
    {R"(,"custom_headers":{"X-A":"1","x-a":"2"})", "custom_headers", "twice"},
    {R"(,"custom_headers":{"HOST":"x"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"Content-Length":"1"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"Content-Type":"text/plain"})", "custom_headers", "payload_template"},
    {R"(,"custom_headers":{"transfer-encoding":"chunked"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"Connection":"close"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"Webhook-Id":"1"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"X-Conduit-Signature":"1"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"X-Postern-Anything":"1"})", "custom_headers", "set by the server"},
    {R"(,"custom_headers":{"Expect":"100-continue"})", "custom_headers", "set by the server"},
    {R"(,"payload_template":7)", "payload_template", "string"},
    {R"(,"payload_template":"{{")", "payload_template", "1:1"},
    {R"(,"rate_limit_per_minute":-1)", "rate_limit_per_minute", "whole number"},
    {R"(,"rate_limit_per_minute":1.5)", "rate_limit_per_minute", "whole number"},
    {R"(,"rate_limit_per_minute":18446744073709551615)", "rate_limit_per_minute", "whole number"},
    {R"(,"delivery_mode":"async")", "delivery_mode", "sync"},
    {R"(,"attachments":"all")", "attachments", "inline"},
    {R"(,"include_raw":true)", "include_raw", "none"},
    {R"(,"timeout_ms":999)", "timeout_ms", "1000 to 60000"},
    {R"(,"inbox_max_messages":0)", "inbox_max_messages", "1 to 1000000"},
    {R"(,"inbox_max_octets":1048575)", "inbox_max_octets", "1048576 to 1099511627776"},
    {R"(,"inbox_keep_days":3651)", "inbox_keep_days", "1 to 3650"},
    {R"(,"timeout_ms":60001)", "timeout_ms", "1000 to 60000"},
    {R"(,"timeout_ms":"5000")", "timeout_ms", "1000 to 60000"},
};

INSTANTIATE_TEST_SUITE_P(Table, WebhookRefusals, ::testing::ValuesIn(webhook_refusals));

TEST(WebhookFields, limits_of_headers_and_templates) {
  std::string many;
  for (int i = 0; i < 51; ++i) many += (i ? ",\"X-" : "\"X-") + std::to_string(i) + "\":\"v\"";
  EXPECT_NE(sentence(created_webhook(R"(,"custom_headers":{)" + many + "}"), "custom_headers"), "");
  EXPECT_TRUE(created_webhook(R"(,"custom_headers":{"X-A":")" + std::string(4096, 'v') + R"("})"));
  EXPECT_FALSE(created_webhook(R"(,"custom_headers":{"X-A":")" + std::string(4097, 'v') + R"("})"));
  EXPECT_TRUE(created_webhook(R"(,"payload_template":")" + std::string(65536, 'v') + R"(")"));
  EXPECT_FALSE(created_webhook(R"(,"payload_template":")" + std::string(65537, 'v') + R"(")"));
  EXPECT_TRUE(
      created_webhook(R"(,"custom_headers":{"Content-Type":"text/plain"},"payload_template":"x")"));
}

TEST(WebhookFields, what_this_build_lacks_is_refused) {
  WebhookRules plain = rules();
  plain.has_queue = false;
  plain.template_error = nullptr;
  EXPECT_NE(sentence(created_webhook(R"(,"delivery_mode":"queued")", plain), "delivery_mode")
                .find("spool"),
            std::string::npos);
  EXPECT_NE(sentence(created_webhook(R"(,"payload_template":"x")", plain), "payload_template")
                .find("not available"),
            std::string::npos);
  EXPECT_TRUE(created_webhook(R"(,"delivery_mode":"sync","payload_template":"")", plain));
}

TEST(WebhookFields, put_changes_only_what_it_names) {
  const WebhookFields stored = made_webhook(R"(,"name":"n1","timeout_ms":5000)");
  const auto put = [&](std::string_view body) {
    return parse_webhook(object(body), &stored, rules());
  };
  const auto attach = put(R"({"smtp_security_policy_id":"pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X"})");
  ASSERT_TRUE(attach);
  EXPECT_EQ(attach->changed, std::vector<std::string>{"smtp_security_policy_id"});
  EXPECT_EQ(attach->fields.name, "n1");
  EXPECT_EQ(attach->fields.timeout_ms, 5000u);
  EXPECT_TRUE(put("{}")->changed.empty());
}

TEST(WebhookFields, null_never_detaches_and_clear_does) {
  const WebhookFields attached =
      made_webhook(R"(,"smtp_security_policy_id":"pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X")");
  const auto put = [](const WebhookFields& stored, std::string_view body) {
    return parse_webhook(object(body), &stored, rules());
  };
  EXPECT_NE(
      sentence(put(attached, R"({"smtp_security_policy_id":null})"), "smtp_security_policy_id"),
      "");
  const auto kept = put(attached, R"({"clear_security_policy":false})");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->fields.policy_id, known_policy);
  const auto cleared = put(attached, R"({"clear_security_policy":true})");
  ASSERT_TRUE(cleared);
  EXPECT_EQ(cleared->fields.policy_id, std::nullopt);
  EXPECT_EQ(cleared->changed, std::vector<std::string>{"smtp_security_policy_id"});
  const auto shown = put(made_webhook(""), R"({"smtp_security_policy_id":null})");
  ASSERT_TRUE(shown) << "a detached webhook shows null";
  EXPECT_TRUE(shown->changed.empty());
}

TEST(WebhookFields, sending_back_what_was_shown_changes_nothing) {
  WebhookFields stored = made_webhook(R"(,"custom_headers":{"X-A":"v"})");
  stored.email_address = "webhook-01hx5b3w7q8z2m4n6p8r0t2v4x@hooks.example.net";
  stored.target_url = "http://10.0.0.1/";  // allowed by earlier, less strict rules
  json::object whole = to_json(stored);
  whole["id"] = "wh_01HX5B3W7Q8Z2M4N6P8R0T2V4X";
  whole["secret"] = "whsec_x";
  whole["version"] = 9;
  whole["created_at"] = whole["updated_at"] = "2024-01-15T10:00:00Z";
  const auto put = parse_webhook(whole, &stored, rules());
  ASSERT_TRUE(put) << put.error().summary();
  EXPECT_TRUE(put->changed.empty());
}

}  // namespace
}  // namespace postern::dialect::webhook
