// The search for a dialogue that is accepted. The candidates come from the keys of the tables; each
// result was checked with evaluate().
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/evaluate.h"
#include "dialect/restrictions/lint_candidates.h"
#include "dialect/restrictions/lint_model.h"
#include "dialect/restrictions/lint_relay.h"
#include "dialect/restrictions/remote_table.h"

namespace postern::dialect::restrictions {

using policy::Stage;

namespace {

/// The DNS of an unknown client with consistent records that is in no DNS list.
dns::Answer witness_answer(const Witness& dialogue, const dns::Question& question) {
  const auto found = [](std::string record) {
    return dns::Answer{.status = dns::Status::found, .records = {std::move(record)}};
  };
  const dns::Answer nothing{.status = dns::Status::nx_domain, .records = {}};
  const bool named = !dialogue.client_name.empty();
  const dns::Type family = dialogue.client.is_v4() ? dns::Type::a : dns::Type::aaaa;
  switch (question.type) {
    case dns::Type::ptr:
      return named ? found(dialogue.client_name) : nothing;
    case dns::Type::mx:
      return found("10 mx." + question.name);
    default:
      break;
  }
  if (named && question.name == dialogue.client_name && question.type == family) {
    return found(dialogue.client.to_string());
  }
  return nothing;
}

/// Evaluates a dialogue until no answer is missing.
class Player {
 public:
  /// Makes at most `rounds` evaluations and subtracts those that it made.
  Player(const ListPolicy& policy, Witness& dialogue, const std::string& service,
         std::size_t& rounds)
      : policy_(policy), dialogue_(dialogue), service_(service), rounds_(rounds) {}

  bool run() {
    policy::SessionFacts& session = evidence_.session;
    session.id = "witness";
    session.listener = dialogue_.listener;
    session.client_ip = dialogue_.client;
    session.client_port = 40000;
    session.esmtp = true;
    dialogue_.passed.clear();
    if (!passes(Stage::connect)) return false;
    session.helo = dialogue_.helo;
    if (dialogue_.tls) {
      session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384", certificate_of_stranger()};
    }
    if (!session.helo.empty() && !passes(Stage::helo)) return false;
    if (session.helo.empty() && policy_.helo_required) return false;
    if (!dialogue_.sender.empty()) {
      auto sender = mail::parse_mailbox(dialogue_.sender, mail::Utf8::refused);
      if (!sender) return false;
      evidence_.reverse_path = std::move(*sender);
    }
    if (!passes(Stage::mail)) return false;
    for (const std::string& text : dialogue_.recipients) {
      auto mailbox = mail::parse_mailbox(text, mail::Utf8::refused);
      if (!mailbox) return false;
      const policy::Recipient recipient{.address = std::move(*mailbox), .route = {}};
      evidence_.candidate = recipient;
      if (!passes(Stage::rcpt)) return false;
      evidence_.candidate.reset();
      evidence_.recipients.push_back(recipient);
    }
    if (!passes(Stage::data)) return false;
    evidence_.message = policy::MessageFacts{};
    return passes(Stage::message);
  }

 private:
  bool passes(Stage stage) {
    // More rounds than the lists could have questions for one dialogue.
    for (int round = 0; round < 500 && rounds_ > 0; ++round) {
      --rounds_;
      const Evaluated result = evaluate(policy_, evidence_, stage);
      if (result.wanted_service) {
        policy::Consultation answer = *result.wanted_service;
        if (policy::is_verification(answer.service)) {
          // A client that relays names addresses that exist.
          answer.answer = answer.service == policy::probe_sender_service ? "no" : "deliverable";
        } else if (is_remote_table(answer.service)) {
          answer.answer = recorded({});
        } else {
          services_.insert(answer.service);
          answer.answer = service_;
        }
        evidence_.consulted.push_back(std::move(answer));
        continue;
      }
      if (result.wanted_dns) {
        evidence_.dns.push_back(
            {*result.wanted_dns, witness_answer(dialogue_, *result.wanted_dns)});
        continue;
      }
      if (result.reply.code != 0 || result.discard) return false;
      note(stage, result);
      return true;
    }
    return false;
  }

  void note(Stage stage, const Evaluated& result) {
    const bool delayed = policy_.delay_reject;
    switch (stage) {
      case Stage::connect:
        if (!delayed) note(ListKind::client, result);
        break;
      case Stage::helo:
        if (!delayed) note(ListKind::helo, result);
        break;
      case Stage::mail:
        if (!delayed) note(ListKind::sender, result);
        break;
      case Stage::rcpt:
        if (!evidence_.recipients.empty()) break;
        if (delayed) {
          for (const auto kind : {ListKind::client, ListKind::helo, ListKind::sender}) {
            note(kind, result);
          }
        }
        note(policy_.relay_first ? ListKind::relay : ListKind::recipient, result);
        note(policy_.relay_first ? ListKind::recipient : ListKind::relay, result);
        break;
      case Stage::data:
        note(ListKind::data, result);
        break;
      case Stage::message:
        note(ListKind::end_of_data, result);
        break;
      default:
        break;
    }
  }

  void note(ListKind kind, const Evaluated& result) {
    const std::string list(parameter_of(kind));
    if (policy_.list(kind).empty()) {
      const bool relays = kind == ListKind::relay || kind == ListKind::recipient;
      if (relays) dialogue_.passed.emplace_back(list, "the list is empty");
      return;
    }
    std::string why = "no rule refuses, and the end of the list permits";
    for (const Mark& mark : result.marks) {
      const bool decided = mark.rule != nullptr && mark.result == Mark::Result::permitted &&
                           mark.rule->origin.starts_with(list + ":");
      if (decided) why = why_permitted(*mark.rule);
    }
    dialogue_.passed.emplace_back(list, std::move(why));
    if (!services_.empty() && service_ != "DUNNO") {
      dialogue_.provided =
          fmt::format("{} answers {}", printable(*services_.begin(), 128), service_);
    }
  }

  const ListPolicy& policy_;
  Witness& dialogue_;
  const std::string& service_;
  std::size_t& rounds_;
  policy::Evidence evidence_;
  std::set<std::string> services_;
};

/// The number of dialogues after which the search gives up.
constexpr int most_dialogues = 600;
/// Rules evaluated in all of these at most, so that large lists do not delay the result.
constexpr std::size_t most_asked = 4'000'000;

/// Rules of a list; those of a class count wherever it is named (bounded by compile()).
std::size_t rules_in(const List& list, std::map<const List*, std::size_t>& known) {
  const auto [entry, fresh] = known.emplace(&list, list.size());
  if (!fresh) return entry->second;
  std::size_t all = list.size();
  for (const Rule& rule : list) {
    if (rule.list != nullptr) all += rules_in(*rule.list, known);
  }
  return entry->second = all;
}

std::size_t rounds_allowed(const ListPolicy& policy) {
  std::map<const List*, std::size_t> known;
  std::size_t all = 1;
  for (const List& list : policy.lists) all += rules_in(list, known);
  return std::max<std::size_t>(most_asked / all, 1000);
}

class Search {
 public:
  Search(const ListPolicy& policy, const Candidates& candidates, std::string listener)
      : policy_(policy),
        candidates_(candidates),
        listener_(std::move(listener)),
        rounds_(rounds_allowed(policy)),
        share_(std::max<std::size_t>(rounds_ / 16, 250)) {}

  /// Tries the baseline first, then dialogues that differ from it in one dimension, two, and more.
  std::optional<Way> run() {
    for (std::size_t changes = 0; changes < dimensions && left_ > 0; ++changes) {
      std::array<std::size_t, dimensions> choice{};
      if (choose(choice, 0, changes)) return std::move(best_);
    }
    return std::move(best_);
  }
  /// Whether the evaluations were used up before everything was tried.
  bool ended_early() const { return rounds_ == 0 || ended_early_; }

 private:
  static constexpr std::size_t dimensions = 8;

  std::array<std::size_t, dimensions> sizes() const {
    return {candidates_.recipients.size(),
            candidates_.senders.size(),
            candidates_.helos.size(),
            candidates_.clients.size(),
            candidates_.client_names.size(),
            2,
            2,
            candidates_.services.size()};
  }

  /// True: a dialogue that is open to any client is found, and the search ends.
  bool choose(std::array<std::size_t, dimensions>& choice, std::size_t at, std::size_t changes) {
    if (at == dimensions) return changes == 0 && attempt(choice);
    choice[at] = 0;
    if (choose(choice, at + 1, changes)) return true;
    if (changes == 0) return false;
    const std::size_t size = sizes()[at];
    for (std::size_t i = 1; i < size && left_ > 0; ++i) {
      choice[at] = i;
      if (choose(choice, at + 1, changes - 1)) return true;
    }
    choice[at] = 0;
    return false;
  }

  bool attempt(const std::array<std::size_t, dimensions>& choice) {
    if (left_ <= 0 || rounds_ == 0) return false;
    --left_;
    Witness dialogue{.client = candidates_.clients[choice[3]],
                     .client_name = candidates_.client_names[choice[4]],
                     .helo = candidates_.helos[choice[2]],
                     .tls = choice[6] == 1,
                     .sender = candidates_.senders[choice[1]],
                     .recipients = {candidates_.recipients[choice[0]]},
                     .passed = {},
                     .provided = {},
                     .listener = listener_};
    if (choice[5] == 1) dialogue.recipients.push_back("another-" + dialogue.recipients[0]);
    const std::string& service = candidates_.services[choice[7]];
    if (!Player(policy_, dialogue, service, rounds_).run()) return false;
    if (service == "DUNNO" && is_anybodys(dialogue, service, choice[3], choice[4])) {
      best_ = Way{.witness = std::move(dialogue), .anybody = true};
      return true;
    }
    if (!best_) best_ = Way{.witness = std::move(dialogue), .anybody = false};
    return false;
  }

  /// Whether the same dialogue is accepted for other destinations and from other networks: then it
  /// was not permitted by an entry for this recipient or this client.
  bool is_anybodys(const Witness& dialogue, const std::string& service, std::size_t client,
                   std::size_t name) {
    if (listed_clients_.contains(client) || candidates_.is_listed_name(name)) return false;
    // Uses a share of the rest, so that many listed clients leave some for other names and senders.
    std::size_t rounds = std::min(share_, rounds_);
    rounds_ -= rounds;
    const bool anybodys = is_anybodys_within(dialogue, service, client, rounds);
    ended_early_ |= rounds == 0;
    rounds_ += rounds;
    return anybodys;
  }

  bool is_anybodys_within(const Witness& dialogue, const std::string& service, std::size_t client,
                          std::size_t& rounds) {
    std::size_t others = 0;
    for (const std::string& recipient : candidates_.anywhere) {
      Witness other = dialogue;
      other.recipients[0] = recipient;
      if (other.recipients.size() > 1) other.recipients[1] = "another-" + recipient;
      others += Player(policy_, other, service, rounds).run() ? 1 : 0;
    }
    if (others + 1 < candidates_.anywhere.size()) return false;
    if (candidates_.swallowed && client == 0) return true;
    const std::string_view own = dialogue.client.octets();
    for (const IpAddress& elsewhere : candidates_.elsewhere) {
      // Neighbours may share an entry; an address in another /8 shares only a wide one.
      if (elsewhere.is_v4() != dialogue.client.is_v4() || elsewhere.octets()[0] == own[0]) continue;
      Witness other = dialogue;
      other.client = elsewhere;
      if (Player(policy_, other, service, rounds).run()) return true;
    }
    listed_clients_.insert(client);
    return false;
  }

  const ListPolicy& policy_;
  const Candidates& candidates_;
  const std::string listener_;
  int left_ = most_dialogues;
  std::size_t rounds_;
  const std::size_t share_;  ///< of the rounds, for is_anybodys()
  bool ended_early_ = false;
  std::set<std::size_t> listed_clients_;
  std::optional<Way> best_;
};

/// Hides texts from tables whose contents may not be shown; the dialogue did use them.
void hide(Witness& witness, const Candidates& candidates) {
  const auto hide = [&](std::string& text) {
    if (candidates.hidden.contains(text)) text = "one-that-a-table-lists";
  };
  hide(witness.client_name);
  hide(witness.listener);
  hide(witness.helo);
  hide(witness.sender);
  for (std::string& recipient : witness.recipients) {
    const bool second = recipient.starts_with("another-");
    std::string plain = second ? recipient.substr(8) : recipient;
    hide(plain);
    recipient = (second ? "another-" : "") + plain;
  }
  if (candidates.hidden.contains(witness.client.to_string())) witness.client = IpAddress::unknown();
}

}  // namespace

std::string why_permitted(const Rule& rule) {
  return fmt::format("`{}` lets it through", printable(rule.words, 200));
}

bool goes_through(const ListPolicy& policy, Witness& dialogue, const std::string& service) {
  std::size_t rounds = rounds_allowed(policy);
  return Player(policy, dialogue, service, rounds).run();
}

SearchResult find_way(const ListPolicy& policy) {
  const Candidates candidates = candidates_of(policy);
  if (candidates.clients.empty() || candidates.recipients.empty()) return {};
  SearchResult result;
  for (const std::string& listener : candidates.listeners) {
    Search search(policy, candidates, listener);
    std::optional<Way> way = search.run();
    result.ended_early |= search.ended_early();
    if (way && (!result.way || way->anybody)) result.way = std::move(way);
    if (result.way && result.way->anybody) break;
  }
  if (result.way) hide(result.way->witness, candidates);
  return result;
}

}  // namespace postern::dialect::restrictions
