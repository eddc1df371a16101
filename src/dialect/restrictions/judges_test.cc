// Rules about servers, logins, certificates and time, one evaluation each.
#include <gtest/gtest.h>

#include "base/text.h"
#include "dialect/restrictions/context.h"
#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/footer.h"
#include "dialect/restrictions/lint_relay.h"
#include "policy/testing.h"

namespace postern::dialect::restrictions {
namespace {

using namespace postern::policy::testing;
using policy::Evidence;
using policy::Stage;
using Settings = std::map<std::string, std::string, std::less<>>;

Compiled compiled(Settings settings, Errors errors = Errors::refuse) {
  settings.emplace("compatibility_level", "3.6");
  settings.emplace("mynetworks", "10.0.0.0/8");
  settings.emplace("mydestination", "mx.example.net");
  settings.emplace("relay_domains", "relay.example");
  settings.emplace("smtpd_relay_restrictions", "reject_unauth_destination");
  settings.emplace("myorigin", "example.net");
  return compile(Parameters(std::move(settings), "mx.example.net"), file_sources(), errors);
}

/// Judges one recipient. DNS has what `zone` says: "name TYPE" -> records, or {"!"} for a failure.
class JudgedLists {
 public:
  explicit JudgedLists(Settings settings, Errors errors = Errors::refuse)
      : made_(compiled(std::move(settings), errors)) {
    for (const Diagnostic& one : made_.diagnostics) {
      if (one.severity == Diagnostic::Severity::error) ADD_FAILURE() << one.message;
    }
    evidence = from_client("192.0.2.7");
    evidence.session.helo = "client.example.org";
    evidence.reverse_path = address("ann", "sender.example");
    recipient("user", "relay.example");
  }

  void recipient(std::string local, std::string domain) {
    evidence.candidate =
        policy::Recipient{.address = address(std::move(local), std::move(domain)), .route = {}};
  }
  void login(std::string name) {
    policy::Authentication identity;
    identity.username = std::move(name);
    evidence.session.auth = identity;
  }
  void listener(const std::string& name) { evidence.session.listener = name; }
  void certificate(bool trusted) {
    evidence.session.tls =
        policy::Tls{"TLSv1.3", "", policy::ClientCertificate{"alice", "AA:01", "BB:02", trusted}};
  }

  /// "" or the refusal.
  std::string reply(Stage stage = Stage::rcpt) {
    evidence.dns.clear();
    for (int round = 0; round < 100; ++round) {
      Evaluated result = evaluate(*made_.policy, evidence, stage, waits.size(), before);
      if (result.wanted_service) {
        services.push_back(result.wanted_service->service + " " + result.wanted_service->request);
        policy::Consultation answered = *result.wanted_service;
        answered.failed = verdict.empty();
        answered.answer = verdict;
        evidence.consulted.push_back(std::move(answered));
      } else if (result.wanted_dns) {
        asked.push_back(result.wanted_dns->name + " " +
                        std::string(dns::to_string(result.wanted_dns->type)));
        evidence.dns.push_back({*result.wanted_dns, answer(asked.back())});
      } else if (result.wanted_wait) {
        waits.push_back(*result.wanted_wait);
      } else {
        discards = result.discard.has_value();
        to_prober = result.to_prober;
        trusted = result.trusted_client;
        before = evidence.consulted.verifications(false);
        return result.reply.code == 0 ? "" : result.reply.to_string();
      }
    }
    return "too many questions";
  }

  dns::Answer answer(const std::string& question) const {
    const auto found = zone.find(question);
    if (found == zone.end()) return {.status = dns::Status::nx_domain, .records = {}};
    if (found->second == std::vector<std::string>{"!"}) {
      return {.status = dns::Status::server_failure, .records = {}};
    }
    return {.status = dns::Status::found, .records = found->second};
  }

  Evidence evidence;
  std::map<std::string, std::vector<std::string>> zone;
  std::vector<std::string> asked;
  std::vector<std::chrono::seconds> waits;
  bool discards = false;
  bool to_prober = false;
  bool trusted = false;               ///< the client counts as one of ours
  std::size_t before = 0;             ///< verifications at earlier commands
  std::vector<std::string> services;  ///< service and request of each consultation
  std::string verdict;                ///< the answer to each; "": it fails

 private:
  Compiled made_;
};

std::string without_recipient(const std::string& reply) {
  return reply.substr(0, reply.find(" <"));
}

JudgedLists with_senders(std::string keyword, std::string table) {
  return JudgedLists({{"smtpd_sender_restrictions", keyword + " " + table}});
}

// --- arguments ---

// A list and a table's value read the argument of a keyword alike.
TEST(Arguments, AreReadInATableAsInAList) {
  const auto said = [](const std::string& parameter, const std::string& value) {
    const Compiled made = compile(
        Parameters({{parameter, value}, {"smtpd_relay_restrictions", "reject_unauth_destination"}},
                   "mx.example.net"),
        file_sources(), Errors::refuse);
    return made.diagnostics.empty() ? std::string() : made.diagnostics.front().message;
  };
  for (const std::string rule :
       {"reject_rbl_client bl.example.", "reject_rbl_client <zone>", "reject_rbl_client a=b",
        "reject_rbl_client", "sleep x", "sleep"}) {
    const std::string list = said("smtpd_client_restrictions", rule);
    EXPECT_NE(list, "") << rule;
    const std::string table =
        said("smtpd_client_restrictions", "check_client_access inline:{ {a = " + rule + "} }");
    EXPECT_NE(table.find(list), std::string::npos) << list << " / " << table;
  }
}

// --- servers ---

TEST(ServerTables, MailHostsAreLookedUpInTheOrderOfTheAnswer) {
  JudgedLists lists = with_senders(
      "check_sender_mx_access", "inline:{ {second.example = DUNNO} {192.0.2.80 = REJECT host} }");
  lists.zone = {{"sender.example MX", {"20 first.example", "10 second.example"}},
                {"first.example A", {"192.0.2.80"}}};
  EXPECT_EQ(lists.reply(), "554 5.7.1 <ann@sender.example>: Sender address rejected: host");
  lists.zone["sender.example MX"] = {"10 second.example", "20 first.example"};
  EXPECT_EQ(lists.reply(), "") << "DUNNO for a host hides later hosts";
}

TEST(ServerTables, WithoutMxRecordsTheNameStandsIn) {
  JudgedLists lists =
      with_senders("check_sender_mx_access", "inline:{ {sender.example = REJECT} }");
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  lists.zone = {{"sender.example MX", {"0 ."}}};
  EXPECT_EQ(lists.reply(), "") << "RFC 7505";
  lists.zone = {{"sender.example MX", {"!"}}};
  EXPECT_EQ(lists.reply(), "");
}

TEST(ServerTables, NameServersAreThoseOfTheNearestParent) {
  JudgedLists lists({{"smtpd_helo_restrictions", "check_helo_ns_access inline:{ns.example=REJECT}"},
                     {"smtpd_helo_required", "yes"}});
  lists.zone = {{"example.org NS", {"ns.example"}}};
  EXPECT_EQ(lists.reply(), "554 5.7.1 <client.example.org>: Helo command rejected: Access denied");
  lists.zone = {{"client.example.org NS", {"!"}}, {"example.org NS", {"ns.example"}}};
  EXPECT_EQ(lists.reply(), "");
}

TEST(ServerTables, AddressesHaveNoNameKeysAndAreCut) {
  JudgedLists lists = with_senders(
      "check_sender_a_access", "inline:{ {sender.example = REJECT name} {192.0.2 = REJECT net} }");
  lists.zone = {{"sender.example A", {"192.0.2.80"}}};
  EXPECT_EQ(lists.reply(), "554 5.7.1 <ann@sender.example>: Sender address rejected: net");
  lists.zone = {};
  EXPECT_EQ(lists.reply(), "");
}

TEST(ServerTables, OkIsAMistakeAndDiscardIsNot) {
  JudgedLists lists({{"smtpd_sender_restrictions", "check_sender_a_access static:OK"}});
  lists.zone = {{"sender.example A", {"192.0.2.80"}}};
  EXPECT_EQ(lists.reply(), "451 4.3.5 Server configuration error");
  JudgedLists discarding = with_senders("check_sender_a_access", "static:DISCARD");
  discarding.zone = lists.zone;
  EXPECT_EQ(discarding.reply(), "");
  EXPECT_TRUE(discarding.discards);
}

TEST(ServerTables, LiteralsAreTheirOwnServers) {
  JudgedLists lists = with_senders("check_sender_mx_access", "inline:{ {198.51.100.9 = REJECT} }");
  lists.evidence.reverse_path = address("ann", "[198.51.100.9]");
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  JudgedLists names = with_senders("check_sender_ns_access", "static:REJECT");
  names.evidence.reverse_path = address("ann", "[198.51.100.9]");
  EXPECT_EQ(names.reply(), "");
  EXPECT_TRUE(names.asked.empty());
}

TEST(ServerTables, TheFamiliesOfInetProtocolsCount) {
  JudgedLists lists({{"smtpd_sender_restrictions", "check_sender_a_access static:REJECT"},
                     {"inet_protocols", "ipv4"}});
  lists.zone = {{"sender.example AAAA", {"2001:db8::1"}}};
  EXPECT_EQ(lists.reply(), "");
}

TEST(ServerTables, ReplyNamesTheUnverifiedName) {
  JudgedLists lists(
      {{"smtpd_client_restrictions", "check_reverse_client_hostname_a_access static:REJECT"}});
  lists.zone = {{"7.2.0.192.in-addr.arpa PTR", {"claims.example"}},
                {"claims.example A", {"198.51.100.1"}}};
  EXPECT_EQ(lists.reply(),
            "554 5.7.1 <claims.example>: Unverified Client host rejected: Access denied");
}

// --- logins ---

TEST(SenderOwners, DecideWhoMayUseAnAddress) {
  const std::string owners = "inline:{ {shop@sender.example = ann, ben} {@own.example = cleo} }";
  struct Case {
    const char* keyword;
    const char* login;
    const char* sender;
    const char* reply;
  };
  const Case cases[] = {
      {"reject_sender_login_mismatch", "ANN", "shop@sender.example", ""},
      {"reject_sender_login_mismatch", "dora", "shop@sender.example", "553 5.7.1"},
      {"reject_sender_login_mismatch", "dora", "free@sender.example", "553 5.7.1"},
      {"reject_sender_login_mismatch", "", "shop@sender.example", "553 5.7.1"},
      {"reject_sender_login_mismatch", "", "free@sender.example", ""},
      {"reject_authenticated_sender_login_mismatch", "", "shop@sender.example", ""},
      {"reject_authenticated_sender_login_mismatch", "dora", "x@own.example", "553 5.7.1"},
      {"reject_unauthenticated_sender_login_mismatch", "dora", "x@own.example", ""},
      {"reject_unauthenticated_sender_login_mismatch", "", "x@own.example", "553 5.7.1"},
      {"reject_known_sender_login_mismatch", "dora", "free@sender.example", ""},
      {"reject_known_sender_login_mismatch", "dora", "x@own.example", "553 5.7.1"},
      {"reject_known_sender_login_mismatch", "cleo", "x@own.example", ""},
      {"reject_known_sender_login_mismatch", "dora", "x@sub.own.example", ""},
  };
  for (const Case& one : cases) {
    JudgedLists lists(
        {{"smtpd_sender_restrictions", one.keyword}, {"smtpd_sender_login_maps", owners}});
    const std::string_view sender = one.sender;
    const std::size_t at = sender.find('@');
    lists.evidence.reverse_path =
        address(std::string(sender.substr(0, at)), std::string(sender.substr(at + 1)));
    if (*one.login != '\0') lists.login(one.login);
    EXPECT_EQ(without_recipient(lists.reply()), one.reply)
        << one.keyword << ' ' << one.login << ' ' << sender;
  }
}

TEST(SenderOwners, AreNotAskedWithoutAuthOrSender) {
  Settings settings{{"smtpd_sender_restrictions", "reject_sender_login_mismatch"},
                    {"smtpd_sender_login_maps", "static:ann"}};
  JudgedLists null(settings);
  null.evidence.reverse_path.reset();
  EXPECT_EQ(null.reply(), "");
  settings["smtpd_sasl_auth_enable"] = "no";
  EXPECT_EQ(JudgedLists(settings).reply(), "");
}

TEST(SenderOwners, TroubleWithATableIsTemporary) {
  JudgedLists lists({{"smtpd_sender_restrictions", "reject_sender_login_mismatch"},
                     {"smtpd_sender_login_maps", "hash:/nonexistent/owners"}},
                    Errors::defer);
  EXPECT_EQ(lists.reply(), "451 4.3.0 <ann@sender.example>: Temporary lookup failure");
}

TEST(SenderOwners, ClassOfTheKeywordsNameIsIgnored) {
  JudgedLists lists({{"smtpd_restriction_classes", "reject_sender_login_mismatch"},
                     {"reject_sender_login_mismatch", "permit"},
                     {"smtpd_sender_restrictions", "reject_sender_login_mismatch, reject"}});
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
}

TEST(SaslTable, LooksTheWholeLoginUp) {
  JudgedLists lists(
      {{"smtpd_recipient_restrictions", "check_sasl_access inline:{ {ann = 550 5.1.1 gone} }"}});
  EXPECT_EQ(lists.reply(), "");
  lists.login("Ann");
  EXPECT_EQ(lists.reply(), "550 5.0.0 <Ann>: SASL login name rejected: gone");
  lists.login("ann@example.org");
  EXPECT_EQ(lists.reply(), "");
}

// --- listeners ---

TEST(ListenerTable, ChoosesAListByTheListenersName) {
  JudgedLists lists({{"smtpd_restriction_classes", "signed_in"},
                     {"signed_in", "permit_sasl_authenticated, reject"},
                     {"smtpd_client_restrictions",
                      "check_listener_access inline:{submission=signed_in}, permit_mynetworks"}});
  EXPECT_EQ(lists.reply(), "") << "of another listener";
  lists.listener("submission");
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  EXPECT_THAT(lists.reply(), testing::HasSubstr("Client host rejected: Access denied"));
  lists.login("ann");
  EXPECT_EQ(lists.reply(), "");
}

// --- routes in addresses ---

TEST(Routes, NoNumberOfThemHidesAForeignDestination) {
  for (int routes = 0; routes < 14; ++routes) {
    std::string percent = "b%foreign.example";
    std::string bang = "foreign.example!b";
    std::string quoted = "b@foreign.example";
    for (int i = 0; i < routes; ++i) {
      percent += "%local.example";
      bang.insert(0, "local.example!");
      quoted += "@local.example";
    }
    for (const std::string& local : {percent, bang, "\"" + quoted + "\""}) {
      JudgedLists lists({{"mydestination", "local.example"},
                         {"local_recipient_maps", ""},
                         {"smtpd_relay_restrictions", "reject_unauth_destination"}});
      lists.recipient(local, "local.example");
      EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1") << local;
    }
  }
}

// --- certificates ---

TEST(ClientCertificates, AClientThatMayRelayByOneIsOneOfOurs) {
  const auto trusted = [](const std::string& rule, bool by_authority = false,
                          const std::string& to = "foreign.example") {
    JudgedLists lists({{"relay_domains", "relay.example"},
                       {"relay_clientcerts", "inline:{ AA:01=x }"},
                       {"smtpd_relay_restrictions", rule + ", reject_unauth_destination"}});
    lists.certificate(by_authority);
    lists.recipient("bob", to);
    return lists.reply().empty() && lists.trusted;
  };
  EXPECT_TRUE(trusted("permit_tls_clientcerts"));
  EXPECT_TRUE(trusted("permit_tls_clientcerts", false, "relay.example"));
  EXPECT_TRUE(trusted("permit_tls_all_clientcerts", true));
  EXPECT_TRUE(trusted("check_ccert_access inline:{ AA:01=OK }"));
  EXPECT_TRUE(trusted("check_client_access inline:{ 192.0.2.7=OK }"));
  // They are let through for what everybody may do.
  EXPECT_FALSE(trusted("check_ccert_access inline:{ AA:01=OK }", false, "relay.example"));
  EXPECT_FALSE(trusted("check_client_access inline:{ 192.0.2.7=OK }", false, "relay.example"));
  EXPECT_FALSE(trusted("check_client_access inline:{ 192.0.2.7=DISCARD }"));
}

TEST(ClientCertificates, APolicyServerIsToldWhatIsKnown) {
  const auto told = [](bool trusted) {
    JudgedLists lists(
        {{"smtpd_recipient_restrictions", "check_policy_service inet:127.0.0.1:10023"}});
    lists.certificate(trusted);
    lists.evidence.session.tls->key_bits = 256;
    lists.evidence.session.tls->client->name = "a +=b\xc3\xa9";
    lists.evidence.session.tls->client->issuer = "CA 1";
    lists.verdict = "DUNNO";
    lists.reply();
    return lists.services.empty() ? "" : lists.services.front();
  };
  const std::string trusted = told(true);
  EXPECT_NE(trusted.find("\nccert_subject=a+20+2B=b+C3+A9\nccert_issuer=CA+201\n"
                         "ccert_fingerprint=AA:01\nccert_pubkey_fingerprint=BB:02\n"
                         "encryption_protocol=TLSv1.3\n"),
            std::string::npos)
      << trusted;
  EXPECT_NE(trusted.find("\nencryption_keysize=256\n"), std::string::npos) << trusted;
  const std::string other = told(false);  // names only from those that an authority vouches for
  EXPECT_NE(other.find("\nccert_subject=\nccert_issuer=\nccert_fingerprint=AA:01\n"),
            std::string::npos)
      << other;
}

TEST(ClientCertificates, AreUnknownToAClientListThatRanBeforeStarttls) {
  JudgedLists lists({{"smtpd_delay_reject", "no"},
                     {"smtpd_client_restrictions", "permit_tls_all_clientcerts, defer_if_permit"}});
  lists.certificate(true);
  EXPECT_EQ(lists.reply(), "");  // TLS from the start
  lists.evidence.session.tls->starttls = true;
  EXPECT_EQ(without_recipient(lists.reply()), "450 4.7.0");
}

TEST(ClientCertificates, TroubleWithATableNamesWhatTheListIsAbout) {
  JudgedLists lists(
      {{"smtpd_relay_restrictions", "permit_tls_clientcerts, reject_unauth_destination"},
       {"relay_clientcerts", "hash:/nonexistent/c"}},
      Errors::defer);
  lists.certificate(false);
  EXPECT_EQ(lists.reply(), "451 4.3.0 <user@relay.example>: Temporary lookup failure");
  JudgedLists networks(
      {{"mynetworks", "hash:/nonexistent/n"},
       {"smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination"}},
      Errors::defer);
  EXPECT_EQ(networks.reply(), "451 4.3.0 <user@relay.example>: Temporary lookup failure");
  JudgedLists greeted(
      {{"mynetworks", "hash:/nonexistent/n"}, {"smtpd_client_restrictions", "permit_mynetworks"}},
      Errors::defer);
  EXPECT_EQ(greeted.reply(), "451 4.3.0 <unknown[192.0.2.7]>: Temporary lookup failure");
}

TEST(Certificates, OfRelayClientcertsMayRelay) {
  JudgedLists lists(
      {{"smtpd_relay_restrictions", "permit_tls_clientcerts, reject_unauth_destination"},
       {"relay_clientcerts", "inline:{ {bb:02 = x} }"}});
  lists.recipient("x", "foreign.example");
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  lists.certificate(false);
  EXPECT_EQ(lists.reply(), "") << "the key is listed";
}

TEST(Certificates, ThatAreTrustedMayRelay) {
  JudgedLists lists(
      {{"smtpd_relay_restrictions", "permit_tls_all_clientcerts, reject_unauth_destination"}});
  lists.recipient("x", "foreign.example");
  lists.certificate(false);
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  lists.certificate(true);
  EXPECT_EQ(lists.reply(), "");
}

TEST(Certificates, AreLookedUpInTheOrderThatTheRuleSays) {
  const std::string table = "inline:{ {AA:01 = DUNNO} {BB:02 = REJECT key} }";
  JudgedLists lists({{"smtpd_recipient_restrictions", "check_ccert_access " + table}});
  EXPECT_EQ(lists.reply(), "");
  lists.certificate(false);
  EXPECT_EQ(lists.reply(), "554 5.7.1 <alice>: Client certificate rejected: key");
  JudgedLists ordered(
      {{"smtpd_recipient_restrictions",
        "check_ccert_access { " + table + ", { search_order = cert_fingerprint } }"}});
  ordered.certificate(false);
  EXPECT_EQ(ordered.reply(), "");
  JudgedLists unknown({{"smtpd_recipient_restrictions",
                        "check_ccert_access { " + table + ", { search_order = subject } }"}},
                      Errors::defer);
  unknown.certificate(false);
  EXPECT_EQ(unknown.reply(), "451 4.3.5 Server configuration error");
}

TEST(Certificates, OfAnybodyOpenTheRelay) {
  const auto open = [](std::string listed) {
    const Compiled made =
        compiled({{"smtpd_relay_restrictions", "permit_tls_clientcerts, reject_unauth_destination"},
                  {"relay_clientcerts", std::move(listed)}});
    return judge_relay(*made.policy).open;
  };
  EXPECT_EQ(open("inline:{ {AA:01 = x} }"), OpenRelay::no);
  EXPECT_EQ(open("static:x"), OpenRelay::yes);
  EXPECT_EQ(open("pcre:{ {/^([0-9A-F]{2}:){31}[0-9A-F]{2}$$/ x} }"), OpenRelay::yes);
  EXPECT_EQ(open("regexp:{ {/^AA:01/ x} }"), OpenRelay::keyed) << "found by trying";
  EXPECT_EQ(open("tcp:127.0.0.1:1"), OpenRelay::keyed) << "it may have any key";
  EXPECT_EQ(open("pipemap:{static:a, inline:{a=x}}"), OpenRelay::yes);
  EXPECT_EQ(open("cidr:{ {0.0.0.0/0 x} {::/0 x} }"), OpenRelay::no) << "no fingerprint is one";
}

// --- time, backup mail hosts, and older words ---

TEST(Sleep, WaitsAtEachRuleOfACommand) {
  JudgedLists lists({{"smtpd_recipient_restrictions", "sleep 2, warn_if_reject sleep 1, reject"}});
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  EXPECT_EQ(lists.waits, (std::vector{std::chrono::seconds(2), std::chrono::seconds(1)}));
}

TEST(Sleep, TakesDigitsOnly) {
  for (const std::string words : {"sleep -1", "sleep 2s", "sleep", "sleep 100000000"}) {
    JudgedLists lists({{"smtpd_recipient_restrictions", words + ", permit"}}, Errors::defer);
    EXPECT_EQ(lists.reply(), "451 4.3.5 Server configuration error") << words;
  }
}

TEST(Sleep, IsNotRepeatedForWhatAnEarlierCommandDeferred) {
  JudgedLists lists({{"smtpd_delay_reject", "no"}, {"smtpd_client_restrictions", "sleep 1"}});
  EXPECT_EQ(lists.reply(), "");
  EXPECT_TRUE(lists.waits.empty());
  EXPECT_EQ(lists.reply(Stage::connect), "");
  EXPECT_EQ(lists.waits.size(), 1u);
}

JudgedLists backup(std::string networks = "") {
  JudgedLists lists({{"smtpd_relay_restrictions", "permit_mx_backup, reject_unauth_destination"},
                     {"proxy_interfaces", "203.0.113.25"},
                     {"permit_mx_backup_networks", std::move(networks)}});
  lists.recipient("z", "back.example");
  lists.zone = {{"mx1.example A", {"198.51.100.20"}}, {"us.example A", {"203.0.113.25"}}};
  return lists;
}

TEST(MxBackup, PermitsDomainsThatNameThisServerSecond) {
  JudgedLists lists = backup();
  lists.zone["back.example MX"] = {"20 mx.example.net", "10 mx1.example"};
  EXPECT_EQ(lists.reply(), "");
  lists.zone["back.example MX"] = {"10 mx1.example", "20 us.example"};
  EXPECT_EQ(lists.reply(), "") << "by its address";
  lists.zone["back.example MX"] = {"10 mx1.example", "10 mx.example.net"};
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1") << "among the first";
  lists.zone["back.example MX"] = {"10 mx1.example", "20 mx2.example"};
  EXPECT_EQ(without_recipient(lists.reply()), "450 4.4.4") << "mx2.example has no address";
  lists.zone["back.example MX"] = {"!"};
  EXPECT_EQ(without_recipient(lists.reply()), "450 4.4.4");
  lists.zone.erase("back.example MX");
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
}

TEST(MxBackup, WantsAllFirstHostsInTheNetworks) {
  JudgedLists lists = backup("198.51.100.0/24");
  lists.zone["back.example MX"] = {"10 mx1.example", "20 mx.example.net"};
  EXPECT_EQ(lists.reply(), "");
  lists.zone["mx1.example A"] = {"198.51.100.20", "203.0.113.9"};
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
}

TEST(MapsRbl, AsksEachZone) {
  JudgedLists lists({{"smtpd_client_restrictions", "reject_maps_rbl"},
                     {"maps_rbl_domains", "a.example, b.example=127.0.0.2"}});
  EXPECT_EQ(lists.reply(), "");
  lists.zone = {{"7.2.0.192.b.example A", {"127.0.0.2"}}};
  EXPECT_EQ(without_recipient(lists.reply()).substr(0, 9), "554 5.7.1");
}

TEST(NakedAddress, IsPermittedAsHelo) {
  JudgedLists lists({{"smtpd_helo_restrictions", "permit_naked_ip_address, reject"},
                     {"smtpd_helo_required", "yes"}});
  EXPECT_EQ(without_recipient(lists.reply()), "554 5.7.1");
  lists.evidence.session.helo = "192.0.2.7";
  EXPECT_EQ(lists.reply(), "");
  lists.evidence.session.helo = "192.0.2.777";
  EXPECT_EQ(without_recipient(lists.reply()), "501 5.5.2");
}

TEST(Refusal, WithoutAReplyCodeIsATemporaryOne) {
  const Compiled made = compiled({});
  const Evidence evidence = from_client("192.0.2.7");
  Evaluated result;
  Context context(*made.policy, evidence, Stage::rcpt, result);
  const Rule rule{.keyword = find_keyword("reject")};
  EXPECT_EQ(context.refuse(rule, "no"), RuleOutcome::refuse);
  EXPECT_EQ(result.reply.to_string(), "451 4.3.5 Server configuration error");
}

// --- parameters ---

TEST(AppendDot, CompletesDomainsOfOneLabel) {
  Settings settings{{"mydomain", "example.net"},
                    {"relay_domains", "short.example.net"},
                    {"smtpd_recipient_restrictions",
                     "check_recipient_access inline:{ {x@short = 450 4.7.1 as written} }"}};
  JudgedLists as_it_is(settings);
  as_it_is.recipient("a", "short");
  EXPECT_EQ(without_recipient(as_it_is.reply()), "554 5.7.1");
  settings["append_dot_mydomain"] = "yes";
  JudgedLists completes(settings);
  completes.recipient("a", "short");
  EXPECT_EQ(completes.reply(), "");
  completes.recipient("x", "short");
  EXPECT_EQ(without_recipient(completes.reply()), "450 4.7.1");
}

TEST(OwnMailboxes, ExistInLocalDomains) {
  JudgedLists lists(
      {{"local_recipient_maps", "inline:{ {ann = x} }"}, {"double_bounce_sender", "bounced"}});
  for (const std::string name : {"ann", "postmaster", "Mailer-Daemon", "bounced"}) {
    lists.recipient(name, "mx.example.net");
    EXPECT_EQ(lists.reply(), "") << name;
  }
  lists.recipient("bob", "mx.example.net");
  EXPECT_EQ(without_recipient(lists.reply()), "550 5.1.1");
}

TEST(VirtualAliases, ThatCannotBeReadDeferLocalRecipients) {
  JudgedLists lists({{"virtual_alias_maps", "hash:/nonexistent/t"},
                     {"virtual_alias_domains", "alias.example"},
                     {"local_recipient_maps", ""}},
                    Errors::defer);
  lists.recipient("ann", "mx.example.net");
  EXPECT_EQ(without_recipient(lists.reply()), "451 4.3.0");
}

TEST(Extension, IsNotWhatAListOrAServerNeeds) {
  const auto left = [](const std::string& delimiters, const std::string& special,
                       const std::string& local) {
    const Compiled made =
        compiled({{"recipient_delimiter", delimiters}, {"owner_request_special", special}});
    return local.substr(0, made.policy->extension_at(local));
  };
  EXPECT_EQ(left("", "yes", "ann+x"), "ann+x");
  EXPECT_EQ(left("+", "yes", "ann+x+y"), "ann");
  EXPECT_EQ(left("+", "yes", "ann+"), "ann");
  EXPECT_EQ(left("+", "yes", "++ann"), "++ann");
  EXPECT_EQ(left("-", "yes", "list-x"), "list");
  EXPECT_EQ(left("-", "yes", "list-request-x"), "list");
  for (const std::string local :
       {"list-request", "LIST-REQUEST", "owner-list", "Owner-", "mailer-daemon", "double-bounce"}) {
    EXPECT_EQ(left("-", "yes", local), local);
  }
  EXPECT_EQ(left("+-", "yes", "list+x-request"), "list+x-request");
  EXPECT_EQ(left("+-", "yes", "owner+x"), "owner");
  EXPECT_EQ(left("-", "no", "list-request"), "list");
  EXPECT_EQ(left("-", "no", "mailer-daemon"), "mailer-daemon");
}

TEST(QuotedLocalParts, AreAskedForWithQuotesFirst) {
  const auto answer = [](const std::string& parameter, const std::string& table,
                         const std::string& local) {
    JudgedLists lists({{"relay_domains", "example.org"}, {parameter, table}});
    lists.recipient(local, "example.org");
    return without_recipient(lists.reply());
  };
  const std::string list = "smtpd_recipient_restrictions";
  const auto access = [](const std::string& first, const std::string& second) {
    return "check_recipient_access inline:{ {" + first + " = 550 5.7.1 a} {" + second +
           " = 550 5.7.2 b} }";
  };
  const std::string quoted = "\"eve..x\"";
  EXPECT_EQ(answer(list, access("eve..x@example.org", "\"eve..x\"@example.org"), quoted),
            "550 5.7.2");
  EXPECT_EQ(answer(list, access("eve..x@example.org", "example.org"), quoted), "550 5.7.1");
  EXPECT_EQ(answer(list, access("eve..x@", "\"eve..x\"@"), quoted), "550 5.7.2");
  EXPECT_EQ(answer(list, access("\"eve\"@example.org", "eve@example.org"), "\"eve\""), "550 5.7.2");
  const std::string maps = "relay_recipient_maps";
  EXPECT_EQ(answer(maps, "inline:{ {\"eve..x\"@example.org = x} }", quoted), "");
  EXPECT_EQ(answer(maps, "inline:{ {eve..x@example.org = x} }", quoted), "");
  EXPECT_EQ(answer(maps, "inline:{ {eve.x@example.org = x} }", quoted), "550 5.1.1");
}

TEST(Braces, AreNotAroundTables) {
  std::string said;
  for (const Diagnostic& one :
       compiled({{"smtpd_sender_restrictions", "check_sender_access {static:OK}"}}).diagnostics) {
    said += one.code + " " + one.message + ": " + one.hint;
  }
  EXPECT_EQ(said, "R004 {static:OK} is no table: write check_sender_access static:OK");
  EXPECT_NE(compiled({{"smtpd_client_restrictions", "check_ccert_access {static:OK}"}}).policy,
            nullptr);
}

TEST(RejectFilter, ReplacesARefusalByAnother) {
  const auto filtered = [](std::string_view value) {
    const auto reply = filtered_reply(value);
    return reply ? reply->to_string() : "none";
  };
  EXPECT_EQ(filtered("450 4.7.1 come back later"), "450 4.7.1 come back later");
  EXPECT_EQ(filtered("521 go"), "521 go");
  EXPECT_EQ(filtered("554-5.7.1 no"), "554 5.7.1 no");
  for (const std::string_view value : {"250 2.0.0 welcome", "550 4.7.1 two classes", "550", "600 x",
                                       "5xx no", "REJECT", "", "550no"}) {
    EXPECT_EQ(filtered(value), "none") << value;
  }
  const auto footer = [](const std::string& value) {
    const Compiled made =
        compiled({{"smtpd_reject_filter_maps", "inline:{ {a = " + value + "} }"}});
    EXPECT_NE(footer_of(made.policy), nullptr);
    std::string said;
    for (const Diagnostic& one : made.diagnostics) said += one.code + " " + one.message + "\n";
    return said;
  };
  EXPECT_EQ(footer("550 5.7.1 no"), "");
  EXPECT_EQ(footer("OK"),
            "R011 inline:{ {a = OK} } row 1 (a): the value is no refusal, and replaces no reply\n");
}

TEST(RejectFooter, IsJoinedOrALineOfItsOwn) {
  const Compiled made = compiled({});
  policy::SessionFacts session;
  session.client_ip = *IpAddress::parse("192.0.2.7");
  const smtp::Reply reply{.code = 554, .enhanced = {5, 7, 1}, .text = "no"};
  EXPECT_EQ(with_footer(reply, "\\c. See ${server_name}", *made.policy, session).to_wire(),
            "554 5.7.1 no. See mx.example.net\r\n");
  EXPECT_EQ(
      with_footer(reply, "from $client_address\\nmore$other", *made.policy, session).to_wire(),
      "554-5.7.1 no\r\n554-5.7.1 from 192.0.2.7\r\n554 5.7.1 more\r\n");
  EXPECT_EQ(footer_of(made.policy), nullptr);
}

// --- address verification ---

TEST(Unverified, CodesAreRepliesToRcpt) {
  const auto said = [](const std::string& parameter, const std::string& value) {
    std::string out;
    for (const Diagnostic& one : compiled({{parameter, value}}).diagnostics) {
      out += one.code + " " + one.message + "\n";
    }
    return out;
  };
  const std::string reject = "unverified_recipient_reject_code";
  EXPECT_EQ(said(reject, "250"), "");
  EXPECT_EQ(said(reject, "550"), "");
  EXPECT_EQ(said(reject, "399"),
            "R008 unverified_recipient_reject_code = 399 is no reply to RCPT\n");
  EXPECT_EQ(said("unverified_sender_defer_code", "354"),
            "R008 unverified_sender_defer_code = 354 is no reply to RCPT\n");
}

JudgedLists verifying(Settings more = {}) {
  more.emplace("smtpd_recipient_restrictions", "reject_unverified_recipient");
  return JudgedLists(std::move(more));
}

TEST(Unverified, AnswersWhatItsParametersSay) {
  const std::string subject = "<user@relay.example>: Recipient address rejected: ";
  const Settings refuses{{"unverified_recipient_reject_code", "550"}};
  struct Case {
    Settings settings;
    std::string verdict;
    std::string reply;
  };
  const std::vector<Case> cases = {
      {{}, "deliverable yes", ""},
      {{},
       "undeliverable no such user",
       "450 4.1.1 " + subject + "unverified address: no such user"},
      {refuses, "undeliverable no such user",
       "550 5.1.1 " + subject + "undeliverable address: no such user"},
      {refuses, "deferred busy", "450 4.1.1 " + subject + "unverified address: busy"},
      {{{"unverified_recipient_reject_code", "250"}}, "undeliverable no", ""},
      {{{"unverified_recipient_defer_code", "250"}}, "deferred busy", ""},
      {{{"unverified_recipient_defer_code", "421"}},
       "deferred busy",
       "421 4.1.1 " + subject + "unverified address: busy"},
      {{{"unverified_recipient_reject_code", "550"},
        {"unverified_recipient_reject_reason", "we asked"}},
       "undeliverable no",
       "550 5.1.1 " + subject + "undeliverable address: we asked"},
      {{}, "", "450 4.1.1 " + subject + "address verification problem"},
      {{{"smtpd_recipient_restrictions", "reject_unverified_recipient, reject"}},
       "deferred busy",
       "554 5.7.1 " + subject + "Access denied"},
      {{{"smtpd_recipient_restrictions", "reject_unverified_recipient, reject"},
        {"unverified_recipient_tempfail_action", "defer"}},
       "deferred busy",
       "450 4.1.1 " + subject + "unverified address: busy"},
      {{{"smtpd_recipient_restrictions", "warn_if_reject reject_unverified_recipient"},
        {"unverified_recipient_reject_code", "550"}},
       "undeliverable no",
       ""},
  };
  for (const Case& one : cases) {
    JudgedLists lists = verifying(one.settings);
    lists.verdict = one.verdict;
    EXPECT_EQ(lists.reply(), one.reply) << one.verdict;
    EXPECT_EQ(lists.services, std::vector<std::string>{"verify user@relay.example"});
  }
}

TEST(Unverified, AsksAnewAtEachCommand) {
  JudgedLists lists = verifying();
  lists.verdict = "deferred Address verification in progress";
  EXPECT_EQ(lists.reply().substr(0, 3), "450");
  lists.verdict = "deliverable yes";
  EXPECT_EQ(lists.reply(), "");
  EXPECT_EQ(lists.services,
            (std::vector<std::string>{"verify user@relay.example", "verify user@relay.example 2"}));
}

TEST(Unverified, SenderHasItsOwnCodesAndTheNullSenderPasses) {
  JudgedLists lists({{"smtpd_sender_restrictions", "reject_unverified_sender"},
                     {"unverified_sender_reject_code", "550"}});
  lists.verdict = "undeliverable no";
  EXPECT_EQ(lists.reply(),
            "550 5.1.7 <ann@sender.example>: Sender address rejected: undeliverable address: no");
  lists.evidence.reverse_path.reset();
  EXPECT_EQ(lists.reply(), "");
  EXPECT_EQ(lists.services.size(), 1u);
}

TEST(Unverified, AsksTheTablesOfThisServerFirst) {
  JudgedLists lists = verifying({{"local_recipient_maps", "inline:{ {amy = x} }"},
                                 {"smtpd_reject_unlisted_recipient", "no"},
                                 {"unverified_recipient_reject_code", "550"}});
  lists.verdict = "deliverable yes";
  lists.recipient("bob", "mx.example.net");
  EXPECT_EQ(lists.reply(),
            "550 5.1.1 <bob@mx.example.net>: Recipient address rejected: undeliverable address: "
            "User unknown in local recipient table");
  EXPECT_TRUE(lists.services.empty());
  lists.recipient("amy", "mx.example.net");
  EXPECT_EQ(lists.reply(), "");
  EXPECT_EQ(lists.services, std::vector<std::string>{"verify-own amy@mx.example.net"});
}

TEST(Unverified, AsksAboutABareAddressWithTheOriginsDomain) {
  JudgedLists lists({{"smtpd_sender_restrictions", "reject_unverified_sender"}});
  lists.evidence.reverse_path = address("\"a@b\"", "");
  lists.verdict = "deliverable ok";
  EXPECT_EQ(lists.reply(), "");
  EXPECT_EQ(lists.services, std::vector<std::string>{"verify \"a@b\"@example.net"});
}

TEST(Unverified, AsksAboutTheAddressAtTheEndOfARoute) {
  const auto asked = [](const std::string& local) {
    JudgedLists lists = verifying({{"allow_untrusted_routing", "yes"}});
    lists.verdict = "deliverable yes";
    lists.recipient(local, "mx.example.net");
    lists.reply();
    return lists.services.empty() ? "" : lists.services.back();
  };
  EXPECT_EQ(asked("bob%relay.example"), "verify bob@relay.example");
  EXPECT_EQ(asked("relay.example!bob"), "verify bob@relay.example");
  EXPECT_EQ(asked("bob%mx.example.net"), "verify-own bob@mx.example.net")
      << "a route to the domain itself";
  EXPECT_EQ(asked("\"john doe@relay.example\""), "verify \"john doe\"@relay.example");
  EXPECT_EQ(asked("\"john.@relay.example\""), "verify \"john.\"@relay.example");
  EXPECT_EQ(asked(R"("a\\\"b c%relay.example")"), R"(verify "a\\\"b c"@relay.example)");
  EXPECT_EQ(asked("\"john doe\""), "verify-own \"john doe\"@mx.example.net") << "as it was sent";
}

TEST(Unverified, MailToTheSenderOfProbesIsAcceptedBeforeTheLists) {
  const auto goes = [](Settings more, const std::string& local, const std::string& verdict = "") {
    more.emplace("smtpd_client_restrictions", "reject");
    JudgedLists lists(std::move(more));
    lists.verdict = verdict;
    lists.recipient(local, "example.net");
    return lists.reply().empty() && lists.to_prober;
  };
  EXPECT_TRUE(goes({}, "double-bounce"));
  EXPECT_TRUE(goes({}, "Double-Bounce"));
  EXPECT_TRUE(goes({{"address_verify_sender", "probe"}}, "probe"));
  EXPECT_FALSE(goes({{"address_verify_sender", "probe"}}, "double-bounce"));
  EXPECT_FALSE(goes({{"address_verify_sender", "<>"}}, "double-bounce"));
  const Settings changes{{"address_verify_sender_ttl", "1h"}};
  EXPECT_TRUE(goes(changes, "double-bounceABCDEFGH", "yes"));
  EXPECT_FALSE(goes(changes, "double-bounceABCDEFGH", "no"));
  EXPECT_FALSE(goes(changes, "double-bounce", "yes"));
}

TEST(Unverified, ChangingPartOfTheSenderIsKnownForAWhile) {
  const auto made = compiled({{"address_verify_sender_ttl", "1h"}});
  const Verification& settings = made.policy->verification;
  const std::chrono::system_clock::time_point start{std::chrono::hours(500'000)};
  const std::string sender = settings.probe_sender(start);
  EXPECT_EQ(sender, settings.probe_sender(start + std::chrono::minutes(59)));
  EXPECT_NE(sender, settings.probe_sender(start + std::chrono::hours(1)));
  const auto address = mail::parse_mailbox(sender, mail::Utf8::refused);
  ASSERT_TRUE(address);
  EXPECT_TRUE(settings.is_probe_sender(*address, start + std::chrono::hours(1)));
  EXPECT_FALSE(settings.is_probe_sender(*address, start + std::chrono::hours(3)));
}

TEST(Unverified, ValuesOutOfRangeAreErrorsWhateverTheErrorsSetting) {
  for (const auto& [name, value] : Settings{{"unverified_recipient_defer_code", "550"},
                                            {"unverified_sender_reject_code", "600"},
                                            {"unverified_sender_tempfail_action", "permit"},
                                            {"unknown_address_tempfail_action", "permit"},
                                            {"unknown_helo_hostname_tempfail_action", "permit"},
                                            {"address_verify_poll_count", "0"},
                                            {"address_verify_poll_delay", "0s"},
                                            {"address_verify_negative_expire_time", "soon"},
                                            {"address_verify_sender", "a b@example.net"}}) {
    const Compiled made = compiled({{name, value}}, Errors::defer);
    EXPECT_EQ(made.policy, nullptr) << name;
    ASSERT_FALSE(made.diagnostics.empty()) << name;
    EXPECT_NE(made.diagnostics.front().message.find(name), std::string::npos) << name;
  }
}

TEST(Origin, TheNameOfAFileIsAnError) {
  Settings settings{{"smtpd_relay_restrictions", "reject_unauth_destination"},
                    {"myorigin", "/etc/mailname"}};
  const Compiled made =
      compile(Parameters(std::move(settings), "mx.example.net"), file_sources(), Errors::refuse);
  ASSERT_FALSE(made.diagnostics.empty());
  EXPECT_EQ(made.diagnostics.front().code, "R008");
  EXPECT_EQ(made.diagnostics.front().severity, Diagnostic::Severity::error);
}

TEST(Unverified, TimesHaveUnits) {
  using std::chrono::seconds;
  EXPECT_EQ(parse_time("3", std::chrono::hours(1)), seconds(10'800));
  EXPECT_EQ(parse_time("3s", std::chrono::hours(1)), seconds(3));
  EXPECT_EQ(parse_time("2w", seconds(1)), seconds(1'209'600));
  for (const char* bad : {"", "s", "3x", "-3s", "999999999999999999999d", "99999999w"}) {
    EXPECT_EQ(parse_time(bad, seconds(1)), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace postern::dialect::restrictions
