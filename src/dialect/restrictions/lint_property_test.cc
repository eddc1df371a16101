// Checks the linter's proof with random lists and dialogues: lists that it calls closed accept
// none, and those that it calls open have a witness that is accepted. Seeds make a failure
// repeatable.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/lint_relay.h"
#include "dialect/restrictions/lint_report.h"
#include "mail/address.h"

namespace postern::dialect::restrictions {
namespace {

using policy::Stage;

using Pool = std::vector<std::string>;

const Pool actions{"OK",
                   "OK",
                   "RELAY",
                   "12345",
                   "DUNNO",
                   "DUNNO",
                   "REJECT",
                   "DEFER",
                   "550 no",
                   "DEFER_IF_PERMIT",
                   "DISCARD",
                   "HOLD",
                   "permit",
                   "reject",
                   "k1",
                   "k2",
                   "reject_unauth_destination",
                   "permit_mynetworks",
                   "DEFER_IF_REJECT",
                   "warn_if_reject reject"};
const Pool some_names{"friend.example",    "mail.friend.example",
                      "example",           "test",
                      "other.test",        "unknown",
                      "host.ours.example", ".example",
                      "stranger.invalid"};
const Pool addresses{"203.0.113.7", "203.0.113",     "203",     "198.51.100.9",
                     "10.1",        "2001:db8:5::1", "10.1.2.3"};
const Pool mailboxes{
    "u@foreign.example", "foreign.example", "u@",           "other.test", "local.test",
    "relay.test",        "u@local.test",    "<>",           "vip@",       "test",
    "sub.local.test",    "u@relay.test",    "postern.test", ".relay.test"};
/// None of these is delivered to a domain of the server ("Destinations" in
/// docs/restriction-lists.md).
const Pool foreign{"u@foreign.example",
                   "vip@other.test",
                   "u@sub.local.test",
                   "u%foreign.example@local.test",
                   "u%foreign.example@relay.test",
                   "\"u@foreign.example\"@local.test",
                   "\"u@foreign.example\"@relay.test",
                   "foreign.example!u@relay.test",
                   "foreign.example!u@valias.test",
                   "u%foreign.example%local.test@local.test",
                   "u@[203.0.113.99]",
                   "u@a.b.foreign.example",
                   "u"};
const Pool own_addresses{"u@local.test", "u@relay.test", "x@host.relay.test",
                         "u%relay.test@local.test"};
const Pool some_senders{
    "",     "u@foreign.example",     "vip@friend.example",          "u@local.test",
    "bare", "u@mail.friend.example", "u%foreign.example@relay.test"};
const Pool helos{"friend.example", "mail.friend.example", "[203.0.113.7]",     "bad_name!",
                 "localhost",      "203.0.113.7",         "h.stranger.invalid"};

class Random {
 public:
  explicit Random(std::uint32_t seed) : generator_(seed) {}
  std::size_t below(std::size_t bound) { return generator_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  const std::string& from(const Pool& pool) { return pool[below(pool.size())]; }

 private:
  std::mt19937 generator_;
};

std::string random_table(Random& random, std::string_view keyword) {
  if (random.one_in(6)) return "static:{" + random.from(actions) + "}";
  const bool by_client = keyword == "check_client_access";
  const bool by_name = keyword == "check_helo_access" || keyword == "check_etrn_access";
  if (random.one_in(by_client ? 3 : 12)) {
    const Pool networks{"203.0.113.0/24", "0.0.0.0/0",   "::/0",       "10.1.0.0/16",
                        "192.0.0.0/3",    "203.0.113.7", "!10.0.0.0/8"};
    std::string rows;
    for (std::size_t n = 1 + random.below(3); n > 0; --n) {
      rows += fmt::format(" {{{} {}}}", random.from(networks), random.from(actions));
    }
    return "cidr:{" + rows + " }";
  }
  if (random.one_in(6)) {
    const Pool patterns{"/friend/", "/^/",      "/@foreign/", "/^u@/",
                        "/test$$/", "/^[a-h]/", "/unknown/"};
    std::string rows;
    for (std::size_t n = 1 + random.below(2); n > 0; --n) {
      rows += fmt::format(" {{{} {}}}", random.from(patterns), random.from(actions));
    }
    return "regexp:{" + rows + " }";
  }
  std::string rows;
  for (std::size_t n = 1 + random.below(3); n > 0; --n) {
    const Pool& pool = by_client ? (random.one_in(2) ? addresses : some_names)
                       : by_name ? some_names
                                 : mailboxes;
    rows += fmt::format(" {{{} = {}}}", random.from(pool), random.from(actions));
  }
  return "inline:{" + rows + " }";
}

std::string random_rule(Random& random, const Pool& classes) {
  static const Pool usual{"permit_mynetworks",         "permit_sasl_authenticated",
                          "reject_unauth_destination", "reject_unauth_destination",
                          "permit_auth_destination",   "defer_if_permit",
                          "defer_if_reject",           "reject",
                          "defer_unauth_destination"};
  std::string rule;
  if (random.one_in(8)) rule = "warn_if_reject ";
  if (random.one_in(3)) return rule + random.from(usual);
  if (!classes.empty() && random.one_in(8)) return rule + random.from(classes);
  const auto all = keywords();
  const Keyword& one = all[random.below(all.size())];
  rule += one.name;
  switch (one.takes) {
    case Keyword::Takes::nothing:
      return rule;
    case Keyword::Takes::zone:
      return rule + (random.one_in(2) ? " bl.test" : " wl.test=127.0.0.[2..5]");
    case Keyword::Takes::service:
      return rule + " inet:127.0.0.1:10023";
    case Keyword::Takes::table:
      break;
  }
  return rule + " { " + random_table(random, one.name) + " }";
}

std::string random_list(Random& random, std::size_t most, const Pool& classes) {
  std::string list;
  for (std::size_t n = random.below(most + 1); n > 0; --n) {
    list += (list.empty() ? "" : ", ") + random_rule(random, classes);
  }
  return list;
}

using Settings = std::map<std::string, std::string, std::less<>>;

Settings random_settings(Random& random) {
  const Pool networks{"127.0.0.0/8, 10.1.0.0/16",
                      "!203.0.113.7, 203.0.113.0/24",
                      "198.51.100.0/24, host.ours.example",
                      "cidr:{ {10.0.0.0/8 x} }",
                      "",
                      "[2001:db8:5::]/48, 10.1.0.0/16"};
  const auto flag = [&](std::size_t n) { return random.one_in(n) ? "no" : "yes"; };
  Settings made{{"compatibility_level", "3.6"},
                {"myhostname", "mx.postern.test"},
                {"myorigin", "postern.test"},
                {"mydestination", "mx.postern.test, local.test"},
                {"relay_domains", "relay.test"},
                {"virtual_alias_domains", "valias.test"},
                {"virtual_alias_maps", "inline:{ u@valias.test=x }"},
                {"local_recipient_maps", ""},
                {"smtpd_restriction_classes", "k1, k2"},
                {"k2", random_list(random, 3, {})},
                {"mynetworks", random.one_in(40) ? "0.0.0.0/0" : random.from(networks)},
                {"inet_interfaces", "203.0.113.8"},
                {"smtpd_delay_reject", flag(6)},
                {"smtpd_helo_required", flag(2)},
                {"smtpd_relay_before_recipient_restrictions", flag(3)}};
  made["k1"] = random_list(random, 3, {"k2"});
  if (random.one_in(8)) made["parent_domain_matches_subdomains"] = "";
  const auto lists = [&](std::string_view which, std::size_t most) {
    made[fmt::format("smtpd_{}_restrictions", which)] = random_list(random, most, {"k1", "k2"});
  };
  for (const char* which : {"client", "helo", "sender", "data", "end_of_data"}) {
    lists(which, random.one_in(2) ? 2 : 0);
  }
  lists("relay", 4);
  lists("recipient", 4);
  return made;
}

/// DNS as a function of the dialogue's seed: equal questions get equal answers.
class World {
 public:
  World(std::uint32_t seed, const IpAddress& client) : seed_(seed), client_(client) {}

  dns::Answer answer(const dns::Question& question) const {
    const std::size_t draw = std::hash<std::string>{}(question.name + std::to_string(seed_)) / 7 +
                             static_cast<std::size_t>(question.type);
    const auto found = [](std::string record) {
      return dns::Answer{.status = dns::Status::found, .records = {std::move(record)}};
    };
    if (draw % 8 == 0) return {.status = dns::Status::server_failure, .records = {}};
    if (draw % 8 < 3) return {.status = dns::Status::nx_domain, .records = {}};
    switch (question.type) {
      case dns::Type::ptr:
        return found(std::array{"friend.example", "mail.friend.example", "host.ours.example",
                                "h.stranger.invalid"}[draw / 8 % 4]);
      case dns::Type::mx:
        return found(draw % 8 == 3 ? "0 ." : "10 mx." + question.name);
      case dns::Type::a:
        if (question.name.ends_with("bl.test") || question.name.ends_with("wl.test")) {
          return found("127.0.0.2");
        }
        return found(client_.is_v4() ? client_.to_string() : "192.0.2.1");
      case dns::Type::aaaa:
        return client_.is_v4() ? dns::Answer{.status = dns::Status::no_data, .records = {}}
                               : found(client_.to_string());
      default:
        return {.status = dns::Status::no_data, .records = {}};
    }
  }

 private:
  std::uint32_t seed_;
  IpAddress client_;
};

/// The session of an unknown client, as a server has it.
class Dialogue {
 public:
  Dialogue(const ListPolicy& policy, const LintReport& report, std::uint32_t seed)
      : policy_(policy), report_(report), random_(seed), world_(seed, pick_client()) {}

  /// Whether the client is unknown: mynetworks has neither its address nor its name.
  bool is_stranger() {
    const IpAddress& client = evidence_.session.client_ip;
    for (;;) {
      policy::Answers answers(evidence_.dns);
      const auto name = policy::client_name(client, answers);
      if (!answers.wanted()) {
        return !policy_.is_own(client, evidence_.session.server_ip) &&
               policy_.mynetworks.contains(client, &name.name) == Match::no;
      }
      evidence_.dns.push_back({*answers.wanted(), world_.answer(*answers.wanted())});
    }
  }

  /// Whether a message to a foreign destination is accepted.
  bool relays() {
    policy::SessionFacts& session = evidence_.session;
    const bool early = random_.one_in(8);
    if (!passes(Stage::connect)) return false;
    const bool speaks = !random_.one_in(6);
    if (speaks) session.helo = random_.from(helos);
    // A refused HELO counts as omitted.
    if (speaks && !passes(Stage::helo)) session.helo.clear();
    if (session.helo.empty() && policy_.helo_required) return false;
    session.early_talker = early;
    if (random_.one_in(2)) session.tls = policy::Tls{"TLSv1.3", "x"};
    const std::string& sender = random_.from(some_senders);
    if (!sender.empty()) evidence_.reverse_path = mailbox(sender);
    if (!passes(Stage::mail)) return false;
    bool any = false;
    for (std::size_t n = 1 + random_.below(3); n > 0; --n) any |= recipient(!random_.one_in(4));
    if (!any || !passes(Stage::data)) return false;
    evidence_.message = policy::MessageFacts{};
    return passes(Stage::message) && !evidence_.discard;
  }
  const std::string& told() const { return told_; }

 private:
  const IpAddress& pick_client() {
    const Pool clients{"203.0.113.7",   "203.0.113.8",   "198.51.100.9", "192.0.2.44",
                       "2001:db8:5::1", "2001:db8:9::2", "10.1.2.3",     "11.7.7.7"};
    return evidence_.session.client_ip = *IpAddress::parse(random_.from(clients));
  }

  static mail::Mailbox mailbox(const std::string& text) {
    const std::size_t at = text.rfind('@');
    if (at == std::string::npos) return {text, ""};
    return {text.substr(0, at), text.substr(at + 1)};
  }

  /// True: a foreign recipient was accepted.
  bool recipient(bool is_foreign) {
    const std::string& text = random_.from(is_foreign ? foreign : own_addresses);
    const policy::Recipient one{.address = mailbox(text), .route = {}};
    evidence_.candidate = one;
    // After DISCARD no rule is evaluated.
    const bool taken = evidence_.discard || passes(Stage::rcpt);
    told_ += fmt::format("{} {}\n", text, taken ? "taken" : "refused");
    evidence_.candidate.reset();
    if (taken) evidence_.recipients.push_back(one);
    return taken && is_foreign;
  }

  bool passes(Stage stage) {
    for (;;) {
      const Evaluated result = evaluate(policy_, evidence_, stage);
      if (result.wanted_service) {
        policy::Consultation answer = *result.wanted_service;
        answer.answer = random_.from(actions);
        answer.failed = random_.one_in(6);
        evidence_.consulted.push_back(std::move(answer));
      } else if (result.wanted_dns) {
        evidence_.dns.push_back({*result.wanted_dns, world_.answer(*result.wanted_dns)});
      } else {
        check_marks(result);
        if (stage == Stage::rcpt && result.reply.code == 0 && !result.discard) {
          check_complete(result);
        }
        if (result.discard) evidence_.discard = result.discard;
        return result.reply.code == 0;
      }
    }
  }

  /// No rule that the linter calls dead has a result.
  void check_marks(const Evaluated& result) const {
    for (const Mark& mark : result.marks) {
      if (mark.rule == nullptr) continue;
      if (mark.result != Mark::Result::permitted && mark.result != Mark::Result::refused) continue;
      for (const auto& [list, index] : report_.unreachable) {
        EXPECT_NE(mark.rule->origin, fmt::format("{}:{}", list, index + 1));
      }
    }
  }

  /// If a command passes, a rule of each list that is called complete permitted it.
  void check_complete(const Evaluated& result) const {
    for (const auto kind : {ListKind::client, ListKind::helo, ListKind::sender, ListKind::relay,
                            ListKind::recipient}) {
      const std::string list(parameter_of(kind));
      const bool before = !policy_.delay_reject && kind < ListKind::relay;
      const bool skipped = kind == ListKind::helo && evidence_.session.helo.empty();
      if (before || skipped || !report_.complete.at(list)) continue;
      EXPECT_TRUE(std::any_of(result.marks.begin(), result.marks.end(), [&](const Mark& mark) {
        return mark.rule != nullptr && mark.result == Mark::Result::permitted &&
               mark.rule->origin.starts_with(list + ":");
      })) << list;
    }
  }

  const ListPolicy& policy_;
  const LintReport& report_;
  Random random_;
  policy::Evidence evidence_;
  World world_;
  std::string told_;
};

std::string text_of(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) text += fmt::format("{} = {}\n", name, value);
  return text;
}

TEST(LintProperty, VerdictsHoldForRandomListsAndDialogues) {
  // For more: POSTERN_RANDOM_LISTS=1000000.
  const char* more = std::getenv("POSTERN_RANDOM_LISTS");
  const auto lists = static_cast<std::uint32_t>(parse_number(more ? more : "").value_or(10'000));
  const TableSources sources{.read = [](const std::string&) -> Result<std::string> {
    return fail(Fault::not_found, "no files here");
  }};
  std::map<OpenRelay, std::size_t> verdicts;
  std::size_t dialogues = 0;
  std::size_t got_through = 0;
  for (std::uint32_t seed = 1; seed <= lists && !testing::Test::HasFailure(); ++seed) {
    Random random(seed);
    const Settings settings = random_settings(random);
    const Compiled compiled = compile(Parameters(settings), sources, Errors::defer);
    ASSERT_TRUE(compiled.policy) << text_of(settings)
                                 << (compiled.diagnostics.empty()
                                         ? ""
                                         : compiled.diagnostics.back().message);
    const ListPolicy& policy = *compiled.policy;
    const LintReport report = lint(policy, compiled.diagnostics);
    ++verdicts[report.open_relay];
    if (report.open_relay == OpenRelay::yes) {
      Witness again = report.witness;
      EXPECT_TRUE(goes_through(policy, again, "DUNNO")) << text_of(settings) << to_text(report);
      for (const std::string& recipient : again.recipients) {
        EXPECT_EQ(policy.domain_class(recipient.substr(recipient.rfind('@') + 1)),
                  DomainClass::foreign);
      }
    }
    for (std::uint32_t n = 0; n < 6; ++n) {
      Dialogue dialogue(policy, report, seed * 64 + n);
      if (!dialogue.is_stranger()) continue;
      ++dialogues;
      if (!dialogue.relays()) continue;
      ++got_through;
      EXPECT_NE(report.open_relay, OpenRelay::no)
          << "seed " << seed << "." << n << "\n"
          << text_of(settings) << dialogue.told() << to_text(report);
    }
  }
  // All three verdicts occur often enough for the test to be meaningful.
  EXPECT_GT(verdicts[OpenRelay::no], lists / 4);
  EXPECT_GT(verdicts[OpenRelay::keyed], lists / 200);
  EXPECT_GT(verdicts[OpenRelay::yes], lists / 20);
  EXPECT_GT(dialogues, lists * 3);
  EXPECT_GT(got_through, lists / 10);
  std::cout << lists << " lists: no " << verdicts[OpenRelay::no] << ", keyed "
            << verdicts[OpenRelay::keyed] << ", yes " << verdicts[OpenRelay::yes] << "; "
            << dialogues << " dialogues, " << got_through << " relayed\n";
}

}  // namespace
}  // namespace postern::dialect::restrictions
