#include "explain/report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/simulation.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/time_text.h"
#include "dialect/restrictions/replies.h"
#include "dialect/restrictions/verification.h"
#include "explain/script.h"
#include "policy/authentication_text.h"
#include "policy/deferral.h"
#include "policy/layer.h"
#include "policy/webhook.h"
#include "telemetry/log_record.h"

namespace postern::app {

namespace json = boost::json;

std::string shown(std::string_view text) {
  return is_utf8(text) ? std::string(text) : printable(text);
}

namespace {

using policy::Decision;
using policy::Evidence;
using policy::Recipient;
using policy::Stage;
using policy::Step;
using policy::Trace;
using policy::Verdict;

std::string reverse_path(const Evidence& evidence) {
  return "<" + (evidence.reverse_path ? shown(evidence.reverse_path->text()) : "") + ">";
}

std::string client_line(const Evidence& evidence) {
  const policy::SessionFacts& session = evidence.session;
  std::string line = session.client_ip.to_string();
  if (session.client_port != 0) line += fmt::format(" port {}", session.client_port);
  line += fmt::format(", {} {}", session.esmtp ? "EHLO" : "HELO", shown(session.helo));
  line += session.tls ? ", " + session.tls->version : ", no TLS";
  if (!session.auth) return line + ", not authenticated";
  line += fmt::format(", authenticated as {} ({})", shown(session.auth->username),
                      session.auth->mechanism);
  if (!session.auth->authz_id.empty() && session.auth->authz_id != session.auth->username)
    line += " acting for " + shown(session.auth->authz_id);
  if (!session.auth->groups.empty()) {
    line += ", of";
    for (const std::string& group : session.auth->groups) line += " " + shown(group);
  }
  if (session.auth->granted.empty()) return line;
  std::string policies;
  for (const auto& [id, stamp] : session.auth->granted) policies += " " + id;
  return line + " for" + policies;
}

std::string message_line(const policy::MessageFacts& facts) {
  return fmt::format("{} octets, {} header fields in {} octets, {} Received{}{}", facts.size,
                     facts.header_fields, facts.header_size, facts.received_fields,
                     facts.message_id.empty() ? "" : ", ", shown(facts.message_id));
}

std::string stage_title(const Decision& decision) {
  switch (decision.stage) {
    case Stage::connect:
      return "Connection";
    case Stage::helo:
      return "HELO";
    case Stage::auth:
      return "AUTH";
    case Stage::mail:
      return "MAIL FROM";
    case Stage::rcpt:
      return "RCPT TO:<" + shown(decision.recipient) + ">";
    case Stage::data:
      return "DATA";
    case Stage::message:
      return "End of data";
    case Stage::queued:
      return "Queued";
    case Stage::delivery:
      break;
  }
  return "Delivery";
}

std::string_view words_of_layer(std::string_view layer) {
  if (layer == "restrictions") return "the restriction lists";
  if (layer == "lua") return "the Lua policy";
  if (layer == "vsl") return "the .vsl rules";
  return layer;
}

std::string_view words_of_effect(std::string_view effect) {
  if (effect == "grant_relay") return "may be passed on";
  if (effect == "trust_client") return "the client counts as one of ours";
  if (effect == "discard") return "discarded";
  if (effect == "hold") return "held";
  if (effect == "edit") return "message changed";
  if (effect == "offer") return "EHLO offers other extensions";
  return effect;
}

/// "smtpd_relay_restrictions:3, main.cf:12:3": the rule, and its place where a file has it.
std::string where(const Explanation& explanation, const std::string& origin) {
  const auto place = explanation.places.find(origin);
  return shown(place == explanation.places.end() ? origin : origin + ", " + place->second);
}

/// "may be passed on, by the restriction lists (permit_mynetworks at main.cf:12:3): why".
std::string effect_line(const Explanation& explanation, const policy::EffectNote& effect) {
  std::string line = fmt::format("{}{}, by {}", effect.enforced ? "" : "(shadow, not applied) ",
                                 words_of_effect(effect.effect), words_of_layer(effect.layer));
  std::string place(effect.check);
  if (!effect.place.empty()) {
    place += (place.empty() ? "" : " at ") + where(explanation, effect.place);
  }
  if (!place.empty()) line += " (" + place + ")";
  return effect.why.empty() ? line : line + ": " + shown(effect.why);
}

std::string route_line(const Decision& decision) {
  const Recipient& recipient = *decision.candidate;
  const policy::Route& route = recipient.route;
  if (const policy::EffectNote* grant = policy::relay_grant(decision)) {
    return fmt::format("passed on, by {}; `postern route {}` says to where",
                       words_of_layer(grant->layer), shown(recipient.address.text()));
  }
  if (route.kind == policy::Route::Kind::none) {
    return route.missing == policy::Route::Missing::foreign_domain
               ? "none: no webhook is in this domain"
               : "none: no webhook has this address, though others are in the domain";
  }
  if (route.kind == policy::Route::Kind::relay) return "passed on";
  std::string line = "webhook " + route.webhook->id;
  if (route.tag) line += " with tag " + shown(*route.tag);
  if (route.policy)
    return line + fmt::format(", policy {} version {}", route.policy->id, route.policy->version);
  return line + (route.webhook->policy_id
                     ? ", policy " + *route.webhook->policy_id + " (not loaded)"
                     : ", no policy");
}

std::string verdict_word(const Step& step) {
  std::string word;
  switch (step.verdict.kind) {
    case Verdict::Kind::pass_on:
      word = "pass";
      break;
    case Verdict::Kind::permit:
      word = "permit";
      break;
    case Verdict::Kind::reject:
      word = "REJECT";
      break;
    case Verdict::Kind::defer:
      word = "DEFER";
      break;
    case Verdict::Kind::quarantine:
      word = "QUARANTINE";
      break;
  }
  return step.enforced ? word : word + " (shadow)";
}

/// Rows of text under a header; each column is as wide as its widest cell, the last one unlimited.
class Table {
 public:
  using Line = std::array<std::string, 5>;
  void add(Line line) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i)
      width_[i] = std::max(width_[i], columns(line[i]));
    lines_.push_back(std::move(line));
  }
  std::string text(std::string_view indent) const {
    std::string out;
    for (const Line& line : lines_) {
      std::string row(indent);
      for (std::size_t i = 0; i < line.size(); ++i) {
        row += line[i];
        if (i + 1 < line.size()) row.append(width_[i] - columns(line[i]) + 2, ' ');
      }
      row.erase(row.find_last_not_of(' ') + 1);
      out += row + "\n";
    }
    return out;
  }

 private:
  /// Counts code points; tables contain no escape sequences.
  static std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
  }
  std::array<std::size_t, 5> width_{};
  std::vector<Line> lines_;
};

struct Paint {
  bool color;
  bool lasting = false;  ///< without what differs from one run to the next
  std::string red(std::string text) const { return wrap(Ink::red, std::move(text)); }
  std::string green(std::string text) const { return wrap(Ink::green, std::move(text)); }
  std::string bold(std::string text) const { return wrap(Ink::bold, std::move(text)); }
  std::string wrap(Ink start, std::string text) const {
    if (!color) return text;
    return std::string(ink(start)) + text + std::string(ink(Ink::plain));
  }
};

/// What happens to an accepted message that is not delivered now: ", held: why".
std::string fate_of(const Trace& trace) {
  if (trace.evidence.discard) return ", discarded: " + shown(*trace.evidence.discard);
  for (const Decision& decision : trace.decisions) {
    if (decision.quarantine) return ", held: " + shown(*decision.quarantine);
  }
  return {};
}

std::string accepted_line(const Trace& trace, bool live, bool whole = true) {
  const std::string would = (!live    ? "accepted"
                             : !whole ? "accepted so far"
                                      : "would be accepted") +
                            fate_of(trace);
  if (trace.evidence.discard) return would;
  if (trace.evidence.recipients.empty()) return would;
  const policy::Route& route = trace.evidence.recipients.front().route;
  if (route.webhook) return would + " → webhook " + route.webhook->id;
  return would + (route.kind == policy::Route::Kind::relay ? " → passed on" : "");
}

std::string decision_text(const Explanation& explanation, const Decision& decision,
                          const Paint& paint) {
  const bool refused = policy::refused(decision);
  std::string out = fmt::format("\n{}   stage {}", paint.bold(stage_title(decision)),
                                policy::to_string(decision.stage));
  if (!paint.lasting) {
    out += fmt::format(", {:.0f} us", static_cast<double>(decision.took.count()) / 1000);
  }
  out += "\n";
  if (decision.candidate) out += "  route: " + route_line(decision) + "\n";
  Table table;
  table.add({"layer", "rule", "verdict", "place", "evidence"});
  for (const Step& step : decision.steps) {
    table.add({std::string(step.layer), std::string(step.check), verdict_word(step),
               where(explanation, step.origin),
               shown(paint.lasting ? step.verdict.detail : evidence_of(step))});
  }
  if (!decision.steps.empty()) out += table.text("  ");
  for (const policy::EffectNote& effect : decision.effects) {
    out += "  effect: " + effect_line(explanation, effect) + "\n";
  }
  if (refused) {
    out += "  => " + paint.red(decision.reply.to_string()) + "\n";
  } else if (decision.quarantine) {
    out += "  => " + paint.red("accepted, held: " + shown(*decision.quarantine)) + "\n";
  } else if (decision.stage == Stage::message) {
    out += "  => " + paint.green(accepted_line(explanation.trace, explanation.live)) + "\n";
  } else {
    out += "  => " + paint.green(explanation.live ? "would be accepted" : "accepted") + "\n";
  }
  return out;
}

/// One DNS answer: `found "v=spf1 -all" (ttl 300 s, DNSSEC)`.
std::string answer_line(const dns::Answer& answer) {
  constexpr std::size_t most = 200;
  std::string line(dns::to_string(answer.status));
  for (const std::string& record : answer.records) line += " \"" + printable(record, most) + "\"";
  if (answer.trouble()) return line;
  return line + fmt::format(" (ttl {} s, {})", answer.ttl.count(),
                            answer.secure ? "DNSSEC-validated" : "not DNSSEC-signed");
}

std::string authentication_text(const Evidence& evidence, const Paint& paint) {
  std::string out;
  const auto line = [&](const std::string& text) { out += "  " + text + "\n"; };
  if (evidence.spf) line(policy::describe(*evidence.spf));
  if (evidence.dkim) {
    if (evidence.dkim->signatures.empty()) line("DKIM none: no signature");
    for (const auto& one : evidence.dkim->signatures) line("DKIM " + policy::describe(one));
  }
  if (evidence.dmarc) line(policy::describe(*evidence.dmarc));
  if (evidence.arc) line(policy::describe(*evidence.arc));
  if (!out.empty()) out = "\n" + paint.bold("Authentication results") + "\n" + out;
  if (const std::string copies = copies_text(evidence); !copies.empty()) {
    out += "\n" + paint.bold("scripts") + "   the message's values\n" + copies;
  }
  if (!evidence.consulted.empty()) {
    out += "\n" + paint.bold("Other programs asked") + "\n";
    for (const policy::Consultation& one : evidence.consulted) {
      // A table is queried with a key. A policy server's query is part of the decision.
      const bool is_line = one.request.find('\n') == std::string::npos;
      line(fmt::format("{}{}{}: {}{}", one.in_shadow ? "(shadow) " : "", shown(one.service),
                       is_line ? " " + shown(one.request) : "", one.failed ? "failed: " : "",
                       shown(one.answer)));
    }
  }
  if (evidence.dns.empty()) return out;
  out += "\n" + paint.bold("DNS answers used") + "\n";
  for (const policy::DnsRecord& one : evidence.dns) {
    line(fmt::format("{}{} {}: {}", one.in_shadow ? "(shadow) " : "",
                     printable(one.question.name, 255), dns::to_string(one.question.type),
                     answer_line(one.answer)));
  }
  return out;
}

/// Why an authentication is not among the decisions made again.
std::string login_text(const Trace& trace) {
  const bool any = std::any_of(trace.decisions.begin(), trace.decisions.end(), [](const auto& one) {
    return one.stage == policy::Stage::auth && !one.engine && !one.login;
  });
  if (!any) return {};
  return "Authentication cannot be replayed: it depends on the password, which no record holds. "
         "The steps above show what was decided then.\n";
}

/// A note for a login whose decision differs; empty: none differs.
std::string withheld_text(const Explanation& explanation) {
  const auto& answers = explanation.again->answers;
  const bool any = std::any_of(answers.begin(), answers.end(),
                               [](const auto& answer) { return answer.hangs_on_withheld; });
  if (!any) return {};
  if (explanation.password_given) {
    return "AUTH: either this is not the password of that login, or the answer depends on a "
           "database, Vault or a file, and the record keeps only which of their values are equal.";
  }
  return "AUTH: the answer depends on a string that is not kept: the password, or a value from a "
         "database, Vault or a file. With --password-stdin the handler gets the password.";
}

std::string rederived_text(const Explanation& explanation, const Paint& paint) {
  if (!explanation.again) {
    return paint.red("Cannot be replayed offline: " + explanation.again.error().message) + "\n";
  }
  const auto& answers = explanation.again->answers;
  const auto asked = std::count_if(answers.begin(), answers.end(),
                                   [](const auto& answer) { return answer.asked; });
  if (asked == 0) {
    return login_text(explanation.trace).empty()
               ? "No layer decided: there is nothing to replay from the record.\n"
               : "";
  }
  const auto same = std::count_if(answers.begin(), answers.end(), [](const auto& answer) {
    return answer.asked && answer.differences.empty();
  });
  std::string out = fmt::format(
      "Decided again from this record alone, without DNS and other servers: {} of {} {} came out "
      "the same.\n",
      same, asked, asked == 1 ? "decision" : "decisions");
  if (!explanation.again->agrees()) out = paint.red(out);
  for (const auto& answer : answers) {
    for (const std::string& difference : answer.differences) out += "  " + shown(difference) + "\n";
  }
  const std::string withheld = withheld_text(explanation);
  return withheld.empty() ? out : out + withheld + "\n";
}

/// The addresses that the gateway would verify by a probe; explain sends none.
std::vector<std::string> unprobed(const Explanation& explanation) {
  std::vector<std::string> found;
  if (!explanation.live) return found;
  namespace lists = dialect::restrictions;
  for (const policy::Consultation& one : explanation.trace.evidence.consulted) {
    const bool asks =
        one.service == policy::verify_service || one.service == policy::verify_own_service;
    if (!asks || !one.failed || one.in_shadow) continue;
    std::string address(policy::verified_address(one.request));
    if (std::ranges::find(found, address) == found.end()) found.push_back(std::move(address));
  }
  return found;
}

/// Whether the last reply says no more than that an address was not verified.
bool depends_on_probe(const Explanation& explanation) {
  return !unprobed(explanation).empty() && was_refused(explanation.trace) &&
         explanation.trace.settled().text.ends_with(
             dialect::restrictions::replies::no_verification_text);
}

/// What the refusal depends on that no simulation does, as "run /usr/bin/true"; empty: nothing.
std::string undone(const Explanation& explanation) {
  const Trace& trace = explanation.trace;
  if (!explanation.live || !was_refused(trace)) return {};
  const smtp::Reply settled = trace.settled();
  for (const Decision& decision : trace.decisions) {
    for (const Step& step : decision.steps) {
      const std::size_t at = step.verdict.detail.find(not_simulated);
      const bool settles = step.enforced && step.verdict.reply.code == settled.code;
      if (!settles || at == std::string::npos) continue;
      return step.verdict.detail.substr(at + not_simulated.size());
    }
  }
  return {};
}

/// The programs that a script wanted to run, and for which no answer was given.
std::vector<std::string> programs_not_run(const Explanation& explanation) {
  std::vector<std::string> found;
  if (!explanation.live) return found;
  for (const policy::Consultation& one : explanation.trace.evidence.consulted) {
    if (!one.failed || one.in_shadow || !one.service.starts_with(program_service)) continue;
    std::string path = one.service.substr(program_service.size());
    if (std::ranges::find(found, path) == found.end()) found.push_back(std::move(path));
  }
  return found;
}

std::string program_note(const Explanation& explanation) {
  const std::vector<std::string> programs = programs_not_run(explanation);
  if (programs.empty()) return {};
  std::string list;
  for (const std::string& one : programs) list += (list.empty() ? "" : ", ") + one;
  return fmt::format(
      "the gateway runs {}; explain does not, and a rule that needs the exit code fails here. Give "
      "it: --answer {}{}=0 (docs/explain.md, \"A decision that would be made\").",
      list, program_service, programs.front());
}

std::string probe_note(const Explanation& explanation) {
  std::string addresses;
  for (const std::string& one : unprobed(explanation)) {
    addresses += (addresses.empty() ? "<" : ", <") + one + ">";
  }
  if (addresses.empty()) return {};
  return "the gateway verifies " + addresses +
         " by a probe; explain sends none, and no earlier result was found. If a mail "
         "host accepts the address, the rule passes; if it refuses, unverified_recipient_reject_"
         "code or unverified_sender_reject_code is answered (450 unless it is set); if none can "
         "say, the defer code (docs/restriction-lists.md, \"Address verification\").";
}

std::string outcome_line(const Explanation& explanation) {
  const Trace& trace = explanation.trace;
  const smtp::Reply reply = trace.settled();
  const bool refused = was_refused(trace);
  if (explanation.live) {
    if (depends_on_probe(explanation)) {
      return "depends on a probe that explain does not send; without its result: " +
             reply.to_string();
    }
    if (const std::string action = undone(explanation); !action.empty()) {
      return fmt::format("depends on what explain does not do ({}); without its result: {}", action,
                         reply.to_string());
    }
    if (refused) return "would be refused: " + reply.to_string();
    const bool whole = trace.evidence.message || trace.evidence.recipients.empty();
    return accepted_line(trace, true, whole) + (whole ? "" : "; no message was given");
  }
  std::string line = trace.outcome + (refused ? std::string() : fate_of(trace));
  if (refused || trace.reply.code != 0) line += ": " + reply.to_string();
  return line;
}

/// Whether the session reached MAIL; otherwise there is no sender, not even the null reverse-path.
bool had_sender(const Trace& trace) {
  return trace.evidence.reverse_path || trace.evidence.message ||
         !trace.evidence.recipients.empty() ||
         std::any_of(trace.decisions.begin(), trace.decisions.end(),
                     [](const Decision& one) { return one.stage >= Stage::mail; });
}

}  // namespace

bool was_refused(const Trace& trace) {
  if (trace.reply.code != 0) return !trace.reply.positive();
  if (trace.outcome == "accepted") return false;
  return trace.settled().code != 0;
}

namespace {

std::string text_of(const Explanation& explanation, const Paint& paint) {
  const Trace& trace = explanation.trace;
  const Evidence& evidence = trace.evidence;
  std::string out;
  if (explanation.live) {
    out += paint.bold("A message that was never sent, by the policies as they are now") + "\n";
  } else {
    out += fmt::format("{}   {}\n", paint.bold("Trace " + trace.id), to_rfc3339(trace.started, 6));
  }
  out += "  client   " + client_line(evidence) + "\n";
  if (explanation.live || had_sender(trace)) {
    out += "  from     " + reverse_path(evidence) + "\n";
  }
  if (evidence.message) out += "  message  " + message_line(*evidence.message) + "\n";
  for (const Decision& decision : trace.decisions) {
    out += decision_text(explanation, decision, paint);
  }
  if (trace.omitted > 0) out += fmt::format("\n{} more recipients were not kept\n", trace.omitted);
  out += authentication_text(evidence, paint);
  const std::string outcome = outcome_line(explanation);
  out += "\nOutcome: " + (was_refused(trace) ? paint.red(outcome) : paint.green(outcome)) + "\n";
  for (const std::string& note :
       {probe_note(explanation), program_note(explanation), explanation.note}) {
    if (!note.empty()) out += "Note: " + shown(note) + "\n";
  }
  if (paint.lasting) return out;
  return out + login_text(trace) + rederived_text(explanation, paint);
}

}  // namespace

std::string explanation_text(const Explanation& explanation, bool color) {
  return text_of(explanation, {.color = color});
}

std::string lasting_text(const Explanation& explanation) {
  return text_of(explanation, {.color = false, .lasting = true});
}

json::object reply_json(const smtp::Reply& reply) {
  return {
      {"code", reply.code}, {"enhanced", reply.enhanced.to_string()}, {"text", shown(reply.text)}};
}

namespace {

json::object step_json(const Explanation& explanation, const Step& step) {
  json::object out{{"layer", step.layer},
                   {"rule", step.check},
                   {"origin", shown(step.origin)},
                   {"place", place_json(explanation, step.origin)},
                   {"evidence", shown(evidence_of(step))},
                   {"verdict", policy::to_string(step.verdict.kind)},
                   {"enforced", step.enforced}};
  if (!step.key.empty()) out["key"] = shown(step.key);
  if (step.verdict.refuses()) out["reply"] = reply_json(step.verdict.reply);
  if (const auto raised = policy::raised_by(step.verdict)) {
    const std::string origin(raised->origin);
    out["raised_by"] = json::object{{"rule", shown(raised->check)},
                                    {"origin", shown(origin)},
                                    {"place", place_json(explanation, origin)}};
  }
  return out;
}

json::object decision_json(const Explanation& explanation, const Decision& decision) {
  json::object out{{"stage", policy::to_string(decision.stage)},
                   {"took_ns", decision.took.count()}};
  if (decision.candidate) {
    const policy::Route& route = decision.candidate->route;
    out["recipient"] = shown(decision.recipient);
    out["route"] = route_line(decision);
    out["webhook_id"] = route.webhook ? json::value(route.webhook->id) : json::value();
    out["policy_id"] = route.policy ? json::value(route.policy->id) : json::value();
    if (route.policy) out["policy_version"] = route.policy->version;
  }
  json::array steps;
  for (const Step& step : decision.steps) steps.push_back(step_json(explanation, step));
  out["steps"] = std::move(steps);
  out["effects"] = effects_json(explanation, decision);
  out["accepted"] = !policy::refused(decision);
  if (policy::refused(decision)) out["reply"] = reply_json(decision.reply);
  if (decision.quarantine) out["quarantine"] = shown(*decision.quarantine);
  return out;
}

}  // namespace

json::value place_json(const Explanation& explanation, const std::string& origin) {
  const auto place = explanation.places.find(origin);
  if (place == explanation.places.end()) return nullptr;
  return json::value(shown(place->second));
}

json::array effects_json(const Explanation& explanation, const policy::Decision& decision) {
  json::array out;
  for (const policy::EffectNote& one : decision.effects) {
    out.push_back(json::object{{"effect", one.effect},
                               {"layer", one.layer},
                               {"rule", one.check},
                               {"origin", shown(one.place)},
                               {"place", place_json(explanation, one.place)},
                               {"text", shown(one.why)},
                               {"enforced", one.enforced}});
  }
  return out;
}

json::object message_json(const policy::MessageFacts& facts) {
  return {{"size", facts.size},
          {"header_fields", facts.header_fields},
          {"header_size", facts.header_size},
          {"received_fields", facts.received_fields},
          {"message_id", shown(facts.message_id)}};
}

json::object client_json(const policy::SessionFacts& session) {
  json::object out{{"ip", session.client_ip.to_string()},
                   {"port", session.client_port},
                   {"helo", shown(session.helo)},
                   {"esmtp", session.esmtp},
                   {"tls", nullptr},
                   {"auth", nullptr}};
  if (session.tls) {
    out["tls"] = {{"version", session.tls->version}, {"cipher", session.tls->cipher}};
  }
  if (!session.auth) return out;
  json::array policies;
  for (const auto& [id, stamp] : session.auth->granted) policies.emplace_back(id);
  out["auth"] = {{"username", shown(session.auth->username)},
                 {"mechanism", session.auth->mechanism},
                 {"policies", std::move(policies)}};
  json::object& auth = out["auth"].as_object();
  if (!session.auth->authz_id.empty() && session.auth->authz_id != session.auth->username)
    auth["authz_id"] = shown(session.auth->authz_id);
  if (!session.auth->groups.empty()) {
    json::array groups;
    for (const std::string& group : session.auth->groups) groups.emplace_back(shown(group));
    auth["groups"] = std::move(groups);
  }
  return out;
}

json::object authentication_json(const Evidence& evidence) {
  json::object out;
  const auto verdict = [](std::string_view result, std::string text) {
    return json::object{{"result", result}, {"text", std::move(text)}};
  };
  if (evidence.spf) {
    out["spf"] =
        verdict(mailauth::spf::to_string(evidence.spf->status), policy::describe(*evidence.spf));
  }
  if (evidence.dkim) {
    json::array list;
    for (const auto& one : evidence.dkim->signatures) {
      json::object entry = verdict(mailauth::dkim::to_text(one.reported()), policy::describe(one));
      entry["acceptable"] = one.acceptable;
      list.push_back(std::move(entry));
    }
    out["dkim"] = std::move(list);
  }
  if (evidence.dmarc) {
    out["dmarc"] = verdict(mailauth::dmarc::to_string(evidence.dmarc->status),
                           policy::describe(*evidence.dmarc));
  }
  if (evidence.arc) {
    out["arc"] =
        verdict(mailauth::arc::to_text(evidence.arc->status), policy::describe(*evidence.arc));
  }
  return out;
}

json::array consulted_json(const policy::Consultations& consulted) {
  json::array out;
  for (const policy::Consultation& one : consulted) {
    out.push_back(json::object{{"service", shown(one.service)},
                               {"request", shown(one.request)},
                               {"answer", shown(one.answer)},
                               {"failed", one.failed}});
    if (one.in_shadow) out.back().as_object()["shadow"] = true;
  }
  return out;
}

/// In the form that --dns reads.
json::array dns_answers_json(const std::vector<policy::DnsRecord>& answers) {
  json::array out;
  for (const policy::DnsRecord& one : answers) {
    json::array records;
    for (const std::string& record : one.answer.records) records.emplace_back(shown(record));
    out.push_back(json::object{{"name", shown(one.question.name)},
                               {"type", dns::to_string(one.question.type)},
                               {"status", dns::to_string(one.answer.status)},
                               {"records", std::move(records)},
                               {"secure", one.answer.secure},
                               {"ttl", one.answer.ttl.count()}});
    if (one.in_shadow) out.back().as_object()["shadow"] = true;
  }
  return out;
}

json::object rederived_json(const Result<replay::Rederived>& again) {
  if (!again) return {{"agrees", false}, {"error", again.error().message}};
  json::array differences;
  json::array withheld;
  for (const auto& answer : again->answers) {
    for (const std::string& one : answer.differences) {
      (answer.hangs_on_withheld ? withheld : differences).emplace_back(shown(one));
    }
  }
  json::object out{{"agrees", again->agrees()}, {"differences", std::move(differences)}};
  if (!withheld.empty()) out["hangs_on_withheld"] = std::move(withheld);
  return out;
}

json::object explanation_json(const Explanation& explanation) {
  const Trace& trace = explanation.trace;
  const Evidence& evidence = trace.evidence;
  json::object out{
      {"id", trace.id},
      {"live", explanation.live},
      {"time", to_rfc3339(trace.started, 6)},
      {"client", client_json(evidence.session)},
      {"mail_from", evidence.reverse_path ? shown(evidence.reverse_path->text()) : ""}};
  if (evidence.message) {
    out["message"] = message_json(*evidence.message);
  }
  json::array decisions;
  for (const Decision& decision : trace.decisions)
    decisions.push_back(decision_json(explanation, decision));
  out["decisions"] = std::move(decisions);
  out["authentication"] = authentication_json(evidence);
  out["consulted"] = consulted_json(evidence.consulted);
  if (!evidence.copies.empty()) out["copies"] = copies_json(evidence);
  out["dns"] = dns_answers_json(evidence.dns);
  out["omitted"] = trace.omitted;
  out["outcome"] = trace.outcome;
  if (!explanation.note.empty()) out["note"] = shown(explanation.note);
  out["refused"] = was_refused(trace);
  if (const auto addresses = unprobed(explanation); !addresses.empty()) {
    json::array probes;
    for (const std::string& one : addresses) probes.emplace_back(shown(one));
    out["unprobed"] = std::move(probes);
    out["depends_on_probe"] = depends_on_probe(explanation);
  }
  if (const auto programs = programs_not_run(explanation); !programs.empty()) {
    json::array paths;
    for (const std::string& one : programs) paths.emplace_back(shown(one));
    out["programs_not_run"] = std::move(paths);
  }
  if (const std::string action = undone(explanation); !action.empty()) {
    out["depends_on"] = shown(action);
  }
  const smtp::Reply reply = trace.settled();
  out["reply"] = reply.code == 0 ? json::value() : json::value(reply_json(reply));
  out["rederived"] = rederived_json(explanation.again);
  if (explanation.again) {
    const std::string note = withheld_text(explanation);
    if (!note.empty()) out["rederived"].as_object()["note"] = note;
  }
  return out;
}

}  // namespace postern::app
