#include "plan/suggest.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/layer.h"

namespace postern::plan {

namespace json = boost::json;
namespace restrictions = dialect::restrictions;
using restrictions::List;
using restrictions::ListKind;
using restrictions::ListPolicy;

namespace {

/// Whether a row of a table can have it as its key as it is.
bool is_plain(std::string_view key) {
  constexpr std::string_view others = "@._+-";
  return !key.empty() && std::ranges::all_of(key, [&](char c) {
    return is_alnum(c) || others.find(c) != std::string_view::npos;
  });
}

/// One row that judges the dialogue by a part of it.
struct Row {
  ListKind list = ListKind::client;  ///< the list of rules about this part
  std::string words;                 ///< "the client 192.0.2.7"
  std::string rule;                  ///< "check_client_access cidr:{ {192.0.2.7 OK} }"
};

/// The rows that are tried about the mail itself, the narrowest first.
std::vector<Row> rows_for(const app::Dialogue& said, std::string_view action) {
  std::vector<Row> rows;
  const auto add = [&](ListKind list, std::string words, std::string_view keyword,
                       const std::string& key) {
    if (!is_plain(key)) return;
    rows.push_back({.list = list,
                    .words = std::move(words),
                    .rule = fmt::format("{} inline:{{ {{{} = {}}} }}", keyword, key, action)});
  };
  const std::string client = said.client.to_string();
  rows.push_back({.list = ListKind::client,
                  .words = "the client " + client,
                  .rule = fmt::format("check_client_access cidr:{{ {{{} {}}} }}", client, action)});
  if (said.sender) {
    const std::string sender = lower(said.sender->text());
    add(ListKind::sender, "the sender " + sender, "check_sender_access", sender);
  }
  if (said.helo) {
    const std::string helo = lower(*said.helo);
    add(ListKind::helo, "HELO " + helo, "check_helo_access", helo);
  }
  if (said.sender) {
    const std::string domain = lower(said.sender->domain);
    add(ListKind::sender, "senders of " + domain, "check_sender_access", domain);
  }
  return rows;
}

/// The row for the recipient: it lets all mail to one address in, or none, so it comes last.
std::vector<Row> last_row_for(const app::Dialogue& said, std::string_view action) {
  const std::string recipient = lower(said.recipients.front().text());
  if (!is_plain(recipient)) return {};
  return {
      {.list = ListKind::recipient,
       .words = "the recipient " + recipient,
       .rule = fmt::format("check_recipient_access inline:{{ {{{} = {}}} }}", recipient, action)}};
}

/// An edit that is made again where the next rule decides against the dialogue.
struct WishKind {
  std::string words;
  std::size_t most_rounds = 1;
  /// Changes the parameters; false: it cannot be made here.
  std::function<bool(const ListPolicy&, const Side&, ListEdit&)> apply;
};

class Suggester {
 public:
  Suggester(const Edition& now, const Complaint& complaint, const SuggestTools& tools,
            const EditOptions& options)
      : now_(now), complaint_(complaint), tools_(tools), options_(options) {}

  Suggestions run() {
    Suggestions result;
    result.got = side_of(tools_.play(now_));
    result.is_wrong = !is_right(result.got);
    if (!result.is_wrong || policy_of(now_) == nullptr) return result;
    for (const WishKind& kind :
         complaint_.should_be_taken ? that_take(result.got) : that_refuse(result.got)) {
      auto tried = attempt(kind, result.got);
      if (!tried) continue;
      auto& list = tried->refused.empty() ? result.found : result.refused;
      list.push_back(std::move(*tried));
    }
    return result;
  }

 private:
  static const ListPolicy* policy_of(const Edition& edition) {
    const auto* loaded = edition.config.restrictions.loaded();
    return loaded == nullptr ? nullptr : loaded->compiled.policy.get();
  }

  bool is_right(const Side& side) const {
    return complaint_.should_be_taken ? side.taken && side.handling == "deliver" : !side.taken;
  }

  std::optional<Suggestion> attempt(const WishKind& kind, Side side) {
    ListEdit edit{.words = kind.words, .parameters = {}};
    std::optional<Edition> edited;
    for (std::size_t round = 0; round < kind.most_rounds && !is_right(side); ++round) {
      if (!kind.apply(*policy_of(edited ? *edited : now_), side, edit)) return std::nullopt;
      edited = tools_.edited(edit);
      if (!edited || policy_of(*edited) == nullptr) return std::nullopt;
      side = side_of(tools_.play(*edited));
    }
    if (!edited || !is_right(side)) return std::nullopt;
    Suggestion made{.edit = std::move(edit),
                    .report = judge_edit(now_, *edited, options_),
                    .refused = {},
                    .example = {}};
    made.refused = objection(*edited, made.report, made.example);
    return made;
  }

  /// Why it is not suggested; empty: it is. `example`: gets a dialogue that shows it, if one does.
  std::string objection(const Edition& edited, const Report& report, std::string& example) const {
    for (std::size_t at = 0; at < report.guardrails.size(); ++at) {
      if (refuses(report.guardrails[at], edited.config.guardrails->sentences[at])) {
        example = dialogue_of(report.guardrails[at]);
        return fmt::format("it breaks the guardrail `{}`", report.guardrails[at].name);
      }
    }
    const Comparison& found = report.comparison;
    const auto opposed =
        complaint_.should_be_taken ? DifferenceKind::refuses_more : DifferenceKind::accepts_more;
    const auto shown = std::ranges::find_if(found.witnesses, [&](const Witness& one) {
      return report.after_is_open
                 ? one.group == Group::foreign && one.kind == DifferenceKind::accepts_more
                 : one.kind == opposed;
    });
    if (shown != found.witnesses.end()) example = line_of(*shown);
    if (report.after_is_open) return "strangers would reach foreign destinations (R110)";
    const Answer wanted = complaint_.should_be_taken ? Answer::accepts_more : Answer::refuses_more;
    if (found.verdicts() == Answer::not_proved || found.handling == Known::unknown) {
      return "not proved: " + (found.not_proved.empty() ? std::string("what else it changes")
                                                        : found.not_proved.front().text);
    }
    if (found.verdicts() == Answer::same) return "no group of destinations has this mail";
    if (found.verdicts() == wanted) return "";
    return complaint_.should_be_taken ? "it refuses other mail that is taken now"
                                      : "it takes other mail that is refused now";
  }

  /// In front of the rule that refuses.
  static bool put_in_front(const ListPolicy& policy, const Side& side, const std::string& rule,
                           ListEdit& edit) {
    const auto spot = spot_of(policy, side.at);
    if (!spot) return false;
    auto rules = written(*rules_of(policy, spot->parameter));
    rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(spot->at), rule);
    edit.parameters[spot->parameter] = joined(rules);
    return true;
  }

  static bool take_out(const ListPolicy& policy, const Side& side, ListEdit& edit) {
    return plan::take_out(policy, side.at, edit);
  }

  static std::string rule_at(const ListPolicy& policy, const Side& side) {
    const auto spot = spot_of(policy, side.at);
    return spot ? (*rules_of(policy, spot->parameter))[spot->at].words : side.rule;
  }

  std::vector<WishKind> that_take(const Side& got) const {
    constexpr std::size_t most_rounds = 4;
    std::vector<WishKind> kinds;
    const auto add = [&](const std::string& who, const std::string& rule) {
      kinds.push_back({.words = "permit " + who + " in front of what refuses",
                       .most_rounds = most_rounds,
                       .apply = [rule](const ListPolicy& policy, const Side& side, ListEdit& edit) {
                         return put_in_front(policy, side, rule, edit);
                       }});
    };
    for (const Row& row : rows_for(complaint_.dialogue, "OK")) add(row.words, row.rule);
    if (complaint_.dialogue.login) add("clients that have signed in", "permit_sasl_authenticated");
    kinds.push_back(networks());
    const std::string rule = rule_at(*policy_of(now_), got);
    kinds.push_back({.words = fmt::format("only warn where {} refuses", rule),
                     .most_rounds = 1,
                     .apply = [](const ListPolicy& policy, const Side& side, ListEdit& edit) {
                       const auto spot = spot_of(policy, side.at);
                       if (!spot) return false;
                       auto rules = written(*rules_of(policy, spot->parameter));
                       rules[spot->at].insert(0, "warn_if_reject ");
                       edit.parameters[spot->parameter] = joined(rules);
                       return true;
                     }});
    kinds.push_back({.words = "take out " + rule, .most_rounds = 1, .apply = take_out});
    for (const Row& row : last_row_for(complaint_.dialogue, "OK")) add(row.words, row.rule);
    return kinds;
  }

  /// The client becomes one of ours.
  WishKind networks() const {
    const std::string client = complaint_.dialogue.client.to_string();
    return {.words = "add the client " + client + " to mynetworks",
            .most_rounds = 1,
            .apply = [&, client](const ListPolicy&, const Side&, ListEdit& edit) {
              const auto& parameters = now_.config.restrictions.section.parameters;
              const auto known = parameters.find("mynetworks");
              if (known == parameters.end()) return false;
              const bool is_v4 = complaint_.dialogue.client.is_v4();
              edit.parameters["mynetworks"] =
                  known->second + ", " + (is_v4 ? client : "[" + client + "]");
              return true;
            }};
  }

  std::vector<WishKind> that_refuse(const Side& got) const {
    std::vector<WishKind> kinds;
    const auto add = [&](const Row& row) {
      kinds.push_back({.words = "refuse " + row.words,
                       .most_rounds = 1,
                       .apply = [row](const ListPolicy& policy, const Side&, ListEdit& edit) {
                         const std::string parameter(restrictions::parameter_of(row.list));
                         auto rules = written(policy.list(row.list));
                         rules.insert(rules.begin(), row.rule);
                         edit.parameters[parameter] = joined(rules);
                         return true;
                       }});
    };
    std::ranges::for_each(rows_for(complaint_.dialogue, "REJECT"), add);
    const ListPolicy& policy = *policy_of(now_);
    for (std::size_t kind = 0; kind < restrictions::list_count; ++kind) {
      const List& list = policy.lists[kind];
      for (std::size_t at = 0; at < list.size(); ++at) {
        if (!list[at].warn_only) continue;
        kinds.push_back({.words = fmt::format("let {} refuse, which only warns", list[at].words),
                         .most_rounds = 1,
                         .apply = [kind, at](const ListPolicy& now, const Side&, ListEdit& edit) {
                           List strict = now.lists[kind];
                           strict[at].warn_only = false;
                           edit.parameters[std::string(restrictions::parameter_of(
                               static_cast<ListKind>(kind)))] = joined(written(strict));
                           return true;
                         }});
      }
    }
    kinds.push_back(
        {.words = "take out " + rule_at(policy, got), .most_rounds = 1, .apply = take_out});
    std::ranges::for_each(last_row_for(complaint_.dialogue, "REJECT"), add);
    return kinds;
  }

  const Edition& now_;
  const Complaint& complaint_;
  const SuggestTools& tools_;
  const EditOptions& options_;
};

json::object edit_json(const Suggestion& one) {
  json::object parameters;
  for (const auto& [name, value] : one.edit.parameters) parameters[name] = value;
  return {{"edit", one.edit.words}, {"parameters", std::move(parameters)}};
}

std::string_view wanted_word(const Complaint& complaint) {
  return complaint.should_be_taken ? "taken" : "refused";
}

std::string_view got_word(const Side& side) {
  if (!side.taken) return "refused";
  return side.handling == "deliver" ? "taken" : side.handling == "discard" ? "discarded" : "held";
}

}  // namespace

Suggestions suggest(const Edition& now, const Complaint& complaint, const SuggestTools& tools,
                    const EditOptions& options) {
  return Suggester(now, complaint, tools, options).run();
}

json::object suggestions_json(const Complaint& complaint, const Suggestions& found) {
  json::array suggestions;
  for (const Suggestion& one : found.found) {
    json::object object = edit_json(one);
    object["plan"] = report_json(one.report);
    suggestions.push_back(std::move(object));
  }
  json::array refused;
  for (const Suggestion& one : found.refused) {
    json::object object = edit_json(one);
    object["why"] = one.refused;
    object["example"] = one.example.empty() ? json::value() : json::value(one.example);
    object["plan"] = report_json(one.report);
    refused.push_back(std::move(object));
  }
  return {{"name", complaint.name},
          {"wanted", wanted_word(complaint)},
          {"got", side_json(found.got)},
          {"is_wrong", found.is_wrong},
          {"suggestions", std::move(suggestions)},
          {"refused", std::move(refused)}};
}

std::string suggestions_text(const Complaint& complaint, const Suggestions& found) {
  std::string text = fmt::format("{}: is {}", printable(complaint.name, 200), got_word(found.got));
  if (!found.is_wrong) return text + ", as it should be\n";
  text += fmt::format(", and should be {}\n", wanted_word(complaint));
  text += decided_by(found.got, "  now decides ");
  std::size_t number = 0;
  for (const Suggestion& one : found.found) {
    text += fmt::format("  {}. {}\n", ++number, one.edit.words);
    for (const auto& [name, value] : one.edit.parameters) {
      text += fmt::format("     {} = {}\n", name, json::serialize(json::value(value)));
    }
    text += fmt::format("     {}\n", sentence_of(one.report.comparison));
  }
  if (found.found.empty()) text += "  none of the edits that are tried is suggested\n";
  for (const Suggestion& one : found.refused) {
    text += fmt::format("  not suggested: {}: {}\n", one.edit.words, printable(one.refused, 300));
    if (!one.example.empty()) text += fmt::format("    for example {}\n", one.example);
  }
  return text;
}

}  // namespace postern::plan
