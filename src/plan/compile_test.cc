// The diagrams say of each dialogue what the production evaluation says: random lists, random
// dialogues, and members of the classes that do not stand for them. Seeds make a failure
// repeatable.
#include "plan/compile.h"

#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/parameters.h"

namespace postern::plan {
namespace {

namespace restrictions = dialect::restrictions;
using policy::Evidence;
using policy::Stage;
using restrictions::ListPolicy;

using Settings = std::map<std::string, std::string, std::less<>>;

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
class Player {
 public:
  Player(Vocabulary& vocabulary, const std::vector<std::size_t>& values)
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
      policy::Consultation said = *result.wanted_service;
      said.answer = open.answers[value(open.variable)].service.answer;
      said.failed = open.answers[value(open.variable)].service.failed;
      evidence.consulted.push_back(std::move(said));
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
  Player player(vocabulary, values);
  Outcome outcome;
  const auto at = [&](Stage stage, bool after_starttls = true) {
    Evidence evidence = evidence_of(classes, chosen, stage, after_starttls);
    std::erase_if(evidence.dns, [](const policy::DnsRecord& one) {
      return one.question.type != dns::Type::ptr && one.answer.status != dns::Status::found;
    });
    if (vary) vary(evidence);
    const auto result = player.ask(policy, evidence, stage);
    if (result.hold && stage >= Stage::mail) outcome.hold = true;
    if (result.discard) outcome.discard = true;
    if (result.reply.code == 0) return true;
    outcome = {
        .taken = false, .stage = stage, .refusal = {result.reply.code, result.reply.enhanced}};
    return false;
  };
  const bool has_helo = !classes.helos[chosen[Axis::helo]].name.empty();
  if (!policy.delay_reject && !at(Stage::connect)) return outcome;
  if (!policy.delay_reject && has_helo) {
    if (!at(Stage::helo, false)) return outcome;
    if (classes.sessions[chosen[Axis::session]].tls && !at(Stage::helo)) return outcome;
  }
  if (policy.helo_required && !has_helo) {
    return {.taken = false, .stage = Stage::mail, .refusal = {503, {5, 5, 1}}};
  }
  if (!policy.delay_reject && !at(Stage::mail)) return outcome;
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

std::string text_of(const Outcome& outcome) {
  if (outcome.taken) return fmt::format("taken, {}", outcome.handling());
  return fmt::format("{} {} {}.{}.{}", policy::to_string(outcome.stage), outcome.refusal.code,
                     outcome.refusal.enhanced.klass, outcome.refusal.enhanced.subject,
                     outcome.refusal.enhanced.detail);
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  bool one_in(std::size_t many) { return below(many) == 0; }
  template <class List>
  const auto& of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937 engine_;
};

constexpr std::string_view actions[] = {"OK",
                                        "DUNNO",
                                        "REJECT",
                                        "DEFER",
                                        "DEFER_IF_PERMIT",
                                        "DISCARD",
                                        "HOLD",
                                        "550 5.7.1 no",
                                        "DEFER_IF_REJECT",
                                        "reject_unauth_destination",
                                        "permit_mynetworks, reject",
                                        "k1",
                                        "warn_if_reject reject",
                                        "450 4.2.0 later"};
constexpr std::string_view client_keys[] = {
    "192.0.2", "192.0.2.7", "10.1.2", "partner.test", "mx.partner.test", "unknown", "2001:db8:5"};
constexpr std::string_view name_keys[] = {"partner.test", "mx.partner.test", "test",
                                          ".spam.test",   "spam.test",       "localhost"};
constexpr std::string_view mail_keys[] = {"partner.test", "spam.test",   "u@spam.test", "u@",
                                          "local.test",   "relay.test",  "<>",          "b@",
                                          ".relay.test",  "u@local.test"};
constexpr std::string_view networks[] = {"192.0.2.0/24", "192.0.2.0/25",  "10.0.0.0/8",
                                         "0.0.0.0/0",    "2001:db8::/32", "203.0.113.77"};
constexpr std::string_view plain[] = {"permit_mynetworks",
                                      "permit_sasl_authenticated",
                                      "reject_unauth_destination",
                                      "defer_unauth_destination",
                                      "permit_auth_destination",
                                      "reject",
                                      "permit",
                                      "defer",
                                      "defer_if_permit",
                                      "defer_if_reject",
                                      "reject_plaintext_session",
                                      "reject_unknown_client_hostname",
                                      "reject_unknown_reverse_client_hostname",
                                      "reject_rbl_client bl.test",
                                      "reject_rbl_client bl.test=127.0.0.2",
                                      "permit_dnswl_client wl.test",
                                      "reject_rhsbl_client d.test",
                                      "reject_rhsbl_sender d.test",
                                      "reject_rhsbl_helo d.test",
                                      "reject_rhsbl_recipient d.test",
                                      "reject_invalid_helo_hostname",
                                      "reject_non_fqdn_helo_hostname",
                                      "reject_unknown_helo_hostname",
                                      "reject_non_fqdn_sender",
                                      "reject_unknown_sender_domain",
                                      "reject_unlisted_sender",
                                      "reject_non_fqdn_recipient",
                                      "reject_unknown_recipient_domain",
                                      "reject_unlisted_recipient",
                                      "k1",
                                      "k2",
                                      "reject_multi_recipient_bounce",
                                      "check_policy_service inet:127.0.0.1:9",
                                      "reject_unauth_pipelining",
                                      "permit_naked_ip_address",
                                      "sleep 1"};

class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  Random& random() { return random_; }

  Settings settings() {
    Settings made{
        {"compatibility_level", "3.6"},
        {"mydomain", "postern.test"},
        {"myorigin", "postern.test"},
        {"mydestination", "mx.postern.test, local.test"},
        {"mynetworks", random_.one_in(3) ? "10.1.0.0/16, !10.1.2.0/24" : "10.1.0.0/16"},
        {"relay_domains", random_.one_in(3) ? ".relay.test" : "relay.test"},
        {"smtpd_sasl_auth_enable", random_.one_in(6) ? "no" : "yes"},
        {"smtpd_delay_reject", random_.one_in(3) ? "no" : "yes"},
        {"smtpd_helo_required", random_.one_in(4) ? "yes" : "no"},
        {"soft_bounce", random_.one_in(8) ? "yes" : "no"},
        {"smtpd_relay_before_recipient_restrictions", random_.one_in(5) ? "no" : "yes"},
        {"smtpd_reject_unlisted_sender", random_.one_in(6) ? "yes" : "no"},
        {"smtpd_reject_unlisted_recipient", random_.one_in(4) ? "no" : "yes"},
        {"allow_untrusted_routing", random_.one_in(6) ? "yes" : "no"},
        {"local_recipient_maps", random_.one_in(2) ? "inline:{ {u = x} {b@local.test = x} }" : ""},
        {"relay_recipient_maps", random_.one_in(3) ? "inline:{ {u@relay.test = x} }" : ""},
        {"smtpd_restriction_classes", "k1, k2"},
        {"k1", list(2, false)},
        {"k2", list(1, false)}};
    if (random_.one_in(6)) made["parent_domain_matches_subdomains"] = "";
    if (random_.one_in(6)) made["recipient_delimiter"] = "+";
    for (const std::string_view kind :
         {"client", "helo", "sender", "relay", "recipient", "data", "end_of_data"}) {
      made[fmt::format("smtpd_{}_restrictions", kind)] = random_.one_in(3) ? "" : list(4, true);
    }
    return made;
  }

 private:
  std::string table(std::string_view keyword, std::span<const std::string_view> keys) {
    std::string text = fmt::format("{} inline:{{", keyword);
    for (std::size_t i = random_.below(3) + 1; i > 0; --i) {
      text += fmt::format(" {{{} = {}}}", random_.of(keys), random_.of(actions));
    }
    return text + " }";
  }
  std::string rule(bool classes) {
    switch (random_.below(9)) {
      case 0:
        return table("check_client_access", client_keys);
      case 1:
        return table("check_helo_access", name_keys);
      case 2:
        return table("check_sender_access", mail_keys);
      case 3:
        return table("check_recipient_access", mail_keys);
      case 4: {
        std::string text = "check_client_access cidr:{";
        for (std::size_t i = random_.below(3) + 1; i > 0; --i) {
          text += fmt::format(" {{{} {}}}", random_.of(networks), random_.of(actions));
        }
        return text + " }";
      }
      default:
        break;
    }
    std::string_view word = random_.of(plain);
    while (!classes && (word == "k1" || word == "k2")) word = random_.of(plain);
    return std::string(word);
  }
  std::string list(std::size_t most, bool classes) {
    std::string text;
    for (std::size_t i = random_.below(most) + 1; i > 0; --i) {
      if (!text.empty()) text += ", ";
      if (random_.one_in(6)) text += "warn_if_reject ";
      text += rule(classes);
    }
    return text;
  }
  Random random_;
};

std::string shown(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) text += fmt::format("{} = {}\n", name, value);
  return text;
}

/// Another member of each class.
void vary(Evidence& evidence, const Classes& classes, const std::vector<std::size_t>& values,
          Random& random) {
  const auto deeper = [&](std::string& name) {
    if (name.starts_with("h.") || name.starts_with("h1.")) name.insert(0, "deep.");
  };
  if (evidence.reverse_path && evidence.reverse_path->local_part == "x") {
    evidence.reverse_path->local_part = "other" + std::to_string(random.below(9));
  }
  for (auto* recipient : {evidence.candidate ? &*evidence.candidate : nullptr,
                          evidence.recipients.empty() ? nullptr : &evidence.recipients.front()}) {
    if (recipient != nullptr && recipient->address.local_part == "x") {
      recipient->address.local_part = "other";
    }
  }
  // Names in HELO are asked about by their text: only where no question of DNS is open.
  static_cast<void>(deeper);
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

unsigned amount(const char* variable, unsigned preset) {
  const char* text = std::getenv(variable);
  return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : preset;
}

TEST(PlanCompileTest, DiagramsSayWhatTheEvaluationSays) {
  const unsigned lists = amount("POSTERN_PLAN_LISTS", 100);
  const unsigned first = amount("POSTERN_PLAN_SEED", 1);
  constexpr int dialogues = 60;
  std::size_t compared = 0;
  for (unsigned seed = first; seed < first + lists; ++seed) {
    Draw draw(seed);
    const Settings settings = draw.settings();
    const auto policy = compiled(settings);
    ASSERT_TRUE(policy) << shown(settings);
    restrictions::PolicyWords words;
    words.add(*policy);
    if (!words.not_listed.empty()) continue;
    Diagrams diagrams(5'000'000);
    Vocabulary vocabulary(diagrams, words, policy->recipient_delimiter);
    Ref compiled_lists = 0;
    try {
      compiled_lists = compile(*policy, vocabulary);
    } catch (const NotCompiled& error) {  // a class that comes back to itself through a table
      ASSERT_STREQ(error.what(), "lists within lists");
      continue;
    }
    Random& random = draw.random();
    for (int i = 0; i < dialogues; ++i) {
      std::vector<std::size_t> values;
      for (Variable variable = 0; variable < diagrams.variables(); ++variable) {
        // Most questions have the answer of an empty world.
        const bool odd = variable < axis_count ? !random.one_in(3) : random.one_in(3);
        values.push_back(odd ? random.below(diagrams.values(variable)) : 0);
      }
      if (looked_up_leaf(diagrams, vocabulary.possible(), values) == 0) continue;
      const Outcome expected = played(*policy, vocabulary, values);
      const Outcome found = looked_up(vocabulary, compiled_lists, values);
      ++compared;
      std::string said;
      for (std::size_t axis = 0; axis < axis_count; ++axis)
        said += fmt::format("{} ", values[axis]);
      ASSERT_EQ(text_of(found), text_of(expected))
          << "seed " << seed << "\nclasses " << said << "\n"
          << shown(settings);
      const Outcome varied = played(*policy, vocabulary, values, [&](Evidence& evidence) {
        vary(evidence, vocabulary.classes(), values, random);
      });
      ASSERT_EQ(text_of(found), text_of(varied))
          << "another member; seed " << seed << "\nclasses " << said << "\n"
          << shown(settings);
    }
  }
  EXPECT_GT(compared, lists * dialogues / 2);
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
