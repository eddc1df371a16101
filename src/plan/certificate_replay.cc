#include "plan/certificate_replay.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/pattern_questions.h"
#include "dialect/restrictions/remote_table.h"
#include "explain/play.h"
#include "mail/local_part.h"

namespace postern::plan::certified {

namespace restrictions = dialect::restrictions;
using policy::Evidence;
using policy::Stage;
using restrictions::ListPolicy;

namespace {

/// A moment at which lists are judged.
struct Moment {
  Stage stage;
  bool after_starttls = true;
};

Evidence evidence_at(const Said& said, Stage stage, bool after_starttls) {
  Evidence evidence;
  policy::SessionFacts& facts = evidence.session;
  facts.id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  facts.client_ip = said.client;
  facts.client_port = 40'000;
  facts.server_ip = IpAddress::v4(0xc0000219);  // 192.0.2.25
  facts.server_port = 25;
  facts.esmtp = true;
  facts.early_talker = app::is_early(said.early, stage, after_starttls);
  if (stage == Stage::connect) return evidence;
  facts.helo = said.helo;
  if (said.tls && after_starttls) facts.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  if (stage < Stage::mail) return evidence;
  if (said.login) {
    policy::Authentication identity;
    identity.username = identity.authz_id = *said.login;
    identity.mechanism = "PLAIN";
    facts.auth = std::move(identity);
  }
  evidence.reverse_path = said.sender;
  const policy::Recipient recipient{.address = said.recipient, .route = {}};
  if (stage == Stage::rcpt) evidence.candidate = recipient;
  if (stage > Stage::rcpt) evidence.recipients.push_back(recipient);
  if (stage == Stage::message) evidence.message = policy::MessageFacts{.size = 100};
  return evidence;
}

dns::Answer dns_answer_of(const json::object& said) {
  if (is(said, "failed")) return {.status = dns::Status::server_failure, .records = {}};
  dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
  for (const json::value& record : said.at("records").as_array()) {
    answer.records.emplace_back(record.as_string());
    answer.status = dns::Status::found;
  }
  return answer;
}

/// What nobody but a rule that is a question asks: the same for both versions in a dialogue.
std::size_t drawn_for(const std::string& asked, const Said& said, std::size_t limit) {
  return std::hash<std::string>{}(asked + said.text()) % limit;
}
std::string drawn_record(dns::Type type, const std::string& name, const Said& said) {
  switch (type) {
    case dns::Type::a:
      return fmt::format("{}{}", drawn_for(name, said, 3) == 0 ? "192.0.2." : "127.0.0.",
                         2 + drawn_for("octet " + name, said, 100));
    case dns::Type::aaaa:
      return fmt::format("2001:db8::{}", 1 + drawn_for(name, said, 100));
    case dns::Type::mx:
      return drawn_for("null " + name, said, 3) == 0 ? "0 ." : "10 mx.drawn.test";
    default:
      return "host.drawn.test";
  }
}

/// What tables are asked of an address; nullopt: the version says, which completes it, or takes a
/// route off.
std::optional<std::string> piece_of(const mail::Mailbox& mailbox, std::string_view piece) {
  const std::string local = mailbox.unquoted_local_part();
  const std::string& domain = mailbox.domain;
  if (domain.find_first_of(".[") == std::string::npos ||
      local.find_first_of("%!@") != std::string::npos) {
    return std::nullopt;
  }
  return piece == "local_part"  ? local
         : piece == "at_domain" ? "@" + domain
         : piece == "domain"    ? domain
         : piece == "quoted"    ? mail::quoted_local_part(local) + "@" + domain
                                : local + "@" + domain;
}

}  // namespace

Replay::Replay(const CertificateText& text, const CertifiedPair& pair, bool has_rules)
    : questions_(text.questions), lists_(pair.lists), has_rules_(has_rules) {
  for (std::size_t side = 0; side < 2; ++side) {
    layers_[side].emplace(pair.versions[side]->lists->compiled.policy, "");
  }
}

std::array<std::string, 2> Replay::fates_of(const Said& said) const {
  constexpr std::array<Moment, 7> moments{{{Stage::connect},
                                           {Stage::helo, false},
                                           {Stage::helo},
                                           {Stage::mail},
                                           {Stage::rcpt},
                                           {Stage::data},
                                           {Stage::message}}};
  std::array<std::string, 2> fates{"deliver", "deliver"};
  Evidence evidence;
  for (const Moment& moment : moments) {
    bool is_built = false;
    for (std::size_t side = 0; side < 2; ++side) {
      const ListPolicy& lists = *lists_[side];
      std::string& fate = fates[side];
      if (fate == "refused") continue;
      if (moment.stage == Stage::mail && lists.helo_required && said.helo.empty()) {
        fate = "refused";
        continue;
      }
      const bool is_asked = layers_[side]->speaks_at(moment.stage);
      const bool has_no_name = moment.stage == Stage::helo &&
                               (said.helo.empty() || (moment.after_starttls && !said.tls));
      const bool is_over = fate == "discard" && moment.stage >= Stage::rcpt;
      if (!is_asked || has_no_name || is_over) continue;
      if (!is_built) {
        Evidence next = evidence_at(said, moment.stage, moment.after_starttls);
        next.dns = std::move(evidence.dns);
        next.consulted = std::move(evidence.consulted);
        evidence = std::move(next);
        is_built = true;
      }
      const auto result = evaluated(lists, said, moment.stage, evidence);
      // RFC 3207 §4.2: of a HELO in front of STARTTLS only a refusal counts.
      const bool is_forgotten = moment.stage == Stage::helo && !moment.after_starttls && said.tls;
      if (result.reply.code != 0) {
        fate = "refused";
      } else if (result.discard) {
        fate = "discard";
      } else if (result.hold && !is_forgotten && fate != "discard") {
        fate = "hold";
      }
    }
  }
  return fates;
}

restrictions::Evaluated Replay::evaluated(const ListPolicy& lists, const Said& said, Stage stage,
                                          Evidence& evidence) const {
  constexpr int most = 2000;
  for (int round = 0; round < most; ++round) {
    auto result = restrictions::evaluate(lists, evidence, stage);
    if (result.complete()) return result;
    if (result.wanted_dns) {
      evidence.dns.push_back({*result.wanted_dns, answer_to(*result.wanted_dns, said)});
    } else if (result.wanted_service) {
      evidence.consulted.push_back(answer_to(*result.wanted_service, said));
    } else {
      break;
    }
  }
  throw NotAsked("without end");
}

dns::Answer Replay::answer_to(const dns::Question& asked, const Said& said) const {
  const dns::Answer none{.status = dns::Status::nx_domain, .records = {}};
  const std::string asked_name = lower(asked.name);
  const std::string reverse = policy::reverse_name(said.client);
  if (asked.type == dns::Type::txt) return none;  // texts decide nothing
  if (asked.type == dns::Type::ptr && asked_name == reverse) {
    if (said.name_kind == "trouble") return {.status = dns::Status::server_failure, .records = {}};
    if (said.name_kind == "none") return none;
    return {.status = dns::Status::found, .records = {said.client_name}};
  }
  const dns::Type own = said.client.is_v4() ? dns::Type::a : dns::Type::aaaa;
  const bool of_client = asked.type == own && iequals(asked_name, said.client_name);
  if (of_client && said.name_kind == "verified") {
    return {.status = dns::Status::found, .records = {said.client.to_string()}};
  }
  std::string client_part = reverse;
  client_part.resize(client_part.find(said.client.is_v4() ? ".in-addr." : ".ip6."));
  const std::string stood_for = stands_for(asked_name, said);
  // One about the name itself may be about another part of the dialogue.
  for (const bool as_stood_for : {true, false}) {
    for (std::size_t at = 0; at < questions_.size(); ++at) {
      const Question& question = questions_[at];
      bool same = question.type == dns::to_string(asked.type) && question.name == stood_for;
      if (!question.zone.empty()) {
        // The zone is what the rule says, whatever stands in it.
        const std::string ending = "." + question.zone;
        const bool is_in = asked.type == dns::Type::a && asked_name.ends_with(ending);
        const std::string about =
            is_in ? asked_name.substr(0, asked_name.size() - ending.size()) : std::string();
        const std::string of = question.of == "%client" ? client_part : question.of;
        same = is_in && (as_stood_for ? stands_for(about, said) : about) == of;
      }
      if (same) return dns_answer_of(question.answers[said.answers[at]]);
    }
  }
  if (of_client && said.name_kind == "unconfirmed") {
    return {.status = dns::Status::server_failure, .records = {}};
  }
  if (of_client) return none;
  const std::string name = fmt::format("{} {}", dns::to_string(asked.type), asked_name);
  if (!has_rules_ || !said.renamed.empty()) throw NotAsked(name);
  switch (drawn_for(name, said, 4)) {
    case 0:
      return none;
    case 1:
      return {.status = dns::Status::server_failure, .records = {}};
    default:
      return {.status = dns::Status::found, .records = {drawn_record(asked.type, name, said)}};
  }
}

policy::Consultation Replay::answer_to(policy::Consultation asked, const Said& said) const {
  const bool verifies = policy::is_verification(asked.service);
  const bool by_request = verifies || restrictions::is_remote_table(asked.service);
  // A policy server is told all of the dialogue: what it is asked is the command.
  const auto line = [&](std::string_view key) {
    const std::string start = "\n" + std::string(key) + "=";
    const std::size_t at = asked.request.find(start);
    if (at == std::string::npos) return std::string();
    return asked.request.substr(at + 1, asked.request.find('\n', at + 1) - at - 1);
  };
  const std::string state = line("protocol_state");
  std::string key = asked.service + " " + state + " " + line("policy_context");
  // There may be two EHLO (RFC 3207 §4.2).
  const bool in_tls = line("encryption_protocol") != "encryption_protocol=";
  if ((state.ends_with("=HELO") || state.ends_with("=EHLO")) && in_tls) key += " after STARTTLS";
  const std::string request = stands_for(
      verifies ? std::string(policy::verified_address(asked.request)) : asked.request, said);
  for (std::size_t at = 0; at < questions_.size(); ++at) {
    const Question& question = questions_[at];
    if (question.service != asked.service) continue;
    if (by_request ? question.request != request : question.key != key) continue;
    const json::object& answer = question.answers[said.answers[at]];
    asked.answer = text_in(answer, "answer");
    asked.failed = is(answer, "failed");
    if (const std::size_t own = asked.answer.find(own_login); own != std::string::npos) {
      asked.answer.replace(own, own_login.size(), said.login.value_or(","));
    }
    return asked;
  }
  // Of other members than those that stand for all, the certificate may have the question.
  if (!has_rules_ || !said.renamed.empty()) throw NotAsked(asked.service);
  constexpr std::array<std::string_view, 5> of_servers{"DUNNO", "OK", "REJECT", "DEFER", ""};
  constexpr std::array<std::string_view, 5> of_tables{"absent", "found OK", "found REJECT",
                                                      "found DUNNO", ""};
  constexpr std::array<std::string_view, 4> of_mailboxes{"deliverable", "undeliverable", "deferred",
                                                         ""};
  const std::span<const std::string_view> drawn =
      verifies     ? std::span<const std::string_view>(of_mailboxes)
      : by_request ? std::span<const std::string_view>(of_tables)
                   : std::span<const std::string_view>(of_servers);
  asked.answer = drawn[drawn_for(asked.service + " " + request, said, drawn.size())];
  asked.failed = asked.answer.empty();
  if (asked.failed) asked.answer = "no answer";
  return asked;
}

std::optional<bool> is_found(const Question& question, const Said& said) {
  if (!question.regex) return std::nullopt;
  std::string text;
  switch (question.about) {
    case client:
      text = said.client.to_string();
      break;
    case name:
      text = said.client_name;
      break;
    case helo:
      text = said.helo;
      break;
    case session:
      text = said.login.value_or("");
      break;
    case sender:
    case rcpt: {
      if (question.about == sender && !said.sender) return false;
      const auto piece =
          piece_of(question.about == sender ? *said.sender : said.recipient, question.piece);
      if (!piece) return std::nullopt;
      text = *piece;
      break;
    }
    default:
      // Of what stands for others it is not known what became of it there.
      if (!said.renamed.empty()) return std::nullopt;
      text = question.text;
      break;
  }
  // Other letters are looked up in another spelling: `münchen` as xn--mnchen-3ya.
  if (!is_ascii(text)) return std::nullopt;
  const bool as_written = question.pattern.starts_with(restrictions::written_question);
  const auto outcome = question.regex->match(as_written ? text : lower(text));
  if (outcome == dialect::Regex::Outcome::failed) return std::nullopt;
  return outcome == dialect::Regex::Outcome::yes;
}

}  // namespace postern::plan::certified
