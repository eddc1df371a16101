#include "base/text.h"
#include "cli/commands_mail_test.h"

namespace postern::app {
namespace {

using namespace testing_mail;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
namespace json = boost::json;

/// The beginning of a private key in PEM (RFC 7468 §10), in two parts, as this file contains no
/// key.
constexpr const char* key_head =
    "-----BEGIN "
    "PRIVATE KEY-----\n";

constexpr const char* message =
    "From: Ann <ann@example.com>\nTo: bob@example.org\nSubject: hello\n\nHello Bob.\n";

Answer keygen(const std::vector<std::string>& more) {
  std::vector<std::string> words{"dkim", "keygen", "--domain", "example.com", "--selector", "s1"};
  words.insert(words.end(), more.begin(), more.end());
  const auto parsed = parse_command_line(words);
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  const int code = run_dkim_keygen(std::get<Arguments>(parsed), streams);
  return {code, out.str(), err.str()};
}

// --- keygen

TEST_F(MailCommands, keygen_writes_a_key_for_its_owner_and_prints_the_record) {
  const mode_t old = ::umask(0);
  const Answer made = keygen({});
  ::umask(old);
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(mode_of("s1.example.com.pem"), 0600u);
  EXPECT_THAT(tests::read_file("s1.example.com.pem"), StartsWith(key_head));
  EXPECT_THAT(made.out, HasSubstr("\ns1._domainkey.example.com. IN TXT \"v=DKIM1; k=rsa; "));
  EXPECT_THAT(made.out + made.err, Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(MailCommands, no_string_of_a_record_has_more_than_255_octets) {
  const Answer made = keygen({"--bits", "4096", "--quiet"});
  ASSERT_EQ(made.code, 0) << made.err;
  std::string joined;
  const auto parts = split(made.out, '"');
  for (std::size_t i = 1; i < parts.size(); i += 2) {
    EXPECT_LE(parts[i].size(), 255u);
    joined += parts[i];
  }
  EXPECT_GT(parts.size(), 5u);
  EXPECT_THAT(joined, StartsWith("v=DKIM1; "));
  EXPECT_EQ(std::count(made.out.begin(), made.out.end(), '\n'), 1);
}

TEST_F(MailCommands, an_existing_file_is_never_overwritten) {
  folder_.write("s1.example.com.pem", "precious");
  const Answer refused = keygen({});
  EXPECT_EQ(refused.code, 73);
  EXPECT_THAT(refused.err, HasSubstr("s1.example.com.pem exists already"));
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(tests::read_file("s1.example.com.pem"), "precious");
}

TEST_F(MailCommands, a_link_is_not_followed) {
  std::filesystem::create_symlink("elsewhere", "s1.example.com.pem");
  EXPECT_EQ(keygen({"--type", "ed25519"}).code, 73);
  EXPECT_FALSE(std::filesystem::exists("elsewhere"));
}

TEST_F(MailCommands, of_two_keys_both_are_written_or_none) {
  folder_.write("s1-ed25519.example.com.pem", "precious");
  EXPECT_EQ(keygen({"--type", "both"}).code, 73);
  EXPECT_FALSE(std::filesystem::exists("s1.example.com.pem"));
  EXPECT_EQ(tests::read_file("s1-ed25519.example.com.pem"), "precious");
}

TEST_F(MailCommands, a_folder_that_is_not_there_is_named) {
  const Answer refused = keygen({"--out", "nowhere/key.pem"});
  EXPECT_EQ(refused.code, 73);
  EXPECT_THAT(refused.err, HasSubstr("nowhere/key.pem: No such file or directory"));
}

TEST_F(MailCommands, the_private_key_is_printed_on_demand_alone) {
  const Answer printed = keygen({"--type", "ed25519", "--out", "-"});
  EXPECT_EQ(printed.code, 0);
  EXPECT_THAT(printed.out, StartsWith(key_head));
  EXPECT_THAT(printed.out, Not(HasSubstr("v=DKIM1")));
  EXPECT_THAT(printed.err, HasSubstr("s1._domainkey.example.com. IN TXT \"v=DKIM1; k=ed25519; "));
  EXPECT_TRUE(std::filesystem::is_empty("."));
  const json::value object = json::parse(keygen({"--type", "ed25519", "--out", "-", "--json"}).out);
  EXPECT_THAT(std::string(object.at("keys").at(0).at("private_key").as_string()),
              StartsWith(key_head));
}

TEST_F(MailCommands, keygen_answers_in_json) {
  const Answer made = keygen({"--type", "both", "--json"});
  ASSERT_EQ(made.code, 0) << made.err;
  const json::value object = json::parse(made.out);
  EXPECT_EQ(object.at("domain"), "example.com");
  const json::value& rsa = object.at("keys").at(0);
  EXPECT_EQ(rsa.at("selector"), "s1");
  EXPECT_EQ(rsa.at("algorithm"), "rsa-sha256");
  EXPECT_EQ(rsa.at("bits"), 2048);
  EXPECT_EQ(rsa.at("file"), "s1.example.com.pem");
  EXPECT_FALSE(rsa.as_object().contains("private_key"));
  const json::value& ed25519 = object.at("keys").at(1);
  EXPECT_EQ(ed25519.at("selector"), "s1-ed25519");
  EXPECT_EQ(ed25519.at("name"), "s1-ed25519._domainkey.example.com");
  EXPECT_TRUE(object.at("zone").as_object().contains("s1._domainkey.example.com"));
  EXPECT_EQ(made.out.find("PRIVATE"), std::string::npos);
}

TEST_F(MailCommands, keygen_names_what_is_wrong_on_its_line) {
  const auto refused = [](const std::vector<std::string>& words) {
    const Answer answer = run(run_dkim_keygen, words);
    EXPECT_EQ(answer.code, 64);
    return answer.err;
  };
  EXPECT_THAT(refused({"dkim", "keygen"}), HasSubstr("needs --domain, --selector"));
  EXPECT_THAT(refused({"dkim", "keygen", "--domain", "../etc", "--selector", "s1"}),
              HasSubstr("--domain: `../etc` is not a domain name"));
  EXPECT_THAT(refused({"dkim", "keygen", "--domain", "example.com", "--selector", "a/b"}),
              HasSubstr("--selector: `a/b`"));
  const std::vector<std::string> good{"dkim",        "keygen",     "--domain",
                                      "example.com", "--selector", "s1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), good.begin(), good.end());
    return more;
  };
  EXPECT_THAT(refused(with({"--type", "dsa"})), HasSubstr("--type: `dsa`"));
  EXPECT_THAT(refused(with({"--bits", "512"})), HasSubstr("1024 to 4096"));
  EXPECT_THAT(refused(with({"--bits", "8192"})), HasSubstr("1024 to 4096"));
  EXPECT_THAT(refused(with({"--type", "ed25519", "--bits", "2048"})), HasSubstr("is for RSA"));
  EXPECT_THAT(refused(with({"--type", "both", "--out", "k.pem"})), HasSubstr("names one file"));
  EXPECT_TRUE(std::filesystem::is_empty("."));
}

// --- keygen, sign, verify

class RoundTrip : public MailCommands, public testing::WithParamInterface<const char*> {};

TEST_P(RoundTrip, what_keygen_prints_verifies_what_sign_writes) {
  const Answer made = keygen({"--type", GetParam(), "--bits", "1024"});
  const Answer key = made.code == 0 ? made : keygen({"--type", GetParam()});
  ASSERT_EQ(key.code, 0) << key.err;
  folder_.write("zone", key.out);
  const Answer is_signed = run(run_dkim_sign,
                               {"dkim", "sign", "--key", "s1.example.com.pem", "--domain",
                                "example.com", "--selector", "s1", "--now", "1795000000"},
                               message);
  ASSERT_EQ(is_signed.code, 0) << is_signed.err;
  EXPECT_THAT(is_signed.out, StartsWith("DKIM-Signature: v=1; a="));
  EXPECT_TRUE(is_signed.out.ends_with(message));
  EXPECT_EQ(is_signed.out.find('\r'), std::string::npos);
  EXPECT_EQ(is_signed.err, "");

  const Answer verified =
      run(run_dkim_verify, {"dkim", "verify", "-", "--dns", "zone", "--json"}, is_signed.out);
  EXPECT_EQ(verified.code, 0) << verified.out;
  const json::value object = json::parse(verified.out);
  EXPECT_EQ(object.at("acceptable"), true);
  EXPECT_EQ(object.at("signatures").at(0).at("result"), "pass");
  EXPECT_EQ(object.at("signatures").at(0).at("signed_at"), 1795000000);

  const Answer matches =
      run(run_dkim_check, {"dkim", "check", "--domain", "example.com", "--selector", "s1", "--key",
                           "s1.example.com.pem", "--dns", "zone"});
  EXPECT_EQ(matches.code, 0) << matches.out;
  EXPECT_THAT(matches.out, HasSubstr("usable, and it matches the private key"));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, RoundTrip, testing::Values("rsa", "ed25519"));

class Signed : public MailCommands {
 protected:
  void SetUp() override {
    MailCommands::SetUp();
    const Answer made = keygen({"--type", "both", "--json"});
    ASSERT_EQ(made.code, 0) << made.err;
    folder_.write("keys.json", made.out);
    folder_.write("m.eml", message);
  }

  static std::vector<std::string> sign_line(const std::vector<std::string>& more) {
    std::vector<std::string> words{
        "dkim",     "sign",        "--key",      "s1-ed25519.example.com.pem",
        "--domain", "example.com", "--selector", "s1-ed25519"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static Answer verify(const std::string& text, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"dkim", "verify", "--dns", "keys.json"};
    words.insert(words.end(), more.begin(), more.end());
    return run(run_dkim_verify, words, text);
  }
};

TEST_F(Signed, two_keys_make_two_signatures) {
  const Answer both =
      run(run_dkim_sign, {"dkim", "sign", "--key", "s1.example.com.pem", "--selector", "s1",
                          "--key", "s1-ed25519.example.com.pem", "--selector", "s1-ed25519",
                          "--domain", "example.com", "m.eml"});
  ASSERT_EQ(both.code, 0) << both.err;
  const Answer verified = verify(both.out, {"--json"});
  EXPECT_EQ(verified.code, 0);
  const json::value object = json::parse(verified.out);
  ASSERT_EQ(object.at("signatures").as_array().size(), 2u);
  EXPECT_EQ(object.at("signatures").at(0).at("key_bits"), 2048);
  EXPECT_EQ(object.at("signatures").at(1).at("algorithm"), "ed25519-sha256");
  EXPECT_EQ(object.at("dns").as_array().size(), 2u);
}

TEST_F(Signed, verify_shows_what_is_signed_and_the_answers_used) {
  const Answer made =
      run(run_dkim_sign, sign_line({"--now", "2026-11-20T09:00:00Z", "--expires", "7d", "m.eml"}));
  const Answer verified = verify(made.out, {"--now", "2026-11-21T09:00:00Z"});
  EXPECT_EQ(verified.code, 0) << verified.out;
  EXPECT_THAT(verified.out, HasSubstr("DKIM signature 1 of 1: pass, acceptable\n"));
  EXPECT_THAT(verified.out, HasSubstr("d=example.com s=s1-ed25519\n"));
  EXPECT_THAT(verified.out, HasSubstr("covers     from x2, to x2, "));
  EXPECT_THAT(verified.out,
              HasSubstr("signed 2026-11-20T09:00:00Z, expires 2026-11-27T09:00:00Z\n"));
  EXPECT_THAT(verified.out, HasSubstr("TXT  s1-ed25519._domainkey.example.com: found\n"));
  EXPECT_THAT(verified.out, HasSubstr("ARC none"));
  EXPECT_THAT(verified.out, HasSubstr("\nAuthentication-Results: "));
  const Answer late = verify(made.out, {"--now", "2026-12-01T00:00:00Z"});
  EXPECT_EQ(late.code, 1);
  EXPECT_THAT(late.out, HasSubstr("fail: signature expired"));
}

TEST_F(Signed, a_message_with_crlf_keeps_it_and_verifies_with_lf) {
  const std::string crlf = "From: ann@example.com\r\nSubject: x\r\n\r\nHello\r\n";
  const Answer made = run(run_dkim_sign, sign_line({}), crlf);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_TRUE(made.out.ends_with(crlf));
  EXPECT_EQ(std::count(made.out.begin(), made.out.end(), '\r'),
            std::count(made.out.begin(), made.out.end(), '\n'));
  EXPECT_EQ(verify(made.out).code, 0);
  std::string lf;
  for (const char c : made.out) lf += c == '\r' ? std::string() : std::string(1, c);
  EXPECT_EQ(verify(lf).code, 0);
}

TEST_F(Signed, header_only_prints_the_field_and_no_message) {
  const Answer made =
      run(run_dkim_sign, sign_line({"--header-only", "--canonicalization", "simple", "m.eml"}));
  EXPECT_THAT(made.out, HasSubstr("c=simple/simple;"));
  EXPECT_THAT(made.out, Not(HasSubstr("Hello")));
  EXPECT_EQ(verify(made.out + message).code, 0);
}

TEST_F(Signed, what_was_changed_is_refused_with_the_reason) {
  const Answer made = run(run_dkim_sign, sign_line({"m.eml"}));
  const Answer body = verify(made.out + "PS\n");
  EXPECT_EQ(body.code, 1);
  EXPECT_THAT(body.out, HasSubstr("fail: body hash did not verify"));
  EXPECT_THAT(body.out, Not(HasSubstr("DNS answers")));
  const Answer header = verify("From: eve@example.net\n" + made.out);
  EXPECT_EQ(header.code, 1);
  EXPECT_THAT(verify(message).out, HasSubstr("DKIM none: the message has no DKIM-Signature"));
  EXPECT_EQ(verify(message).code, 1);
}

TEST_F(Signed, no_answer_from_dns_is_75) {
  const Answer made = run(run_dkim_sign, sign_line({"m.eml"}));
  folder_.write("silent.json", R"({"s1-ed25519._domainkey.example.com": "TIMEOUT"})");
  const Answer verified =
      run(run_dkim_verify, {"dkim", "verify", "--dns", "silent.json"}, made.out);
  EXPECT_EQ(verified.code, 75);
  EXPECT_THAT(verified.out, HasSubstr("temperror: key lookup failed"));
  EXPECT_THAT(verified.out, HasSubstr("no answer in time"));
}

TEST_F(Signed, json_of_verify_is_a_file_of_answers) {
  const Answer made = run(run_dkim_sign, sign_line({"m.eml"}));
  const Answer first = verify(made.out, {"--json"});
  folder_.write("answers.json", first.out);
  const Answer again =
      run(run_dkim_verify, {"dkim", "verify", "--json", "--dns", "answers.json"}, made.out);
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.out, first.out);
}

TEST_F(Signed, check_tells_keys_apart) {
  const auto check = [](const std::vector<std::string>& more) {
    std::vector<std::string> words{"dkim",        "check", "--domain",
                                   "example.com", "--dns", "keys.json"};
    words.insert(words.end(), more.begin(), more.end());
    return run(run_dkim_check, words);
  };
  const Answer other = check({"--selector", "s1", "--key", "s1-ed25519.example.com.pem", "--json"});
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(json::parse(other.out).at("usable"), true);
  EXPECT_EQ(json::parse(other.out).at("matches"), false);
  const Answer missing = check({"--selector", "s2"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_THAT(missing.out, HasSubstr("s2._domainkey.example.com: not usable: no key"));
  EXPECT_EQ(check({"--selector", "s1"}).code, 0);
  folder_.write("odd", "old._domainkey.example.com. TXT \"v=DKIM1; t=y; p=\"\n");
  EXPECT_THAT(run(run_dkim_check,
                  {"dkim", "check", "--domain", "example.com", "--selector", "old", "--dns", "odd"})
                  .out,
              HasSubstr("not usable: key revoked"));
}

TEST_F(Signed, sign_names_what_is_wrong) {
  const auto refused = [](int code, const std::vector<std::string>& words,
                          const std::string& input = message) {
    const Answer answer = run(run_dkim_sign, words, input);
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.out, "");
    return answer.err;
  };
  EXPECT_THAT(refused(64, {"dkim", "sign"}), HasSubstr("needs --key, --domain, --selector"));
  EXPECT_THAT(refused(64, sign_line({"--key", "s1.example.com.pem"})),
              HasSubstr("2 --key and 1 --selector"));
  EXPECT_THAT(refused(64, sign_line({"--expires", "7"})), HasSubstr("no unit"));
  EXPECT_THAT(refused(64, sign_line({"--canonicalization", "loose"})), HasSubstr("`loose`"));
  EXPECT_THAT(refused(64, sign_line({"--now", "yesterday"})),
              HasSubstr("`yesterday` is not a time"));
  EXPECT_THAT(refused(66, sign_line({"gone.eml"})),
              HasSubstr("cannot read gone.eml: No such file or directory"));
  EXPECT_THAT(refused(65, sign_line({}), "Subject: no author\n\nx\n"), HasSubstr("From field"));
  EXPECT_THAT(refused(65, sign_line({}), ""), HasSubstr("standard input is empty"));
  EXPECT_THAT(refused(66, {"dkim", "sign", "--key", "gone.pem", "--domain", "example.com",
                           "--selector", "s1"}),
              HasSubstr("cannot read gone.pem"));
  EXPECT_THAT(refused(65, {"dkim", "sign", "--key", "m.eml", "--domain", "example.com",
                           "--selector", "s1"}),
              HasSubstr("m.eml: no private key could be read"));
  EXPECT_THAT(refused(64, {"dkim", "sign", "--key", "-", "--domain", "example.com", "--selector",
                           "s1", "-"}),
              HasSubstr("standard input can be read once"));
  const Answer asked = run(run_dkim_sign, sign_line({}), "", true);
  EXPECT_EQ(asked.code, 64);
  EXPECT_THAT(asked.err, HasSubstr("which message?"));
}

TEST_F(Signed, a_key_that_others_may_read_is_remarked_on) {
  std::filesystem::permissions("s1-ed25519.example.com.pem", std::filesystem::perms(0644));
  const Answer made = run(run_dkim_sign, sign_line({"m.eml"}));
  EXPECT_EQ(made.code, 0);
  EXPECT_THAT(made.err, HasSubstr("others may read s1-ed25519.example.com.pem (mode 0644)"));
  EXPECT_EQ(run(run_dkim_sign, sign_line({"m.eml", "--quiet"})).err, "");
}

}  // namespace
}  // namespace postern::app
