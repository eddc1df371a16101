#include "dialect/vsl/host_functions_test.h"
#include "mailauth/dkim/sign.h"
#include "mailauth/dkim/verify.h"

namespace postern::dialect::vsl {
namespace {

namespace dkim = mailauth::dkim;
using policy::Stage;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Scene;
using ::testing::StartsWith;

std::shared_ptr<const dkim::SigningKey> new_key() {
  return std::make_shared<const dkim::SigningKey>(*dkim::SigningKey::generate_ed25519());
}
const dkim::SigningKey& good_key() {
  static const auto key = new_key();
  return *key;
}

std::string key_zone() {
  return R"({"s1._domainkey.good.example": {"TXT": [")" + good_key().public_record() +
         R"("]}, "s2._domainkey.good.example": "SERVFAIL"})";
}

const std::string plain =
    "From: ann@good.example\r\nTo: jane@doe-family.com\r\nSubject: test\r\n\r\nHello.\r\n";

std::string signature(const std::string& selector = "s1", std::vector<std::string> fields = {}) {
  return *dkim::sign_message({{&good_key(), selector}},
                             {.domain = "good.example",
                              .selector = selector,
                              .fields = std::move(fields),
                              .signed_at = 1700000000},
                             plain);
}

Scene& in_preq(Scene& scene) { return scene.at(Stage::message); }

std::size_t count(const Draft& draft, std::string_view name) {
  std::size_t found = 0;
  for (const auto& field : draft.header) found += field.name == name ? 1 : 0;
  return found;
}

TEST(VerifyDkim, every_result) {
  struct {
    std::string message;
    std::string answer;
  } const cases[] = {
      {signature() + plain,
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "pass"})"},
      {signature() + plain + "More.\r\n",
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "fail"})"},
      {plain, R"(#{"auid": "", "sdid": "", "status": "none"})"},
      {signature("s2") + plain,
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "temperror"})"},
      {signature("s3") + plain,
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "permerror"})"},
      // The first signature that passes, else the last one.
      {signature("s3") + signature() + signature("s2") + plain,
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "pass"})"},
      {signature("s2") + signature("s3") + plain,
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "permerror"})"},
      // A signature does not cover a second From field.
      {"From: ceo@example.net\r\n" + signature("s1", {"From"}) + plain,
       R"(#{"auid": "@good.example", "sdid": "good.example", "status": "policy"})"},
  };
  for (const auto& c : cases) {
    Scene scene(key_zone(), c.message);
    EXPECT_EQ(in_preq(scene).ask("vsl.verify_dkim()"), c.answer) << c.message;
  }
}

TEST(VerifyDkim, looks_at_five_signatures) {
  std::string junk;
  for (int i = 0; i < 5; ++i) junk += signature("s3");
  Scene scene(key_zone(), junk + signature() + plain);
  EXPECT_THAT(in_preq(scene).ask("vsl.dkim_verify()"), HasSubstr(R"("status": "permerror")"));
  EXPECT_THAT(scene.header(), Not(HasSubstr("dkim=pass")));
}

TEST(VerifyDkim, is_told_in_one_field_and_never_found_out_twice) {
  Scene scene(key_zone(), signature() + plain);
  in_preq(scene);
  const std::string first = scene.ask("vsl.verify_dkim()");
  EXPECT_EQ(scene.ask("vsl.dkim_verify()"), first);
  EXPECT_EQ(scene.ask("vsl.verify_dkim()"), first);
  EXPECT_EQ(count(scene.draft, "Authentication-Results"), 1u);
  EXPECT_EQ(scene.draft.header[0].name, "Authentication-Results");
  EXPECT_THAT(scene.header(), HasSubstr("dkim=pass header.d=good.example"));
  EXPECT_EQ(scene.resolver.asked, std::vector<std::string>{"s1._domainkey.good.example TXT"});
  EXPECT_EQ(scene.draft.results_of, std::set<std::string>{"doe-family.com"});
}

TEST(VerifyDkim, results_that_came_under_our_name_go) {
  const std::string forged =
      "Authentication-Results: Doe-Family.COM; dkim=pass header.d=bank.example\r\n"
      "Authentication-Results: other.example; spf=pass\r\n"
      "authentication-results: doe-family.com (x); spf=pass\r\n";
  Scene scene(key_zone(), forged + plain);
  in_preq(scene).ask("vsl.verify_dkim()");
  EXPECT_THAT(scene.header(), Not(HasSubstr("bank.example")));
  EXPECT_THAT(scene.header(), HasSubstr("other.example; spf=pass"));
  EXPECT_THAT(scene.header(), HasSubstr("dkim=none"));
  EXPECT_EQ(count(scene.draft, "authentication-results"), 0u);
}

TEST(VerifyDkim, results_that_come_behind_ours_go_too) {
  Scene scene(
      R"({"good.example": {"TXT": ["v=spf1 ip4:198.51.100.7 -all"]}})",
      "Authentication-Results: doe-family.com; spf=pass smtp.mailfrom=ceo@bank.example\r\n" +
          plain);
  EXPECT_THAT(scene.ask("vsl.check_spf('auth')"), StartsWith("next"));
  in_preq(scene).ask("vsl.verify_dkim()");
  EXPECT_THAT(scene.header(), Not(HasSubstr("bank.example")));
  EXPECT_EQ(count(scene.draft, "Authentication-Results"), 2u) << "both of ours";
}

TEST(VerifyDkim, needs_the_message) {
  Scene scene;
  for (const char* ask : {"vsl.verify_dkim()", "vsl.sign_dkim('s')", "vsl.check_dmarc()"}) {
    EXPECT_THAT(scene.ask(ask), StartsWith("error: the field: `mail` is not defined yet")) << ask;
  }
  EXPECT_TRUE(scene.resolver.asked.empty());
}

struct SignDkim : ::testing::Test {
  SignDkim() {
    scene.site.dkim_key = ours;
    scene.site.virtual_domains["virtual.example"] = theirs;
    scene.site.virtual_domains["keyless.example"] = nullptr;
    scene.sender("john@doe-family.com").at(Stage::message);
  }
  /// A receiver's result for the first signature of the message that is sent.
  dkim::SignatureResult received(const dkim::SigningKey& key, std::string added = {}) {
    auto check = dkim::verify_message(added + scene.header() + "\r\nHello.\r\n", 1900000000);
    while (check.next() != nullptr) {
      check.feed({.status = mailauth::Answer::Status::found, .records = {key.public_record()}});
    }
    const dkim::Results results = check.result();
    return results.signatures.empty() ? dkim::SignatureResult{} : results.signatures.front();
  }

  std::shared_ptr<const dkim::SigningKey> ours = new_key();
  std::shared_ptr<const dkim::SigningKey> theirs =
      std::make_shared<const dkim::SigningKey>(*dkim::SigningKey::generate_rsa(1024));
  Scene scene{"{}", plain};
};

TEST_F(SignDkim, by_default_covers_what_people_see) {
  EXPECT_EQ(scene.run("vsl.sign_dkim('2022-09')"), "");
  const dkim::SignatureResult result = received(*ours);
  EXPECT_EQ(result.status, dkim::Status::pass);
  EXPECT_EQ(result.signature.domain, "doe-family.com");
  EXPECT_EQ(result.signature.selector, "2022-09");
  EXPECT_EQ(result.signature.forms,
            (dkim::Forms{dkim::Canonicalization::simple, dkim::Canonicalization::relaxed}));
  EXPECT_EQ(result.signature.fields,
            (std::vector<std::string>{"from", "to", "date", "subject", "from"}));
  EXPECT_TRUE(scene.draft.header_changed);
  EXPECT_EQ(scene.draft.header[0].name, "DKIM-Signature");
  EXPECT_NE(received(*ours, "From: ceo@example.net\r\n").status, dkim::Status::pass)
      << "no second From can be added";
}

TEST_F(SignDkim, takes_fields_and_forms) {
  EXPECT_EQ(scene.run("vsl.dkim_sign('s1', array.of('From', 'Subject'), 'relaxed')"), "");
  const dkim::SignatureResult result = received(*ours);
  EXPECT_EQ(result.status, dkim::Status::pass);
  EXPECT_EQ(result.signature.forms,
            (dkim::Forms{dkim::Canonicalization::relaxed, dkim::Canonicalization::simple}));
  EXPECT_EQ(result.signature.fields, (std::vector<std::string>{"from", "subject"}));
}

TEST_F(SignDkim, signs_as_the_senders_domain_where_it_has_a_key) {
  struct {
    std::string sender;
    std::string domain;
  } const cases[] = {
      {"x@Virtual.Example", "virtual.example"},    {"x@keyless.example", "doe-family.com"},
      {"x@elsewhere.example", "doe-family.com"},   {"", "doe-family.com"},
      {"x@sub.virtual.example", "doe-family.com"},
  };
  for (const auto& c : cases) {
    scene.draft = Draft{};
    scene.sender(c.sender);
    EXPECT_EQ(scene.run("vsl.sign_dkim('s1')"), "");
    const bool is_theirs = c.domain == "virtual.example";
    const dkim::SignatureResult result = received(is_theirs ? *theirs : *ours);
    EXPECT_EQ(result.status, dkim::Status::pass) << c.sender;
    EXPECT_EQ(result.signature.domain, c.domain) << c.sender;
  }
}

TEST_F(SignDkim, signs_the_message_as_rules_left_it) {
  draft_with_message(scene.context);
  for (Draft::Field& field : scene.draft.header) {
    if (field.name == "Subject") field.text = "Subject: [list] test\r\n";
  }
  EXPECT_EQ(scene.run("vsl.sign_dkim('s1')"), "");
  EXPECT_EQ(received(*ours).status, dkim::Status::pass);
  scene.draft = Draft{};
  scene.draft.base_copy = policy::ScriptCopy{};
  scene.draft.base_copy->text = "From: b@doe-family.com\r\n\r\nRewritten.\r\n";
  std::size_t body = 0;
  scene.draft.header = mail::fields_of(*scene.draft.base_copy->text, body);
  scene.draft.has_message = true;
  EXPECT_EQ(scene.run("vsl.sign_dkim('s1')"), "");
  EXPECT_NE(received(*ours).status, dkim::Status::pass) << "the body is another script's";
  auto check = dkim::verify_message(scene.header() + "\r\nRewritten.\r\n", 1900000000);
  while (check.next() != nullptr) {
    check.feed({.status = mailauth::Answer::Status::found, .records = {ours->public_record()}});
  }
  EXPECT_EQ(check.result().overall(), dkim::Status::pass);
}

TEST_F(SignDkim, mistakes_are_errors_and_nothing_is_signed) {
  struct {
    std::string arguments;
    std::string sentence;
  } const cases[] = {
      {"'s1', array.of('From')", "takes a selector, or"},
      {"'s1', array.of('Subject'), 'simple/simple'", "the From header must be signed"},
      {"'s1', array.of('From', 'a: b'), 'simple/simple'", "'a: b' is no name"},
      {"'s1', array.of('From', 'x\\r\\nBcc'), 'simple/simple'", "is no name"},
      {"'s1', array.of('From', ''), 'simple/simple'", "is no name"},
      {"'s1', array.of('From', 'x;d=bank.example'), 'simple/simple'", "is no name"},
      {"'s1', 'From', 'simple/simple'", "an array of names"},
      {"'s1', array.of('From'), 'loose'", "`loose` is no canonicalization"},
      {"'s1', array.of('From'), 'simple/relaxed/simple'", "is no canonicalization"},
      {"''", "the selector is no name"},
      {"'a b'", "the selector is no name"},
      {"'s;d=bank.example'", "the selector is no name"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(scene.run("vsl.sign_dkim(" + c.arguments + ")"),
                ::testing::AllOf(StartsWith("error: "), HasSubstr(c.sentence)))
        << c.arguments;
    EXPECT_FALSE(scene.draft.header_changed);
  }
  scene.site.dkim_key = nullptr;
  scene.sender("x@keyless.example");
  EXPECT_EQ(scene.run("vsl.sign_dkim('x')"),
            "error: no DKIM private key is configured for 'keyless.example'");
  EXPECT_FALSE(scene.draft.header_changed);
}

TEST_F(SignDkim, a_record_signs_nothing_and_never_fails) {
  std::vector<script::Told> told;
  {
    script::Call call(scene.script.world, {}, &scene.context);
    call.record();
    EXPECT_EQ(scene.script.answer("vsl.sign_dkim('s1')", call), "");
    told = call.told();
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].answer, "[]") << "no signature, and no key, is kept";
  scene.draft = Draft{};
  scene.site.dkim_key = nullptr;
  scene.site.virtual_domains.clear();
  script::Call again(scene.script.world, {}, &scene.context);
  again.answer_from(told);
  EXPECT_EQ(scene.script.answer("vsl.sign_dkim('s1')", again), "");
  EXPECT_FALSE(scene.draft.header_changed);
}

}  // namespace
}  // namespace postern::dialect::vsl
