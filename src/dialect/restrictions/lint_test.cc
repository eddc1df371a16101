#include "dialect/restrictions/lint.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "dialect/restrictions/lint_candidates.h"
#include "dialect/restrictions/lint_report.h"
#include "mailauth/names.h"

namespace postern::dialect::restrictions {
namespace {

using Settings = std::map<std::string, std::string, std::less<>>;

/// Lints a server with a correct relay list and some changed settings.
LintReport lint_of(const Settings& changed) {
  Settings settings{{"compatibility_level", "3.6"},
                    {"myhostname", "mx.example.net"},
                    {"mydestination", "example.net"},
                    {"mynetworks", "192.0.2.0/24"},
                    {"relay_domains", "relay.example.net"},
                    {"local_recipient_maps", ""},
                    {"smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination"}};
  for (const auto& [name, value] : changed) settings[name] = value;
  const TableSources sources{.read = [](const std::string& path) -> Result<std::string> {
    if (path != "/access") return fail(Fault::not_found, "no such file");
    return std::string("a.example OK\nb.example REJECT\na.example REJECT\n");
  }};
  const Compiled compiled = compile(Parameters(settings), sources, Errors::defer);
  return lint(*compiled.draft, compiled.diagnostics,
              mailauth::SuffixList::from_rules("// ===BEGIN ICANN DOMAINS===\ncom\nnet\nuk\nco.uk\n"
                                               "// ===END ICANN DOMAINS===\n"));
}

/// The findings of a code, each as "list:index message".
std::vector<std::string> found(const LintReport& report, std::string_view code) {
  std::vector<std::string> all;
  for (const Finding& one : report.findings) {
    if (one.code != code) continue;
    const std::string index = one.index ? std::to_string(*one.index) : "-";
    all.push_back(one.list + ":" + index + " " + one.message);
  }
  return all;
}

using FoundTexts = std::vector<std::string>;

TEST(Lint, DiscardIsFoundWhereARowSaysSo) {
  const auto discards = [](const std::string& rule) {
    return found(lint_of({{"smtpd_restriction_classes", "g"},
                          {"g", rule},
                          {"smtpd_recipient_restrictions", "g"}}),
                 "R112")
        .size();
  };
  EXPECT_EQ(discards("check_policy_service inet:127.0.0.1:1"), 0U);
  EXPECT_EQ(discards("check_recipient_access tcp:127.0.0.1:1"), 0U);
  EXPECT_EQ(discards("check_recipient_access static:DISCARD"), 1U);
}

TEST(Lint, NothingIsWrongWithASoundServer) {
  const LintReport report = lint_of({});
  EXPECT_TRUE(report.starts);
  EXPECT_EQ(report.open_relay, OpenRelay::no);
  EXPECT_TRUE(report.witness.empty());
  ASSERT_EQ(report.findings.size(), 1u) << to_text(report);
  EXPECT_EQ(report.findings[0].code, "R101");
}

struct LintCase {
  Settings settings;
  const char* code;
  FoundTexts findings;
};

TEST(Lint, Finds) {
  const LintCase cases[] = {
      {{{"smtpd_sender_restrictions", "permit, reject_non_fqdn_sender"}},
       "R102",
       {"smtpd_sender_restrictions:1 reject_non_fqdn_sender: never asked: permit before it always "
        "decides"}},
      {{{"smtpd_helo_restrictions",
         "reject_invalid_hostname, warn_if_reject reject_invalid_helo_hostname, permit"}},
       "R103",
       {"smtpd_helo_restrictions:1 warn_if_reject reject_invalid_helo_hostname: the same as "
        "element "
        "1, which was asked before"}},
      {{{"smtpd_helo_restrictions",
         "warn_if_reject reject_invalid_helo_hostname, reject_invalid_helo_hostname"}},
       "R103",
       {}},
      {{{"smtpd_delay_reject", "no"}, {"smtpd_client_restrictions", "reject_unlisted_recipient"}},
       "R104",
       {"smtpd_client_restrictions:0 reject_unlisted_recipient: what it checks is not known yet "
        "when this list runs"}},
      {{{"smtpd_client_restrictions", "warn_if_reject reject, reject"}},
       "R105",
       {"smtpd_client_restrictions:1 the list refuses every request"}},
      {{{"smtpd_client_restrictions", "reject_unknown_client_hostname, permit_mynetworks, permit"}},
       "R106",
       {"smtpd_client_restrictions:1 permit_mynetworks makes no difference: the permit after it "
        "permits every client"}},
      {{{"smtpd_sender_restrictions", "check_sender_access texthash:/access"}},
       "R107",
       {"smtpd_sender_restrictions:0 texthash:/access: an earlier row hides line 3"}},
      {{{"smtpd_client_restrictions",
         "check_client_access inline:{ {.a.test = OK} {b.test = OK} {192.0.2.0/24 = OK} {/^c/ = "
         "OK} "
         "{192.0.2 = OK} }"}},
       "R140",
       {"smtpd_client_restrictions:0 inline:{ {.a.test = OK} {b.test = OK} {192.0.2.0/24 = OK} "
        "{/^c/ = OK} {192.0.2 = OK} }: 1 row begins with a dot, and nothing is looked up so",
        "smtpd_client_restrictions:0 inline:{ {.a.test = OK} {b.test = OK} {192.0.2.0/24 = OK} "
        "{/^c/ = OK} {192.0.2 = OK} }: 1 row is a pattern in slashes, and nothing is looked up so",
        "smtpd_client_restrictions:0 inline:{ {.a.test = OK} {b.test = OK} {192.0.2.0/24 = OK} "
        "{/^c/ = OK} {192.0.2 = OK} }: 1 row is a network, and nothing is looked up so"}},
      {{{"smtpd_client_restrictions", "check_client_access inline:{ {.a.test = OK} }"},
        {"parent_domain_matches_subdomains", ""}},
       "R140",
       {}},
      {{{"smtpd_sender_restrictions", "check_sender_access static:DUNNO"}},
       "R108",
       {"smtpd_sender_restrictions:0 check_sender_access static:DUNNO never decides anything"}},
      {{{"smtpd_relay_restrictions",
         "check_recipient_access inline:{ {foreign.example = OK} }, "
         "reject_unauth_destination"}},
       "R111",
       {"smtpd_relay_restrictions:0 check_recipient_access inline:{ {foreign.example = OK} } can "
        "let unknown clients send to destinations that are not ours"}},
      {{{"smtpd_client_restrictions", "check_client_access static:DISCARD"}},
       "R112",
       {"smtpd_client_restrictions:0 DISCARD accepts a message and discards it for all its "
        "recipients, including those not yet known and those not ours"}},
      {{{"mynetworks", "192.0.2.0/24, 128.0.0.0/2"}},
       "R120",
       {"mynetworks:- 128.0.0.0/2 holds a large part of the Internet: unknown clients are inside "
        "and "
        "may send anywhere"}},
      {{{"mynetworks", "!192.0.2.9, 192.0.2.0/24, !192.0.2.7"}},
       "R121",
       {"mynetworks:- !192.0.2.7/32 comes too late: 192.0.2.0/24 before it already includes it"}},
      {{{"relay_domains", "co.uk, example.co.uk, lan"}},
       "R122",
       {"relay_domains:- co.uk is a public suffix: mail to every domain registered below it is "
        "relayed for any client",
        "relay_domains:- lan is a top-level name: mail to every domain registered below it is "
        "relayed for any client"}},
      {{{"relay_domains", ". relay.example.net"}},
       "R123",
       {"relay_domains:- . is not a domain name: it matches nothing"}},
      {{{"virtual_mailbox_domains", "example.net"}},
       "R124",
       {"virtual_mailbox_domains:- example.net is in mydestination too, which takes precedence"}},
      {{{"smtpd_sender_restrictions", "reject_unknown_sender_domain, reject_unknown_address"}},
       "R130",
       {"smtpd_sender_restrictions:0 reject_unknown_sender_domain answers 450, so that clients "
        "come "
        "back and try again",
        "smtpd_sender_restrictions:1 reject_unknown_sender_domain answers 450, so that clients "
        "come "
        "back and try again"}},
      {{{"smtpd_client_restrictions", "Reject_Unknown_Client"}},
       "R131",
       {"smtpd_client_restrictions:0 Reject_Unknown_Client is an old name of "
        "reject_unknown_client_hostname"}},
      {{{"smtpd_data_restrictions", "reject_unlisted_recipient"}},
       "R132",
       {"smtpd_data_restrictions:0 reject_unlisted_recipient is skipped here for messages with "
        "several recipients"}},
      {{{"smtpd_client_restrictions", "warn_if_reject permit_mynetworks"}},
       "R133",
       {"smtpd_client_restrictions:0 warn_if_reject before permit_mynetworks has no effect: it "
        "permits all the same"}},
      {{{"smtpd_sender_restrictions", "sleep 5, reject_unverified_sender"}},
       "R128",
       {"smtpd_sender_restrictions:1 reject_unverified_sender lets every unknown client choose the "
        "mail hosts that this server asks"}},
      {{{"smtpd_client_restrictions", "reject_rbl_client bl.example.net"},
        {"smtpd_sender_restrictions", "reject_unverified_sender"}},
       "R128",
       {}},
      {{{"smtpd_client_restrictions", "permit_mynetworks"},
        {"smtpd_sender_restrictions", "reject_unverified_sender"}},
       "R128",
       {"smtpd_sender_restrictions:0 reject_unverified_sender lets every unknown client choose the "
        "mail hosts that this server asks"}},
      {{{"smtpd_sender_restrictions", "permit_mynetworks, reject_unverified_sender"}}, "R128", {}},
      {{{"address_verify_sender", "probe@elsewhere.example"}},
       "R129",
       {"address_verify_sender:- mail to probe@elsewhere.example is accepted and not delivered, "
        "although the domain is not one of this server's"}},
      {{{"virtual_mailbox_domains", ".example.net"}},
       "R123",
       {"virtual_mailbox_domains:- .example.net matches nothing: virtual_mailbox_domains takes no "
        "name for all names below it"}},
  };
  for (const LintCase& one : cases) {
    const LintReport report = lint_of(one.settings);
    EXPECT_EQ(found(report, one.code), one.findings) << one.code << "\n" << to_text(report);
  }
}

TEST(Lint, OpensForWhomTheTablesName) {
  const auto verdict = [](const std::string& relay, Settings more = {}) {
    more["smtpd_relay_restrictions"] = relay + ", reject_unauth_destination";
    return lint_of(more).open_relay;
  };
  // A foreign domain below one of ours: mydestination does not match subdomains, relay_domains
  // does.
  EXPECT_EQ(verdict("check_recipient_access inline:{ {u@example.net = OK} }"), OpenRelay::no);
  EXPECT_EQ(verdict("check_recipient_access inline:{ {relay.example.net = OK} }"), OpenRelay::no);
  EXPECT_EQ(verdict("check_recipient_access inline:{ {example.net = OK} }"), OpenRelay::keyed);
  EXPECT_EQ(verdict("check_recipient_access inline:{ {postmaster@ = OK} }"), OpenRelay::keyed);
  EXPECT_EQ(verdict("check_recipient_access static:OK"), OpenRelay::yes);
  EXPECT_EQ(verdict("check_recipient_access regexp:{ {/^/ OK} }"), OpenRelay::yes);
  // Clients: listed ones, ones that are inside anyway, half of the Internet, any without a name.
  EXPECT_EQ(verdict("check_client_access cidr:{ {203.0.113.0/24 OK} }"), OpenRelay::keyed);
  EXPECT_EQ(verdict("check_client_access cidr:{ {192.0.2.0/25 OK} }"), OpenRelay::no);
  EXPECT_EQ(verdict("check_client_access cidr:{ {128.0.0.0/1 OK} }"), OpenRelay::yes);
  EXPECT_EQ(verdict("check_client_access inline:{ {unknown = OK} }"), OpenRelay::yes);
  EXPECT_EQ(verdict("check_client_access inline:{ {friend.example = OK} }"), OpenRelay::keyed);
  // Texts that the client itself chooses.
  EXPECT_EQ(verdict("check_sender_access inline:{ {boss@ = OK} }"), OpenRelay::yes);
  EXPECT_EQ(verdict("check_sender_access inline:{ {<> = OK} }"), OpenRelay::yes);
  EXPECT_EQ(verdict("check_helo_access pcre:{ {/^mail[0-9]+\\.friend\\.example$$/ OK} }"),
            OpenRelay::yes);
  EXPECT_EQ(verdict("reject_plaintext_session, check_helo_access static:OK"), OpenRelay::yes);
  // Two forgeries at once; mail to several recipients where DATA judges single ones.
  EXPECT_EQ(
      verdict("check_sender_access inline:{ {a.example = OK} }",
              {{"smtpd_helo_restrictions", "check_helo_access inline:{ {b.example = OK} }, reject"},
               {"smtpd_data_restrictions", "reject_unauth_destination"}}),
      OpenRelay::yes);
  // Groups: text after REJECT does not matter, text that makes a keyword does.
  EXPECT_EQ(verdict("check_recipient_access pcre:{ {/@(.*)/ REJECT not $$1} }"), OpenRelay::no);
  EXPECT_EQ(verdict("check_recipient_access pcre:{ {/@(.*)/ 550 no $$1} }"), OpenRelay::no);
  EXPECT_NE(verdict("check_recipient_access pcre:{ {/@(.*)/ 550 $$1} }"), OpenRelay::no);
  EXPECT_NE(verdict("check_recipient_access pcre:{ {/^(.*)@/ $$1} }"), OpenRelay::no);
  // Unpredictable.
  EXPECT_EQ(verdict("check_policy_service inet:127.0.0.1:10023"), OpenRelay::keyed);
}

TEST(Lint, AListenerThatATableNamesIsOpenToEverybody) {
  const auto report = [](const std::string& row) {
    return lint_of({{"smtpd_restriction_classes", "signed_in"},
                    {"signed_in", "permit_sasl_authenticated, reject"},
                    {"smtpd_relay_restrictions", "check_listener_access inline:{submission=" + row +
                                                     "}, reject_unauth_destination"}});
  };
  EXPECT_EQ(report("signed_in").open_relay, OpenRelay::no);
  const LintReport open = report("OK");
  EXPECT_EQ(open.open_relay, OpenRelay::yes);
  EXPECT_EQ(dialogue(open.witness).front(),
            "client mail.stranger.example [198.51.100.77] at the listener submission");
}

TEST(Lint, AListThatStopsStrangersClosesTheRest) {
  for (const char* list :
       {"smtpd_client_restrictions", "smtpd_sender_restrictions", "smtpd_recipient_restrictions",
        "smtpd_data_restrictions", "smtpd_end_of_data_restrictions"}) {
    const Settings settings{{"smtpd_relay_restrictions", "permit"},
                            {list, "permit_mynetworks, permit_sasl_authenticated, reject"}};
    EXPECT_EQ(lint_of(settings).open_relay, OpenRelay::no) << list;
  }
  // A client without HELO skips the HELO list; without delay, a refused HELO counts as omitted.
  for (const char* delay : {"yes", "no"}) {
    Settings skipped{{"smtpd_relay_restrictions", "permit"},
                     {"smtpd_delay_reject", delay},
                     {"smtpd_helo_restrictions", "reject"}};
    const LintReport open = lint_of(skipped);
    EXPECT_EQ(open.open_relay, OpenRelay::yes);
    EXPECT_EQ(open.witness.helo, delay == std::string("yes") ? "" : open.witness.helo);
    skipped["smtpd_helo_required"] = "yes";
    EXPECT_EQ(lint_of(skipped).open_relay, OpenRelay::no);
  }
}

TEST(Lint, AClassThatComesBackToItselfIsNotFollowedForEver) {
  const LintReport report = lint_of({{"smtpd_restriction_classes", "k"},
                                     {"k", "check_sender_access static:k"},
                                     {"smtpd_relay_restrictions", "k, reject_unauth_destination"}});
  EXPECT_NE(report.open_relay, OpenRelay::yes);
}

TEST(Lint, NetworksThatHoldTheInternetTogetherOpenTheRelay) {
  std::string sixteenths;
  for (int i = 0; i < 16; ++i) sixteenths += std::to_string(16 * i) + ".0.0.0/4 ";
  for (const std::string& networks :
       {std::string("0.0.0.0/1, 128.0.0.0/1"), sixteenths, std::string("[::]/1, [8000::]/1"),
        std::string("[2000::]/4, [3000::]/4"), std::string("[2a00::]/12"),
        std::string("cidr:{{0.0.0.0/1 x}, {128.0.0.0/1 x}}"), std::string("64.0.0.0/6")}) {
    const LintReport report = lint_of({{"mynetworks", networks}});
    EXPECT_EQ(report.open_relay, OpenRelay::yes) << networks;
    EXPECT_FALSE(report.witness.empty()) << networks;
  }
  // 224.0.0.0/4 and 240.0.0.0/4 have no hosts.
  EXPECT_EQ(found(lint_of({{"mynetworks", sixteenths}}), "R120").size(), 14u);
  std::string every_second;
  for (int i = 1; i < 224; i += 2) every_second += std::to_string(i) + ".0.0.0/8 ";
  const LintReport scattered = lint_of({{"mynetworks", every_second}});
  EXPECT_EQ(scattered.open_relay, OpenRelay::yes);
  EXPECT_EQ(found(scattered, "R120").size(), 1u);
  for (const char* networks :
       {"10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8, [fe80::]/10, [fc00::]/7",
        "203.0.0.0/12, 198.51.100.0/24", "17.0.0.0/8"}) {
    EXPECT_EQ(lint_of({{"mynetworks", networks}}).open_relay, OpenRelay::no) << networks;
  }
}

TEST(Lint, AWitnessReadsAsADialogue) {
  const LintReport report =
      lint_of({{"smtpd_relay_restrictions",
                "permit_mynetworks, check_helo_access inline:{ {friend.example = OK} }, "
                "reject_unauth_destination"}});
  EXPECT_EQ(
      dialogue(report.witness),
      (FoundTexts{"client mail.stranger.example [198.51.100.77]", "C: EHLO friend.example",
                  "C: MAIL FROM:<someone@stranger.example>", "S: 250",
                  "C: RCPT TO:<victim@foreign.example>", "S: 250", "C: DATA", "S: 354", "C: .",
                  "S: 250",
                  "smtpd_relay_restrictions: `check_helo_access inline:{ {friend.example = OK} }` "
                  "lets it through",
                  "smtpd_recipient_restrictions: the list is empty"}));
  const std::string text = to_text(report);
  EXPECT_NE(text.find("OPEN RELAY: any client can send"), std::string::npos);
  EXPECT_NE(text.find("error[R110] smtpd_relay_restrictions, element 2: an open relay"),
            std::string::npos);
  EXPECT_NE(to_text(lint_of({})).find("closed: clients outside mynetworks"), std::string::npos);
}

TEST(Lint, PatternsAreSampled) {
  EXPECT_EQ(sample_of_pattern("^mail\\.example\\.com$"), "mail.example.com");
  EXPECT_EQ(sample_of_pattern("@(a|b)\\.example$"), "@a.example");
  EXPECT_EQ(sample_of_pattern("^[a-z]{3}[^.]+?x*(?:\\d\\.)?$"), "aaaxx");
  EXPECT_EQ(sample_of_pattern("[unclosed("), "u");
  EXPECT_EQ(sample_of_pattern("(((a{99999}"), std::string(64, 'a'));
  EXPECT_EQ(sample_of_pattern(")x"), "");
}

}  // namespace
}  // namespace postern::dialect::restrictions
