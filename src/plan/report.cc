#include "plan/report.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "explain/report.h"

namespace postern::plan {

namespace json = boost::json;

namespace {

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(json::string(*text)) : json::value();
}

/// "old.toml:4:9".
json::value place_json(const std::string& place) {
  const std::size_t column = place.rfind(':');
  if (column == std::string::npos || column == 0) return nullptr;
  const std::size_t line = place.rfind(':', column - 1);
  if (line == std::string::npos) return nullptr;
  return json::object{{"file", place.substr(0, line)},
                      {"line", parse_number(place.substr(line + 1, column - line - 1)).value_or(0)},
                      {"column", parse_number(place.substr(column + 1)).value_or(0)}};
}

}  // namespace

json::object side_json(const Side& side) {
  json::object object;
  if (side.taken) {
    object = {{"verdict", "taken"}, {"handling", side.handling}, {"route", side.route}};
    if (!side.next_hop.empty()) object["next_hop"] = side.next_hop;
    if (!side.quarantine.empty()) object["quarantine"] = side.quarantine;
  } else {
    object = {
        {"verdict", "refused"}, {"stage", side.stage}, {"reply", app::reply_json(side.reply)}};
  }
  object["layer"] = side.layer.empty() ? json::value() : json::value(side.layer);
  object["rule"] = side.rule.empty() ? json::value() : json::value(side.rule);
  object["at"] = side.at.empty() ? json::value() : json::value(side.at);
  object["place"] = place_json(side.place);
  if (!side.row.empty()) object["row"] = side.row;
  return object;
}

json::object spoken_json(const Spoken& spoken) {
  json::array answers;
  for (const Spoken::Answer& one : spoken.answers) {
    answers.push_back(json::object{{"service", one.service},
                                   {"asked", one.asked},
                                   {"answer", one.failed ? json::value() : json::value(one.text)}});
  }
  json::object object{{"confirmed", true},
                      {"client", spoken.client},
                      {"client_name", or_null(spoken.client_name)},
                      {"helo", or_null(spoken.helo)},
                      {"tls", spoken.tls},
                      {"auth", or_null(spoken.login)},
                      {"mail_from", spoken.sender},
                      {"rcpt_to", spoken.recipient},
                      {"message", nullptr},
                      {"dns", spoken.dns},
                      {"answers", std::move(answers)},
                      {"needs", json::value_from(spoken.needs)}};
  if (spoken.early != app::Early::never) {
    object["early"] = to_string(spoken.early);
  }
  if (!spoken.password_of.empty()) object["password_of"] = spoken.password_of;
  if (spoken.spf) {
    object["spf"] = *spoken.spf;
    object["dkim"] = or_null(spoken.dkim);
  }
  return object;
}

namespace {

json::object witness_json(const Witness& witness) {
  json::object object{{"group", name_of(witness.group)}, {"kind", to_string(witness.kind)}};
  for (auto& member : spoken_json(witness.spoken)) object[member.key()] = member.value();
  object["old"] = side_json(witness.before);
  object["new"] = side_json(witness.after);
  return object;
}

json::value differs(Known known) {
  if (known == Known::unknown) return "unknown";
  return known == Known::yes ? "differs" : "same";
}

constexpr std::array<Group, 3> all_groups{Group::ours, Group::relay, Group::foreign};
std::string_view axis_name(std::size_t axis) { return to_string(static_cast<Axis>(axis)); }

void add_conditions(json::array& list, const std::vector<Difference>& differences) {
  for (const Difference& one : differences) {
    json::object& conditions = list.emplace_back(json::object()).as_object();
    for (const Difference::Part& part : one.conditions) {
      conditions[part.negated ? "not " + part.name : part.name] = json::value_from(part.values);
    }
  }
}
/// Both directions' conditions.
json::array difference_json(const GroupAnswer& answer) {
  json::array list;
  add_conditions(list, answer.refused.some);
  add_conditions(list, answer.accepted.some);
  return list;
}
/// Whether the conditions are all. `all`: what says so of one direction.
bool is_complete(const GroupAnswer& answer, bool Differences::* all) {
  if (!answer.refused.by.empty() || !answer.accepted.by.empty()) return false;
  return answer.refused.*all == (answer.refuses_more == Known::yes) &&
         answer.accepted.*all == (answer.accepts_more == Known::yes) &&
         answer.answer() != Answer::not_proved;
}
/// Those among the mail that OLD takes, and NEW refuses; and among what NEW takes.
json::object of_taken_json(const GroupAnswer& answer) {
  json::array refused;
  json::array accepted;
  add_conditions(refused, answer.refused.of_taken);
  add_conditions(accepted, answer.accepted.of_taken);
  return {{"refuses_more", std::move(refused)},
          {"accepts_more", std::move(accepted)},
          {"complete", is_complete(answer, &Differences::all_of_taken)}};
}

/// The direction of each condition.
json::array kinds_json(const GroupAnswer& answer) {
  json::array list;
  for (std::size_t i = 0; i < answer.refused.some.size(); ++i) list.emplace_back("refuses_more");
  for (std::size_t i = 0; i < answer.accepted.some.size(); ++i) list.emplace_back("accepts_more");
  return list;
}

json::object answer_json(const GroupAnswer& one) {
  return {{"answer", to_string(one.answer())},
          {"refuses_more", to_string(one.refuses_more)},
          {"accepts_more", to_string(one.accepts_more)},
          {"difference", difference_json(one)},
          {"difference_kinds", kinds_json(one)},
          {"difference_complete", is_complete(one, &Differences::all)},
          {"difference_of_taken", of_taken_json(one)}};
}

/// "sender partner.test or below partner.test, helo not mx.partner.test"; empty: any dialogue.
std::string conditions_text(const Difference& difference) {
  std::string text;
  for (const Difference::Part& part : difference.conditions) {
    const bool neither = part.negated && part.values.size() > 1;
    text += (text.empty() ? "" : ", ") + printable(part.name, 200) +
            (neither          ? " neither "
             : part.negated   ? " not "
             : part.is_answer ? ": "  // "MX of the sender's domain: missing"
                              : " ");
    constexpr std::size_t most = 4;
    const std::string_view between = neither ? " nor " : " or ";
    for (std::size_t at = 0; at < part.values.size() && at < most; ++at) {
      if (at > 0) text += between;
      text += printable(part.values[at], 160);
    }
    if (part.values.size() > most) {
      text += fmt::format("{}{} more", neither ? between : " and ", part.values.size() - most);
    }
  }
  return text;
}

/// Conditions for people.
struct Where {
  std::string text;        ///< "sender partner.test; and more"; empty: any dialogue, or not known
  std::string_view among;  ///< "what old takes", if they are about that; else empty
  bool is_all = false;     ///< all of that
  std::string if_let;      ///< " (where the rules let it through)"
};

constexpr std::string_view and_more = "; and more";

/// "sender partner.test; client 192.0.2.0/24; and more": the first condition, and others as long as
/// it stays short. `all`: there are no others.
std::string some_text(const std::vector<Difference>& some, bool all) {
  constexpr std::size_t most = 250;
  std::string text;
  for (const Difference& one : some) {
    const std::string more = conditions_text(one);
    if (!text.empty() && text.size() + more.size() > most) {
      all = false;
      break;
    }
    text += (text.empty() ? "" : "; ") + more;
  }
  if (!text.empty() && !all) text += and_more;
  return text;
}

/// What is said of the mail that a version takes leaves out what makes it take the mail.
Where where_of(const Differences& differences, std::string_view taker) {
  Where where{.text = some_text(differences.some, differences.all), .among = {}};
  const bool is_all = differences.of_taken.size() == 1 && differences.all_of_taken &&
                      differences.of_taken.front().conditions.empty();
  const std::string of_taken =
      is_all ? "all" : some_text(differences.of_taken, differences.all_of_taken);
  constexpr std::size_t short_text = 160;
  const bool is_whole = differences.all && !where.text.ends_with(and_more);
  const bool tells_less =
      is_whole && (!differences.all_of_taken || where.text.size() <= short_text);
  if (!of_taken.empty() && of_taken != where.text && !tells_less &&
      !(is_all && where.text.empty())) {
    where = {.text = of_taken, .among = taker, .is_all = is_all};
  }
  if (!where.text.empty() && !differences.by.empty()) {
    where.if_let = fmt::format(" (where {} let it through)", differences.by);
    where.text += where.if_let;
  }
  return where;
}
constexpr std::string_view of_old = "what old takes";
constexpr std::string_view of_new = "what new takes";

/// "of what old takes, new refuses sender partner.test. New takes some".
std::string both_text(const Where& refused, const Where& accepted) {
  if (refused.text.empty() && accepted.text.empty()) return "";
  if (refused.among.empty() && accepted.among.empty() && !refused.text.empty() &&
      !accepted.text.empty()) {
    return fmt::format("new refuses {}, and takes {}", refused.text, accepted.text);
  }
  std::string text = refused.text.empty() ? "new refuses some"
                     : refused.among.empty()
                         ? "new refuses " + refused.text
                         : fmt::format("of {}, new refuses {}", refused.among, refused.text);
  // Conditions have semicolons between them.
  text += accepted.text.empty() ? ". New takes some"
          : accepted.among.empty()
              ? ". New takes " + accepted.text
              : fmt::format(". Of {}, old refuses {}", accepted.among, accepted.text);
  return text;
}

/// "accepts more: client 203.0.113.128 to 203.0.113.255".
std::string answer_text(const GroupAnswer& one) {
  const std::string text(words_of(one.answer()));
  const Where refused = where_of(one.refused, of_old);
  const Where accepted = where_of(one.accepted, of_new);
  const auto one_way = [&](const Where& found) {
    if (found.text.empty()) return text;
    if (found.is_all) return fmt::format("{}: all of {}{}", text, found.among, found.if_let);
    return fmt::format("{}{}{}: {}", text, found.among.empty() ? "" : ", of ", found.among,
                       found.text);
  };
  std::string where;
  switch (one.answer()) {
    case Answer::refuses_more:
      return one_way(refused);
    case Answer::accepts_more:
      return one_way(accepted);
    case Answer::both:
      where = both_text(refused, accepted);
      break;
    case Answer::not_proved:
      where = one.accepts_more == Known::yes   ? "it accepts more, and may refuse more"
              : one.refuses_more == Known::yes ? "it refuses more, and may accept more"
              : one.accepts_more == Known::no  ? "it accepts nothing more"
              : one.refuses_more == Known::no  ? "it refuses nothing more"
                                               : "";
      break;
    case Answer::same:
      break;
  }
  return where.empty() ? text : text + ": " + where;
}

std::string reply_text(const Side& side) {
  if (side.taken) {
    const bool names = side.handling == "hold" && !side.quarantine.empty();
    return fmt::format("250, taken{}{}{}{}", side.handling == "deliver" ? "" : ", " + side.handling,
                       names ? " in " + side.quarantine : "",
                       side.route.empty() ? "" : ", route " + side.route,
                       side.next_hop.empty() ? "" : " to " + side.next_hop);
  }
  return fmt::format("{} {} {}", side.reply.code, side.reply.enhanced.to_string(), side.reply.text);
}

}  // namespace

std::string decided_by(const Side& side, std::string_view begin) {
  if (side.layer.empty()) return "";
  return fmt::format("{}{} {}{}{}{}\n", begin, side.layer, side.rule,
                     side.at.empty() ? "" : "  " + side.at,
                     side.place.empty() ? "" : "  " + side.place,
                     side.row.empty() ? "" : "  row " + printable(side.row, 255));
}

namespace {

void add_side(std::string& text, std::string_view which, const Side& side) {
  text += fmt::format("    {}  {}\n", which, printable(reply_text(side), 400));
  text += decided_by(side, "         ");
}

std::string condition_words(const Witness& witness) {
  std::string text = fmt::format("client {}", witness.spoken.client);
  if (witness.spoken.client_name) text += fmt::format(" ({})", *witness.spoken.client_name);
  text += witness.spoken.helo ? ", HELO " + printable(*witness.spoken.helo, 255) : ", no HELO";
  if (witness.spoken.login) {
    text += fmt::format(", authenticated as {}{}", printable(*witness.spoken.login, 255),
                        witness.spoken.tls ? "" : " without TLS");
  } else {
    text += witness.spoken.tls ? ", TLS, not authenticated" : ", not authenticated";
  }
  if (const app::Early early = witness.spoken.early; early != app::Early::never) {
    text += fmt::format(", commands ahead of replies from {} on", to_string(early));
  }
  if (!witness.spoken.password_of.empty()) {
    text += fmt::format(" with the {} password", witness.spoken.password_of);
  }
  if (witness.spoken.spf) {
    text += fmt::format(", SPF {}, {}", *witness.spoken.spf,
                        witness.spoken.dkim ? "signed by " + *witness.spoken.dkim : "no signature");
  }
  return text;
}

void add_witness(std::string& text, const Witness& witness) {
  text += fmt::format("  for example ({}, {})\n",
                      witness.group ? to_string(*witness.group) : "an address with a route",
                      words_of(witness.kind));
  text += fmt::format("    {}\n", condition_words(witness));
  for (const auto& [name, records] : witness.spoken.dns) {
    text += fmt::format("    DNS {} {}\n", std::string_view(name), json::serialize(records));
  }
  for (const Spoken::Answer& one : witness.spoken.answers) {
    text += fmt::format("    {}\n", words_of(one));
  }
  text +=
      fmt::format("    C: MAIL FROM:<{}>\n    C: RCPT TO:<{}>\n",
                  printable(witness.spoken.sender, 400), printable(witness.spoken.recipient, 400));
  add_side(text, "old", witness.before);
  add_side(text, "new", witness.after);
  text += "  played on both versions: confirmed\n";
}

/// A line for each webhook that differs, at most ten.
std::string webhooks_text(const std::vector<WebhookAnswer>& webhooks) {
  constexpr std::size_t most = 10;
  std::string text;
  std::size_t differ = 0;
  for (const WebhookAnswer& one : webhooks) {
    if (one.answer.answer() == Answer::same) continue;
    if (++differ > most) continue;
    text += fmt::format("  {}  {}\n", printable(one.address, 320), answer_text(one.answer));
  }
  if (differ > most) {
    text += fmt::format("  and {} more {}\n", differ - most,
                        differ - most == 1 ? "webhook" : "webhooks");
  }
  if (differ < webhooks.size()) {
    const std::size_t same = webhooks.size() - differ;
    text += fmt::format("  {} {}  same\n", same, same == 1 ? "webhook" : "webhooks");
  }
  return text;
}

std::string headline(const Comparison& comparison, bool asks_replies, bool weakened) {
  switch (comparison.answer()) {
    case Answer::same:
      if (comparison.verdicts() == Answer::not_proved) {
        return "NOT PROVED FOR ADDRESSES WITH A ROUTE: for all others each dialogue gets the same "
               "verdict";
      }
      if (comparison.verdicts() != Answer::same) {
        return "OTHER VERDICTS FOR ADDRESSES WITH A ROUTE: for all others they are the same";
      }
      if (comparison.handling == Known::yes) {
        return "SAME VERDICTS, OTHER HANDLING: what is taken is handled differently";
      }
      if (comparison.routes == Known::yes) {
        return "SAME VERDICTS, OTHER ROUTES: some mail that both take goes elsewhere";
      }
      if (weakened) {
        return "SAME VERDICTS, WEAKER GUARDRAILS: new's guardrails allow edits that old's do not";
      }
      return asks_replies && comparison.replies == Known::yes
                 ? "SAME VERDICTS, OTHER REPLIES: what is refused is refused with other codes"
                 : "same: every dialogue gets the same verdict";
    case Answer::refuses_more:
      return "REFUSES MORE: new refuses what old takes, and takes nothing else";
    case Answer::accepts_more: {
      const GroupAnswer& foreign = comparison.groups[static_cast<std::size_t>(Group::foreign)];
      const auto is_thrown_away = [](const Witness& one) {
        return one.group != Group::foreign || one.kind != DifferenceKind::accepts_more ||
               one.after.handling == "discard";
      };
      return foreign.accepts_more == Known::yes
                 ? std::ranges::all_of(comparison.witnesses, is_thrown_away)
                       ? "ACCEPTS MORE: new takes mail to foreign destinations that old refuses, "
                         "and throws it away"
                       : "ACCEPTS MORE: new takes mail to foreign destinations that old refuses"
                 : "ACCEPTS MORE: new takes what old refuses, and refuses nothing else";
    }
    case Answer::both:
      return "BOTH DIFFER: new takes some mail that old refuses, and refuses some that old takes";
    case Answer::not_proved:
      break;
  }
  return "NOT PROVED: what is known is below";
}

/// What is refused (or accepted) that was not, at most three parts of it: "mail to foreign
/// destinations (sender partner.test)"; "some" where the condition is not known.
std::string parts_text(const Comparison& found, Known GroupAnswer::* known,
                       Differences GroupAnswer::* differences, std::string_view taker) {
  constexpr std::size_t most = 3;
  std::vector<std::string> parts;
  const auto add = [&](const std::string& where, const GroupAnswer& answer) {
    if (answer.*known != Known::yes) return;
    const Where conditions = where_of(answer.*differences, taker);
    const bool all =
        conditions.among.empty() ? (answer.*differences).all : (answer.*differences).all_of_taken;
    parts.push_back((all ? "mail to " : "some mail to ") + where);
    if (conditions.text.empty()) return;
    parts.back() +=
        conditions.is_all ? fmt::format(" (all of {}{})", conditions.among, conditions.if_let)
        : conditions.among.empty() ? fmt::format(" ({})", conditions.text)
                                   : fmt::format(" (of {}: {})", conditions.among, conditions.text);
  };
  for (const Group group : all_groups) {
    add(group == Group::ours    ? "this host's domains"
        : group == Group::relay ? "the domains it relays for"
                                : "foreign destinations",
        found.groups[static_cast<std::size_t>(group)]);
  }
  for (const WebhookAnswer& one : found.webhooks) add(printable(one.address, 320), one.answer);
  std::string text;
  for (std::size_t at = 0; at < parts.size() && at < most; ++at) {
    text += (at == 0 ? "" : "; ") + parts[at];
  }
  if (parts.size() > most) text += fmt::format("; and {} more", parts.size() - most);
  return text;
}

}  // namespace

std::string line_of(const Witness& witness) {
  std::string text = condition_words(witness);
  for (const auto& [name, records] : witness.spoken.dns) {
    text += fmt::format(", DNS {} {}", std::string_view(name), json::serialize(records));
  }
  for (const Spoken::Answer& one : witness.spoken.answers) text += ", " + words_of(one);
  return text + fmt::format(", MAIL FROM:<{}>, RCPT TO:<{}>", printable(witness.spoken.sender, 400),
                            printable(witness.spoken.recipient, 400));
}

namespace {

/// Of what was asked about.
std::string sentence_of_asked(const Comparison& found) {
  const std::string refused =
      parts_text(found, &GroupAnswer::refuses_more, &GroupAnswer::refused, of_old);
  const std::string accepted =
      parts_text(found, &GroupAnswer::accepts_more, &GroupAnswer::accepted, of_new);
  switch (found.answer()) {
    case Answer::same:
      if (found.verdicts() == Answer::not_proved) {
        return "No mail is judged differently; not proved for addresses with a route through this "
               "host.";
      }
      if (found.verdicts() != Answer::same) {
        return "Mail to addresses with a route through this host is judged differently, and no "
               "other.";
      }
      return found.handling == Known::yes
                 ? "No mail is judged differently, but some that is taken is handled differently."
             : found.routes == Known::yes
                 ? "No mail is judged differently, but some that is taken goes elsewhere."
                 : "No mail is judged differently.";
    case Answer::refuses_more:
      return fmt::format("Refuses more: {}. {}", refused,
                         found.winding.accepts_more == Known::no
                             ? "Nothing new comes in."
                             : "Nothing new comes in but to addresses with a route, perhaps.");
    case Answer::accepts_more:
      return fmt::format("Accepts more: {}. {}", accepted,
                         found.winding.refuses_more == Known::no
                             ? "Nothing more is refused."
                             : "Nothing more is refused but to addresses with a route, perhaps.");
    case Answer::both:
      return fmt::format("Refuses {}, and accepts {}.", refused, accepted);
    case Answer::not_proved:
      break;
  }
  std::string text = "Not proved";
  if (!found.not_proved.empty()) text += ": " + printable(found.not_proved.front().text, 400);
  text += fmt::format(". Tried {} {}.", found.played, found.played == 1 ? "dialogue" : "dialogues");
  if (!accepted.empty()) text += fmt::format(" Accepts more: {}.", accepted);
  if (!refused.empty()) text += fmt::format(" Refuses more: {}.", refused);
  return text;
}

}  // namespace

std::string sentence_of(const Comparison& found) {
  const std::string sentence = sentence_of_asked(found);
  if (!found.only) return sentence;
  return fmt::format("Of mail to {} destinations, which alone was asked about: {}",
                     to_string(*found.only), sentence);
}

json::object report_json(const Report& report) {
  const Comparison& found = report.comparison;
  json::object groups;
  json::object webhooks;
  json::object classes;
  for (const Group group : all_groups) {
    groups[to_string(group)] =
        found.asked(group) ? json::value(answer_json(found.groups[static_cast<std::size_t>(group)]))
                           : json::value(nullptr);
  }
  for (const WebhookAnswer& one : found.webhooks) webhooks[one.address] = answer_json(one.answer);
  for (std::size_t axis = 0; axis < axis_count; ++axis) {
    if (found.classes[axis] > 1) classes[axis_name(axis)] = found.classes[axis];
  }
  json::array witnesses;
  for (const Witness& witness : found.witnesses) witnesses.push_back(witness_json(witness));
  json::array guardrails;
  for (const GuardResult& one : report.guardrails) guardrails.push_back(guard_json(one));
  for (const auto& [at, before] : report.broken) {
    guardrails[at].as_object()["old"] = to_string(before);
  }
  json::array weakened;
  for (const Weakened& one : report.weakened) weakened.emplace_back(one.name);
  json::array assumptions{"one_recipient", "rate_limits_unused", "zone_constant"};
  if (!report.read_once.empty()) assumptions.emplace_back("one_working_folder");
  if (!found.give_up.empty()) assumptions.emplace_back("patterns_end");
  if (found.names_like_networks) assumptions.emplace_back("no_name_ends_in_a_number");
  if (report.auth_differs) assumptions.emplace_back("auth_is_answered");
  json::array not_proved;
  for (const NotProved& one : found.not_proved) {
    not_proved.push_back(
        json::object{{"group", one.group.empty() ? json::value() : json::value(one.group)},
                     {"direction", one.direction == DifferenceKind::none
                                       ? json::value()
                                       : json::value(to_string(one.direction))},
                     {"layer", one.layer},
                     {"place", one.place.empty() ? json::value() : json::value(one.place)},
                     {"reason", one.reason},
                     {"text", one.text},
                     {"tried", found.played}});
  }
  json::object all = {
      {"plan", 1},
      {"answer", to_string(found.answer())},
      {"sentence", sentence_of(found)},
      {"handling", differs(found.handling)},
      {"refuses_all", found.refuses_all},
      {"replies", differs(found.replies)},
      {"routes", found.routes            ? differs(*found.routes)
                 : report.routes_unasked ? json::value("not_compared")
                                         : json::value()},
      {"groups", std::move(groups)},
      {"webhooks", std::move(webhooks)},
      {"winding",
       found.only ? json::value(nullptr) : json::value(to_string(found.winding.answer()))},
      {"witnesses", std::move(witnesses)},
      {"not_proved", std::move(not_proved)},
      {"layers",
       json::object{{"restrictions", to_string(found.lists)}, {"vsl", to_string(found.rules)}}},
      {"proof", json::object{{"method", "diagrams"},
                             {"classes", std::move(classes)},
                             {"evidence", json::value_from(found.evidence)},
                             {"nodes", found.nodes},
                             {"ms", static_cast<double>(report.took.count()) / 1000.0}}},
      {"assumptions", std::move(assumptions)},
      {"guardrails", std::move(guardrails)},
      {"guardrail_broken", !report.broken.empty()},
      {"weakened", std::move(weakened)},
      {"lint",
       json::object{{"open_relay",
                     report.open_relay.empty() ? json::value() : json::value(report.open_relay)}}},
      {"versions", json::object{{"old", report.before_digest}, {"new", report.after_digest}}}};
  if (!report.read_once.empty()) all["read_once"] = json::value_from(report.read_once);
  return all;
}

namespace {

/// In front of everything else: why new would not be served.
std::string broken_text(const Report& report) {
  std::string text;
  for (const auto& [at, before] : report.broken) {
    const GuardResult& one = report.guardrails[at];
    text += fmt::format("GUARDRAIL {}: {} would not be served: {} is {}\n",
                        one.word == GuardResult::Word::violated ? "BROKEN" : "NOT PROVED",
                        printable(report.after, 200), one.name, to_string(one.word));
    text += fmt::format(
        "  {}\n",
        printable(one.spoken ? dialogue_of(one) : one.text + " (" + one.reason + ")", 600));
    if (one.spoken) text += decided_by(one.got, "  ");
    text += fmt::format("  for old it {}\n", before == GuardResult::Word::holds ? "holds"
                                             : before == GuardResult::Word::violated
                                                 ? "is violated, too"
                                                 : "is not proved");
  }
  return text;
}

/// "550 became 554", of a dialogue that both refuse with other codes; empty: none was played.
std::string codes_text(const std::vector<Witness>& witnesses) {
  const auto one = std::ranges::find(witnesses, DifferenceKind::replies, &Witness::kind);
  if (one == witnesses.end()) return "";
  const auto code = [&](const Side& side, bool with_stage) {
    return fmt::format("{} {}{}", side.reply.code, side.reply.enhanced.to_string(),
                       with_stage ? " at " + side.stage : "");
  };
  const bool by_stage = code(one->before, false) == code(one->after, false);
  return fmt::format("{} became {}", code(one->before, by_stage), code(one->after, by_stage));
}

/// "codes differ (550 5.7.1 became 554 5.7.1), --replies shows where".
std::string replies_text(const Report& report) {
  const Comparison& found = report.comparison;
  if (found.replies == Known::no) return "the same codes";
  if (found.replies == Known::unknown) return "not known";
  const std::string codes = codes_text(found.witnesses);
  return "codes differ" + (codes.empty() ? "" : " (" + codes + ")") +
         (report.asks_replies ? "" : ", --replies shows where");
}

std::string open_relay_text(const Report& report) {
  if (!report.after_is_open) return "";
  return fmt::format(
      "OPEN RELAY: {} would not be served: strangers reach foreign destinations (R110)\n",
      printable(report.after, 200));
}

}  // namespace

std::string report_text(const Report& report) {
  const Comparison& found = report.comparison;
  std::string text =
      broken_text(report) + headline(found, report.asks_replies, !report.weakened.empty());
  if (found.only) text += fmt::format(" (only mail to {} was asked about)", to_string(*found.only));
  text += "\n" + open_relay_text(report);
  for (const Group group : all_groups) {
    text +=
        fmt::format("  {:<9}{}\n", to_string(group),
                    found.asked(group) ? answer_text(found.groups[static_cast<std::size_t>(group)])
                                       : "not asked");
  }
  text += webhooks_text(found.webhooks);
  const Answer winding = found.winding.answer();
  if (winding != Answer::same && winding != Answer::not_proved) {
    text += fmt::format(
        "  {} for addresses with a route to a domain of this host, or through a name below one\n",
        words_of(found.winding.answer()));
  }
  for (const NotProved& one : found.not_proved) {
    const std::string where = one.group.empty() ? ""
                              : one.group == "winding"
                                  ? " for addresses with a route to a domain of "
                                    "this host"
                                  : " for " + one.group;
    text += fmt::format("  not proved{}{}{}: {} ({})\n", where,
                        one.direction == DifferenceKind::none ? "" : ", ", to_string(one.direction),
                        one.text, one.reason);
    if (one.reason == "budget_time" || one.reason == "budget_nodes") {
      text += "    --budget 30s,4M gives it more\n";
    }
  }
  for (const Witness& witness : found.witnesses) {
    const bool asked = witness.kind != DifferenceKind::replies || report.asks_replies;
    if (asked) add_witness(text, witness);
  }
  std::string classes;
  for (std::size_t axis = 0; axis < axis_count; ++axis) {
    if (found.classes[axis] < 2) continue;
    classes +=
        fmt::format("{}{} {}", classes.empty() ? "" : ", ", found.classes[axis], axis_name(axis));
  }
  text += fmt::format("  classes: {}; questions: {}; {} nodes, {:.1f} ms\n",
                      classes.empty() ? "none" : classes, found.evidence.size(), found.nodes,
                      static_cast<double>(report.took.count()) / 1000.0);
  text += fmt::format("  replies: {}; handling: {}\n", replies_text(report),
                      found.handling == Known::yes  ? "differs"
                      : found.handling == Known::no ? "the same"
                                                    : "not known");
  if (found.routes) {
    text += fmt::format("  routes: {}\n", *found.routes == Known::yes  ? "differ"
                                          : *found.routes == Known::no ? "the same"
                                                                       : "not known");
  } else if (report.routes_unasked) {
    text += "  routes: differ in the file, not compared; --routes compares where mail goes\n";
  }
  text +=
      "  assumed: one recipient, rate limits not reached, DNS and tables do not change; tables "
      "that "
      "cannot be listed are the same in both\n";
  if (!found.give_up.empty()) {
    text += fmt::format(
        "  assumed: no text makes a pattern take more steps than are allowed: {}{}\n",
        printable(*found.give_up.begin(), 200),
        found.give_up.size() > 1 ? fmt::format(", and {} more", found.give_up.size() - 1)
                                 : std::string());
  }
  if (report.auth_differs) {
    text +=
        "  assumed: AUTH is answered alike: with smtpd_sasl_auth_enable = no, a client that signs "
        "in "
        "gets 503\n";
  }
  if (found.refuses_all) {
    text += "  note: the `.vsl` rules of both versions refuse all mail, perhaps by an error\n";
  }
  if (found.names_like_networks) {
    text +=
        "  assumed: no client's name ends in a number, so that no row of a network is found by "
        "it\n";
  }
  if (!report.read_once.empty()) {
    constexpr std::size_t most = 3;
    std::string files;
    std::size_t shown = 0;
    for (const std::string& file : report.read_once) {
      if (++shown > most) break;
      files += (shown == 1 ? "" : ", ") + printable(file, 300);
    }
    if (report.read_once.size() > most) {
      files += fmt::format(" and {} more", report.read_once.size() - most);
    }
    text += fmt::format(
        "  assumed: read from the working folder, for both versions: {}; to compare two folders, "
        "see \"Two revisions of git\" in docs/plan.md\n",
        files);
  }
  for (std::size_t at = 0; at < report.guardrails.size(); ++at) {
    const GuardResult& one = report.guardrails[at];
    if (one.word == GuardResult::Word::holds || report.broken.contains(at)) continue;
    text += fmt::format("  guardrail {} of new{} is {}: {}\n", one.name,
                        one.warns ? ", which only warns," : "", to_string(one.word),
                        printable(one.spoken ? dialogue_of(one) : one.text, 600));
  }
  for (const Weakened& one : report.weakened) {
    text += fmt::format("  guardrail {} of old: {}{}\n", one.name,
                        one.only_warns ? "it only warns in new" : "new has none that says as much",
                        one.now == GuardResult::Word::violated ? ", and breaks it"
                        : one.now == GuardResult::Word::holds
                            ? "; it holds for new as it is"
                            : "; whether it holds for new is not proved");
  }
  return text;
}

}  // namespace postern::plan
