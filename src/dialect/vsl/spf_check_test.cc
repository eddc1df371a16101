#include "dialect/vsl/host_functions_test.h"
#include "mailauth/ar/parse.h"

namespace postern::dialect::vsl {
namespace {

using policy::Need;
using policy::Stage;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Scene;
using ::testing::StartsWith;

constexpr const char* spf_zone = R"({
  "good.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
  "soft.example": {"TXT": ["v=spf1 ip4:198.51.100.0/24 ~all"]},
  "neutral.example": {"TXT": ["v=spf1 ?all"]},
  "nospf.example": {"A": ["192.0.2.1"]},
  "broken.example": {"TXT": ["v=spf1 ip4:300.1.1.1 -all"]},
  "twice.example": {"TXT": ["v=spf1 -all", "v=spf1 +all"]},
  "dead.example": {"TXT": "SERVFAIL"},
  "mx.sender.example": {"TXT": ["v=spf1 ip4:198.51.100.7 -all"]},
  "doe-family.com": {"TXT": ["v=spf1 -all"]},
  "mta.example": {"A": ["203.0.113.9"]}})";

/// The unfolded values of the fields with this name.
std::vector<std::string> values_of(const Draft& draft, std::string_view name) {
  std::vector<std::string> values;
  for (const Draft::Field& field : draft.header) {
    if (field.name != name) continue;
    std::string value = field.text.substr(name.size() + 1);
    for (std::size_t at = 0; (at = value.find("\r\n", at)) != std::string::npos;)
      value.erase(at, 2);
    values.push_back(value);
  }
  return values;
}

TEST(CheckSpf, every_result_strict_and_soft) {
  struct {
    std::string client;
    std::string sender;
    std::string strict;
    std::string soft;
  } const cases[] = {
      {"198.51.100.1", "a@good.example", "next", "next"},
      {"203.0.113.1", "a@good.example", "deny 550 5.7.23", "deny 550 5.7.23"},
      {"203.0.113.1", "a@soft.example", "deny 550 5.7.23", "next"},
      {"203.0.113.1", "a@neutral.example", "next", "next"},
      {"203.0.113.1", "a@nospf.example", "next", "next"},
      {"203.0.113.1", "a@dead.example", "deny 451 4.7.24", "deny 451 4.7.24"},
      {"203.0.113.1", "a@broken.example", "deny 550 5.7.24", "deny 550 5.7.24"},
      {"203.0.113.1", "a@twice.example", "deny 550 5.7.24", "deny 550 5.7.24"},
      {"198.51.100.7", "", "next", "next"},
      {"203.0.113.1", "", "deny 550 5.7.23", "deny 550 5.7.23"},
  };
  for (const auto& c : cases) {
    Scene strict(spf_zone);
    strict.from(c.client).sender(c.sender);
    EXPECT_THAT(strict.ask("vsl.check_spf('none')"), StartsWith(c.strict)) << c.sender;
    EXPECT_TRUE(strict.draft.header.empty());
    Scene soft(spf_zone);
    soft.from(c.client).sender(c.sender);
    EXPECT_THAT(soft.ask("vsl.check_spf('none', 'soft')"), StartsWith(c.soft)) << c.sender;
  }
}

TEST(CheckSpf, says_what_it_saw) {
  Scene scene(spf_zone);
  scene.from("203.0.113.1").sender("a@good.example");
  EXPECT_EQ(scene.ask("vsl.check_spf('none')"),
            "deny 550 5.7.23 SPF validation failed | SPF fail for good.example by -all");
  EXPECT_EQ(scene.ask("vsl.check_spf_inner()"),
            R"(#{"cause": "-all", "mechanism": "-all", "result": "fail"})");
}

TEST(CheckSpf, writes_the_fields_it_is_asked_for) {
  struct {
    std::string header;
    std::size_t received;
    std::size_t results;
  } const cases[] = {{"spf", 1, 0}, {"auth", 0, 1}, {"both", 1, 1}, {"none", 0, 0}};
  for (const auto& c : cases) {
    Scene scene(spf_zone);
    EXPECT_THAT(scene.ask("vsl.check_spf('" + c.header + "')"), StartsWith("next"));
    EXPECT_EQ(values_of(scene.draft, "Received-SPF").size(), c.received) << c.header;
    EXPECT_EQ(values_of(scene.draft, "Authentication-Results").size(), c.results) << c.header;
  }
  Scene scene(spf_zone);
  scene.ask("vsl.check_spf('both')");
  ASSERT_EQ(scene.draft.header.size(), 2u);
  EXPECT_EQ(scene.draft.header[0].name, "Received-SPF") << "above the other";
  EXPECT_EQ(values_of(scene.draft, "Received-SPF")[0],
            " pass receiver=mx.doe-family.com; client-ip=198.51.100.7; "
            "envelope-from=\"ann@good.example\"; helo=mx.sender.example; identity=mailfrom; "
            "mechanism=\"ip4:198.51.100.0/24\"");
  EXPECT_EQ(values_of(scene.draft, "Authentication-Results")[0],
            " doe-family.com;\tspf=pass smtp.mailfrom=ann@good.example");
}

TEST(CheckSpf, the_null_sender_is_postmaster_of_the_helo_name) {
  Scene scene(spf_zone);
  scene.sender("");
  EXPECT_THAT(scene.ask("vsl.check_spf('both')"), StartsWith("next"));
  EXPECT_THAT(values_of(scene.draft, "Received-SPF")[0],
              HasSubstr("envelope-from=\"postmaster@mx.sender.example\""));
}

TEST(CheckSpf, what_the_client_says_stays_a_value) {
  for (const std::string& name :
       {std::string("a\"; helo=trusted.example; x=\""), std::string("a\r\nBcc: victim@example.net"),
        std::string("a\\"), std::string("(comment"), std::string("\0\x01\xff", 3),
        std::string(500, 'x'), std::string("a; dkim=pass header.d=example.net")}) {
    Scene scene(spf_zone);
    scene.evidence.session.helo = name;
    EXPECT_THAT(scene.ask("vsl.check_spf('both')"), StartsWith("next")) << name;
    EXPECT_THAT(scene.header(), Not(HasSubstr("\nBcc"))) << name;
    for (const Draft::Field& field : scene.draft.header) {
      EXPECT_TRUE(field.text.ends_with("\r\n"));
      for (std::size_t at = 0; (at = field.text.find('\n', at)) != std::string::npos; ++at) {
        const bool last = at + 1 == field.text.size();
        EXPECT_TRUE(last || field.text[at + 1] == ' ' || field.text[at + 1] == '\t') << field.text;
      }
    }
  }
  Scene scene(spf_zone);
  scene.evidence.session.helo = "a\"; helo=trusted.example; x=\"";
  scene.ask("vsl.check_spf('spf')");
  EXPECT_THAT(values_of(scene.draft, "Received-SPF")[0],
              HasSubstr(R"( helo="a\"; helo=trusted.example; x=\""; identity=mailfrom;)"));
  Scene other(spf_zone);
  other.evidence.reverse_path = mail::Mailbox{"\"x y; spf=fail\"", "good.example"};
  other.ask("vsl.check_spf('auth')");
  const auto parsed = mailauth::ar::parse(values_of(other.draft, "Authentication-Results")[0]);
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->results.size(), 1u);
  EXPECT_EQ(parsed->results[0].properties[0].value, "\"x y; spf=fail\"@good.example");
}

TEST(CheckSpf, a_sender_of_ours_is_not_checked) {
  Scene scene(spf_zone);
  scene.from("203.0.113.1").sender("john@DOE-family.com");
  EXPECT_THAT(scene.ask("vsl.check_spf('both')"), StartsWith("next"));
  EXPECT_TRUE(scene.resolver.asked.empty());
  EXPECT_TRUE(scene.draft.header.empty());
  EXPECT_THAT(scene.ask("vsl.check_spf_inner()"), HasSubstr(R"("result": "fail")"))
      << "the low one does";
}

TEST(CheckSpf, hosts_as_the_only_argument_are_not_checked) {
  Scene scene(spf_zone);
  scene.sender("a@soft.example").from("10.1.2.3");
  const std::string ask =
      "vsl.check_spf(group.of(obj.of('rg4', '10.0.0.0/8'), obj.of('fqdn', 'mta.example')))";
  EXPECT_EQ(scene.ask(ask), "next | 10.1.2.3 is in 10.0.0.0/8: no SPF");
  EXPECT_TRUE(scene.resolver.asked.empty());
  EXPECT_TRUE(scene.draft.header.empty());
  scene.from("203.0.113.9");
  EXPECT_THAT(scene.ask(ask), StartsWith("next")) << "by its name";
  scene.from("203.0.113.10");
  EXPECT_THAT(scene.ask(ask), StartsWith("deny 550 5.7.23")) << "strict";
  EXPECT_EQ(scene.draft.header.size(), 2u) << "both fields";
}

TEST(CheckSpf, mistakes_are_errors_before_anything_is_asked) {
  for (const std::string sender : {"a@good.example", "john@doe-family.com"}) {
    Scene scene(spf_zone);
    scene.sender(sender);
    EXPECT_EQ(scene.ask("vsl.check_spf('everything')"),
              "error: spf 'header' argument must be 'spf', 'auth', 'both' or 'none', not "
              "'everything'");
    EXPECT_EQ(scene.ask("vsl.check_spf('both', 'lenient')"),
              "error: spf 'policy' argument must be 'strict' or 'soft', not 'lenient'");
    EXPECT_THAT(scene.ask("vsl.check_spf(42)"), StartsWith("error: allowed_hosts takes"));
    EXPECT_THAT(scene.ask("vsl.check_spf(obj.of('rg4', '10.0.0.0/8'), 'soft')"),
                StartsWith("error: spf 'header' argument"));
    EXPECT_TRUE(scene.resolver.asked.empty());
    EXPECT_TRUE(scene.draft.header.empty());
  }
  Scene early(spf_zone);
  early.at(Stage::helo);
  EXPECT_THAT(early.ask("vsl.check_spf('none')"), HasSubstr("is not defined yet"));
  EXPECT_THAT(early.ask("vsl.check_spf_inner()"), HasSubstr("is not defined yet"));
}

TEST(CheckSpf, is_found_out_once_whoever_asks) {
  Scene scene(spf_zone);
  script::testing::run([](Scene& one) -> Task<int> {
    co_await one.gatherer.gather(Need::spf, one.evidence);
    co_return 0;
  }(scene));
  const auto before = scene.resolver.asked;
  EXPECT_THAT(scene.ask("vsl.check_spf('both')"), StartsWith("next"));
  EXPECT_THAT(scene.ask("vsl.check_spf_inner()"), HasSubstr("pass"));
  EXPECT_EQ(scene.resolver.asked, before);
}

TEST(CheckSpf, the_low_one_names_mechanism_or_problem) {
  struct {
    std::string sender;
    std::string answer;
  } const cases[] = {
      {"a@good.example", R"("mechanism": "-all", "result": "fail")"},
      {"a@nospf.example", R"("problem": )"},
      {"a@dead.example", R"("result": "temperror")"},
      {"a@broken.example", R"("problem": )"},
  };
  for (const auto& c : cases) {
    Scene scene(spf_zone);
    scene.from("203.0.113.1").sender(c.sender);
    const std::string answer = scene.ask("vsl.check_spf_inner()");
    EXPECT_THAT(answer, HasSubstr(c.answer));
    EXPECT_THAT(answer, Not(HasSubstr(R"("cause": "")"))) << c.sender;
    EXPECT_TRUE(scene.draft.header.empty());
  }
}

TEST(CheckSpf, a_record_makes_the_same_again_with_its_fields) {
  Scene scene(spf_zone);
  scene.ask("vsl.check_spf('both')");
  const std::string header = scene.header();
  scene.draft = Draft{};
  script::Call again(scene.script.world, {}, &scene.context);
  again.answer_from({});
  EXPECT_THAT(scene.script.answer("vsl.show(vsl.check_spf('both'))", again), StartsWith("next"));
  EXPECT_EQ(scene.header(), header);
}

}  // namespace
}  // namespace postern::dialect::vsl
