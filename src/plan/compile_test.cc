// The diagrams say of each dialogue what the production evaluation says: random lists, random
// dialogues, and members of the classes that do not stand for them. Seeds make a failure
// repeatable.
#include "plan/compile.h"

#include <cstdlib>
#include <iostream>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/parameters.h"
#include "plan/address_classes.h"
#include "plan/amount_test.h"
#include "plan/random_lists_test.h"
#include "policy/directory.h"
#include "policy/own_addresses.h"

namespace postern::plan {
namespace {

namespace restrictions = dialect::restrictions;
using policy::Evidence;
using policy::Stage;
using restrictions::ListPolicy;

std::shared_ptr<const ListPolicy> compiled(const Settings& settings, const Settings& files = {}) {
  restrictions::TableSources sources;
  sources.read = [files](const std::string& path) -> Result<std::string> {
    const auto file = files.find(path);
    return file == files.end() ? Result<std::string>(fail(Fault::not_found, path)) : file->second;
  };
  auto result = restrictions::compile(restrictions::Parameters(settings, "mx.postern.test"),
                                      sources, restrictions::Errors::defer);
  return result.policy;
}

/// What one evaluation gives, with the answers that the assignment has.
class AnsweringPlayer {
 public:
  AnsweringPlayer(Vocabulary& vocabulary, const std::vector<std::size_t>& values)
      : vocabulary_(vocabulary), values_(values) {}

  restrictions::Evaluated ask(const ListPolicy& policy, Evidence& evidence, Stage stage) {
    for (int round = 0; round < 200; ++round) {
      restrictions::Evaluated result = restrictions::evaluate(policy, evidence, stage);
      if (result.complete()) return result;
      if (result.wanted_dns) {
        dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
        if (result.wanted_dns->type != dns::Type::txt) {
          const OpenQuestion& open =
              vocabulary_.ask(*result.wanted_dns, evidence.session.client_ip);
          answer = open.answers[value(open.variable)].dns;
        }
        evidence.dns.push_back({*result.wanted_dns, answer});
        continue;
      }
      const OpenQuestion& open = vocabulary_.ask(*result.wanted_service);
      const auto& auth = evidence.session.auth;
      evidence.consulted.push_back(answered(*result.wanted_service,
                                            open.answers[value(open.variable)],
                                            auth ? auth->username : std::string()));
    }
    ADD_FAILURE() << "no end of questions";
    return {};
  }

 private:
  std::size_t value(Variable variable) const {
    return variable < values_.size() ? values_[variable] : 0;
  }
  Vocabulary& vocabulary_;
  const std::vector<std::size_t>& values_;
};

/// Plays the straight dialogue. `vary` may change what the client says, before each stage.
Outcome played(const ListPolicy& policy, Vocabulary& vocabulary,
               const std::vector<std::size_t>& values,
               const std::function<void(Evidence&)>& vary = {}) {
  Chosen chosen;
  for (std::size_t axis = 0; axis < axis_count; ++axis) chosen.value[axis] = values[axis];
  const Classes& classes = vocabulary.classes();
  AnsweringPlayer player(vocabulary, values);
  Outcome outcome;
  const std::shared_ptr<const ListPolicy> borrowed(std::shared_ptr<void>(), &policy);
  const restrictions::RestrictionsLayer layer(borrowed, "");
  const auto at = [&](Stage stage, bool after_starttls = true) {
    if (!layer.speaks_at(stage)) return true;
    Evidence evidence = evidence_of(classes, chosen, stage, after_starttls);
    std::erase_if(evidence.dns, [](const policy::DnsRecord& one) {
      return one.question.type != dns::Type::ptr && one.answer.status != dns::Status::found;
    });
    if (vary) vary(evidence);
    const auto result = player.ask(policy, evidence, stage);
    // RFC 3207 §4.2: of a HELO in front of STARTTLS only a refusal counts.
    const bool is_forgotten = !after_starttls && classes.sessions[chosen[Axis::session]].tls;
    if (result.hold && !is_forgotten) outcome.hold = true;
    if (result.discard) outcome.discard = true;
    if (result.reply.code == 0) return true;
    outcome = {
        .taken = false, .stage = stage, .refusal = {result.reply.code, result.reply.enhanced}};
    return false;
  };
  const bool has_helo = !classes.helos[chosen[Axis::helo]].name.empty();
  if (!at(Stage::connect)) return outcome;
  if (has_helo) {
    if (!at(Stage::helo, false)) return outcome;
    if (classes.sessions[chosen[Axis::session]].tls && !at(Stage::helo)) return outcome;
  }
  if (policy.helo_required && !has_helo) {
    return {.taken = false, .stage = Stage::mail, .refusal = {503, {5, 5, 1}}};
  }
  if (!at(Stage::mail)) return outcome;
  for (const Stage stage : {Stage::rcpt, Stage::data, Stage::message}) {
    if (outcome.discard) break;
    if (!at(stage)) return outcome;
  }
  outcome.taken = true;
  if (outcome.discard) outcome.hold = false;
  return outcome;
}

/// The result that a diagram has for an assignment.
Leaf looked_up_leaf(const Diagrams& diagrams, Ref ref, const std::vector<std::size_t>& values) {
  while (!diagrams.is_leaf(ref)) {
    const Variable variable = diagrams.variable_of(ref);
    ref = diagrams.children_of(ref)[variable < values.size() ? values[variable] : 0];
  }
  return diagrams.leaf_of(ref);
}
Outcome looked_up(Vocabulary& vocabulary, Ref ref, const std::vector<std::size_t>& values) {
  return vocabulary.outcome(looked_up_leaf(vocabulary.diagrams(), ref, values));
}

std::string outcome_text(const Outcome& outcome) {
  if (outcome.taken) return fmt::format("taken, {}", outcome.handling());
  return fmt::format("{} {} {}.{}.{}", policy::to_string(outcome.stage), outcome.refusal.code,
                     outcome.refusal.enhanced.klass, outcome.refusal.enhanced.subject,
                     outcome.refusal.enhanced.detail);
}

/// Another end of the client's range, and other local parts.
void vary(Evidence& evidence, const Classes& classes, const std::vector<std::size_t>& values,
          Random& random) {
  if (evidence.reverse_path && evidence.reverse_path->local_part == "x") {
    evidence.reverse_path->local_part = "other" + std::to_string(random.below(9));
  }
  for (auto* recipient : {evidence.candidate ? &*evidence.candidate : nullptr,
                          evidence.recipients.empty() ? nullptr : &evidence.recipients.front()}) {
    if (recipient != nullptr && recipient->address.local_part == "y") {
      recipient->address.local_part = "other";
    }
  }
  const ClientClass& client = classes.clients[values[static_cast<std::size_t>(Axis::client)]];
  const IpAddress before = evidence.session.client_ip;
  evidence.session.client_ip = random.one_in(2) ? client.first : client.last;
  for (policy::DnsRecord& record : evidence.dns) {
    if (record.question.type == dns::Type::ptr) {
      record.question.name = policy::reverse_name(evidence.session.client_ip);
    }
    for (std::string& text : record.answer.records) {
      if (text == before.to_string()) text = evidence.session.client_ip.to_string();
    }
  }
}

/// Draws dialogues, and compares the diagram of these lists with the production evaluation. How
/// many were compared; 0: the answers of a rule cannot be listed.
int agreeing(const Settings& settings, Random& random, int dialogues, const std::string& which) {
  const auto policy = compiled(settings);
  EXPECT_TRUE(policy) << shown(settings);
  restrictions::PolicyWords words;
  words.add(*policy);
  if (!words.not_listed.empty()) return 0;
  Diagrams diagrams(5'000'000);
  Vocabulary vocabulary(diagrams, words, policy->recipient_delimiter);
  const Ref compiled_lists = compile(*policy, vocabulary);
  int compared = 0;
  for (int i = 0; i < dialogues; ++i) {
    std::vector<std::size_t> values;
    for (Variable variable = 0; variable < diagrams.variables(); ++variable) {
      // Most questions have the answer of an empty world.
      const bool odd = variable < axis_count ? !random.one_in(3) : random.one_in(3);
      values.push_back(odd ? random.below(diagrams.values(variable)) : 0);
    }
    if (looked_up_leaf(diagrams, vocabulary.possible(), values) == 0) continue;
    const std::string expected = outcome_text(played(*policy, vocabulary, values));
    const std::string found = outcome_text(looked_up(vocabulary, compiled_lists, values));
    ++compared;
    const std::string varied =
        outcome_text(played(*policy, vocabulary, values, [&](Evidence& evidence) {
          vary(evidence, vocabulary.classes(), values, random);
        }));
    if (found == expected && found == varied) continue;
    std::string said;
    for (std::size_t axis = 0; axis < axis_count; ++axis) said += fmt::format("{} ", values[axis]);
    ADD_FAILURE() << which << ": the diagram says " << found << ", the evaluation " << expected
                  << ", of another member " << varied << "\nclasses " << said << "\n"
                  << shown(settings);
    break;
  }
  return compared;
}

TEST(PlanCompileTest, DiagramsSayWhatTheEvaluationSays) {
  const unsigned lists = amount("POSTERN_PLAN_LISTS", 100);
  const unsigned first = amount("POSTERN_PLAN_SEED", 1);
  constexpr int dialogues = 60;
  std::size_t compared = 0;
  for (unsigned seed = first; seed < first + lists && !HasFailure(); ++seed) {
    Draw draw(seed);
    const Settings settings = draw.settings();
    compared += static_cast<std::size_t>(
        agreeing(settings, draw.random(), dialogues, fmt::format("seed {}", seed)));
  }
  EXPECT_GT(compared, lists * dialogues / 2);
  if (lists > 100) std::cout << compared << " dialogues compared\n";
}

/// What lists that are written by hand have besides.
const Settings written_besides{{"compatibility_level", "3.6"},
                               {"mydestination", "local.example"},
                               {"smtpd_reject_unlisted_recipient", "no"}};

// What is drawn too seldom.
TEST(PlanCompileTest, DiagramsSayWhatTheEvaluationSaysOfRareLists) {
  const std::map<std::string, Settings> rare{
      {"both reasons to defer leave the list",
       {{"smtpd_recipient_restrictions",
         "check_sender_access inline:{ {spam.example = DEFER_IF_PERMIT} }, "
         "check_client_access inline:{ {192.0.2 = DEFER_IF_REJECT} }, "
         "check_recipient_access inline:{ {local.example = 452 4.2.2 full} }"}}},
      {"a reason to defer prevails over DISCARD at MAIL",
       {{"smtpd_delay_reject", "no"},
        {"smtpd_sender_restrictions",
         "check_client_access inline:{ {192.0.2 = DEFER_IF_PERMIT} }, "
         "check_sender_access inline:{ {spam.example = DISCARD} }"}}},
      {"rows permit no address with a route",
       {{"relay_domains", "relay.example"},
        {"smtpd_relay_restrictions",
         "check_recipient_access inline:{ {relay.example = permit} }, reject"}}},
      {"a class stands in the lists of two commands",
       {{"smtpd_delay_reject", "no"},
        {"smtpd_restriction_classes", "k1"},
        {"k1", "check_recipient_access inline:{ {local.example = REJECT} }"},
        {"smtpd_sender_restrictions", "k1"},
        {"smtpd_recipient_restrictions", "k1"}}},
      {"EHLO in clear and behind STARTTLS",
       {{"smtpd_delay_reject", "no"},
        {"smtpd_helo_restrictions",
         "check_helo_access inline:{ {a.example = permit} }, reject_plaintext_session"}}}};
  for (const auto& [what, special] : rare) {
    Settings settings = special;
    settings.insert(written_besides.begin(), written_besides.end());
    Random random(1);
    EXPECT_GT(agreeing(settings, random, 3000, what), 1000);
  }
}

/// Whether two versions are proved to be the same; with these settings besides.
bool same_lists(Settings one, Settings other) {
  std::vector<std::shared_ptr<const ListPolicy>> policies;
  restrictions::PolicyWords words;
  for (Settings* settings : {&one, &other}) {
    settings->insert(written_besides.begin(), written_besides.end());
    policies.push_back(compiled(*settings));
    words.add(*policies.back());
  }
  Diagrams diagrams;
  Vocabulary vocabulary(diagrams, words, "");
  const Ref first = compile(*policies[0], vocabulary);
  return first == compile(*policies[1], vocabulary);
}

/// One policy with its diagram.
struct Compiled {
  std::shared_ptr<const ListPolicy> policy;
  Diagrams diagrams;
  std::unique_ptr<Vocabulary> vocabulary;
  Ref lists = 0;

  explicit Compiled(Settings settings, const Settings& files = {}) {
    settings.insert(written_besides.begin(), written_besides.end());
    policy = compiled(settings, files);
    restrictions::PolicyWords words;
    words.add(*policy);
    vocabulary = std::make_unique<Vocabulary>(diagrams, words, "");
    lists = compile(*policy, *vocabulary);
  }
  /// The question whose key starts with this.
  const OpenQuestion& question(std::string_view start) const {
    for (const auto& one : vocabulary->questions()) {
      if (one->key.starts_with(start)) return *one;
    }
    throw std::runtime_error("no such question");
  }
};

// Before STARTTLS nothing is secured, and before MAIL nobody is signed in.
TEST(PlanCompileTest, WhatAClientHasSaidGrows) {
  const Compiled made({{"smtpd_sasl_auth_enable", "yes"}});
  const Classes& classes = made.vocabulary->classes();
  Chosen chosen;
  for (std::size_t i = 0; i < classes.sessions.size(); ++i) {
    if (classes.sessions[i].tls && classes.sessions[i].login) chosen[Axis::session] = i;
  }
  ASSERT_TRUE(classes.sessions[chosen[Axis::session]].login);
  const auto at = [&](Stage stage, bool after_starttls = true) {
    return evidence_of(classes, chosen, stage, after_starttls).session;
  };
  EXPECT_FALSE(at(Stage::connect).tls);
  EXPECT_FALSE(at(Stage::helo, false).tls);
  EXPECT_TRUE(at(Stage::helo).tls);
  EXPECT_FALSE(at(Stage::helo).auth);
  EXPECT_TRUE(at(Stage::mail).auth);
}

// A certificate is seen behind STARTTLS only: what such a rule does there is another question.
TEST(PlanCompileTest, RulesThatAreQuestionsAreAskedAgainBehindStartTls) {
  const Compiled made({{"smtpd_delay_reject", "no"},
                       {"smtpd_helo_restrictions", "check_ccert_access inline:{x=REJECT}"}});
  const auto asked = std::ranges::count_if(made.vocabulary->questions(), [](const auto& one) {
    return one->key.starts_with("rule check_ccert_access");
  });
  EXPECT_EQ(asked, 2);
}

// Two records may be there at once, so the order of two filters of one zone matters.
TEST(PlanCompileTest, TwoFiltersOfAZoneMayBothHold) {
  const std::string refuses = "reject_rbl_client bl.example=127.0.0.2";
  const std::string permits = "permit_dnswl_client bl.example=127.0.0.3";
  const auto list = [](const std::string& rules) {
    return Settings{{"smtpd_client_restrictions", rules}};
  };
  EXPECT_FALSE(same_lists(list(refuses + ", " + permits), list(permits + ", " + refuses)));
}

// A verified name has an address of the client's family.
TEST(PlanCompileTest, AVerifiedNameHasAnAddress) {
  Compiled made(
      {{"smtpd_client_restrictions", "check_client_access inline:{ {a.example = OK} }"},
       {"smtpd_helo_restrictions",
        "check_helo_access inline:{ {a.example = DUNNO} }, reject_unknown_helo_hostname"}});
  const Classes& classes = made.vocabulary->classes();
  const Variable asked = made.question("A a.example").variable;
  const Variable other = made.question("AAAA a.example").variable;
  using Kind = NameClass::Kind;
  std::set<std::pair<Kind, bool>> seen;
  for (std::size_t name = 0; name < classes.names.size(); ++name) {
    if (classes.names[name].name != "a.example") continue;
    for (std::size_t client = 0; client < classes.clients.size(); ++client) {
      std::vector<std::size_t> values(made.diagrams.variables(), 0);
      values[Vocabulary::variable(Axis::name)] = name;
      values[Vocabulary::variable(Axis::client)] = client;
      const Kind kind = classes.names[name].kind;
      const bool is_v4 = classes.clients[client].one.is_v4();
      seen.emplace(kind, is_v4);
      // Answers are missing, found, none. The other family's is one that fits.
      values[other] = kind == Kind::verified ? 1 : kind == Kind::unverified ? 0 : 2;
      values[asked] = 0;
      const bool missing = looked_up_leaf(made.diagrams, made.vocabulary->possible(), values) == 1;
      EXPECT_EQ(missing, !is_v4 || kind == Kind::unverified) << name << " " << client;
    }
  }
  EXPECT_GE(seen.size(), 4u);
}

TEST(PlanCompileTest, APatternThatMatchesHasItsRow) {
  Compiled made({{"smtpd_relay_restrictions", "permit"},
                 {"smtpd_sender_restrictions", "check_sender_access regexp:/t"}},
                {{"/t", "/spam/ REJECT\n"}});
  const auto& questions = made.vocabulary->questions();
  const auto pattern =
      std::ranges::find_if(questions, [](const auto& one) { return one->pattern.has_value(); });
  ASSERT_NE(pattern, questions.end());
  bool refused = false;
  for (const std::size_t matches : {0, 1}) {
    std::vector<std::size_t> values(made.diagrams.variables(), 0);
    for (const auto& one : questions) values[one->variable] = matches;
    refused = refused || !looked_up(*made.vocabulary, made.lists, values).taken;
    EXPECT_EQ(refused, matches == 1);
  }
}

/// Whether two policies whose tables have these rows are proved to be the same.
bool same_with(const std::string& list, const std::string& table, const std::string& one,
               const std::string& other) {
  const auto policy_of = [&](const std::string& row) {
    return compiled({{"compatibility_level", "3.6"},
                     {"mydestination", "local.example"},
                     {"relay_domains", "relay.example"},
                     {list, table}},
                    {{"/t", row + "\n"}});
  };
  const auto first = policy_of(one);
  const auto second = policy_of(other);
  EXPECT_TRUE(first && second);
  restrictions::PolicyWords words;
  words.add(*first);
  words.add(*second);
  Diagrams diagrams(1'000'000);
  Vocabulary vocabulary(diagrams, words, first->recipient_delimiter);
  const Ref of_first = compile(*first, vocabulary);
  return of_first == compile(*second, vocabulary);
}

// Lists read the route of an address without domain; such a one was once taken from everybody.
TEST(PlanCompileTest, ARouteWithoutADomainIsAQuestion) {
  const auto policy =
      compiled({{"compatibility_level", "3.6"}, {"mydestination", "local.example"}}, {});
  restrictions::PolicyWords words;
  words.add(*policy);
  Diagrams diagrams(1'000'000);
  const Vocabulary vocabulary(diagrams, words, policy->recipient_delimiter);
  std::set<std::string> bare;
  for (const AddressClass& one : vocabulary.classes().recipients) {
    if (one.one && one.one->domain.empty()) bare.insert(one.one->local_part);
  }
  const std::string foreign = vocabulary.classes().recipients.front().one->domain;
  for (const std::string& local : {"b%" + foreign, foreign + "!b", "postmaster%" + foreign}) {
    EXPECT_TRUE(bare.contains(local)) << local;
  }
}

// Tables are asked about the address that a route leads to.
TEST(PlanCompileTest, WhereARouteLeadsIsTheTextOfPatterns) {
  const auto policy =
      compiled({{"mydestination", "local.example"},
                {"myorigin", "local.example"},
                {"smtpd_sender_restrictions",
                 "check_sender_access inline:{ {u@partner.example=OK} }, reject_non_fqdn_sender"}},
               {});
  restrictions::PolicyWords words;
  words.add(*policy);
  const Classes classes = classes_of(words, policy->recipient_delimiter);
  const auto found = std::ranges::find_if(classes.senders, [](const AddressClass& one) {
    return one.read && one.read->text() == "u@partner.example";
  });
  ASSERT_NE(found, classes.senders.end());
  EXPECT_EQ(found->one->domain, "");
  const auto value = static_cast<std::size_t>(found - classes.senders.begin());
  const auto text = classes.text_of(Axis::sender, value, "u@partner.example");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->part, DialogueText::Part::whole);
  EXPECT_FALSE(classes.text_of(Axis::sender, value, "u%partner.example@local.example"));
  EXPECT_EQ(routed_to({"other", "partner.example"}, *found).text(), "other%partner.example");
}

// Whether a sender exists hangs on local parts that no other rule names.
TEST(PlanCompileTest, LocalPartsTellSendersApart) {
  const auto same = [&](const std::string& rule, const std::string& maps) {
    return same_lists(
        {{"local_recipient_maps", "inline:{u=x}"}, {"smtpd_sender_restrictions", rule}},
        {{"local_recipient_maps", maps}, {"smtpd_sender_restrictions", rule}});
  };
  EXPECT_FALSE(same("reject_unlisted_sender", "inline:{{u=x} {v=x}}"));
  EXPECT_TRUE(same("reject_unlisted_sender", "inline:{{u=y}}"));
  EXPECT_TRUE(same("permit", "inline:{{u=x} {v=x}}"));
}

// What a pattern says of the sender is not what it says of the recipient; of one of them it is one
// question, whatever text stands for it.
TEST(PlanCompileTest, APatternIsAskedAboutEachPart) {
  const auto policy = compiled({{"compatibility_level", "3.6"}});
  restrictions::PolicyWords words;
  words.add(*policy);
  Diagrams diagrams(100'000);
  Vocabulary vocabulary(diagrams, words, "");
  const auto asked = [&](const std::string& text, Axis axis, DialogueText::Part part) {
    return &vocabulary.ask({"pcre 11010000 dynamic /xyz/", text},
                           DialogueText{.axis = axis, .part = part});
  };
  using Part = DialogueText::Part;
  const OpenQuestion* sender = asked("a@sender.test", Axis::sender, Part::whole);
  EXPECT_EQ(asked("b@sender.test", Axis::sender, Part::whole), sender);
  EXPECT_NE(asked("a@sender.test", Axis::recipient, Part::whole), sender);
  EXPECT_NE(asked("a@sender.test", Axis::sender, Part::local), sender);
}

// Where a rule decides is what coverage by proof is about.
TEST(PlanCompileTest, RulesDecideSomewhereOrNowhere) {
  const auto policy = compiled(
      {{"compatibility_level", "3.6"},
       {"mynetworks", "10.0.0.0/8"},
       {"smtpd_recipient_restrictions",
        "permit_mynetworks, reject_unauth_destination, permit_mynetworks, permit, reject"}});
  restrictions::PolicyWords words;
  words.add(*policy);
  Diagrams diagrams(100'000);
  Vocabulary vocabulary(diagrams, words, "");
  Decisions decisions;
  (void)compile(*policy, vocabulary, {}, &decisions);
  std::vector<bool> decides;
  for (const restrictions::Rule& rule : policy->list(restrictions::ListKind::recipient)) {
    decides.push_back(decisions.by_rule.at(&rule) != diagrams.leaf(0));
  }
  // What the third one would permit the first one has permitted; nothing comes to the last one.
  EXPECT_EQ(decides, (std::vector<bool>{true, true, false, true, false}));
}

// What DNS says of a sender's domain is decided with the sender, not anew for each recipient.
TEST(PlanCompileTest, QuestionsOfOnePartStayWithIt) {
  const auto nodes = [](int rows) {
    std::string senders;
    std::string recipients;
    for (int i = 0; i < rows; ++i) {
      senders += fmt::format("sender{}.test OK\n", i);
      recipients += fmt::format("r{}@ours.test DUNNO\n", i);
    }
    const auto policy =
        compiled({{"mydestination", "ours.test"},
                  {"local_recipient_maps", ""},
                  {"smtpd_sender_restrictions",
                   "reject_unknown_sender_domain, check_sender_access texthash:senders"},
                  {"smtpd_recipient_restrictions",
                   "check_recipient_access texthash:recipients, reject_unverified_recipient, "
                   "reject_unauth_destination"}},
                 {{"senders", senders}, {"recipients", recipients}});
    EXPECT_TRUE(policy);
    restrictions::PolicyWords words;
    words.add(*policy);
    Diagrams diagrams;
    Vocabulary vocabulary(diagrams, words, "");
    compile(*policy, vocabulary);
    return diagrams.size();
  };
  const std::size_t some = nodes(50);
  const std::size_t twice = nodes(100);
  EXPECT_LT(twice, some * 5 / 2) << some;
}

TEST(PlanCompileTest, CommandsThatComeAheadAreAsked) {
  EXPECT_FALSE(same_lists({{"smtpd_recipient_restrictions", "reject_unauth_pipelining, permit"}},
                          {{"smtpd_recipient_restrictions", "permit"}}));
}

// A policy server may name a class that no list has, and ask for a login.
TEST(PlanCompileTest, AnswersOfProgramsMayNameWhatNoListHas) {
  const auto with_class = [](const std::string& rules) {
    return Settings{{"smtpd_restriction_classes", "k1"},
                    {"k1", rules},
                    {"smtpd_recipient_restrictions", "check_policy_service inet:127.0.0.1:9"}};
  };
  EXPECT_FALSE(same_lists(with_class("check_sender_access inline:{spam.example=REJECT}"),
                          with_class("check_sender_access inline:{foe.example=REJECT}")));
  EXPECT_FALSE(same_lists(with_class("reject_rbl_client bl.example"),
                          with_class("reject_rbl_client other.example")));
  EXPECT_FALSE(same_lists(with_class("permit_sasl_authenticated, reject"), with_class("reject")));
}

// Domains that end in a number are looked up in no list of domains.
TEST(PlanCompileTest, DomainsThatEndInANumberAreAKind) {
  const auto policy = compiled({{"compatibility_level", "3.6"}});
  restrictions::PolicyWords words;
  words.add(*policy);
  const Classes classes = classes_of(words, "");
  const auto has = [](const std::vector<AddressClass>& addresses) {
    return std::ranges::any_of(addresses, [](const AddressClass& one) {
      return one.one && one.one->domain.ends_with(".123");
    });
  };
  EXPECT_TRUE(has(classes.senders));
  EXPECT_TRUE(has(classes.recipients));
  EXPECT_TRUE(std::ranges::any_of(classes.helos,
                                  [](const HeloClass& one) { return one.name == "host.123"; }));
}

// Who can choose the addresses of webhooks does not choose what stands for others.
TEST(PlanCompileTest, NoWebhookStandsForOtherRecipients) {
  const auto policy = compiled({{"compatibility_level", "3.6"},
                                {"mydestination", "local.example"},
                                {"relay_domains", "relay.example"},
                                {"recipient_delimiter", "+-"}});
  restrictions::PolicyWords words;
  words.add(*policy);
  words.recipient_keys.insert("bob@relay.example");
  policy::Directory directory;
  const auto classes = [&] { return classes_of(words, "+-", {}, {}, {&directory}).recipients; };
  const auto chosen = classes();
  policy::Change change;
  for (const AddressClass& one : chosen) {
    if (one.one->domain.empty() || one.one->domain.starts_with('[')) continue;
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_" + one.one->text();
    webhook->address = one.one->text();
    change.put_webhooks.push_back(webhook);
    change.put_domains.emplace_back(one.one->domain);
  }
  directory.apply(std::move(change));
  const auto others = classes();
  EXPECT_EQ(others.size(), chosen.size());
  std::size_t told = 0;
  for (const AddressClass& one : others) {
    const std::string& domain = one.one->domain;
    const auto is_there = [&](const AddressClass& before) {
      return before.one->text() == one.one->text();
    };
    // Those that stand for themselves are as they were.
    if (domain.empty() || domain.starts_with('[') || std::ranges::any_of(chosen, is_there)) {
      continue;
    }
    ++told;
    const policy::Route route = directory.resolve(*one.one);
    EXPECT_TRUE(!route.webhook || route.webhook->address != one.one->text()) << one.words;
    const bool is_named = words.domains.contains(domain) || domain == "mx.postern.test";
    if (is_named) continue;
    EXPECT_FALSE(route.webhook) << one.words << " " << one.one->text();
    EXPECT_EQ(route.missing, policy::Route::Missing::foreign_domain) << one.words;
  }
  EXPECT_GT(told, 20u);
}

// What is completed to a webhook's address goes there, and others without a domain do not.
TEST(PlanCompileTest, NoWebhookStandsForOthersOnceTheirDomainIsCompleted) {
  const auto policy = compiled({{"compatibility_level", "3.6"},
                                {"myorigin", "local.example"},
                                {"mydestination", "local.example"},
                                {"append_dot_mydomain", "yes"},
                                {"mydomain", "below.example"}});
  restrictions::PolicyWords words;
  words.add(*policy);
  policy::Directory directory;
  const auto whole = [](const AddressClass& one) {
    return policy::completed(*one.one, {"local.example", "local.example", "below.example"});
  };
  const auto stand_for_many = [&] {
    std::vector<AddressClass> some = classes_of(words, "", {}, {}, {&directory}).recipients;
    std::erase_if(some, [](const AddressClass& one) {
      return one.exact || one.read || one.one->domain.find('.') != std::string::npos;
    });
    return some;
  };
  policy::Change change;
  const auto chosen = stand_for_many();
  for (const AddressClass& one : chosen) {
    auto webhook = std::make_shared<policy::Webhook>();
    webhook->id = "wh_" + one.one->text();
    webhook->address = policy::address_key(whole(one));
    change.put_domains.push_back(whole(one).domain);
    change.put_webhooks.push_back(std::move(webhook));
  }
  directory.apply(std::move(change));
  EXPECT_GE(chosen.size(), 2u);
  const auto others = stand_for_many();
  EXPECT_EQ(others.size(), chosen.size());
  for (const AddressClass& one : others) {
    EXPECT_FALSE(directory.resolve(whole(one)).webhook) << one.words << " " << one.one->text();
  }
}

// A rule whose answers cannot be listed is the same rule only with the same rows.
TEST(PlanCompileTest, RulesThatAreQuestionsHaveTheirRows) {
  for (const char* rule : {"check_helo_access cidr:/t", "check_sender_mx_access cidr:/t"}) {
    const std::string lists = "smtpd_sender_restrictions";
    EXPECT_TRUE(same_with(lists, rule, "192.0.2.0/24 REJECT", "192.0.2.0/24 REJECT")) << rule;
    EXPECT_FALSE(same_with(lists, rule, "192.0.2.0/24 REJECT", "192.0.2.0/24 OK")) << rule;
    EXPECT_FALSE(same_with(lists, rule, "192.0.2.0/24 REJECT", "192.0.2.0/25 REJECT")) << rule;
  }
}

// A policy server may name the class that asks it, and a row the class that has it.
TEST(PlanCompileTest, AClassMayComeBackToItself) {
  for (const char* rule :
       {"check_policy_service inet:127.0.0.1:9", "check_sender_access inline:{u@=k1}"}) {
    const auto policy_of = [&](const std::string& end) {
      return compiled({{"compatibility_level", "3.6"},
                       {"mydestination", "local.example"},
                       {"smtpd_restriction_classes", "k1"},
                       {"k1", rule},
                       {"smtpd_recipient_restrictions", "k1, " + end}});
    };
    const auto first = policy_of("permit");
    const auto second = policy_of("reject");
    restrictions::PolicyWords words;
    words.add(*first);
    words.add(*second);
    Diagrams diagrams;
    Vocabulary vocabulary(diagrams, words, "");
    const Ref one = compile(*first, vocabulary);
    EXPECT_EQ(one, compile(*policy_of("permit"), vocabulary)) << rule;
    EXPECT_NE(one, compile(*second, vocabulary)) << rule;
  }
}

TEST(PlanCompileTest, TheCaseOfAPatternIsNoQuestionInAccessTables) {
  for (const char* type : {"regexp:/t", "pcre:/t"}) {
    for (const char* subject : {"sender", "recipient", "client", "helo"}) {
      const std::string list = std::string("smtpd_") + subject + "_restrictions";
      const std::string rule = std::string("check_") + subject + "_access " + type;
      EXPECT_TRUE(same_with(list, rule, "/^spam/ REJECT", "/^spam/i REJECT")) << rule;
      EXPECT_TRUE(same_with(list, rule, "/^SPAM/ REJECT", "/^spam/i REJECT")) << rule;
      EXPECT_FALSE(same_with(list, rule, "/^SPAM/ REJECT", "/^SPAM/i REJECT")) << rule;
      EXPECT_FALSE(same_with(list, rule, "/^spam/ REJECT", "/^ham/ REJECT")) << rule;
    }
    EXPECT_FALSE(same_with("local_recipient_maps", type, "/^ann@/ x", "/^ann@/i x"))
        << "such keys are as the client writes them";
  }
}

}  // namespace
}  // namespace postern::plan
