#include "dialect/webhook/fields.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "dialect/webhook/bodies_test.h"

namespace postern::dialect::webhook {
namespace {

namespace json = boost::json;

// Hashes from the conduit suite: `s3cr3t-p@ssw0rd` at cost 12 and `correct horse` at cost 10.
#define HASH12 "$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e"
#define HASH10 "$2y$10$yTA2X1er0fvfwBKii6OuNu8PHu27hBGPr9.8yjcXaYWzXlifvTrnG"

Parsed<PolicyWrite> created_policy(std::string_view body) {
  return parse_policy(object(body), nullptr);
}

PolicyFields made_policy(std::string_view body) {
  auto write = created_policy(body);
  EXPECT_TRUE(write) << body << ": " << write.error().summary();
  return write ? write->fields : PolicyFields();
}

std::string shown(const PolicyFields& fields) { return json::serialize(to_json(fields)); }

TEST(PolicyFields, each_body_of_the_documentation) {
  const json::object answer = to_json(made_policy("{\n  \"name\": \"trusted-senders\"\n}"));
  for (const auto& member :
       object(R"({"name":"trusted-senders","allowed_source_ips":"","require_smtp_auth":false,
                  "require_spf":false,"allowed_spf_domains":"","require_dkim":false,
                  "allowed_dkim_domains":"","mode":"enforce","smtp_usernames":[]})")) {
    EXPECT_EQ(answer.at(member.key()), member.value()) << member.key();
  }
  EXPECT_EQ(to_json(made_policy(R"({"name": "quiet", "mode": "shadow"})")).at("mode"), "shadow");
  EXPECT_EQ(to_json(made_policy(R"({"name": "office-only",
                             "allowed_source_ips": "203.0.113.0/24,198.51.100.42/32"})"))
                .at("allowed_source_ips"),
            "203.0.113.0/24,198.51.100.42/32");
  const PolicyFields spf = made_policy(R"({"name": "spf-enforced", "require_spf": true,
      "allowed_spf_domains": "trusted-partner.com,alerts.example.com"})");
  EXPECT_TRUE(spf.require_spf);
  EXPECT_EQ(to_json(spf).at("allowed_spf_domains"), "trusted-partner.com,alerts.example.com");
  const PolicyFields dkim = made_policy(R"({"name": "dkim-enforced", "require_dkim": true,
      "allowed_dkim_domains": "trusted-partner.com"})");
  EXPECT_EQ(to_json(dkim).at("allowed_dkim_domains"), "trusted-partner.com");
  const PolicyFields both =
      made_policy(R"({"name": "high-security", "allowed_source_ips": "203.0.113.0/24",
      "require_spf": true, "require_dkim": true, "allowed_spf_domains": "partner.example.com",
      "allowed_dkim_domains": "partner.example.com"})");
  EXPECT_TRUE(both.require_spf && both.require_dkim);
  const PolicyFields minimal = made_policy(R"({"name": "trusted-senders"})");
  const auto update = parse_policy(
      object(R"({"name": "high-security", "require_spf": true, "require_dkim": true})"), &minimal);
  ASSERT_TRUE(update);
  EXPECT_EQ(update->changed, (std::vector<std::string>{"name", "require_spf", "require_dkim"}));
}

TEST(PolicyFields, refuses_the_elided_hash_by_name) {
  const auto write = created_policy(R"({"name": "auth-required", "require_smtp_auth": true,
      "smtp_credentials": "sender1:$2y$12$...,sender2:$2y$12$..."})");
  const std::string text = sentence(write, "smtp_credentials");
  EXPECT_NE(text.find("`$2y$12$...`"), std::string::npos) << text;
  EXPECT_NE(text.find("elision"), std::string::npos) << text;
  EXPECT_NE(text.find("htpasswd -bnBC 12"), std::string::npos) << text;
  EXPECT_NE(text.find("sender1"), std::string::npos) << text;
  const auto real = created_policy(R"({"name": "auth-required", "require_smtp_auth": true,
      "smtp_credentials": "sender1:)" HASH12 R"(,sender2:)" HASH10 R"("})");
  ASSERT_TRUE(real) << real.error().summary();
  EXPECT_EQ(json::serialize(to_json(real->fields).at("smtp_usernames")),
            R"(["sender1","sender2"])");
  EXPECT_EQ(shown(real->fields).find("$2y$"), std::string::npos);
}

TEST(PolicyFields, a_missing_name_is_400_and_everything_else_422) {
  const auto missing = created_policy(R"({"require_spf": 1})");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, FieldErrors::Kind::missing_field);
  EXPECT_TRUE(missing.error().has("name"));
  EXPECT_TRUE(missing.error().has("require_spf"));
  const auto empty = created_policy(R"({"name": "   "})");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().kind, FieldErrors::Kind::validation_failed);
  const PolicyFields stored = made_policy(R"({"name": "kept"})");
  const auto put = parse_policy(object("{}"), &stored);
  ASSERT_TRUE(put);
  EXPECT_EQ(put->fields.name, "kept");
  EXPECT_TRUE(put->changed.empty());
}

struct PolicyRefusal {
  const char* body;  ///< members after `"name":"p",`
  const char* field;
  const char* words;  ///< part of the message
};

class PolicyRefusals : public ::testing::TestWithParam<PolicyRefusal> {};

TEST_P(PolicyRefusals, name_the_field_and_say_why) {
  const PolicyRefusal& given = GetParam();
  const auto write = created_policy(std::string(R"({"name":"p",)") + given.body + "}");
  ASSERT_FALSE(write) << given.body;
  EXPECT_EQ(write.error().kind, FieldErrors::Kind::validation_failed);
  EXPECT_EQ(write.error().fields.size(), 1u) << write.error().summary();
  const std::string text = sentence(write, given.field);
  EXPECT_NE(text.find(given.words), std::string::npos) << given.body << " -> " << text;
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << "quotes a password";
}

constexpr PolicyRefusal policy_refusals[] = {
    {R"("require_spff":true)", "require_spff", "did you mean `require_spf`?"},
    {R"("colour":"red")", "colour", "not a field of a policy"},
    {R"("require_spf":"true")", "require_spf", "true or false"},
    {R"("require_spf":"true","allowed_spf_domains":"a.example")", "require_spf", "true or false"},
    {R"("require_dkim":1)", "require_dkim", "true or false"},
    {R"("require_smtp_auth":null)", "require_smtp_auth", "true or false"},
    {R"("require_smtp_auth":true)", "smtp_credentials", "no client could authenticate"},
    {R"("allowed_source_ips":"203.0.113.5/24")", "allowed_source_ips", "`203.0.113.0/24`"},
    {R"("allowed_source_ips":"203.0.113.0/33")", "allowed_source_ips", "exceeds 32"},
    {R"("allowed_source_ips":"203.0.113.0/")", "allowed_source_ips", "prefix length"},
    {R"("allowed_source_ips":"203.0.113.0/024")", "allowed_source_ips", "prefix length"},
    {R"("allowed_source_ips":"203.0.113.5/24,192.0.2.1,x,203.0.113.0/33")", "allowed_source_ips",
     "; element 3: "},
    {R"("allowed_source_ips":"203.0.113.5/24,192.0.2.1,x,203.0.113.0/33")", "allowed_source_ips",
     "; element 4: "},
    {R"("require_spf":true,"allowed_spf_domains":"*.com,a.example,bob@a.example")",
     "allowed_spf_domains", "; element 3: "},
    {R"("allowed_source_ips":"203.0.113.0/24,,198.51.100.42/32")", "allowed_source_ips",
     "element 2 is empty"},
    {R"("allowed_source_ips":"203.0.113.0/24,")", "allowed_source_ips", "element 2 is empty"},
    {R"("allowed_source_ips":" , ")", "allowed_source_ips", "separators only"},
    {R"("allowed_source_ips":"\n")", "allowed_source_ips", "separators only"},
    {R"("allowed_source_ips":"  ")", "allowed_source_ips", "separators only"},
    {R"("allowed_source_ips":[""])", "allowed_source_ips", "element 1 is empty"},
    {R"("allowed_source_ips":[7])", "allowed_source_ips", "element 1 must be a string"},
    {R"("allowed_source_ips":true)", "allowed_source_ips", "comma-separated string or an array"},
    {R"("allowed_source_ips":{})", "allowed_source_ips", "comma-separated string or an array"},
    {R"("allowed_source_ips":"mail.example.com")", "allowed_source_ips", "not an IP address"},
    {R"("allowed_source_ips":"198.51.100.042")", "allowed_source_ips", "not an IP address"},
    {R"("allowed_source_ips":"198.51.100")", "allowed_source_ips", "not an IP address"},
    {R"("allowed_source_ips":"fe80::1%eth0")", "allowed_source_ips", "not an IP address"},
    {R"("allowed_source_ips":"::ffff:192.0.2.0/64")", "allowed_source_ips", "96 to 128"},
    {R"("allowed_spf_domains":"a.example")", "allowed_spf_domains", "require_spf is false"},
    {R"("allowed_dkim_domains":"a.example","require_dkim":false)", "allowed_dkim_domains",
     "require_dkim is false"},
    {R"("require_spf":true,"allowed_spf_domains":"bob@a.example")", "allowed_spf_domains",
     "is an address"},
    {R"("require_spf":true,"allowed_spf_domains":"a .example")", "allowed_spf_domains",
     "blank inside"},
    {R"("require_spf":true,"allowed_spf_domains":"*.com")", "allowed_spf_domains", "top-level"},
    {R"("require_spf":true,"allowed_spf_domains":".com")", "allowed_spf_domains", "top-level"},
    {R"("require_spf":true,"allowed_spf_domains":"*")", "allowed_spf_domains", "`*`"},
    {R"("require_spf":true,"allowed_spf_domains":"a.*.example")", "allowed_spf_domains",
     "not its first label"},
    {R"("require_spf":true,"allowed_spf_domains":"*.*.example")", "allowed_spf_domains",
     "not its first label"},
    {R"("require_spf":true,"allowed_spf_domains":"..example.com")", "allowed_spf_domains",
     "not a domain"},
    {R"("require_spf":true,"allowed_spf_domains":"a..example")", "allowed_spf_domains",
     "not a domain"},
    {R"("require_spf":true,"allowed_spf_domains":"192.0.2.1")", "allowed_spf_domains",
     "IP address"},
    {R"("require_dkim":true,"allowed_dkim_domains":"-a.example")", "allowed_dkim_domains",
     "not a domain"},
    {R"("checks":"helo_literal_is_client,helo_literal_is_clent")", "checks",
     "element 2: `helo_literal_is_clent` is not an offered check; did you mean "
     "`helo_literal_is_client`?"},
    {R"("checks":"dkim_signed")", "checks", "`helo_literal_is_client`"},
    {R"("checks":"HELO_LITERAL_IS_CLIENT")", "checks", "is not an offered check"},
    {R"("checks":"helo_literal_is_client,")", "checks", "element 2 is empty"},
    {R"("checks":true)", "checks", "comma-separated string or an array"},
    {R"("smtp_credentials":"bob:hunter2")", "smtp_credentials", "no bcrypt hash"},
    {R"("smtp_credentials":"hunter2")", "smtp_credentials", "no colon"},
    {R"("smtp_credentials":"bob:$apr1$abcdefgh$0123456789abcdefghijkl")", "smtp_credentials",
     "no bcrypt hash"},
    {R"("smtp_credentials":"bob:$2x$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e")",
     "smtp_credentials", "no bcrypt hash"},
    {R"("smtp_credentials":"bob:$2y$05$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e")",
     "smtp_credentials", "cost 5"},
    {R"("smtp_credentials":"bob:$2y$15$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e")",
     "smtp_credentials", "cost 15"},
    {R"("smtp_credentials":"bob:$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1")",
     "smtp_credentials", "59 characters"},
    {R"("smtp_credentials":"bob:$2y$12$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1!")",
     "smtp_credentials", "malformed"},
    {R"("smtp_credentials":"bob:$2y$1x$nPTBMMvN69D89yK6m11xbeiT77S0E8CKKA.QU9.mKtEW6GFoOUh1e")",
     "smtp_credentials", "malformed"},
    {R"("smtp_credentials":"bob:$2y$12$nPTBMMvN69D89...")", "smtp_credentials", "ends in dots"},
    {R"("smtp_credentials":"bob:$2y$12$…")", "smtp_credentials", "elision"},
    {R"("smtp_credentials":"bob:)" HASH12 R"(,bob:)" HASH10 R"(")", "smtp_credentials", "twice"},
    {R"("smtp_credentials":":)" HASH12 R"(")", "smtp_credentials", "empty user name"},
    {R"("smtp_credentials":"bob:)" HASH12 R"(,")", "smtp_credentials", "element 2 is empty"},
    {R"("smtp_credentials":",")", "smtp_credentials", "separators only"},
    {R"("smtp_credentials":[true])", "smtp_credentials", "must be `user:bcrypt_hash`"},
    {R"("smtp_credentials":[{}])", "smtp_credentials", "no username"},
    {R"("smtp_credentials":[{"username":7,"password":"hunter2"}])", "smtp_credentials",
     "no username"},
    {R"("smtp_credentials":[{"username":"a:b","password":"hunter2"}])", "smtp_credentials",
     "`:` or `,`"},
    {R"("smtp_credentials":[{"username":"a\u0007","password":"hunter2"}])", "smtp_credentials",
     "control"},
    {R"("smtp_credentials":[{"username":"a%pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X","password":"hunter2"}])",
     "smtp_credentials", "policy selector"},
    {R"("smtp_credentials":")" HASH12 R"(:bob")", "smtp_credentials",
     "where the user name belongs"},
    {R"("smtp_credentials":[{"username":"a","password":""}])", "smtp_credentials",
     "empty password"},
    {R"("smtp_credentials":[{"username":"a","password":7}])", "smtp_credentials", "not a string"},
    {R"("smtp_credentials":[{"username":"a","password":"hunter2\u0000"}])", "smtp_credentials",
     "NUL"},
    {R"("smtp_credentials":[{"username":"a","password_hash":7}])", "smtp_credentials",
     "not a string"},
    {R"("smtp_credentials":[{"username":"a","password_hash":"hunter2"}])", "smtp_credentials",
     "no bcrypt hash"},
    {R"("smtp_credentials":[{"username":"a","pasword":"hunter2"}])", "smtp_credentials",
     "unknown member `pasword`"},
    {R"("smtp_credentials":[{"username":"a","password":"hunter2","password_hash":"x"}])",
     "smtp_credentials", "both"},
    {R"("smtp_credentials":[{"username":"a"}])", "smtp_credentials", "no hash of that user"},
    {R"("smtp_credentials":7)", "smtp_credentials", "comma-separated string or an array"},
};

INSTANTIATE_TEST_SUITE_P(Table, PolicyRefusals, ::testing::ValuesIn(policy_refusals));

TEST(PolicyFields, judges_names) {
  EXPECT_EQ(made_policy(R"({"name":"  padded\t"})").name, "padded");
  const std::string long_name(100, 'n');
  EXPECT_EQ(made_policy(R"({"name":")" + long_name + R"("})").name, long_name);
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xbc";
  EXPECT_EQ(made_policy(R"({"name":")" + umlauts + R"("})").name, umlauts)
      << "characters, not octets";
  for (const std::string& bad :
       {std::string(R"("")"), R"(")" + long_name + R"(n")", R"(")" + umlauts + R"(n")",
        std::string(R"("a\u0001b")"), std::string(R"("a\nb")"), std::string(R"("a\u0085b")"),
        std::string("7"), std::string("null")}) {
    const auto write = created_policy(R"({"name":)" + bad + "}");
    EXPECT_FALSE(sentence(write, "name").empty()) << bad;
  }
}

TEST(PolicyFields, normalises_networks) {
  const auto text = [](std::string_view value) {
    return std::string(
        to_json(made_policy(R"({"name":"p","allowed_source_ips":)" + std::string(value) + "}"))
            .at("allowed_source_ips")
            .as_string());
  };
  EXPECT_EQ(text(R"(" 198.51.100.42 ,203.0.113.0/24\n2001:DB8:0::/32,::ffff:192.0.2.7/128,)"
                 R"(198.51.100.42/32")"),
            "198.51.100.42/32,203.0.113.0/24,2001:db8::/32,192.0.2.7/32");
  EXPECT_EQ(text(R"(["203.0.113.0/24","198.51.100.42/32"])"), "203.0.113.0/24,198.51.100.42/32");
  EXPECT_EQ(text(R"("::ffff:192.0.2.0/120")"), "192.0.2.0/24");
  EXPECT_EQ(text(R"("192.0.2.1\r\n192.0.2.2\r\n")"), "192.0.2.1/32,192.0.2.2/32");
  EXPECT_EQ(text(R"("192.0.2.1, \n192.0.2.2")"), "192.0.2.1/32,192.0.2.2/32");
  EXPECT_EQ(text(R"("0.0.0.0/0,::/0")"), "0.0.0.0/0,::/0");
  for (const char* empty : {R"("")", "null", "[]"}) EXPECT_EQ(text(empty), "") << empty;
}

TEST(PolicyFields, normalises_domains) {
  const auto text = [](std::string_view value) {
    return std::string(
        to_json(made_policy(R"({"name":"p","require_spf":true,"allowed_spf_domains":)" +
                            std::string(value) + "}"))
            .at("allowed_spf_domains")
            .as_string());
  };
  EXPECT_EQ(text(R"(["A.example","b.EXAMPLE."])"), "a.example,b.example");
  EXPECT_EQ(text(R"("*.a.example,.b.example,*.A.example")"), ".a.example,.b.example");
  EXPECT_EQ(text(R"("bücher.example")"), "xn--bcher-kva.example");
  EXPECT_EQ(text(R"("a.example,A.EXAMPLE")"), "a.example");
}

/// A policy without checks shows and records what it did before the field was there.
TEST(PolicyFields, names_offered_checks_and_shows_them_where_they_are_set) {
  const PolicyFields none = made_policy(R"({"name":"p","checks":""})");
  EXPECT_FALSE(to_json(none).contains("checks"));
  EXPECT_EQ(definition_of(none), definition_of(made_policy(R"({"name":"p"})")));
  for (const char* list :
       {R"("helo_literal_is_client")", R"(" helo_literal_is_client ,\nhelo_literal_is_client")",
        R"(["helo_literal_is_client","helo_literal_is_client"])"}) {
    const PolicyFields fields = made_policy(fmt::format(R"({{"name":"p","checks":{}}})", list));
    EXPECT_EQ(to_json(fields).at("checks"), "helo_literal_is_client") << list;
    const Result<PolicyFields> again = fields_of(definition_of(fields));
    ASSERT_TRUE(again) << list;
    EXPECT_EQ(again->checks, fields.checks) << list;
    const auto kept = parse_policy(object(R"({"require_dkim":true})"), &fields);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->fields.checks, fields.checks);
    const auto emptied = parse_policy(object(R"({"checks":[]})"), &fields);
    ASSERT_TRUE(emptied);
    EXPECT_EQ(emptied->changed, std::vector<std::string>{"checks"});
    EXPECT_FALSE(to_json(emptied->fields).contains("checks"));
  }
}

/// Without its check the policy would accept what it refused.
TEST(PolicyFields, a_recorded_check_of_a_newer_version_is_an_error) {
  std::string definition =
      definition_of(made_policy(R"({"name":"p","checks":"helo_literal_is_client"})"));
  definition.replace(definition.find("helo_literal"), 4, "ehlo");
  const Result<PolicyFields> read = fields_of(definition);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "a recorded policy definition: this version has no check `ehlo_literal_is_client`, a "
            "newer version wrote it");
}

TEST(PolicyFields, limits_lists_to_1000_elements) {
  std::string list;
  for (int i = 0; i < 1000; ++i) list += (i ? ",192.0.2." : "192.0.2.") + std::to_string(i % 256);
  EXPECT_EQ(made_policy(R"({"name":"p","allowed_source_ips":")" + list + R"("})")
                .allowed_source_ips.size(),
            256u);
  const auto over =
      created_policy(R"({"name":"p","allowed_source_ips":")" + list + R"(,192.0.2.1"})");
  EXPECT_NE(sentence(over, "allowed_source_ips").find("1001"), std::string::npos);
  std::string users = "[";
  for (int i = 0; i < 1001; ++i)
    users += (i ? ",\"u" : "\"u") + std::to_string(i) + ":" HASH12 "\"";
  const auto many = created_policy(R"({"name":"p","smtp_credentials":)" + users + "]}");
  EXPECT_NE(sentence(many, "smtp_credentials").find("1001"), std::string::npos);
}

TEST(PolicyFields, accepts_every_form_of_credentials) {
  const PolicyFields stored = made_policy(R"({"name":"p","smtp_credentials":"old:)" HASH10 R"("})");
  auto write = parse_policy(object(R"({"smtp_credentials":["a:)" HASH12
                                   R"(",{"username":"b","password_hash":")" HASH12 R"("},)"
                                   R"({"username":"c","password":"hunter2"},{"username":"old"}]})"),
                            &stored);
  ASSERT_TRUE(write) << write.error().summary();
  ASSERT_EQ(write->fields.smtp_credentials.size(), 4u);
  ASSERT_EQ(write->to_hash.size(), 1u);
  EXPECT_EQ(write->to_hash[0].at, 2u);
  EXPECT_TRUE(write->to_hash[0].password.equals("hunter2"));
  EXPECT_TRUE(write->fields.smtp_credentials[2].hash.empty());
  EXPECT_TRUE(write->fields.smtp_credentials[3].hash.equals(HASH10));
  EXPECT_TRUE(write->credentials_changed);
  EXPECT_EQ(write->changed, std::vector<std::string>{"smtp_credentials"});
  hash_passwords(*write,
                 [](const Secret& password) { return Secret("hash of " + password.reveal()); });
  EXPECT_TRUE(write->fields.smtp_credentials[2].hash.equals("hash of hunter2"));
  EXPECT_TRUE(write->to_hash.empty());
  for (const char* scheme : {"$2a$", "$2b$", "$2y$"}) {
    const std::string hash = scheme + std::string(HASH12).substr(4);
    EXPECT_EQ(made_policy(R"({"name":"p","smtp_credentials":"u:)" + hash + R"("})")
                  .smtp_credentials.size(),
              1u);
  }
  const std::string longest(128, 'u');
  EXPECT_TRUE(created_policy(R"({"name":"p","smtp_credentials":")" + longest + ":" HASH12 R"("})"));
  EXPECT_FALSE(
      created_policy(R"({"name":"p","smtp_credentials":")" + longest + "u:" HASH12 R"("})"));
  const std::string password(72, 'x');
  const std::string object_of = R"({"name":"p","smtp_credentials":[{"username":"u","password":")";
  EXPECT_TRUE(created_policy(object_of + password + R"("}]})"));
  EXPECT_FALSE(created_policy(object_of + password + R"(x"}]})"));
}

TEST(PolicyFields, put_merges_and_judges_the_result) {
  const PolicyFields stored =
      made_policy(R"({"name":"p","require_spf":true,"allowed_spf_domains":"a.example",)"
                  R"("require_smtp_auth":true,"smtp_credentials":"bob:)" HASH12 R"("})");
  const auto put = [&](std::string_view body) { return parse_policy(object(body), &stored); };
  EXPECT_NE(sentence(put(R"({"require_spf":false})"), "allowed_spf_domains"), "");
  const auto emptied = put(R"({"require_spf":false,"allowed_spf_domains":""})");
  ASSERT_TRUE(emptied);
  EXPECT_EQ(emptied->changed, (std::vector<std::string>{"require_spf", "allowed_spf_domains"}));
  EXPECT_NE(sentence(put(R"({"smtp_credentials":null})"), "smtp_credentials"), "");
  EXPECT_TRUE(put(R"({"smtp_credentials":"","require_smtp_auth":false})"));
  const auto other = put(R"({"allowed_source_ips":"192.0.2.0/24"})");
  ASSERT_TRUE(other);
  EXPECT_EQ(other->fields.smtp_credentials.size(), 1u);
  EXPECT_FALSE(other->credentials_changed);
  EXPECT_EQ(other->changed, std::vector<std::string>{"allowed_source_ips"});
}

TEST(PolicyFields, sending_back_what_was_shown_changes_nothing) {
  const PolicyFields stored = made_policy(
      R"({"name":"p","allowed_source_ips":"192.0.2.0/24,2001:db8::/32","require_dkim":true,)"
      R"("allowed_dkim_domains":"*.a.example","smtp_credentials":"bob:)" HASH12 R"("})");
  json::object whole = to_json(stored);
  whole["id"] = "pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X";
  whole["account_id"] = "acc_01HX5B3W7Q8Z2M4N6P8R0T2V4X";
  whole["version"] = 1;
  whole["webhook_count"] = 0;
  whole["created_at"] = "2024-01-15T10:00:00Z";
  whole["updated_at"] = "2024-01-15T10:00:00Z";
  const auto put = parse_policy(whole, &stored);
  ASSERT_TRUE(put) << put.error().summary();
  EXPECT_TRUE(put->changed.empty());
  const auto same_hash =
      parse_policy(object(R"({"smtp_credentials":"bob:)" HASH12 R"("})"), &stored);
  ASSERT_TRUE(same_hash);
  EXPECT_TRUE(same_hash->changed.empty());
}

TEST(PolicyFields, reports_every_field_at_fault_in_order) {
  const auto write =
      created_policy(R"({"zzz":1,"require_dkim":0,"allowed_source_ips":"x","name":""})");
  ASSERT_FALSE(write);
  std::vector<std::string> names;
  for (const auto& [name, text] : write.error().fields) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"name", "allowed_source_ips", "require_dkim", "zzz"}));
  EXPECT_EQ(write.error().summary(), "name: must not be empty");
}

TEST(PolicyFields, a_long_unknown_name_is_not_echoed_whole) {
  json::object body = object(R"({"name":"p"})");
  body[std::string(100000, 'x')] = true;
  const auto write = parse_policy(body, nullptr);
  ASSERT_FALSE(write);
  EXPECT_LT(write.error().fields[0].first.size() + write.error().fields[0].second.size(), 300u);
}

#undef HASH12
#undef HASH10

}  // namespace
}  // namespace postern::dialect::webhook
