#include "plan/guard.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "dialect/script_record.h"
#include "dialect/vsl/layer.h"
#include "dialect/webhook/compile.h"

namespace postern::plan {
namespace {

using Word = GuardResult::Word;

/// A configuration with one sentence, and perhaps a webhook.
struct Guarded {
  app::ConfigResult loaded;
  std::shared_ptr<policy::Directory> directory = std::make_shared<policy::Directory>();
  Webhooks webhooks;

  explicit Guarded(const std::string& sentence, const std::string& config = "") {
    app::LoadOptions options;
    options.read_files = false;
    options.machine_name = "mx.example.com";
    loaded = app::parse_config(config + "\n[guardrails]\na = '" + sentence + "'\n", "postern.toml",
                               options);
    EXPECT_TRUE(loaded.ok()) << loaded.diagnostics.render();
  }

  /// in@hooks.test with this policy.
  Guarded& with(const dialect::webhook::PolicyFields& fields) {
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_1";
    webhook->address = "in@hooks.test";
    webhook->policy_id = "pol_1";
    webhooks = {webhook};
    policy::Change change;
    change.put_domains.emplace_back("hooks.test");
    change.put_webhooks = {webhook};
    change.put_policies = {dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields)};
    directory->apply(std::move(change));
    return *this;
  }

  GuardResult result(std::chrono::milliseconds time = std::chrono::seconds(30)) const {
    const auto results =
        check_guardrails({.name = "now", .config = &loaded.config, .directory = directory},
                         *loaded.config.guardrails, {.webhooks = webhooks}, {.time = time});
    EXPECT_EQ(results.size(), 1u);
    return results.front();
  }
};

std::string word(const GuardResult& result) {
  return std::string(to_string(result.word)) + (result.text.empty() ? "" : ": " + result.text);
}

constexpr auto guarded_lists = "[restrictions]\nrelay_domains = \"relay.test\"\n";

std::string with_dmarc(const std::string& rule) {
  return std::string(guarded_lists) + "[authentication]\ndmarc = \"" + rule + "\"\n";
}

// The dialogue alone does not show what breaks the sentence.
TEST(GuardTest, TheDialogueSaysWhatDnsHasAndWhoTheClientIs) {
  const std::string listing =
      std::string(guarded_lists) +
      "smtpd_recipient_restrictions = \"permit_dnswl_client wl.test, reject\"\n";
  const GuardResult listed =
      Guarded("never accept where rcpt = abuse@relay.test", listing).result();
  ASSERT_EQ(listed.word, Word::violated) << word(listed);
  EXPECT_NE(dialogue_of(listed).find("; if DNS has "), std::string::npos) << dialogue_of(listed);
  EXPECT_NE(dialogue_of(listed).find("wl.test"), std::string::npos) << dialogue_of(listed);
  const GuardResult named =
      Guarded("never accept where client_name in evil.test", guarded_lists).result();
  ASSERT_EQ(named.word, Word::violated) << word(named);
  EXPECT_NE(dialogue_of(named).find("evil.test) with HELO"), std::string::npos)
      << dialogue_of(named);
}

// With smtpd_delay_reject = no a list at the greeting or EHLO may hold what comes later. What it
// says of the EHLO in front of STARTTLS is forgotten.
TEST(GuardTest, SessionsMayBeHeld) {
  const std::string early = std::string(guarded_lists) +
                            "mydestination = \"ours.test\"\nlocal_recipient_maps = \"\"\n"
                            "smtpd_relay_restrictions = \"reject_unauth_destination\"\n"
                            "smtpd_delay_reject = \"no\"\n";
  const std::string client =
      early +
      "smtpd_client_restrictions = \"check_client_access cidr:{ {203.0.113.0/24 HOLD} }\"\n";
  const std::string helo =
      early + "smtpd_helo_restrictions = \"check_helo_access inline:{ {held.test=HOLD} }\"\n";
  EXPECT_EQ(word(Guarded("never hold where rcpt is ours", client).result()), "violated");
  EXPECT_EQ(word(Guarded("never hold where not client in 203.0.113.0/24", client).result()),
            "holds");
  const GuardResult greeted = Guarded("never hold where rcpt is ours", helo).result();
  EXPECT_EQ(word(greeted), "violated");
  EXPECT_EQ(greeted.spoken->helo, "held.test");
  EXPECT_EQ(word(Guarded("never hold where not helo in held.test, *.held.test", helo).result()),
            "holds");
  const std::string in_clear =
      early +
      "smtpd_helo_restrictions = \"permit_tls_all_clientcerts, check_helo_access "
      "inline:{ {held.test=HOLD} }\"\n";
  EXPECT_EQ(word(Guarded("never hold where tls = yes and rcpt is ours", in_clear).result()),
            "violated");
}

// What only the sentence asks of DNS, and that the session is encrypted.
TEST(GuardTest, TheDialogueSaysAllThatTheSentenceIsAbout) {
  const GuardResult listed =
      Guarded("never accept where client listed in \"bl.test=127.0.0.3\"", guarded_lists).result();
  ASSERT_EQ(listed.word, Word::violated) << word(listed);
  EXPECT_NE(dialogue_of(listed).find(".bl.test {\"A\":[\"127.0.0.3\"]}"), std::string::npos)
      << dialogue_of(listed);
  const GuardResult sender =
      Guarded("never accept where from listed in \"dbl.test\"", guarded_lists).result();
  ASSERT_EQ(sender.word, Word::violated) << word(sender);
  EXPECT_NE(dialogue_of(sender).find(".dbl.test {\"A\""), std::string::npos) << dialogue_of(sender);
  const GuardResult unlisted =
      Guarded("never accept where not client listed in \"bl.test\"", guarded_lists).result();
  ASSERT_EQ(unlisted.word, Word::violated) << word(unlisted);
  EXPECT_EQ(dialogue_of(unlisted).find("DNS has"), std::string::npos) << dialogue_of(unlisted);
  const GuardResult tls = Guarded("never accept where tls = yes", guarded_lists).result();
  ASSERT_EQ(tls.word, Word::violated) << word(tls);
  EXPECT_NE(dialogue_of(tls).find(" over TLS says"), std::string::npos) << dialogue_of(tls);
}

TEST(GuardTest, DmarcIsWhatTheGatewayMakesOfIt) {
  const struct {
    std::string sentence, rule, word;
  } cases[] = {
      {"never accept where dmarc = fail", "report", "violated"},
      {"never accept where dmarc = fail and dmarc_policy = reject", "enforce", "holds"},
      {"never accept where dmarc = fail and dmarc_policy = quarantine", "enforce", "holds"},
      {"never accept where dmarc = fail", "enforce", "violated"},
      {"never accept where dmarc = fail", "require", "holds"},
      {"never accept where dmarc = none", "require", "holds"},
      {"never accept where dmarc = permerror", "enforce", "holds"},
      {"never accept where dmarc = temperror and dmarc_policy = reject", "enforce", "holds"},
      {"never accept where header_from in x.test and dmarc = pass", "require", "violated"},
      // There may be several authors, in one From field or in several.
      {"never accept where header_from in x.test and dmarc = permerror", "report", "violated"},
      {"never accept where header_from in x.test and dmarc = permerror", "enforce", "holds"},
      {"never accept where header_from in x.test and header_from in y.test", "report", "violated"},
      {"never accept where header_from in x.test and header_from in y.test and not dmarc = "
       "permerror",
       "report", "holds"},
      {"never accept where header_from in *.x.test and header_from in x.test and dkim = pass",
       "report", "violated"},
      {"never accept where dmarc = permerror and dkim in x.test", "report", "violated"},
      {"never refuse where header_from in x.test and dkim in x.test and rcpt in relay.test",
       "enforce", "violated"},
      {"never accept where dkim = pass and dkim = fail", "report", "holds"},
      // Aligned SPF or an aligned signature there must be.
      {"never accept where dmarc = pass and header_from in x.test and not from in x.test, *.x.test "
       "and not helo in x.test, *.x.test and not dkim in x.test, *.x.test",
       "report", "holds"},
      {"never accept where dmarc = pass and header_from in x.test and not dkim in x.test, *.x.test "
       "and not spf = pass",
       "report", "holds"},
  };
  for (const auto& one : cases) {
    const GuardResult result = Guarded(one.sentence, with_dmarc(one.rule)).result();
    EXPECT_EQ(word(result), one.word) << one.rule << ": " << one.sentence;
    EXPECT_EQ(result.spoken.has_value(), one.word == "violated");
  }
}

TEST(GuardTest, AWitnessSaysWhatTheMessageMustBe) {
  const GuardResult result =
      Guarded("never accept where spf = softfail and header_from in x.test", guarded_lists)
          .result();
  ASSERT_EQ(word(result), "violated");
  EXPECT_NE(dialogue_of(result).find("spf softfail"), std::string::npos) << dialogue_of(result);
  const GuardResult two =
      Guarded("never accept where header_from in x.test and header_from in y.test", guarded_lists)
          .result();
  ASSERT_EQ(word(two), "violated");
  EXPECT_THAT(dialogue_of(two), testing::HasSubstr("several authors"));
  EXPECT_THAT(dialogue_of(two), testing::HasSubstr("an author at x.test"));
  EXPECT_THAT(dialogue_of(two), testing::HasSubstr("an author at y.test"));
}

TEST(GuardTest, SizesAreComparedWithTheLimit) {
  const std::string limit =
      std::string(guarded_lists) +
      "smtpd_sender_restrictions = \"\"\n[limits]\nmessage_size = \"1 MiB\"\n";
  EXPECT_EQ(word(Guarded("never accept where size > 1048576", limit).result()), "holds");
  EXPECT_EQ(word(Guarded("never accept where size > 1048575", limit).result()), "violated");
  // Also where the sentence says nothing near it.
  const std::string taken =
      " and client in 192.0.2.0/24 and not helo = none and rcpt = a@relay.test";
  EXPECT_EQ(word(Guarded("never refuse where size > 1000" + taken, limit).result()), "violated");
  EXPECT_EQ(word(Guarded("always accept where not size > 1048576" + taken, limit).result()),
            "holds");
  EXPECT_EQ(word(Guarded("never accept where not size > 0", limit).result()), "violated");
  // It is nothing for a sentence that does not ask for one, whatever others ask.
  const Guarded two(
      "always accept where rcpt in relay.test" + taken + "'\nb = 'never hold where size > 10",
      limit);
  const auto results =
      check_guardrails({.name = "now", .config = &two.loaded.config, .directory = two.directory},
                       *two.loaded.config.guardrails);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(word(results[0]), "holds");
  EXPECT_EQ(word(results[1]), "holds");
}

TEST(GuardTest, PoliciesOfWebhooksAreProved) {
  dialect::webhook::PolicyFields spf;
  spf.require_spf = true;
  spf.allowed_spf_domains = {"partner.test"};
  dialect::webhook::PolicyFields dkim;
  dkim.require_dkim = true;
  dkim.allowed_dkim_domains = {"partner.test", "other.test"};
  dialect::webhook::PolicyFields networks;
  networks.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
  dialect::webhook::PolicyFields users;
  users.require_smtp_auth = true;
  const struct {
    const dialect::webhook::PolicyFields& fields;
    std::string sentence, word;
  } cases[] = {
      {spf, "never accept where rcpt = in@hooks.test and not spf = pass", "holds"},
      {spf, "never accept where rcpt = in@hooks.test and not from in partner.test", "violated"},
      {spf,
       "never accept where rcpt = in@hooks.test and not from in partner.test and not from = null",
       "holds"},
      {dkim, "never accept where rcpt = in@hooks.test and not dkim in partner.test", "violated"},
      {dkim, "never accept where not dkim in partner.test, other.test", "holds"},
      {dkim, "never accept where rcpt in hooks.test and dkim = none", "holds"},
      {networks, "never accept where client not in 203.0.113.0/24", "holds"},
      {networks, "never accept where client not in 203.0.113.0/25", "violated"},
      {networks,
       "never refuse where rcpt = in@hooks.test and client in 203.0.113.0/25 and not helo = none",
       "holds"},
      {networks, "never refuse where rcpt = in@hooks.test", "violated"},
      {users, "never accept where auth = none", "holds"},
      {users, "never accept where rcpt in hooks.test and auth = any", "holds"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(word(Guarded(one.sentence).with(one.fields).result()), one.word) << one.sentence;
  }
}

// Whatever domains the lists have, mail for a webhook is for this host.
TEST(GuardTest, ListsLetMailToWebhooksThrough) {
  const dialect::webhook::PolicyFields any;
  EXPECT_EQ(
      word(Guarded("never accept where from in spam.test and rcpt in hooks.test", guarded_lists)
               .with(any)
               .result()),
      "violated");
  EXPECT_EQ(
      word(Guarded(
               "never refuse where rcpt = in@hooks.test and from = null and helo = mx.client.test",
               guarded_lists)
               .with(any)
               .result()),
      "holds");
}

TEST(GuardTest, ShadowAndInactive) {
  dialect::webhook::PolicyFields shadow;
  shadow.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
  shadow.shadow = true;
  const std::string sentence = "never accept where client not in 203.0.113.0/24";
  EXPECT_EQ(word(Guarded(sentence).with(shadow).result()), "violated");
  EXPECT_EQ(
      word(Guarded("never accept where client in 10.0.0.0/8",
                   std::string(guarded_lists) + "client = \"check_client_access cidr:{ {10.0.0.0/8 "
                                                "REJECT} }\"\nmode = \"shadow\"\n")
               .result()),
      "holds")
      << "lists in shadow give no route, so nothing is taken";
}

TEST(GuardTest, LoginsInClear) {
  const std::string clear =
      "[[listener]]\naddress = \"127.0.0.1:25\"\ntls = \"none\"\nauth_without_tls = true\n"
      "[restrictions]\nmydestination = \"example.com\"\nlocal_recipient_maps = "
      "\"\"\nsmtpd_sasl_auth_enable = \"yes\"\nsmtpd_relay_restrictions = "
      "\"permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination\"\n";
  EXPECT_EQ(word(Guarded("always accept where auth = any and from = a@sender.test and rcpt = "
                         "b@foreign.test and not helo = none",
                         clear)
                     .result()),
            "holds");
  const GuardResult found = Guarded("never accept where auth = any", clear).result();
  EXPECT_EQ(found.word, Word::violated) << found.text;
  EXPECT_NE(dialogue_of(found).find(" and the login alice without TLS says"), std::string::npos)
      << dialogue_of(found);
}

TEST(GuardTest, ASentenceThatIsNotProvedSaysWhy) {
  const GuardResult late =
      Guarded("never discard", guarded_lists).result(std::chrono::milliseconds(0));
  EXPECT_EQ(late.word, Word::not_proved);
  EXPECT_EQ(late.reason, "budget_time");
}

TEST(GuardTest, SentencesThatAreGoneAreWeakened) {
  const auto weaker = [](const app::Guardrails* before, app::Config after) {
    std::string names;
    const GuardBudget budget;
    for (const Weakened& one : weakened(
             before,
             {.name = "new", .config = &after, .directory = std::make_shared<policy::Directory>()},
             {}, Deadline(budget.time), budget)) {
      names += fmt::format("{} {} ", one.name, to_string(one.now));
    }
    return names;
  };
  const auto of = [](const std::string& sentence) {
    return Guarded(sentence, guarded_lists).loaded.config;
  };
  const std::string sentence = "never accept where client in 10.0.0.0/8, mynetworks and size > 10";
  const app::Config old = of(sentence);
  const auto* before = old.guardrails.get();
  EXPECT_EQ(weaker(before, old), "");
  EXPECT_EQ(weaker(nullptr, old), "");
  app::Config none = old;
  none.guardrails = nullptr;
  EXPECT_EQ(weaker(before, none), "a violated ");
  for (const char* as_strong :
       {"never  accept where (client in 10.0.0.0/8,mynetworks) and size > 10",
        "never accept where size > 10 and client in mynetworks, 10.0.0.0/9, 10.128.0.0/9",
        "always refuse where client in 10.0.0.0/8, mynetworks and size > 9",
        "never accept where client in 10.0.0.0/8, mynetworks", "always refuse"}) {
    EXPECT_EQ(weaker(before, of(as_strong)), "") << as_strong;
  }
  for (const char* less :
       {"never accept where client in 10.0.0.0/9, mynetworks and size > 10",
        "never accept where client in 10.0.0.0/8, mynetworks and size > 11", "never hold",
        "never discard where client in 10.0.0.0/8, mynetworks and size > 10"}) {
    EXPECT_EQ(weaker(before, of(less)), "a violated ") << less;
  }
  // Whom `mynetworks` names, and which domains are foreign, an edit may change.
  const auto of_ours = [](const std::string& sentence) {
    return Guarded(sentence, std::string(guarded_lists) + "mynetworks = \"10.0.0.0/8\"\n")
        .loaded.config;
  };
  for (const auto& [strong, weak] :
       {std::pair("never accept where client in 10.0.0.0/8",
                  "never accept where client in mynetworks"),
        std::pair("never accept where rcpt = a@p.test", "never accept where rcpt is foreign"),
        std::pair("never accept where rcpt is relay", "never accept where rcpt in relay.test")}) {
    EXPECT_NE(weaker(of_ours(strong).guardrails.get(), of_ours(weak)), "") << weak;
  }
  EXPECT_EQ(
      weaker(
          of_ours("never accept where rcpt is foreign and client in mynetworks").guardrails.get(),
          of_ours("never accept where not rcpt is ours and not rcpt is relay")),
      "");
  // The rules are not asked: these cannot be proved.
  const std::string rules =
      "smtpd_delay_reject = \"no\"\nsmtpd_helo_restrictions = \"reject_plaintext_session\"\n";
  const auto with_rules = [&](const std::string& one) {
    return Guarded(one, std::string(guarded_lists) + rules).loaded.config;
  };
  EXPECT_EQ(weaker(before, with_rules("always refuse")), "");
  EXPECT_EQ(weaker(before, with_rules("never hold")), "a not proved ");
  app::Guardrails warns = *before;
  warns.sentences[0].warns = true;
  app::Config warning = old;
  warning.guardrails = std::make_shared<const app::Guardrails>(warns);
  EXPECT_EQ(weaker(before, warning), "a violated ");
  EXPECT_EQ(weaker(&warns, old), "");
  // What NEW keeps to today, a later edit may break.
  EXPECT_EQ(weaker(of("never hold where size > 10").guardrails.get(), none), "a holds ");
}

TEST(GuardTest, OddSentencesAreNamed) {
  EXPECT_EQ(Guarded("never accept where tls = no and tls = yes", guarded_lists).result().doubt,
            "no dialogue meets its condition");
  EXPECT_EQ(
      Guarded("never accept where client listed in \"bl.test\" and rcpt is foreign", guarded_lists)
          .result()
          .doubt,
      "no rule of the lists asks bl.test");
  EXPECT_EQ(Guarded("never discard", guarded_lists).result().doubt, "");
}

// A pattern may say which group a domain is of, and some addresses always exist.
TEST(GuardTest, DomainsOfPatternsBreakSentences) {
  const std::string barrier =
      "[restrictions]\nsmtpd_relay_restrictions = 'reject_unauth_destination'\n";
  const std::string pattern = " = 'pcre:{ {/^d\\.test$$/ x} }'\n";
  const struct {
    std::string sentence, lists;
  } cases[] = {
      {"never accept where rcpt is ours",
       "mydestination" + pattern +
           "smtpd_recipient_restrictions = 'check_recipient_access inline:{ "
           "{mx.example.com=REJECT}, {localhost=REJECT}, {[127.0.0.1]=REJECT}, {[::1]=REJECT} "
           "}'\n"},
      {"never accept where rcpt is relay", "mydestination = 'ours.test'\nrelay_domains" + pattern},
      {"never accept where rcpt in ours.test",
       "mydestination = 'ours.test'\nlocal_recipient_maps = 'inline:{ {zz=x} }'\n"
       "smtpd_recipient_restrictions = 'check_recipient_access inline:{ {zz@=REJECT}, "
       "{postmaster@=REJECT}, {double-bounce@=REJECT} }'\n"},
  };
  for (const auto& one : cases) {
    const GuardResult found = Guarded(one.sentence, barrier + one.lists).result();
    EXPECT_EQ(word(found), "violated") << one.sentence;
    EXPECT_EQ(found.doubt, "") << one.sentence;
  }
}

// `a%friend.test@ours.test` is an address of friend.test, and `a` one of myorigin.
TEST(GuardTest, AddressesAreWhatListsTakeThemFor) {
  const std::string lists =
      "[restrictions]\nmyorigin = 'ours.test'\nmydestination = 'ours.test'\n"
      "smtpd_relay_restrictions = 'reject_unauth_destination'\n"
      "smtpd_sender_restrictions = 'check_sender_access inline:{ {ours.test=REJECT} }'\n";
  const auto said = [&](const std::string& sentence, const std::string& more = "") {
    return std::string(word(Guarded(sentence, lists + more).result()));
  };
  EXPECT_EQ(said("never accept where from in ours.test"), "holds");
  EXPECT_EQ(said("never accept where from in ours.test", "allow_percent_hack = false\n"), "holds");
  EXPECT_EQ(said("never accept where from in friend.test"), "violated");
  EXPECT_EQ(said("always refuse where from = a@ours.test"), "holds");
}

// Domains of [vsl] are this host's, with lists and without them, and no others are.
TEST(GuardTest, DomainsOfRulesAreOurs) {
  static dialect::NoWorld world;
  const auto said = [](const std::string& sentence, const std::string& config = "") {
    dialect::vsl::VslPolicyOptions options;
    options.path = "main.vsl";
    options.files = std::make_shared<const std::map<std::string, std::string>>(
        std::map<std::string, std::string>{
            {"main.vsl", "#{ rcpt: [ rule \"all\" || accept() ] }\n"}});
    options.site.domain = "ours.test";
    options.site.hostname = "mx.ours.test";
    options.site.signs = false;
    options.site.virtual_domains["virtual.test"] = nullptr;
    options.run = dialect::run_alone;
    Guarded guarded(sentence, config);
    auto& rules = guarded.loaded.config.vsl;
    rules.domain = "ours.test";
    auto loaded = dialect::vsl::VslPolicy::load(std::move(options), world);
    EXPECT_TRUE(loaded);
    if (loaded) rules.loaded = *loaded;
    return guarded.result();
  };
  const std::string domains = "[restrictions]\nmydestination = 'listed.test'\n";
  for (const std::string& config : {std::string(), domains}) {
    for (const std::string sentence :
         {"never accept where from in junk.test and rcpt is ours",
          "never accept where rcpt in virtual.test and rcpt is ours",
          "never accept where rcpt = a@ours.test and not rcpt is foreign"}) {
      const GuardResult found = said(sentence, config);
      EXPECT_NE(found.word, Word::holds) << sentence;
      EXPECT_EQ(found.doubt, "") << sentence;
    }
    for (const std::string sentence : {"never accept where rcpt in ours.test and rcpt is foreign",
                                       "never accept where rcpt in other.test and rcpt is ours"}) {
      EXPECT_EQ(word(said(sentence, config)), "holds") << sentence;
    }
  }
}

TEST(GuardTest, DiagnosticsHaveThePlaceOfTheSentence) {
  const Guarded guarded(
      "never refuse where rcpt is relay and client in 192.0.2.0/24 and not helo = none",
      std::string(guarded_lists) + "client = \"reject_rbl_client bl.test\"\nsender = \"\"\n");
  const std::vector<GuardResult> results{guarded.result()};
  const auto found = diagnostics_of(results, *guarded.loaded.config.guardrails);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "G002");
  EXPECT_EQ(found[0].line, 7u);
  EXPECT_NE(found[0].message.find("is answered 554"), std::string::npos) << found[0].message;
  EXPECT_NE(found[0].hint.find("reject_rbl_client"), std::string::npos) << found[0].hint;
  for (const std::string reason : {"lua", "other_layers", "opaque_pattern"}) {
    GuardResult open = results.front();
    open.word = Word::not_proved;
    open.reason = reason;
    const auto said = diagnostics_of({open}, *guarded.loaded.config.guardrails);
    ASSERT_EQ(said.size(), 1u);
    EXPECT_EQ(said[0].code, "G003");
    EXPECT_EQ(said[0].hint.starts_with("narrow"), reason == "opaque_pattern") << said[0].hint;
  }
}

// One webhook is asked for each policy, and each that the lists may tell from it: by a tag, by an
// extension, by the form of its domain.
TEST(GuardTest, WebhooksThatListsTellApartAreAsked) {
  const std::string lists =
      "[restrictions]\nmydestination = 'ours.test'\nmynetworks = '10.1.0.0/16'\n"
      "smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n";
  const auto rules = [&](const std::string& list) {
    return lists + "smtpd_recipient_restrictions = '" + list + "'\n";
  };
  const struct {
    std::string what, lists, first, second, word;
  } cases[] = {
      {"alike", rules("permit_mynetworks, reject"), "aaa@other.test", "orders@hooks.test", "holds"},
      {"a tag",
       rules("check_recipient_access inline:{orders+x@hooks.test=OK}, permit_mynetworks, reject"),
       "aaa@other.test", "orders@hooks.test", "violated"},
      {"an extension",
       rules("check_recipient_access inline:{ord@hooks.test=OK}, permit_mynetworks, reject") +
           "recipient_delimiter = '-'\n",
       "aaa@other.test", "ord-a@hooks.test", "violated"},
      {"a form", rules("permit_mynetworks, reject_non_fqdn_recipient"), "aaa@localhost",
       "orders@hooks.test", "violated"},
      {"a form, the other first", rules("permit_mynetworks, reject_non_fqdn_recipient"),
       "orders@hooks.test", "aaa@localhost", "violated"},
  };
  for (const auto& one : cases) {
    Guarded guarded("never accept where rcpt is ours and client not in mynetworks", one.lists);
    policy::Change change;
    for (const std::string& address : {one.first, one.second}) {
      auto webhook = std::make_shared<policy::Webhook>();
      webhook->id = "wh_" + address;
      webhook->address = address;
      change.put_domains.emplace_back(address.substr(address.find('@') + 1));
      change.put_webhooks.push_back(webhook);
      guarded.webhooks.push_back(webhook);
    }
    guarded.directory->apply(std::move(change));
    app::Guardrails guardrails = *guarded.loaded.config.guardrails;
    const auto results = check_guardrails(
        {.name = "now", .config = &guarded.loaded.config, .directory = guarded.directory},
        guardrails, {.host = false, .webhooks = guarded.webhooks},
        {.time = std::chrono::seconds(30)});
    EXPECT_EQ(word(results.front()), one.word) << one.what;
  }
}

// Those of one domain that nothing tells apart are one proof, however many there are.
TEST(GuardTest, WebhooksThatNothingTellsApartAreOneProof) {
  Guarded guarded("never accept where rcpt in hooks.test and client not in mynetworks",
                  "[restrictions]\nmydestination = 'hooks.test'\nmynetworks = '10.1.0.0/16'\n"
                  "smtpd_relay_restrictions = 'permit_mynetworks, reject'\n");
  policy::Change change;
  change.put_domains.emplace_back("hooks.test");
  for (int number = 0; number < 1500; ++number) {
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = fmt::format("wh_{}", number);
    webhook->address = fmt::format("in{}@hooks.test", number);
    change.put_webhooks.push_back(webhook);
    guarded.webhooks.push_back(webhook);
  }
  guarded.directory->apply(std::move(change));
  GuardBudget budget{.time = std::chrono::seconds(30), .each = std::nullopt};
  std::string told;
  budget.progress = [&](std::size_t done, std::size_t all) {
    told += fmt::format("{} of {}, ", done, all);
  };
  const auto results = check_guardrails(
      {.name = "now", .config = &guarded.loaded.config, .directory = guarded.directory},
      *guarded.loaded.config.guardrails, {.host = false, .webhooks = guarded.webhooks}, budget);
  EXPECT_EQ(word(results.front()), "holds");
  EXPECT_EQ(told, "1 of 1, ");
}

// What a proof says of many addresses is not what it says of a webhook that is one of them.
TEST(GuardTest, AddressesOfOtherWebhooksStandForNoOthers) {
  Guarded guarded(
      "never accept where rcpt in hooks.test and not rcpt = in@hooks.test"
      " and client not in 203.0.113.0/24");
  dialect::webhook::PolicyFields fields;
  fields.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
  policy::Change change;
  change.put_domains.emplace_back("hooks.test");
  change.put_policies = {dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields)};
  for (const std::string local : {"in", "in+detail", "in+detail1"}) {
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_" + local;
    webhook->address = local + "@hooks.test";
    if (local != "in") webhook->policy_id = "pol_1";
    change.put_webhooks.push_back(webhook);
    guarded.webhooks.push_back(webhook);
  }
  guarded.directory->apply(std::move(change));
  const GuardResult result = guarded.result();
  EXPECT_EQ(word(result), "violated");
  EXPECT_NE(dialogue_of(result).find("in+detail"), std::string::npos) << dialogue_of(result);
}

// A client may say EHLO again behind STARTTLS, with another name.
TEST(GuardTest, AListAtEhloThatAsksForTlsProvesNothing) {
  const auto result_with = [](const std::string& list) {
    return Guarded("never accept where helo = in.test",
                   "[restrictions]\nmydestination = 'ours.test'\nsmtpd_delay_reject = 'no'\n"
                   "smtpd_helo_required = 'yes'\nsmtpd_helo_restrictions = 'check_helo_access "
                   "inline:{in.test=" +
                       list + "}'\n")
        .result();
  };
  EXPECT_EQ(result_with("reject_plaintext_session").reason, "several_greetings");
  EXPECT_EQ(word(result_with("REJECT")), "holds");
}

// Sentences that want mail to be taken are about clients that wait for replies.
TEST(GuardTest, ClientsThatDoNotWaitMayBeRefused) {
  const std::string open = std::string(guarded_lists) + "smtpd_sender_restrictions = \"\"\n";
  const std::string early = open + "smtpd_data_restrictions = \"reject_unauth_pipelining\"\n";
  const std::string mail =
      " where client in 192.0.2.0/24 and rcpt = a@relay.test and not helo = "
      "none";
  for (const char* sentence : {"never refuse", "always accept"}) {
    EXPECT_EQ(word(Guarded(sentence + mail, early).result()), "holds") << sentence;
  }
  const GuardResult broken = Guarded("never accept" + mail, early).result();
  EXPECT_EQ(word(broken), "violated");
  const std::string only_early = open +
                                 "smtpd_data_restrictions = \"defer_if_reject, "
                                 "reject_unauth_pipelining, reject\"\n";
  EXPECT_EQ(word(Guarded("never accept" + mail, only_early).result()), "holds");
}

// It names the rule that lets mail for others through, and not the last permit of a later list.
TEST(GuardTest, TheRuleThatGrantsIsNamed) {
  const GuardResult result =
      Guarded("never accept where rcpt is foreign and client not in mynetworks",
              "[restrictions]\nmydestination = 'ours.test'\nmynetworks = '10.1.0.0/16'\n"
              "i_know_this_is_an_open_relay = true\n"
              "smtpd_relay_restrictions = 'check_sender_access inline:{a@b.test=OK}, "
              "reject_unauth_destination'\n"
              "smtpd_recipient_restrictions = 'reject_non_fqdn_sender, permit'\n")
          .result();
  ASSERT_EQ(word(result), "violated");
  EXPECT_EQ(result.got.rule, "check_sender_access");
  EXPECT_EQ(result.got.row, "a@b.test");
}

// A message that is discarded before RCPT takes any recipient.
TEST(GuardTest, ADiscardBeforeRcptTakesUnknownAddressesOfWebhookDomains) {
  const dialect::webhook::PolicyFields any;
  for (const std::string delayed : {"yes", "no"}) {
    Guarded guarded(
        "never accept where rcpt = other@hooks.test",
        "[restrictions]\nmydestination = 'ours.test'\nsmtpd_delay_reject = '" + delayed +
            "'\nsmtpd_sender_restrictions = 'check_sender_access inline:{a@b.test=DISCARD}'\n");
    EXPECT_EQ(word(guarded.with(any).result()) == "holds", delayed == "yes") << delayed;
  }
}

// Who does not operate the gateway is not told what its tables have.
TEST(GuardTest, DialoguesForAllHaveNoWordsOfTables) {
  GuardResult result;
  result.spoken = Spoken{.client = "192.0.2.7"};
  result.spoken->client_name = "mail.partner.example";
  result.spoken->login = "alice";
  result.spoken->sender = "a@sender.example";
  result.spoken->recipient = "b@local.example";
  result.spoken->answers.push_back({.service = "tcp:127.0.0.1:9", .asked = "a", .text = "OK"});
  result.got.taken = true;
  result.got.handling = "deliver";
  EXPECT_EQ(dialogue_for_all(result),
            "a client at 192.0.2.7 without HELO, with a login without TLS says "
            "MAIL FROM:<a@sender.example> and RCPT TO:<b@local.example>, and is answered 250");
  for (const char* one : {"mail.partner.example", "alice", "tcp:127.0.0.1:9"}) {
    EXPECT_THAT(dialogue_of(result), testing::HasSubstr(one));
    EXPECT_THAT(boost::json::serialize(witness_of(result)), testing::HasSubstr(one));
    EXPECT_THAT(boost::json::serialize(witness_for_all(result)),
                testing::Not(testing::HasSubstr(one)));
  }
  EXPECT_EQ(witness_for_all(result).at("mail_from").as_string(), "a@sender.example");
}

// Beside lists every part of it may be a row of a table.
TEST(GuardTest, DialoguesForAllBesideListsHaveTheWebhookAlone) {
  const dialect::webhook::PolicyFields any;
  const auto broken_by = [&](const std::string& rule) {
    return Guarded("never accept where client not in 10.9.0.0/16 and rcpt in hooks.test",
                   "[restrictions]\nmydestination = 'ours.test'\n"
                   "smtpd_recipient_restrictions = '" +
                       rule + ", reject'\n")
        .with(any)
        .result();
  };
  for (const std::string rule : {"check_client_access inline:{198.51.77.9=OK}",
                                 "check_sender_access inline:{boss@partner.example=OK}",
                                 "check_helo_access inline:{mx.partner.example=OK}",
                                 "check_recipient_access inline:{in+boss@hooks.test=OK}",
                                 "check_sender_access pcre:{{/^boss@partner[.]example$$/ OK}}"}) {
    const GuardResult result = broken_by(rule);
    ASSERT_EQ(result.word, Word::violated) << rule << ": " << word(result);
    const std::string told =
        dialogue_for_all(result) + boost::json::serialize(witness_for_all(result));
    for (const char* one : {"198.51", "boss", "partner", "check_"}) {
      EXPECT_THAT(told, testing::Not(testing::HasSubstr(one))) << rule;
    }
  }
  EXPECT_EQ(dialogue_for_all(broken_by("check_client_access inline:{198.51.77.9=OK}")),
            "mail for <in@hooks.test> is answered 250");
  EXPECT_EQ(dialogue_for_all(broken_by("check_recipient_access inline:{in+boss@hooks.test=OK}")),
            "mail for an address at hooks.test is answered 250");
}

// The lists ask such a table about each client; the sentence would know one of many.
TEST(GuardTest, NetworksOfPatternsAreNotProved) {
  const Guarded guarded(
      "never refuse where client in mynetworks and rcpt is relay",
      std::string(guarded_lists) +
          "mynetworks = '10.0.0.0/8, pcre:{ {/^198[.]51[.]100[.]/ OK} }'\n"
          "smtpd_reject_unlisted_recipient = 'no'\n"
          "smtpd_helo_restrictions = 'check_client_access cidr:{ {10.0.0.0/8 OK} }, "
          "reject_invalid_helo_hostname'\n"
          "smtpd_relay_restrictions = 'permit_mynetworks, reject_unauth_destination'\n");
  EXPECT_THAT(word(guarded.result()),
              testing::StartsWith("not proved: the sentence asks for mynetworks"));
}

}  // namespace
}  // namespace postern::plan
