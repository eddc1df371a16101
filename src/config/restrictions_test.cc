#include <filesystem>
#include <iterator>
#include <map>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "config/config.h"

namespace postern::app {
namespace {

using testing::HasSubstr;

ConfigResult load_restrictions(const std::string& restrictions) {
  return parse_config("[server]\nhostname = \"mx.example.net\"\n[restrictions]\n" + restrictions,
                      "postern.toml");
}

/// The codes of all diagnostics with their places: "R110 4:11".
std::vector<std::string> placed_codes(const ConfigResult& result, Severity severity) {
  std::vector<std::string> all;
  for (const Diagnostic& one : result.diagnostics.list()) {
    if (one.severity != severity || one.code == "R138") continue;  // that is about routes
    all.push_back(one.code + " " + std::to_string(one.line) + ":" + std::to_string(one.column));
  }
  return all;
}

using Codes = std::vector<std::string>;

TEST(ConfigLint, AnOpenRelayIsAnErrorAtTheRuleUnlessItIsKnown) {
  const std::string open =
      "relay = \"permit_mynetworks, check_sender_access static:OK, reject_unauth_destination\"\n";
  const ConfigResult refused = load_restrictions(open);
  EXPECT_EQ(placed_codes(refused, Severity::error), Codes{"R110 4:29"});
  EXPECT_THAT(refused.diagnostics.list()[0].hint,
              testing::AllOf(HasSubstr("put reject_unauth_destination before"),
                             HasSubstr("`postern help R110`"),
                             testing::Not(HasSubstr("i_know_this_is_an_open_relay"))));
  for (const char* said : {"i_know_this_is_an_open_relay = true\n", "mode = \"shadow\"\n"}) {
    const ConfigResult known = load_restrictions(said + open);
    EXPECT_TRUE(known.ok()) << said << known.diagnostics.render();
    EXPECT_THAT(placed_codes(known, Severity::warning), testing::Contains("R110 5:29")) << said;
  }
}

TEST(ConfigLint, CertificatesInListsAreThoseThatAListenerAsksFor) {
  const auto found = [](const std::string& listener, const std::string& lists) {
    const ConfigResult result =
        parse_config("[server]\nhostname = \"mx.example.net\"\n[[listener]]\n" + listener +
                         "[restrictions]\n" + lists,
                     "postern.toml");
    Codes all;
    for (const Diagnostic& one : result.diagnostics.list()) {
      if (one.severity == Severity::warning) all.push_back(one.code);
    }
    return all;
  };
  const std::string listed =
      "relay = \"permit_tls_clientcerts, reject_unauth_destination\"\n"
      "relay_clientcerts = \"inline:{ AA:01=x }\"\n";
  const std::string trusted = "relay = \"permit_tls_all_clientcerts, reject_unauth_destination\"\n";
  const std::string in_table =
      "relay = \"reject_unauth_destination\"\n"
      "client = \"check_client_access inline:{ {a.example = permit_tls_clientcerts} }\"\n";
  const std::string asks = "tls = \"starttls\"\nclient_certificate = \"ask\"\n";
  const std::string system = "client_ca_directory = \"/etc/ssl/certs\"\n";
  EXPECT_THAT(found("", listed), testing::Contains("R136"));
  EXPECT_THAT(found("", in_table), testing::Contains("R136"));
  EXPECT_THAT(found("", "relay = \"reject_unauth_destination\"\n"),
              testing::Not(testing::Contains("R136")));
  EXPECT_THAT(found("tls = \"none\"\nclient_certificate = \"ask\"\n", listed),
              testing::Contains("R136"));
  EXPECT_THAT(found(asks, listed), testing::Not(testing::Contains("R136")));
  EXPECT_THAT(found(asks + system, trusted), testing::Contains("R137"));
  EXPECT_THAT(found(asks + system, listed), testing::Not(testing::Contains("R137")));
  EXPECT_THAT(found(asks, trusted), testing::Not(testing::Contains("R137")));
}

/// What is said about domains without a route: "PARAMETER: MESSAGE HINT" each.
std::vector<std::string> routeless(const std::string& restrictions, const std::string& rest = "") {
  std::vector<std::string> all;
  const ConfigResult result = load_restrictions(
      "relay = \"permit_mynetworks, reject_unauth_destination\"\n" + restrictions + rest);
  for (const Diagnostic& one : result.diagnostics.list()) {
    if (one.code == "R138") all.push_back(one.message + "\n" + one.hint);
  }
  return all;
}
std::string route(const std::string& match, const std::string& to) {
  return "[[route]]\nmatch = [\"" + match + "\"]\nto = [\"" + to + "\"]\n";
}

TEST(ConfigLint, MailThatIsAcceptedHasAPlace) {
  using testing::AllOf;
  using testing::ElementsAre;
  using testing::IsEmpty;
  const std::string box = "virtual_mailbox_domains = \"box.example\"\n";
  EXPECT_THAT(routeless(box), ElementsAre(AllOf(HasSubstr("mail for box.example is accepted"),
                                                HasSubstr("match = [\"box.example\"]"),
                                                HasSubstr("out of virtual_mailbox_domains"))));
  for (const char* parameter : {"mydestination", "virtual_alias_domains", "relay_domains"}) {
    EXPECT_THAT(routeless(parameter + std::string(" = \"a.example, b.example\"\n")),
                ElementsAre(HasSubstr("match = [\"a.example\", \"b.example\"]")))
        << parameter;
  }
  EXPECT_THAT(routeless("mydestination = \"$myhostname, localhost, localhost.$mydomain\"\n"),
              ElementsAre(HasSubstr("match = [\"mx.example.net\"]")));
  EXPECT_THAT(routeless(""), IsEmpty());
  // Rows of a table count; those about addresses are no domains.
  EXPECT_THAT(
      routeless("virtual_alias_domains = \"inline:{a.example=x, b.example=x, c@d.example=x}\"\n"),
      ElementsAre(HasSubstr("match = [\"a.example\", \"b.example\"]")));
  EXPECT_THAT(routeless("relay_domains = \"static:x\"\n"),
              ElementsAre(AllOf(HasSubstr("the domains in static:"), HasSubstr("\"DOMAIN\""))));
}

TEST(ConfigLint, ARouteIsAPlace) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  const std::string box = "virtual_mailbox_domains = \"box.example\"\n";
  const std::string relayed = "relay_domains = \"r.example\"\n";
  for (const char* to : {"mail.box.example", "mx", "maildir:/var/mail/box", "discard"}) {
    EXPECT_THAT(routeless(box, route("box.example", to)), IsEmpty()) << to;
  }
  EXPECT_THAT(routeless(box, route("ann@box.example", "mail.box.example")), IsEmpty());
  EXPECT_THAT(routeless(box, route(".example", "mail.box.example")), IsEmpty());
  // A relayhost is for mail that Postfix sends on: that of its own mailboxes it is not.
  EXPECT_THAT(routeless(relayed, route("*", "smart.example:587")), IsEmpty());
  EXPECT_THAT(routeless(box, route("*", "smart.example:587")),
              ElementsAre(HasSubstr("that of `*` sends it to [smart.example]:587")));
  EXPECT_THAT(routeless(box, route("*", "maildir:/var/mail/all")), IsEmpty());
  EXPECT_THAT(routeless(box, "[webhooks]\npublic_domain = \"box.example\"\n"), IsEmpty());
  EXPECT_THAT(routeless("mode = \"shadow\"\n" + box), IsEmpty());
  EXPECT_THAT(routeless(box, "[lua]\npolicy = \"policy.lua\"\n"), IsEmpty());
  EXPECT_THAT(routeless("mydestination = \"mx.example.net\"\n"), testing::SizeIs(1))
      << "postmaster's own place is not the domain's";
}

TEST(ConfigLint, NoHintOpensTheGateway) {
  const std::string relay = "relay = \"permit_mynetworks, reject_unauth_destination\"\n";
  for (const std::string& lists :
       {std::string("mynetworks = \"192.0.2.0/24, !10.1.2.3/8\"\n"),
        std::string(
            "relay_domains = \"a.example\"\nrelay_recipient_maps = \"hash:/nonexistent\"\n"),
        std::string("local_recipient_maps = \"hash:/nonexistent\"\n"),
        std::string("relay_domains = \"!texthash:/nonexistent, a.example\"\n"),
        std::string("sender = \"$blocked_senders\"\n"),
        std::string("sender = \"permit, reject_unknown_sender_domain\"\n"),
        std::string("client = \"reject_rbl_client bl.example.net, reject_rbl_client "
                    "bl.example.net\"\n")}) {
    const ConfigResult result = load_restrictions(relay + lists);
    EXPECT_FALSE(result.diagnostics.empty()) << lists;
    for (const Diagnostic& one : result.diagnostics.list()) {
      EXPECT_THAT(one.hint,
                  testing::Not(testing::AnyOf(HasSubstr("or remove"), HasSubstr("remove it"),
                                              HasSubstr("remove one"))))
          << one.code << lists;
    }
  }
}

TEST(ConfigLint, TheElementThatIsMeantIsMarked) {
  const std::string networks =
      "mynetworks = \"\"\"\n  192.0.2.0/24,\n  [2001:db8::]/32\n  !192.0.2.7\n\"\"\"\n";
  EXPECT_EQ(placed_codes(load_restrictions(networks), Severity::warning), Codes{"R121 7:3"});
  EXPECT_EQ(placed_codes(load_restrictions("mynetworks = \"192.0.2.0/24, !192.0.2.7\"\n"),
                         Severity::warning),
            Codes{"R121 4:29"});
  EXPECT_EQ(
      placed_codes(load_restrictions("relay_domains = \"example.org, a..b\"\n"), Severity::warning),
      Codes{"R123 4:31"});
  EXPECT_THAT(
      placed_codes(load_restrictions("relay = \"\"\"\n  permit\n\"\"\"\n"), Severity::error),
      testing::Contains("R110 5:3"));
}

TEST(ConfigLint, ListsMayHaveToBeComplete) {
  const std::string lists =
      "relay = \"permit_auth_destination, reject\"\nsender = \"reject_non_fqdn_sender\"\n";
  EXPECT_EQ(placed_codes(load_restrictions(lists), Severity::error), Codes{});
  EXPECT_EQ(
      placed_codes(load_restrictions("require_complete_lists = true\n" + lists), Severity::error),
      Codes{"R101 6:11"});
}

struct Answer {
  int code;
  std::string out;
  std::string err;
};

Answer check(std::vector<std::string> words, const std::string& restrictions) {
  words.insert(words.begin(), {"check", "--config", "-"});
  // These tests do not depend on the machine's name servers.
  std::istringstream in("[restrictions]\n" + restrictions +
                        "\n[dns]\ndnssec = \"off\"\n[relay]\ndane = false\n");
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err};
  const auto parsed = parse_command_line(words);
  const int code = run_check(std::get<Arguments>(parsed), streams);
  return {code, out.str(), err.str()};
}

TEST(ConfigLint, EveryCodeHasAPage) {
  const std::regex code("\"(R[01][0-4][0-9])\"");
  std::size_t found = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(POSTERN_SOURCE_DIR "/src/dialect/restrictions")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".cc" || name.ends_with("_test.cc")) continue;
    const std::string text = tests::read_file(entry.path());
    for (auto it = std::sregex_iterator(text.begin(), text.end(), code);
         it != std::sregex_iterator(); ++it) {
      EXPECT_TRUE(help_on((*it)[1].str())) << (*it)[1] << " in " << name;
      ++found;
    }
  }
  EXPECT_GT(found, 30u);
}

TEST(ConfigLint, CheckSaysWhatIsProved) {
  const Answer closed = check({}, "relay = \"permit_mynetworks, reject_unauth_destination\"\n");
  EXPECT_EQ(closed.code, 0) << closed.err;
  EXPECT_THAT(closed.err, HasSubstr("note[R101] smtpd_relay_restrictions: "));
  EXPECT_THAT(closed.err, HasSubstr("restriction lists: closed: clients outside mynetworks"));
  const Answer shadow =
      check({}, "mode = \"shadow\"\nrelay = \"permit_mynetworks, reject_unauth_destination\"\n");
  EXPECT_THAT(shadow.err, HasSubstr("(in shadow mode: they refuse and permit nothing): closed: "));
  const Answer misnamed = check({}, "relay = \"reject\"\nmynetwork = \"192.0.2.0/24\"\n");
  EXPECT_EQ(misnamed.code, 78);
  EXPECT_THAT(misnamed.err, HasSubstr("restriction lists: not proved: "));
  const Answer open = check({}, "relay = \"permit\"\n");
  EXPECT_EQ(open.code, 78);
  EXPECT_THAT(open.err, HasSubstr("error[R110]"));
  EXPECT_THAT(open.err, HasSubstr("\n  C: RCPT TO:<victim@foreign.example>\n"));
}

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST(ConfigLint, ElementsCountFromOne) {
  const Answer said = check({},
                            "relay = \"reject_unauth_destination\"\n"
                            "sender = \"reject_non_fqdn_sender, reject_non_fqdn_sender, permit\"\n"
                            "helo = \"reject_invalid_hostname, permit\"\n");
  EXPECT_THAT(said.err, HasSubstr("the same as element 1, which was asked before"));
  EXPECT_THAT(said.err, HasSubstr("note[R131] smtpd_helo_restrictions, element 1: "));
}

TEST(ConfigLint, NotesAreSaidOnceAndOfWhatWasWritten) {
  const Answer two = check({},
                           "relay = \"permit_mynetworks, reject_unauth_destination\"\n"
                           "sender = \"reject_non_fqdn_sender\"\n");
  EXPECT_THAT(two.err,
              HasSubstr("note[R101] smtpd_sender_restrictions; smtpd_relay_restrictions: "));
  EXPECT_EQ(count(two.err, "R101"), 1u) << two.err;
  // The user cannot complete a default.
  for (const char* flag : {"", "require_complete_lists = true\n"}) {
    const Answer none = check({}, std::string(flag) + "mynetworks = \"192.0.2.0/24\"\n");
    EXPECT_EQ(none.code, 0) << none.err;
    EXPECT_EQ(count(none.err, "R101"), 0u) << none.err;
  }
  // An error is not reported as a note, too.
  const Answer strict =
      check({}, "require_complete_lists = true\nrelay = \"reject_unauth_destination\"\n");
  EXPECT_EQ(strict.code, 78);
  EXPECT_EQ(count(strict.err, "R101"), 1u) << strict.err;
}

TEST(ConfigLint, AnElementThatCannotBeReadGetsAdvice) {
  const std::string relay = "relay = \"reject_unauth_destination\"\n";
  for (const auto& [setting, advice] : std::map<std::string, std::string>{
           {"mynetworks = \"10.1.2.3/8\"\n", "what to do: write an address, a network as"},
           {"relay_domains = \"hash:/nonexistent\"\n", "what to do: write a domain, or a table"},
           {"relay_recipient_maps = \"hash:/nonexistent\"\n", "what to do: write a table"}}) {
    const Answer said = check({}, relay + setting);
    EXPECT_THAT(said.err, HasSubstr("error[R006]")) << setting;
    EXPECT_THAT(said.err, HasSubstr(advice)) << setting;
  }
}

TEST(ConfigLint, TheCaretIsUnderTheElementThatCannotBeRead) {
  const std::string relay = "relay = \"reject_unauth_destination\"\n";
  for (const auto& [value, column, text] :
       {std::tuple("10.1.0.0/16, 10.1.2.3/8", 28, "10.1.2.3/8: "),
        std::tuple("10.1.0.0/16, !2001:db8:20::/48", 28,
                   "2001:db8:20::/48: write [2001:db8:20::]/48"),
        std::tuple("10.1.0.0/16, hash:/nonexistent", 28, "/nonexistent"),
        std::tuple("10.1.2.3/8, 10.1.0.0/16", 15, "10.1.2.3/8: ")}) {
    const Answer said = check({}, relay + "mynetworks = \"" + value + "\"\n");
    EXPECT_THAT(said.err, HasSubstr(text)) << value;
    EXPECT_THAT(said.err, HasSubstr(fmt::format("<stdin>:3:{}\n", column))) << value;
  }
}

TEST(ConfigLint, ListsThatDoNotLoadGetNoAdvice) {
  const std::string reads =
      "relay = \"check_sender_access hash:/nonexistent, reject_unauth_destination\"\n";
  const std::string misspelt =
      "relay = \"reject_bogus_thing, reject_unauth_destination, permit\"\n"
      "smtpd_restriction_classes = \"k\"\nk = \"reject_bogus\"\n"
      "sender = \"k, permit, reject_non_fqdn_sender\"\n";
  for (const std::string& lists : {reads, misspelt}) {
    const Answer said = check({}, lists);
    EXPECT_EQ(said.code, 78);
    EXPECT_THAT(said.err, testing::Not(HasSubstr("R102"))) << said.err;
    EXPECT_THAT(said.err, testing::Not(HasSubstr("remove it"))) << said.err;
  }
  const Answer good = check({},
                            "relay = \"reject_unauth_destination\"\n"
                            "sender = \"permit, reject_non_fqdn_sender\"\n");
  EXPECT_THAT(good.err, HasSubstr("R102"));
}

TEST(ConfigLint, AMisspeltKeywordIsNotToldAsAMissingOne) {
  const auto first = [](const std::string& lists) {
    return load_restrictions(lists).diagnostics.first_error();
  };
  for (const std::string lists :
       {"relay = \"permit_mynetworks, reject_unauth_destinaton\"\n",
        "relay = \"\"\nrecipient = \"permit_mynetworks, reject_unauth_destinaton\"\n",
        "smtpd_restriction_classes = \"k\"\nk = \"reject_unauth_destinaton\"\n"
        "relay = \"permit_mynetworks, k\"\n"}) {
    const Answer said = check({}, lists);
    EXPECT_EQ(said.code, 78);
    EXPECT_THAT(said.err, HasSubstr("error[R001]")) << lists;
    EXPECT_THAT(said.err, testing::Not(HasSubstr("R113"))) << lists;
    EXPECT_THAT(said.err, HasSubstr("restriction lists: not proved: ")) << lists;
    EXPECT_THAT(said.err, testing::Not(HasSubstr("closed: "))) << lists;
    EXPECT_THAT(first(lists), HasSubstr("unknown keyword reject_unauth_destinaton")) << lists;
  }
  // A trailing list of another restriction is unrelated.
  EXPECT_THAT(check({}, "relay = \"permit_mynetworks\"\nhelo = \"reject_bogus\"\n").err,
              HasSubstr("R113"));
}

TEST(ConfigLint, StrictTakesWarningsForErrors) {
  const std::string warned = "relay = \"reject_unauth_destination\"\nsoft_bounce = \"yes\"\n";
  EXPECT_EQ(check({}, warned).code, 0);
  const Answer strict = check({"--strict"}, warned);
  EXPECT_EQ(strict.code, 78);
  EXPECT_THAT(strict.err, HasSubstr("0 errors, 1 warning"));
  EXPECT_EQ(check({"--strict"}, "relay = \"reject_unauth_destination\"\n").code, 0);
}

TEST(ConfigLint, NamesThatAreNotDefinedAreSaid) {
  const std::string relay =
      "relay = \"reject_unauth_destination\"\nrelay_domains = \"a.example\"\n";
  EXPECT_EQ(placed_codes(load_restrictions(relay + "sender = \"$comon_rules, permit\"\n"),
                         Severity::error),
            Codes{"R012 6:11"});
  EXPECT_EQ(placed_codes(load_restrictions(relay + "mydestination = \"$relay_domians\"\n"),
                         Severity::warning),
            Codes{"R012 6:18"});
  EXPECT_THAT(
      load_restrictions(relay + "mydestination = \"$relay_domians\"\n").diagnostics.render(),
      HasSubstr("did you mean $relay_domains?"));
  for (const char* fine :
       {"common = \"reject_non_fqdn_sender\"\nsender = \"${common}, permit\"\n",
        "sender = \"${common?reject_non_fqdn_sender, }permit\"\n", "sender = \"$$x, permit\"\n",
        "mydestination = \"$myhostname, $mydomain\"\n"}) {
    const auto found = load_restrictions(relay + fine);
    EXPECT_THAT(found.diagnostics.render(), testing::Not(HasSubstr("R012"))) << fine;
  }
}

TEST(ConfigLint, CheckSaysItInJsonWhetherTheConfigurationIsGoodOrNot) {
  const auto last = [](const std::string& text) {
    const std::size_t end = text.find_last_not_of('\n');
    const std::size_t begin = text.rfind('\n', end);
    return boost::json::parse(text.substr(begin == std::string::npos ? 0 : begin + 1));
  };
  const Answer closed =
      check({"--json"}, "relay = \"permit_mynetworks, reject_unauth_destination\"\n");
  EXPECT_EQ(closed.code, 0);
  EXPECT_EQ(last(closed.out).at("restrictions").at("open_relay"), "no");
  const Answer open = check({"--json"}, "relay = \"permit, reject_bogus_thing\"\n");
  EXPECT_EQ(open.code, 78);
  const boost::json::value said = last(open.out);
  EXPECT_EQ(said.at("ok"), false);
  EXPECT_EQ(said.at("restrictions").at("open_relay"), "yes");
  EXPECT_FALSE(said.at("restrictions").at("witness").as_array().empty());
  const auto& error = said.at("restrictions").at("errors").at(0).as_array();
  EXPECT_EQ(error[0], "smtpd_relay_restrictions");
  EXPECT_EQ(error[1], 1);
}

}  // namespace
}  // namespace postern::app
