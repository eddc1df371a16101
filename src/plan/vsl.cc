#include "plan/vsl.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/rule_effect.h"
#include "plan/behind.h"
#include "plan/samples.h"
#include "plan/vsl_explore.h"
#include "plan/vsl_text.h"

namespace postern::plan {

namespace vsl = dialect::vsl;
namespace json = boost::json;

namespace {

using Rank = VslOutcome::Rank;

/// Rules that only differ in which of them gives a route matter where lists may give one.
DifferenceKind kind_of_outcomes(const VslOutcome& before, const VslOutcome& after, bool lists) {
  const auto rank = [&](const VslOutcome& one) {
    return lists || one.rank != Rank::no_route ? one.rank : Rank::refused;
  };
  return plan::kind_of(
      rank(before), rank(after), Rank::taken, [&] { return before.handling == after.handling; },
      [&] { return before.stage == after.stage && before.refusal == after.refusal; });
}

/// Answers with the records of a zone, and keeps what was asked.
class ZoneResolver final : public dns::Resolver {
 public:
  using Records = std::map<std::pair<std::string, dns::Type>, dns::Answer>;
  explicit ZoneResolver(Records records) : records_(std::move(records)) {}

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    const auto found = records_.find({lower(question.name), question.type});
    if (found == records_.end()) {
      co_return dns::Answer{.status = dns::Status::nx_domain, .records = {}};
    }
    asked_.insert(*found);
    co_return found->second;
  }

  /// As `explain --dns` reads it.
  json::object zone() const {
    json::object zone;
    for (const auto& [question, answer] : asked_) {
      json::value& name = zone[question.first];
      if (name.is_null()) name.emplace_object();
      json::value& records = name.as_object()[dns::to_string(question.second)];
      if (answer.trouble()) {
        records = "SERVFAIL";
      } else {
        records = json::value_from(answer.records);
      }
    }
    return zone;
  }
  bool asked(dns::Type type) const {
    return std::ranges::any_of(asked_, [&](const auto& one) { return one.first.second == type; });
  }

 private:
  Records records_;
  Records asked_;
};

/// The record of SPF that gives a result, whoever the client is.
dns::Answer spf_record(std::size_t value) {
  constexpr std::array<std::string_view, vsl::spf_values> texts{
      "", "v=spf1 +all", "v=spf1 ?all", "v=spf1 ~all", "v=spf1 -all", "", "v=spf1 bogus:"};
  if (value == 5) return {.status = dns::Status::server_failure, .records = {}};
  return {.status = dns::Status::found, .records = {std::string(texts[value])}};
}

constexpr std::array<std::string_view, vsl::spf_values> spf_words{
    "none", "pass", "neutral", "softfail", "fail", "temperror", "permerror"};

/// Texts that a question about a part of the dialogue may be answered yes for.
std::vector<std::string> samples_for(const vsl::WatchedQuestion& question, std::size_t value,
                                     const std::string& text) {
  const std::string& argument = question.argument;
  if (question.test == "len") {
    const std::size_t wanted = value + 1;
    std::string sample = text;
    const std::size_t at = question.subject.ends_with(".domain") ? 0 : sample.size();
    std::size_t label = 0;
    while (sample.size() < wanted) {
      const bool dot = at == 0 && ++label % 40 == 0 && sample.size() + 1 < wanted;
      sample.insert(at == 0 ? 0 : sample.size(), 1, dot ? '.' : 'x');
    }
    if (at == 0) return {sample.substr(sample.size() - wanted)};
    return {sample.substr(0, wanted)};
  }
  if (value != 1) return {};
  if (question.test == "contains") {
    return {"x" + argument + "x", argument,           argument + "x",
            "x" + argument,       argument + ".test", "x" + argument + "x.test"};
  }
  if (question.test == "offered") return {"[198.51.100.77]", "[IPv6:2001:db8::77]"};
  if (question.test == "starts_with") return {argument + "x", argument, argument + "x.test"};
  if (question.test == "ends_with") return {"x" + argument, argument, "x." + argument};
  if (question.test == "within") return {argument, argument.substr(0, argument.size() / 2)};
  if (question.test == "regex") {
    std::vector<std::string> all;
    for (const std::string& one : samples_of(argument)) {
      for (const std::string& other : {one, "x" + one, one + "x", one + ".test", "x" + one + "x"}) {
        all.push_back(other);
      }
    }
    return all;
  }
  return {};
}

class VslComparer {
 public:
  VslComparer(const Version& before, const Version& after, const CompareOptions& options,
              const Deadline& deadline, Comparison& found)
      : versions_{&before, &after}, options_(options), deadline_(deadline), found_(found) {}

  void run() {
    try {
      // What lists let through has a route, and so has a webhook: RCPT is not the end of it.
      prove(with_lists());
      if (with_webhooks() && !with_lists()) prove(true);
      found_.refuses_all = !lets_through_;
    } catch (const NotCompiled& error) {
      leave_open(error.reason, error.what());
    } catch (const TooManyClasses& error) {
      leave_open("table_too_large", error.what());
    } catch (const OverBudget& error) {
      leave_open(error.what(), "the comparison of the rules needs more than it may use");
    }
    what_the_plan_does_not_see();
  }

 private:
  bool with_lists() const {
    return std::ranges::any_of(
        versions_, [](const Version* one) { return lists_of(*one->config) != nullptr; });
  }
  bool with_webhooks() const {
    return std::ranges::any_of(versions_, [](const Version* one) {
      return one->directory && one->directory->webhook_count() > 0;
    });
  }
  /// Those that decide; null: there are none.
  static const dialect::restrictions::ListPolicy* lists_of(const app::Config& config) {
    return deciding_in(config).lists;
  }

  void leave_open(const std::string& reason, const std::string& text,
                  const std::string& place = {}) {
    for (GroupAnswer& group : found_.groups) {
      widen(group.refuses_more, Known::unknown);
      widen(group.accepts_more, Known::unknown);
    }
    widen(found_.handling, Known::unknown);
    widen(found_.replies, Known::unknown);
    note(reason, text, place, "", DifferenceKind::none);
  }
  void note(const std::string& reason, const std::string& text, const std::string& place,
            const std::string& group, DifferenceKind direction) {
    found_.not_proved.push_back({.group = group,
                                 .direction = direction,
                                 .layer = "vsl",
                                 .place = place,
                                 .reason = reason,
                                 .text = text});
  }

  /// Who may log in, and what other scripts make of changed mail.
  void what_the_plan_does_not_see() {
    std::array<std::string, 2> logins;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& policy = versions_[side]->config->vsl.loaded;
      if (!policy) continue;
      for (std::size_t at = 0; at < policy->directives().size(); ++at) {
        if (policy->directives()[at].stage != policy::Stage::auth) continue;
        logins[side] += text_of(*policy, at).digest;
      }
    }
    if (logins[0] != logins[1]) {
      leave_open("other_layers", "who may log in differs: the stage `authenticate`");
    }
    const auto delegates = [](const Version* one) {
      return one->config->vsl.loaded && one->config->vsl.loaded->has_delegates();
    };
    if (std::ranges::any_of(versions_, delegates)) {
      leave_open("service", "messages that come back from a `delegate` are not followed");
    }
    if (versions_[0]->config->lua.loaded || versions_[1]->config->lua.loaded) {
      leave_open("lua", "a Lua policy sees what the rules have changed");
    }
  }

  void prove(bool routed) {
    std::array<std::unique_ptr<VslExplorer>, 2> explorers;
    for (std::size_t side = 0; side < 2; ++side) {
      explorers[side] = std::make_unique<VslExplorer>(*versions_[side], routed);
      explorers[side]->add_words(words_);
      add_domains_of_lists(*versions_[side]->config);
    }
    const ServedSessions served =
        either(served_sessions(*versions_[0]->config), served_sessions(*versions_[1]->config));
    if (served.implicit_tls) {
      for (const auto& one : explorers) one->refuse_implicit_tls();
    }
    const Renamed renamed = renamed_clients(explorers, served);
    std::array<Ref, 2> roots{};
    std::array<Ref, 2> of_renamed{};  // likewise, if there are such clients
    for (bool again = true; again;) {
      words_.grew = again = false;
      diagrams_ = std::make_unique<Diagrams>(options_.nodes, [this] {
        if (deadline_.is_over()) throw OverBudget("budget_time");
      });
      world_ = std::make_unique<VslWorld>(*diagrams_, words_, served, with_lists());
      for (std::size_t side = 0; side < 2 && !again; ++side) {
        const auto root = explorers[side]->explore(*world_);
        again = !root;
        roots[side] = of_renamed[side] = root.value_or(0);
        if (again || renamed.rule == nullptr) continue;
        const auto other = explorers[side]->explore(*world_, renamed.passed);
        again = !other;
        of_renamed[side] = other.value_or(0);
      }
      again = again || words_.grew;
    }
    for (std::size_t side = 0; side < 2; ++side) {
      for (const auto& [index, one] : explorers[side]->replaced()) {
        replaced_[one.key] =
            replaced_[one.key + std::string(vsl::after_starttls)] = {one.place, one.what};
      }
    }
    const auto lets_through = [&](Leaf one) -> Leaf {
      return world_->outcome(one).rank == Rank::refused ? 0 : 1;
    };
    for (const Ref root : {roots[0], roots[1], of_renamed[0], of_renamed[1]}) {
      lets_through_ |= diagrams_->map(root, lets_through) != diagrams_->leaf(0);
    }
    const Ref really = differences(roots);
    for (std::size_t at = 0; at < axis_count; ++at) {
      const Axis axis = static_cast<Axis>(at);
      const VslClasses& classes = world_->classes();
      std::size_t& count = found_.classes[at];
      if (axis == Axis::client) count = std::max(count, classes.clients.size());
      if (axis == Axis::helo) count = std::max(count, classes.helos.size());
      if (axis == Axis::sender) count = std::max(count, classes.sender_domains.size());
      if (axis == Axis::recipient) count = std::max(count, classes.rcpt_domains.size());
    }
    for (std::size_t at = vsl_parts().size(); at < diagrams_->variables(); ++at) {
      const std::string& key = world_->name_of(static_cast<Variable>(at));
      const bool is_directive = words_.questions.at(key).test == "directive";
      found_.evidence.push_back(is_directive ? replaced_[key].first : key);
    }
    for (const Group group : {Group::ours, Group::relay, Group::foreign}) {
      if (options_.asks(group)) look(really, group);
    }
    if (renamed.rule != nullptr) look_at_renamed(explorers, renamed, differences(of_renamed));
    found_.nodes += diagrams_->size();
  }

  /// By dialogue the DifferenceKind of two diagrams; 0 of dialogues that there cannot be.
  Ref differences(const std::array<Ref, 2>& sides) {
    const bool lists = with_lists();
    const Ref differ = diagrams_->apply(sides[0], sides[1], [&](Leaf before, Leaf after) {
      return static_cast<Leaf>(
          kind_of_outcomes(world_->outcome(before), world_->outcome(after), lists));
    });
    return diagrams_->apply(differ, possible(),
                            [](Leaf kind, Leaf is) -> Leaf { return is == 0 ? 0 : kind; });
  }

  /// Clients that say EHLO again behind STARTTLS or AUTH with another name, which would not have
  /// passed before.
  struct Renamed {
    const vsl::Directive* rule = nullptr;  ///< it tells them from others; null: none does
    /// What earlier names have passed. Behind AUTH no rule at EHLO is watched, and the last name
    /// passes all of them.
    vsl::Watch::Ehlo passed = vsl::Watch::Ehlo::none;
  };
  using Explorers = std::array<std::unique_ptr<VslExplorer>, 2>;
  static Renamed renamed_clients(const Explorers& explorers, const ServedSessions& served) {
    const auto rule = [&](const char* function) {
      const vsl::Directive* const first = explorers[0]->rule_at_ehlo(function);
      return first != nullptr ? first : explorers[1]->rule_at_ehlo(function);
    };
    Renamed renamed;
    if (served.login) renamed = {rule("is_authenticated"), vsl::Watch::Ehlo::all};
    if (renamed.rule == nullptr && served.tls) {
      renamed = {rule("is_secured"), vsl::Watch::Ehlo::in_clear};
    }
    return renamed;
  }

  /// `differ`: between the versions, by dialogue of such a client.
  void look_at_renamed(const Explorers& explorers, const Renamed& renamed, Ref differ) {
    bool seen = true;
    if (renamed.passed == vsl::Watch::Ehlo::all) {
      // What passes in one version has to pass in the other, and to leave no more than its name.
      const auto gate = explorers[0]->gate_at_ehlo();
      seen = gate && gate == explorers[1]->gate_at_ehlo();
    } else {
      differ = masked(differ, vsl::subject_session, world_->classes().sessions,
                      [](const SessionClass& one) { return one.tls; });
    }
    const std::string place = renamed.rule->place();
    for (const Group group : {Group::ours, Group::relay, Group::foreign}) {
      if (!options_.asks(group)) continue;
      const Ref here = only(differ, group, may_have_others(group));
      for (const DifferenceKind kind : difference_kinds) {
        Known& known = found_.of(kind, found_.groups[static_cast<std::size_t>(group)]);
        if (known != Known::no) continue;
        const Ref of_kind = diagrams_->map(
            here, [&](Leaf one) -> Leaf { return one == static_cast<Leaf>(kind) ? 1 : 0; });
        if (seen && of_kind == diagrams_->leaf(0)) continue;
        known = Known::unknown;
        note("several_greetings",
             place +
                 " asks for TLS or a login at EHLO, and a client may say EHLO again with "
                 "another name",
             place, std::string(plan::to_string(group)), kind);
      }
    }
  }

  /// As the version before has it; foreign domains as the version after.
  Group group_of(std::string_view domain) const {
    for (const Version* one : versions_) {
      if (is_local_in(*one->config, domain)) return Group::ours;
      const auto* lists = lists_of(*one->config);
      if (lists == nullptr) continue;
      policy::Evidence evidence;
      evidence.candidate = policy::Recipient{
          .address = {.local_part = "x", .domain = std::string(domain)}, .route = {}};
      const Group group = dialect::restrictions::destination_of(*lists, evidence);
      if (group != Group::foreign) return group;
    }
    return Group::foreign;
  }

  /// So that each group has its recipients.
  void add_domains_of_lists(const app::Config& config) {
    const auto* lists = lists_of(config);
    if (lists == nullptr) return;
    std::set<std::string> names;
    for (const dialect::restrictions::Domains* domains : lists->lists_of_domains()) {
      for (const std::string& name : domains->all_names()) names.insert(lower(name));
    }
    words_.texts[std::string(vsl::subject_rcpt_domain)].insert(std::move(names));
  }

  /// What is certain of DMARC: nothing vouches but SPF or a signature.
  Ref possible() {
    Diagrams& diagrams = *diagrams_;
    const bool all = words_.questions.contains(vsl::evidence_dmarc) &&
                     words_.questions.contains(vsl::evidence_dkim);
    if (!all) return diagrams.leaf(1);
    const auto is = [&](std::string_view name, std::size_t value) {
      std::vector<Ref> children;
      const std::string key(name);
      for (std::size_t one = 0; one < world_->count(key); ++one) {
        children.push_back(diagrams.leaf(one == value ? 1 : 0));
      }
      return diagrams.choose(world_->variable(key), children);
    };
    const auto both = [](Leaf a, Leaf b) -> Leaf { return a & b; };
    const Ref no_signature =
        diagrams.map(is(vsl::evidence_dkim, 1), [](Leaf one) -> Leaf { return one ^ 1; });
    Ref wrong = diagrams.apply(is(vsl::evidence_dmarc, 1), no_signature, both);
    if (words_.questions.contains(vsl::evidence_spf)) {
      const Ref no_spf =
          diagrams.map(is(vsl::evidence_spf, 1), [](Leaf one) -> Leaf { return one ^ 1; });
      wrong = diagrams.apply(wrong, no_spf, both);
    } else {
      wrong = diagrams.leaf(0);
    }
    return diagrams.map(wrong, [](Leaf one) -> Leaf { return one ^ 1; });
  }

  /// `others`: with what no rule names, too.
  Ref only(Ref diagram, Group group, bool others) {
    return masked(
        diagram, vsl::subject_rcpt_domain, world_->classes().rcpt_domains,
        [&](const TextClass& one) { return (others && one.made) || group_of(one.text) == group; });
  }
  /// 0 where the part of the dialogue is of no class that `is`.
  template <class Classes, class Is>
  Ref masked(Ref diagram, std::string_view part, const Classes& classes, const Is& is) {
    std::vector<Ref> children;
    for (const auto& one : classes) children.push_back(diagrams_->leaf(is(one) ? 1 : 0));
    const Ref mask = diagrams_->choose(world_->variable(std::string(part)), children);
    return diagrams_->apply(diagram, mask,
                            [](Leaf kind, Leaf among) -> Leaf { return among == 0 ? 0 : kind; });
  }

  void look(Ref differ, Group group) {
    GroupAnswer& answer = found_.groups[static_cast<std::size_t>(group)];
    for (const DifferenceKind kind : difference_kinds) {
      Known& known = found_.of(kind, answer);
      if (known == Known::yes) continue;
      Known one = search(only(differ, group, false), group, kind);
      if (one == Known::no && may_have_others(group)) {
        one = search(only(differ, group, true), group, kind);
      }
      if (one != Known::no) known = one;
    }
  }

  /// Whether domains that no rule names may be of this group: those of tables, below domains of the
  /// lists, of webhooks.
  bool may_have_others(Group group) const {
    if (group == Group::ours && with_webhooks()) return true;
    return std::ranges::any_of(versions_, [&](const Version* one) {
      const auto* lists = lists_of(*one->config);
      if (lists == nullptr || group == Group::foreign) return false;
      if (group == Group::relay) return !lists->relay_domains.empty();
      return !lists->mydestination.empty() || !lists->virtual_alias_domains.empty() ||
             !lists->virtual_mailbox_domains.empty();
    });
  }

  unsigned cost(Variable variable, std::size_t value) const {
    if (value == 0) return 0;
    const std::string& name = world_->name_of(variable);
    if (name == vsl::subject_session) return value == 1 ? 10 : 20;
    if (name == vsl::subject_client) {
      return world_->classes().clients[value].stranger ? 2 : 12;
    }
    if (const auto* texts = world_->classes().texts(name)) {
      return (*texts)[value].null ? 9 : (*texts)[value].stands ? 8 : 4;
    }
    return words_.questions.at(name).test == "len" ? 30 + static_cast<unsigned>(value) : 50;
  }

  Known search(Ref here, Group group, DifferenceKind kind) {
    constexpr int most_tries = 16;
    Ref left = diagrams_->map(
        here, [&](Leaf one) -> Leaf { return one == static_cast<Leaf>(kind) ? 1 : 0; });
    bool any = false;
    std::string reason = "witness_not_confirmed";
    std::string text = "the dialogues found were judged alike when played: a fault of Postern";
    std::string place;
    if (with_lists()) text = "the dialogues found were judged alike when played with the lists";
    for (int attempt = 0; attempt < most_tries; ++attempt) {
      const auto path = cheapest(*diagrams_, left, [&](Variable variable, std::size_t value) {
        return cost(variable, value);
      });
      if (!path) break;
      any = true;
      VslValues values;
      for (std::size_t at = 0; at < path->size(); ++at) {
        if ((*path)[at] != any_value) {
          values[world_->name_of(static_cast<Variable>(at))] = (*path)[at];
        }
      }
      if (play(values, group, kind)) return Known::yes;
      for (const auto& [name, value] : values) {
        const auto question = words_.questions.find(name);
        if (question == words_.questions.end()) continue;
        if (question->second.test == "directive") {
          const auto& [where, what] = replaced_[name];
          reason = what == "s.call_service" || what == "s.lookup" ? "service" : "script_call";
          text =
              fmt::format("it hangs on {}, which does what cannot be followed ({})", where,
                          what.starts_with("s.") || what.starts_with("m.") ? what.substr(2) : what);
          place = where.substr(0, where.find(' '));
        } else if (question->second.test != "evidence" && question->second.test != "dns" &&
                   reason == "witness_not_confirmed") {
          reason = "opaque_pattern";
          text = fmt::format("it hangs on {}, and no dialogue was found that shows it", name);
        }
      }
      left = without(*diagrams_, left, *path);
    }
    if (!any) return Known::no;
    if (reason != "witness_not_confirmed" && try_all(group, kind)) return Known::yes;
    if (reason == "witness_not_confirmed" && !with_lists()) note_unconfirmed();
    note(reason, text, place, std::string(plan::to_string(group)), kind);
    return Known::unknown;
  }

  // Dialogues.

  /// The dialogue with nicer texts where they do not matter.
  app::Dialogue shown(const VslValues& values) const {
    app::Dialogue dialogue = world_->dialogue(values);
    const auto nicer = [&](std::string_view subject, std::string& text) {
      const TextClass& one = (*world_->classes().texts(subject))[value_of(values, subject)];
      if (!one.shown.empty()) text = one.shown;
    };
    if (dialogue.helo) nicer(vsl::subject_helo, *dialogue.helo);
    if (dialogue.sender) {
      nicer(vsl::subject_sender_local, dialogue.sender->local_part);
      nicer(vsl::subject_sender_domain, dialogue.sender->domain);
    }
    nicer(vsl::subject_rcpt_local, dialogue.recipients.front().local_part);
    nicer(vsl::subject_rcpt_domain, dialogue.recipients.front().domain);
    return dialogue;
  }

  static std::string* part_of(app::Dialogue& dialogue, std::string_view subject) {
    if (subject == vsl::subject_helo) return dialogue.helo ? &*dialogue.helo : nullptr;
    if (subject == vsl::subject_rcpt_local) return &dialogue.recipients.front().local_part;
    if (subject == vsl::subject_rcpt_domain) return &dialogue.recipients.front().domain;
    if (!dialogue.sender) return nullptr;
    if (subject == vsl::subject_sender_local) return &dialogue.sender->local_part;
    if (subject == vsl::subject_sender_domain) return &dialogue.sender->domain;
    return nullptr;
  }

  /// Dialogues for which the questions may be answered as the values say.
  std::vector<app::Dialogue> variants(const VslValues& values) const {
    constexpr std::size_t most = 300;
    std::vector<app::Dialogue> all{shown(values)};
    const auto each = [&](const auto& change) {
      std::vector<app::Dialogue> next;
      for (const app::Dialogue& one : all) {
        change(one, next);
        if (next.size() > most) break;
      }
      if (!next.empty()) all = std::move(next);
    };
    for (const auto& [name, value] : values) {
      const auto found = words_.questions.find(name);
      if (found == words_.questions.end()) continue;
      const vsl::WatchedQuestion& question = found->second;
      if (question.test == "has_header" && value == 1) {
        for (app::Dialogue& one : all) one.message = question.argument + ": x\r\n" + *one.message;
        continue;
      }
      if (question.test == "equals" && value == 1) {
        each([&](const app::Dialogue& one, std::vector<app::Dialogue>& next) {
          next.push_back(one);
          app::Dialogue& same = next.back();
          if (question.subject == "sender" || question.subject == "rcpt") {
            same.sender = same.recipients.front();
          } else if (std::string* to = part_of(same, question.subject)) {
            if (const std::string* from = part_of(same, question.argument)) *to = *from;
          }
        });
        continue;
      }
      each([&](const app::Dialogue& one, std::vector<app::Dialogue>& next) {
        app::Dialogue copy = one;
        if (question.subject == vsl::subject_client) {
          for (const std::string& text : samples_for(question, value, copy.client.to_string())) {
            const auto ip = IpAddress::parse(text);
            if (!ip) continue;
            copy.client = *ip;
            next.push_back(copy);
          }
          return;
        }
        if (question.subject == "sender" || question.subject == "rcpt") {
          for (const std::string& text : samples_for(question, value, "x")) {
            for (const std::string& whole : {text, "x@" + text, text + "@sender.test"}) {
              const auto mailbox = mail::parse_mailbox(whole, mail::Utf8::allowed);
              if (!mailbox) continue;
              if (question.subject == "sender") {
                copy.sender = *mailbox;
              } else {
                copy.recipients = {*mailbox};
              }
              next.push_back(copy);
            }
          }
          return;
        }
        std::string* text = part_of(copy, question.subject);
        if (text == nullptr) return;
        const std::string was = *text;
        for (const std::string& sample : samples_for(question, value, was)) {
          *text = sample;
          next.push_back(copy);
        }
      });
    }
    return all;
  }

  /// Whether an address may be sent.
  static bool can_be_said(const app::Dialogue& dialogue) {
    const auto good = [](const mail::Mailbox& one) {
      const auto parsed = mail::parse_mailbox(one.text(), mail::Utf8::allowed);
      return parsed && *parsed == one;
    };
    return good(dialogue.recipients.front()) && (!dialogue.sender || good(*dialogue.sender));
  }

  bool play(const VslValues& values, Group group, DifferenceKind kind) {
    for (const app::Dialogue& dialogue : variants(values)) {
      if (deadline_.is_over()) return false;
      if (can_be_said(dialogue) && play(dialogue, values, group, kind)) return true;
    }
    return false;
  }

  ZoneResolver::Records zone_for(const app::Dialogue& dialogue, const VslValues& values) const {
    ZoneResolver::Records records;
    for (const auto& [name, value] : values) {
      const auto found = words_.questions.find(name);
      if (found == words_.questions.end() || found->second.test != "dns" || value == 0) continue;
      const dns::Type type = dialogue.client.is_v4() ? dns::Type::a : dns::Type::aaaa;
      records[{found->second.argument, type}] =
          value == 1
              ? dns::Answer{.status = dns::Status::found, .records = {dialogue.client.to_string()}}
              : dns::Answer{.status = dns::Status::server_failure, .records = {}};
    }
    const auto spf = values.find(vsl::evidence_spf);
    if (spf != values.end() && spf->second != 0) {
      const std::string domain =
          dialogue.sender ? dialogue.sender->domain : dialogue.helo.value_or("");
      records[{lower(domain), dns::Type::txt}] = spf_record(spf->second);
    }
    return records;
  }

  bool play(const app::Dialogue& dialogue, const VslValues& values, Group group,
            DifferenceKind kind) {
    if (group_of(dialogue.recipients.front().domain) != group) return false;
    ZoneResolver resolver(zone_for(dialogue, values));
    app::FrozenEvidence frozen;
    const bool given = values.contains(vsl::evidence_dkim) || values.contains(vsl::evidence_dmarc);
    if (given) {
      frozen = world_->frozen(values);
      frozen.spf->mechanism = frozen.spf->reason = "";
    }
    std::array<policy::Trace, 2> traces;
    for (std::size_t side = 0; side < 2; ++side) {
      if (!engines_[side]) engines_[side].emplace(engine_of(*versions_[side]->config));
      traces[side] = app::play({.config = *versions_[side]->config,
                                .engine = *engines_[side],
                                .directory = *versions_[side]->directory,
                                .resolver = resolver,
                                .frozen = frozen},
                               dialogue);
    }
    ++found_.played;
    const DifferenceKind shows =
        kind_of_outcomes(vsl_outcome_of(traces[0]), vsl_outcome_of(traces[1]), false);
    if (shows != kind) return false;
    Witness witness;
    witness.group = group;
    witness.kind = kind;
    for (std::size_t side = 0; side < 2; ++side) {
      Side& one = side == 0 ? witness.before : witness.after;
      one = side_of(traces[side]);
      if (one.taken) one.handling = handling_of(traces[side]);
    }
    Spoken& spoken = witness.spoken;
    spoken.client = dialogue.client.to_string();
    spoken.helo = dialogue.helo;
    spoken.tls = dialogue.tls;
    spoken.login = dialogue.login;
    spoken.sender = dialogue.sender ? dialogue.sender->text() : "";
    spoken.recipient = dialogue.recipients.front().text();
    spoken.dns = resolver.zone();
    if (given) {
      spoken.spf = std::string(spf_words[value_of(values, vsl::evidence_spf)]);
      if (value_of(values, vsl::evidence_dkim) == 1) spoken.dkim = "qzsigner.test";
    }
    spoken.needs = {"client"};
    if (resolver.asked(dns::Type::txt)) spoken.needs.emplace_back("sender_dns");
    if (resolver.asked(dns::Type::a) || resolver.asked(dns::Type::aaaa)) {
      spoken.needs.emplace_back("third_party");
    }
    if (dialogue.login) spoken.needs.emplace_back("login");
    found_.witnesses.push_back(std::move(witness));
    return true;
  }

  /// Tries dialogues made of all that both versions name.
  bool try_all(Group group, DifferenceKind kind) {
    constexpr std::size_t most = 2000;
    const VslClasses& classes = world_->classes();
    std::size_t tried = 0;
    VslValues values;
    const std::vector<std::string>& parts = vsl_parts();
    const std::function<bool(std::size_t)> go = [&](std::size_t at) -> bool {
      if (tried >= most || deadline_.is_over()) return false;
      if (at == parts.size()) {
        ++tried;
        return play(values, group, kind);
      }
      for (std::size_t value = 0; value < classes.count(parts[at]); ++value) {
        values[parts[at]] = value;
        if (go(at + 1)) return true;
      }
      return false;
    };
    return go(0);
  }

  const std::array<const Version*, 2> versions_;
  const CompareOptions options_;
  const Deadline deadline_;
  Comparison& found_;
  vsl::WatchedWords words_;
  std::unique_ptr<Diagrams> diagrams_;
  std::unique_ptr<VslWorld> world_;
  std::array<std::optional<policy::Engine>, 2> engines_;
  std::map<std::string, std::pair<std::string, std::string>> replaced_;  ///< place and function
  bool lets_through_ = false;  ///< some dialogue is refused by no rule of one version
};

}  // namespace

bool same_vsl(const app::Config& before, const app::Config& after) {
  if (before.vsl.mode != after.vsl.mode) return false;
  if (!before.vsl.loaded || !after.vsl.loaded) return before.vsl.loaded == after.vsl.loaded;
  return before.vsl.loaded->definition() == after.vsl.loaded->definition();
}

void compare_vsl(const Version& before, const Version& after, const CompareOptions& options,
                 const Deadline& deadline, Comparison& found) {
  // Alone first: what else differs has been noted.
  Comparison rules;
  VslComparer(before, after, options, deadline, rules).run();
  found.rules = rules.answer();
  found.refuses_all = rules.refuses_all;
  for (std::size_t group = 0; group < rules.groups.size(); ++group) {
    widen(found.groups[group].refuses_more, rules.groups[group].refuses_more);
    widen(found.groups[group].accepts_more, rules.groups[group].accepts_more);
  }
  widen(found.handling, rules.handling);
  widen(found.replies, rules.replies);
  for (std::size_t axis = 0; axis < axis_count; ++axis) {
    found.classes[axis] = std::max(found.classes[axis], rules.classes[axis]);
  }
  std::ranges::move(rules.witnesses, std::back_inserter(found.witnesses));
  std::ranges::move(rules.not_proved, std::back_inserter(found.not_proved));
  std::ranges::move(rules.evidence, std::back_inserter(found.evidence));
  found.nodes += rules.nodes;
  found.played += rules.played;
}

}  // namespace postern::plan
