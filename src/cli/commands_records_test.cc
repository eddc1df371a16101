#include "cli/commands_mail_test.h"
#include "net/dns_servers_test.h"

namespace postern::app {
namespace {

using namespace testing_mail;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr const char* records_zone = R"($ORIGIN example.org.
$TTL 300
@       IN SOA ns.example.net. admin.example.org. ( 1 2 3 4 5 ) ; nobody asks
        IN TXT ( "v=spf1 include:_spf.example.net exists:%{i}.example.net "
                 "-all exp=why.example.org" )
_spf.example.net. TXT "v=spf1 ip4:192.0.2.0/24 -all"
why     3600 IN TXT "Ask %{d} about it; \"quoted\""
broken  TXT "v=spf1 ipv4:192.0.2.1 -all"
soft    TXT ( "v=spf1 "
              "~all" )
_dmarc  TXT "v=DMARC1; p=reject; sp=none; pct=50; adkim=s; rua=mailto:dmarc@example.org"
_dmarc.watch TXT "v=DMARC1; p=none"
_dmarc.tell  TXT "v=DMARC1; p=reject; rua=mailto:a@reports.example.net!10m,mailto:b@example.com"
tell.example.org._report._dmarc.reports.example.net. TXT "v=DMARC1"
_dmarc.twice TXT "v=DMARC1; p=reject"
_dmarc.twice TXT "v=DMARC1; p=none"
s1._domainkey TXT "v=DKIM1; k=ed25519; p=JbzKm6z9ilbo5/HrGj+sLpVQnkp3XrAnkoUw0GPI3zc="
)";

class Records : public MailCommands {
 protected:
  void SetUp() override {
    MailCommands::SetUp();
    folder_.write("zone", records_zone);
    folder_.write("silent.json", R"({"example.org": "SERVFAIL", "_dmarc.example.org": "TIMEOUT"})");
  }

  static Answer spf(const std::vector<std::string>& more) {
    std::vector<std::string> words{"spf", "check"};
    words.insert(words.end(), more.begin(), more.end());
    if (std::find(words.begin(), words.end(), "--dns") == words.end()) {
      words.insert(words.end(), {"--dns", "zone"});
    }
    return run(run_spf_check, words);
  }
  static Answer dmarc(const std::vector<std::string>& more, const std::string& input = "") {
    std::vector<std::string> words{"dmarc", "check"};
    words.insert(words.end(), more.begin(), more.end());
    if (std::find(words.begin(), words.end(), "--dns") == words.end()) {
      words.insert(words.end(), {"--dns", "zone"});
    }
    return run(run_dmarc_check, words, input);
  }
};

TEST_F(Records, spf_shows_the_term_the_cost_and_the_answers) {
  const Answer pass = spf({"--ip", "192.0.2.10", "--from", "ann@example.org"});
  EXPECT_EQ(pass.code, 0) << pass.err;
  EXPECT_EQ(pass.out,
            "SPF pass: 192.0.2.10 may send for ann@example.org\n"
            "  decided by include:_spf.example.net in the record of example.org\n"
            "  spent      1 of 10 terms that ask DNS, 0 of 2 void look-ups, 2 questions\n"
            "DNS answers in the order asked:\n"
            "  TXT  example.org: found\n"
            "         v=spf1 include:_spf.example.net exists:%{i}.example.net -all "
            "exp=why.example.org\n"
            "  TXT  _spf.example.net: found\n"
            "         v=spf1 ip4:192.0.2.0/24 -all\n");
}

TEST_F(Records, an_explanation_is_the_domains_own_words) {
  const Answer fail = spf({"--ip", "203.0.113.9", "--from", "example.org"});
  EXPECT_EQ(fail.code, 1);
  EXPECT_THAT(fail.out, HasSubstr("SPF fail: 203.0.113.9 may not send for postmaster@example.org"));
  EXPECT_THAT(fail.out, HasSubstr("decided by -all in the record of example.org"));
  EXPECT_THAT(fail.out, HasSubstr("1 of 2 void look-ups"));
  EXPECT_THAT(fail.out, HasSubstr("they say   \"Ask example.org about it; \"quoted\"\" "
                                  "(example.org's own words)"));
}

TEST_F(Records, spf_answers_in_json_that_dns_reads_again) {
  const Answer first =
      spf({"--ip", "2001:db8::1", "--from", "ann@soft.example.org", "--helo", "x", "--json"});
  EXPECT_EQ(first.code, 1);
  const json::value object = json::parse(first.out);
  EXPECT_EQ(object.at("result"), "softfail");
  EXPECT_EQ(object.at("mechanism"), "~all");
  EXPECT_EQ(object.at("record_domain"), "soft.example.org");
  EXPECT_EQ(object.at("client"), "2001:db8::1");
  EXPECT_EQ(object.at("lookup_terms"), 0);
  EXPECT_EQ(object.at("dns").at(0).at("name"), "soft.example.org");
  folder_.write("answers.json", first.out);
  EXPECT_EQ(spf({"--ip", "2001:db8::1", "--from", "ann@soft.example.org", "--helo", "x", "--json",
                 "--dns", "answers.json"})
                .out,
            first.out);
}

TEST_F(Records, spf_exit_codes_say_what_happened) {
  EXPECT_EQ(spf({"--ip", "192.0.2.1", "--from", "a@nothing.example"}).code, 1);
  const Answer broken = spf({"--ip", "192.0.2.1", "--from", "a@broken.example.org"});
  EXPECT_EQ(broken.code, 1);
  EXPECT_THAT(broken.out, HasSubstr("SPF permerror"));
  EXPECT_THAT(broken.out, HasSubstr("ipv4:192.0.2.1"));
  const Answer silent =
      spf({"--ip", "192.0.2.1", "--from", "a@example.org", "--dns", "silent.json"});
  EXPECT_EQ(silent.code, 75);
  EXPECT_THAT(silent.out, HasSubstr("SPF temperror"));
  EXPECT_EQ(spf({"--ip", "192.0.2.10", "--from", "a@example.org", "--quiet"}).out, "");
}

TEST_F(Records, spf_names_what_is_wrong_on_its_line) {
  const auto refused = [](int code, const std::vector<std::string>& more) {
    const Answer answer = spf(more);
    EXPECT_EQ(answer.code, code);
    return answer.err;
  };
  EXPECT_THAT(refused(64, {}), HasSubstr("needs --ip, --from"));
  EXPECT_THAT(refused(64, {"--ip", "192.0.2", "--from", "a@example.org"}), HasSubstr("--ip: "));
  EXPECT_THAT(refused(64, {"--ip", "192.0.2.1", "--from", "a b@example.org"}),
              HasSubstr("--from a b@example.org"));
  EXPECT_THAT(refused(64, {"--ip", "192.0.2.1", "--from", ""}), HasSubstr("null sender"));
  EXPECT_THAT(refused(66, {"--ip", "192.0.2.1", "--from", "a@example.org", "--dns", "gone"}),
              HasSubstr("cannot read gone"));
  folder_.write("bad", "example.org. TXT \"v=spf1\nexample.net. A 192.0.2.1\n");
  EXPECT_THAT(refused(65, {"--ip", "192.0.2.1", "--from", "a@example.org", "--dns", "bad"}),
              HasSubstr("bad: line 1: a quotation mark is missing"));
  folder_.write("bad.json", "{]");
  EXPECT_THAT(refused(65, {"--ip", "192.0.2.1", "--from", "a@example.org", "--dns", "bad.json"}),
              HasSubstr("bad.json: the DNS data are not JSON"));
  const Answer server = run(run_spf_check, {"spf", "check", "--ip", "192.0.2.1", "--from",
                                            "a@example.org", "--dns-server", "ns.example.org"});
  EXPECT_EQ(server.code, 64);
  EXPECT_THAT(server.err, HasSubstr("a name server is an IP address"));
}

TEST_F(Records, the_name_server_of_the_line_or_the_configuration_is_asked) {
  const net::StubServer server(R"({"example.org": {"TXT": ["v=spf1 a:mx.example.org -all"]},
                         "mx.example.org": {"A": ["192.0.2.10"]},
                         "example.net": {"TXT": "SERVFAIL"}})");
  const auto check = [](const std::string& from, const std::vector<std::string>& more) {
    std::vector<std::string> words{"spf", "check", "--ip", "192.0.2.10", "--from", from};
    words.insert(words.end(), more.begin(), more.end());
    return run(run_spf_check, words);
  };
  const Answer pass = check("a@example.org", {"--dns-server", server.address()});
  EXPECT_EQ(pass.code, 0) << pass.out << pass.err;
  EXPECT_THAT(pass.out, HasSubstr("  A    mx.example.org: found\n         192.0.2.10\n"));
  folder_.write("postern.toml", fmt::format("[dns]\nservers = [\"{}\"]\n", server.address()));
  EXPECT_EQ(check("a@example.org", {"--config", "postern.toml"}).code, 0);
  const Answer silent = check("a@example.net", {"--dns-server", server.address()});
  EXPECT_EQ(silent.code, 75);
  EXPECT_THAT(silent.err, HasSubstr("no question got an answer from DNS\n"));
  EXPECT_THAT(silent.err, HasSubstr("--dns-server ADDR:PORT names another"));
  EXPECT_EQ(check("a@example.org", {"--config", "gone.toml"}).code, 78);
}

TEST_F(Records, a_null_sender_is_judged_by_its_helo_name) {
  const Answer answer = spf({"--ip", "192.0.2.10", "--from", "", "--helo", "example.org"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("may send for postmaster@example.org"));
}

TEST_F(Records, dmarc_shows_the_record_and_what_is_odd_about_it) {
  const Answer found = dmarc({"example.org"});
  EXPECT_EQ(found.code, 0) << found.err;
  EXPECT_EQ(
      found.out,
      "DMARC of example.org: reject\n"
      "  found at   _dmarc.example.org\n"
      "  record     v=DMARC1; p=reject; sp=none; pct=50; adkim=s; "
      "rua=mailto:dmarc@example.org\n"
      "  policy     p=reject, sp=none, np=(as sp)\n"
      "  alignment  DKIM strict, SPF relaxed\n"
      "  reports    aggregate to mailto:dmarc@example.org, failures to no address\n"
      "  warning    sp=none: mail that forges a subdomain is delivered\n"
      "  warning    pct=50: the policy applies to 50 of 100 messages\n"
      "DNS answers in the order asked:\n"
      "  TXT  _dmarc.example.org: found\n"
      "         v=DMARC1; p=reject; sp=none; pct=50; adkim=s; rua=mailto:dmarc@example.org\n");
}

TEST_F(Records, a_subdomain_has_the_policy_of_sp) {
  const json::value object = json::parse(dmarc({"mail.example.org", "--json"}).out);
  EXPECT_EQ(object.at("result"), "found");
  EXPECT_EQ(object.at("policy"), "none");
  EXPECT_EQ(object.at("record_domain"), "example.org");
  EXPECT_EQ(object.at("tags").at("sp"), "none");
  EXPECT_EQ(object.at("tags").at("adkim"), "strict");
  EXPECT_EQ(object.at("tags").at("pct"), 50);
  EXPECT_EQ(object.at("notes").at(0), "mail.example.org itself has no record");
}

TEST_F(Records, dmarc_warns_of_records_that_do_nothing) {
  const Answer watch = dmarc({"watch.example.org"});
  EXPECT_EQ(watch.code, 0);
  EXPECT_THAT(watch.out, HasSubstr("warning    p=none asks for reports only"));
  EXPECT_THAT(watch.out, HasSubstr("note       no rua="));
  const Answer twice = dmarc({"twice.example.org"});
  EXPECT_THAT(twice.out,
              HasSubstr("_dmarc.twice.example.org has 2 DMARC records: receivers use none"));
  const Answer walk = dmarc({"example.org", "--tree-walk"});
  EXPECT_THAT(walk.out, HasSubstr("pct=50 is ignored since RFC 9989"));
  EXPECT_THAT(walk.out, HasSubstr("TXT  _dmarc.org: no such name"));
}

TEST_F(Records, dmarc_warns_of_reports_that_nobody_wants) {
  const json::value object = json::parse(dmarc({"tell.example.org", "--json"}).out);
  ASSERT_EQ(object.at("warnings").as_array().size(), 1u);
  EXPECT_EQ(object.at("warnings").at(0),
            "example.com gets no reports: it has no record at "
            "tell.example.org._report._dmarc.example.com");
  EXPECT_EQ(object.at("dns").as_array().size(), 3u);
}

TEST_F(Records, an_alias_is_shown) {
  folder_.write("alias",
                "s1._domainkey.example.com. CNAME k.example.net.\nk.example.net. TXT \"p=\"\n");
  EXPECT_THAT(run(run_dkim_check, {"dkim", "check", "--domain", "example.com", "--selector", "s1",
                                   "--dns", "alias"})
                  .out,
              HasSubstr("found, an alias of k.example.net\n"));
}

TEST_F(Records, dmarc_exit_codes_say_what_happened) {
  EXPECT_EQ(dmarc({"example.net"}).code, 1);
  EXPECT_THAT(dmarc({"example.net"}).out, HasSubstr("DMARC of example.net: none: no DMARC record"));
  EXPECT_EQ(dmarc({"example.org", "--dns", "silent.json"}).code, 75);
  EXPECT_EQ(dmarc({}).code, 64);
  EXPECT_THAT(dmarc({"a b"}).err, HasSubstr("`a b` is not a domain name"));
  const Answer both = dmarc({"example.org", "--message", "m.eml"});
  EXPECT_EQ(both.code, 64);
  EXPECT_THAT(both.err, HasSubstr("exclude each other"));
  EXPECT_THAT(dmarc({"--message", "m.eml"}).err, HasSubstr("needs --ip, --from"));
}

TEST_F(Records, a_message_gets_every_verdict) {
  const std::string text = "From: ann@example.org\nSubject: hi\n\nHello\n";
  const std::vector<std::string> words{"--message",  "-",      "--ip",
                                       "192.0.2.10", "--from", "bounce@example.org"};
  const Answer pass = dmarc(words, text);
  EXPECT_EQ(pass.code, 0) << pass.out << pass.err;
  EXPECT_THAT(pass.out, HasSubstr("SPF pass: "));
  EXPECT_THAT(pass.out, HasSubstr("DKIM none: "));
  EXPECT_THAT(pass.out, HasSubstr("DMARC pass: From example.org\n"));
  EXPECT_THAT(pass.out, HasSubstr("vouching   SPF aligned, DKIM not aligned"));
  EXPECT_THAT(pass.out, HasSubstr("dmarc=pass header.from=example.org"));

  std::vector<std::string> forged = words;
  forged[3] = "203.0.113.9";
  forged.emplace_back("--json");
  const Answer fail = dmarc(forged, text);
  EXPECT_EQ(fail.code, 1);
  const json::value object = json::parse(fail.out);
  EXPECT_EQ(object.at("result"), "fail");
  EXPECT_EQ(object.at("policy"), "reject");
  EXPECT_EQ(object.at("spf").at("result"), "fail");
  EXPECT_EQ(object.at("spf_aligned"), false);
  EXPECT_EQ(object.at("arc").at("result"), "none");

  std::vector<std::string> silent = words;
  silent.insert(silent.end(), {"--dns", "silent.json"});
  EXPECT_EQ(dmarc(silent, text).code, 75);
}

TEST_F(Records, the_client_is_named_only_where_it_is_known) {
  const std::string text =
      "ARC-Seal: i=1; cv=none; b=\nDKIM-Signature: v=1; d=example.org\n"
      "From: ann@example.org\n\nHello\n";
  const Answer alone = run(run_dkim_verify, {"dkim", "verify", "--dns", "zone"}, text);
  EXPECT_EQ(alone.code, 1);
  EXPECT_THAT(alone.out, HasSubstr("ARC fail: "));
  EXPECT_THAT(alone.out, HasSubstr("DKIM signature 1 of 1: permerror: required tag missing\n"));
  EXPECT_THAT(alone.out, Not(HasSubstr("rsa-sha256")));
  EXPECT_THAT(alone.out, Not(HasSubstr("remote-ip")));
  const Answer whole = dmarc(
      {"--message", "-", "--ip", "192.0.2.10", "--from", "ann@example.org", "--tree-walk"}, text);
  EXPECT_EQ(whole.code, 0) << whole.out;
  EXPECT_THAT(whole.out, HasSubstr("smtp.remote-ip=192.0.2.10"));
}

}  // namespace
}  // namespace postern::app
