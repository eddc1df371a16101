#include "plan/webhooks.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "config/engine.h"
#include "dns/recorded_resolver.h"
#include "explain/evidence_words.h"
#include "mail/hostname.h"
#include "plan/behind.h"
#include "plan/classes.h"
#include "plan/through_lists.h"
#include "policy/catalogue.h"
#include "policy/credentials.h"
#include "policy/questions/offered.h"
#include "policy/webhook.h"

namespace postern::plan {

namespace checks = policy::checks;

namespace {

/// The parts of a dialogue that conditions are about. No condition is about two of them.
enum class Part : std::uint8_t { client, login, helo, sender, spf, dkim };
constexpr std::array<std::string_view, 6> part_names{"client", "auth", "helo",
                                                     "sender", "spf",  "dkim"};
constexpr std::size_t part_count = part_names.size();
/// A value of each part, as its place among Values.
using Choice = std::array<std::size_t, part_count>;

/// What a check looks at; nullopt: not known here.
std::optional<Part> part_of(const policy::Check* check) {
  if (check == &checks::client_in_networks) return Part::client;
  if (check == &checks::client_authenticated) return Part::login;
  if (check == &checks::spf_domain_listed) return Part::sender;
  if (check == &checks::spf_authorised) return Part::spf;
  if (check == &checks::dkim_signed) return Part::dkim;
  if (check->name == "helo_literal_is_client") return Part::helo;
  return std::nullopt;
}

/// Something to authenticate with.
struct Login {
  std::string user;         ///< "": none
  std::uint64_t stamp = 0;  ///< Credential::stamp
  /// Which version has this password for the user; "": both, or it is the only one.
  std::string password_of;
};

/// A domain that stands for all that no rule tells apart from it.
struct DomainClass {
  std::string name;
  std::string words;
};

/// What can come, part by part. Values that no condition of either version tells apart are one. The
/// first of each part is what a stranger has.
struct Values {
  std::vector<ClientClass> clients;
  std::vector<Login> logins{Login{}};
  std::vector<DomainClass> senders;
  std::vector<std::string> spf;
  std::vector<DomainClass> signers;  ///< the first: no signature

  std::size_t count(Part part) const {
    switch (part) {
      case Part::client:
        return clients.size();
      case Part::login:
        return logins.size();
      case Part::helo:
        return 2;  // a name, the literal of another address
      case Part::sender:
        return senders.size();
      case Part::spf:
        return spf.size();
      case Part::dkim:
        return signers.size();
    }
    return 0;
  }
};

/// What one version has behind an address.
struct Holder {
  policy::Recipient recipient;
  const policy::WebhookPolicy* policy = nullptr;  ///< of the webhook; null: none
  bool open = false;                              ///< it takes mail, if its policy lets it
  bool elsewhere = false;  ///< no webhook has it, and the version may take mail for it
  bool domain = false;     ///< the domain has webhooks, which refuses others of its addresses
  bool others = false;     ///< the version may take mail for others of the domain's addresses
};

Holder holder_of(const Version& version, mail::Mailbox address) {
  Holder holder;
  holder.recipient.route = version.directory->resolve(address);
  holder.recipient.address = std::move(address);
  holder.policy = holder.recipient.route.policy.get();
  holder.open = holder.recipient.route.webhook && !refuses_all(holder.recipient);
  const Deciding deciding = deciding_in(*version.config);
  const auto may_take = [&](const mail::Mailbox& one) {
    const auto route = app::route_of(one, *version.directory, *version.config);
    return !route.webhook && may_be_taken(deciding, one, route);
  };
  holder.elsewhere = may_take(holder.recipient.address);
  mail::Mailbox other{"other", holder.recipient.address.domain};
  while (version.directory->resolve(other).webhook) other.local_part += "x";
  holder.domain =
      version.directory->resolve(other).missing == policy::Route::Missing::unknown_address;
  holder.others = may_take(other);
  return holder;
}

/// A label in front of `parent` that makes a name which is in none of the lists.
std::string below(const std::string& parent, const std::set<std::string>& listed) {
  for (int i = 0;; ++i) {
    std::string name = (i == 0 ? "h." : fmt::format("h{}.", i)) + parent;
    if (!listed.contains(name)) return name;
  }
}

/// The classes of names of some lists: each that stands there, one below each that covers those
/// below it, and one that no list has.
std::vector<DomainClass> domains_of(const std::vector<const policy::DomainSet*>& lists) {
  std::set<std::string> exact;
  std::set<std::string> covering;
  for (const policy::DomainSet* list : lists) {
    for (const std::string& entry : list->entries()) {
      if (entry.starts_with('.')) {
        covering.insert(entry.substr(1));
      } else {
        exact.insert(entry);
      }
    }
  }
  const auto listed = [&](const std::string& name) {
    return std::ranges::any_of(lists, [&](const auto* list) { return list->contains(name); });
  };
  std::string other = "sender.example";
  for (int i = 1; listed(other); ++i) other = fmt::format("sender{}.test", i);
  std::vector<DomainClass> classes{{other, "any other"}};
  for (const std::string& name : exact) classes.push_back({name, name});
  for (const std::string& name : covering) {
    classes.push_back({below(name, exact), "below " + name});
  }
  return classes;
}

std::vector<Login> logins_of(const Holder& before, const Holder& after) {
  std::vector<Login> logins{Login{}};
  const auto has = [](const Holder& holder, const policy::Credential& one) {
    const auto* same = holder.policy ? holder.policy->credential(one.username) : nullptr;
    return same != nullptr && same->stamp == one.stamp;
  };
  const auto knows = [](const Holder& holder, const policy::Credential& one) {
    return holder.policy != nullptr && holder.policy->credential(one.username) != nullptr;
  };
  if (before.policy != nullptr) {
    for (const policy::Credential& one : before.policy->credentials) {
      const bool other = knows(after, one) && !has(after, one);
      logins.push_back({one.username, one.stamp, other ? "old" : ""});
    }
  }
  if (after.policy != nullptr) {
    for (const policy::Credential& one : after.policy->credentials) {
      if (has(before, one)) continue;
      logins.push_back({one.username, one.stamp, knows(before, one) ? "new" : ""});
    }
  }
  return logins;
}

Values values_of(const Holder& before, const Holder& after) {
  std::vector<AddressRange> ranges;
  std::vector<const policy::DomainSet*> senders;
  std::vector<const policy::DomainSet*> signers;
  for (const Holder* holder : {&before, &after}) {
    for (const policy::Rule* rule : refusing_rules(holder->policy)) {
      if (const auto* networks = std::get_if<CidrSet>(&rule->argument)) {
        for (const Cidr& network : networks->networks()) ranges.push_back(range_of(network));
      }
      if (const auto* domains = std::get_if<policy::DomainSet>(&rule->argument)) {
        (part_of(rule->check) == Part::dkim ? signers : senders).push_back(domains);
      }
    }
  }
  Values values;
  values.clients = clients_of(ranges);
  values.logins = logins_of(before, after);
  values.senders = domains_of(senders);
  for (const std::string_view word : app::evidence_results("spf")) values.spf.emplace_back(word);
  values.signers = domains_of(signers);
  values.signers.insert(values.signers.begin(), DomainClass{"", "none"});
  return values;
}

/// An address literal of another host than the client.
std::string literal_of_another(const IpAddress& client) {
  const std::string literal = "[192.0.2.1]";
  return mail::literal_address(literal) == client ? "[192.0.2.2]" : literal;
}

/// One dialogue of `values`.
struct Said {
  app::Dialogue dialogue;
  app::FrozenEvidence frozen;
  Spoken spoken;
};

app::EvidenceWords words_of_choice(const Values& values, const Choice& choice) {
  app::EvidenceWords words;
  words.words["spf"] = values.spf[choice[static_cast<std::size_t>(Part::spf)]];
  words.dkim.emplace();
  const std::string& signer = values.signers[choice[static_cast<std::size_t>(Part::dkim)]].name;
  if (!signer.empty()) words.dkim->push_back(signer);
  return words;
}

Said said_in(const Values& values, const Choice& choice, const mail::Mailbox& recipient) {
  const auto at = [&](Part part) { return choice[static_cast<std::size_t>(part)]; };
  const Login& login = values.logins[at(Part::login)];
  const app::EvidenceWords words = words_of_choice(values, choice);
  Said said;
  said.dialogue.client = values.clients[at(Part::client)].one;
  said.dialogue.helo =
      at(Part::helo) == 0 ? "mx.client.test" : literal_of_another(said.dialogue.client);
  if (!login.user.empty()) {
    said.dialogue.login = login.user;
    said.dialogue.credential = login.stamp;
  }
  said.dialogue.sender = mail::Mailbox{"a", values.senders[at(Part::sender)].name};
  said.dialogue.recipients = {recipient};
  said.dialogue.message = std::string(plain_message);
  said.frozen = app::frozen_from(words);
  Spoken& spoken = said.spoken;
  spoken.client = said.dialogue.client.to_string();
  spoken.helo = said.dialogue.helo;
  spoken.login = said.dialogue.login;
  spoken.password_of = login.password_of;
  spoken.sender = said.dialogue.sender->text();
  spoken.recipient = recipient.text();
  spoken.spf = words.words.at("spf");
  if (!words.dkim->empty()) spoken.dkim = words.dkim->front();
  spoken.needs = {"client"};
  if (spoken.spf == "pass" || spoken.dkim) spoken.needs.emplace_back("sender_dns");
  if (spoken.login) spoken.needs.emplace_back("login");
  return said;
}

/// What one version takes: the values of each part that all its conditions on it let through.
struct Takes {
  bool open = false;
  std::array<std::vector<bool>, part_count> values;
  /// For each value the numbers of the rules that refuse it.
  std::array<std::vector<std::vector<std::size_t>>, part_count> refusing;
  std::set<std::string_view> unknown;  ///< checks that no part is known of

  /// Whether there is anything that it takes.
  bool any() const {
    return open && std::ranges::all_of(values, [](const std::vector<bool>& part) {
             return std::ranges::find(part, true) != part.end();
           });
  }
};

/// The evidence that conditions see with these values.
class Judge {
 public:
  Judge(const Values& values, const Holder& holder) : values_(values), holder_(holder) {
    evidence_.candidate = holder.recipient;
    for (std::size_t part = 0; part < part_count; ++part) set(static_cast<Part>(part), 0);
  }

  /// By the production check.
  bool lets_through(const policy::Rule& rule, Part part, std::size_t value) {
    set(part, value);
    const bool through = !rule.check->judge(evidence_, rule.argument).refuses();
    set(part, 0);
    return through;
  }

 private:
  void set(Part part, std::size_t value) {
    policy::SessionFacts& session = evidence_.session;
    choice_[static_cast<std::size_t>(part)] = value;
    switch (part) {
      case Part::client:
        session.client_ip = values_.clients[value].one;
        break;
      case Part::login: {
        const Login& login = values_.logins[value];
        session.auth.reset();
        if (login.user.empty()) break;
        session.auth.emplace().username = login.user;
        if (const auto* policy = holder_.policy) {
          const policy::Credential* known = policy->credential(login.user);
          if (known != nullptr && known->stamp == login.stamp) {
            session.auth->granted.emplace(policy->id, login.stamp);
          }
        }
        break;
      }
      case Part::helo:
        session.helo = value == 0 ? "mx.client.test" : literal_of_another(session.client_ip);
        break;
      case Part::sender:
        evidence_.reverse_path = mail::Mailbox{"a", values_.senders[value].name};
        break;
      case Part::spf:
        evidence_.spf = app::frozen_from(words_of_choice(values_, choice_)).spf;
        break;
      case Part::dkim:
        evidence_.dkim = app::frozen_from(words_of_choice(values_, choice_)).dkim;
        break;
    }
  }

  const Values& values_;
  const Holder& holder_;
  policy::Evidence evidence_;
  Choice choice_{};
};

Takes takes_of(const Values& values, const Holder& holder) {
  Takes takes;
  takes.open = holder.open;
  for (std::size_t part = 0; part < part_count; ++part) {
    takes.values[part].assign(values.count(static_cast<Part>(part)), true);
    takes.refusing[part].resize(values.count(static_cast<Part>(part)));
  }
  Judge judge(values, holder);
  const std::vector<const policy::Rule*> rules = refusing_rules(holder.policy);
  for (std::size_t number = 0; number < rules.size(); ++number) {
    const policy::Rule* rule = rules[number];
    const auto part = part_of(rule->check);
    if (!part) {
      takes.unknown.insert(rule->check->name);
      continue;
    }
    std::vector<bool>& through = takes.values[static_cast<std::size_t>(*part)];
    for (std::size_t value = 0; value < through.size(); ++value) {
      if (judge.lets_through(*rule, *part, value)) continue;
      through[value] = false;
      takes.refusing[static_cast<std::size_t>(*part)][value].push_back(number);
    }
  }
  return takes;
}

/// Dialogues that `one` takes and `other` does not, if that follows from a single part: at most
/// `most`. Parts that do not matter have what both take, if there is such.
std::vector<Choice> choices_between(const Takes& one, const Takes& other, std::size_t most) {
  std::vector<Choice> choices;
  if (!one.any()) return choices;
  Choice base{};
  for (std::size_t part = 0; part < part_count; ++part) {
    const std::vector<bool>& mine = one.values[part];
    const auto begin = mine.begin();
    std::size_t first = static_cast<std::size_t>(std::find(begin, mine.end(), true) - begin);
    for (std::size_t value = first; value < mine.size(); ++value) {
      if (!mine[value] || !other.values[part][value]) continue;
      first = value;
      break;
    }
    base[part] = first;
  }
  if (!other.open) return {base};
  for (std::size_t part = 0; part < part_count; ++part) {
    for (std::size_t value = 0; value < one.values[part].size(); ++value) {
      if (!one.values[part][value] || other.values[part][value]) continue;
      if (choices.size() >= most) return choices;
      choices.push_back(base);
      choices.back()[part] = value;
    }
  }
  return choices;
}

std::string words_for_value(const Values& values, Part part, std::size_t value) {
  switch (part) {
    case Part::client:
      return words_of(values.clients[value]);
    case Part::login: {
      const Login& login = values.logins[value];
      if (login.user.empty()) return "none";
      return login.password_of.empty()
                 ? login.user
                 : fmt::format("{} with the {} password", login.user, login.password_of);
    }
    case Part::helo:
      return value == 0 ? "a name, or the client's address" : "the literal of another address";
    case Part::sender:
      return values.senders[value].words;
    case Part::spf:
      return values.spf[value];
    case Part::dkim:
      return values.signers[value].words;
  }
  return "";
}

/// All that `one` takes and `other` does not, if it is one condition on each part; else nothing.
Differences differences_between(const Values& values, const Takes& one, const Takes& other) {
  std::array<std::vector<bool>, part_count> only = one.values;
  std::optional<std::size_t> apart;
  for (std::size_t part = 0; part < part_count && other.open; ++part) {
    std::vector<bool> lost = one.values[part];
    for (std::size_t i = 0; i < lost.size(); ++i) lost[i] = lost[i] && !other.values[part][i];
    if (std::ranges::find(lost, true) == lost.end()) continue;
    if (apart) return {};
    apart = part;
    only[part] = std::move(lost);
  }
  Difference difference;
  for (std::size_t part = 0; part < part_count; ++part) {
    if (std::ranges::find(only[part], false) == only[part].end()) continue;
    Difference::Part condition{
        .name = std::string(part_names[part]), .negated = false, .values = {}};
    for (std::size_t value = 0; value < only[part].size(); ++value) {
      if (!only[part][value]) continue;
      condition.values.push_back(words_for_value(values, static_cast<Part>(part), value));
    }
    difference.conditions.push_back(std::move(condition));
  }
  return {.some = {std::move(difference)}, .all = true};
}

/// Plays on both versions.
class BothVersions {
 public:
  BothVersions(const Version& before, const Version& after)
      : versions_{&before, &after},
        engines_{app::engine_for(*before.config), app::engine_for(*after.config)} {}

  std::array<Side, 2> play(const Said& said) {
    std::array<Side, 2> sides;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      sides[i] = side_of(app::play({.config = *versions_[i]->config,
                                    .engine = engines_[i],
                                    .directory = *versions_[i]->directory,
                                    .resolver = nobody_,
                                    .frozen = said.frozen},
                                   said.dialogue));
    }
    ++count;
    return sides;
  }

  std::size_t count = 0;  ///< of dialogues

 private:
  std::array<const Version*, 2> versions_;
  std::array<policy::Engine, 2> engines_;
  dns::RecordedResolver nobody_{{}};
};

/// What is the same for all addresses with the same two policies.
struct Pair {
  Values values;
  Takes before;
  Takes after;
};

/// Dialogues that show each way in which both versions can answer. What a version refuses, its
/// first rule that refuses answers, and each rule is about one part: so the two answers follow from
/// two parts at most, of which all values are tried that rules tell apart.
struct Answers {
  std::set<Choice> choices;
  bool all = true;  ///< that there are
};

Answers answers_of(const Pair& pair) {
  constexpr std::size_t most = 200;
  Answers answers;
  answers.all = pair.before.unknown.empty() && pair.after.unknown.empty();
  Choice base{};
  std::array<std::vector<std::size_t>, part_count> apart;
  for (std::size_t part = 0; part < part_count; ++part) {
    const auto& one = pair.before.refusing[part];
    const auto& other = pair.after.refusing[part];
    std::set<std::pair<std::vector<std::size_t>, std::vector<std::size_t>>> seen;
    std::optional<std::size_t> free;
    for (std::size_t value = 0; value < one.size(); ++value) {
      if (seen.insert({one[value], other[value]}).second) apart[part].push_back(value);
      if (!free && one[value].empty() && other[value].empty()) free = value;
    }
    base[part] = free.value_or(0);
    answers.all = answers.all && free.has_value();
  }
  for (std::size_t part = 0; part < part_count; ++part) {
    for (std::size_t second = part; second < part_count; ++second) {
      for (const std::size_t value : apart[part]) {
        for (const std::size_t with : apart[second]) {
          if (answers.choices.size() >= most) {
            answers.all = false;
            return answers;
          }
          Choice choice = base;
          choice[part] = value;
          if (second != part) choice[second] = with;
          answers.choices.insert(choice);
        }
      }
    }
  }
  return answers;
}

}  // namespace

WebhookComparison compare_webhooks(const Version& before, const Version& after,
                                   const std::vector<std::string>& addresses, bool through_lists,
                                   bool lists_differ, const Deadline& deadline) {
  constexpr std::size_t most_tries = 16;
  WebhookComparison found;
  BothVersions versions(before, after);
  std::string_view others;  // that decide, too
  for (const Version* side : {&before, &after}) {
    const Deciding deciding = deciding_in(*side->config);
    if (deciding.scripts && others.empty()) others = "the rules";
    if (deciding.lists != nullptr) others = "the lists";
  }
  using Key = std::tuple<const policy::WebhookPolicy*, const policy::WebhookPolicy*, bool, bool>;
  std::map<Key, Pair> pairs;
  // Whether a webhook is there, else why not; whether others may take its mail, or its domain's.
  using State = std::tuple<bool, policy::Route::Missing, bool, bool>;
  std::set<std::pair<Key, std::pair<State, State>>> answered;
  for (const std::string& address : addresses) {
    const mail::Mailbox mailbox = mail::parse_mailbox(address, mail::Utf8::allowed).value();
    const Holder old_holder = holder_of(before, mailbox);
    const Holder new_holder = holder_of(after, mailbox);
    const Key key{old_holder.policy, new_holder.policy, old_holder.open, new_holder.open};
    Pair& pair = pairs[key];
    if (pair.values.clients.empty()) {
      pair.values = values_of(old_holder, new_holder);
      pair.before = takes_of(pair.values, old_holder);
      pair.after = takes_of(pair.values, new_holder);
    }
    WebhookAnswer& answer = found.addresses.emplace_back();
    answer.address = address;
    const bool others_differ =
        old_holder.domain != new_holder.domain && (old_holder.others || new_holder.others);
    std::optional<ThroughLists> together;
    if (through_lists && old_holder.recipient.route.webhook && new_holder.recipient.route.webhook) {
      together.emplace(before, after, mailbox, deadline);
    }
    const auto ask = [&](DifferenceKind kind, const Takes& one, const Takes& other,
                         Differences& differences) {
      const auto unknown = [&](std::string reason, std::string text) {
        found.not_proved.push_back({.group = address,
                                    .direction = kind,
                                    .layer = "webhook",
                                    .place = "",
                                    .reason = std::move(reason),
                                    .text = std::move(text)});
        return Known::unknown;
      };
      if (deadline.is_over()) {
        return unknown("budget_time", "the time of the comparison is over");
      }
      const std::size_t taker = &one == &pair.before ? 0 : 1;
      const auto choices = choices_between(one, other, most_tries);
      for (const Choice& choice : choices) {
        Said said = said_in(pair.values, choice, mailbox);
        std::array<Side, 2> sides = versions.play(said);
        if (!sides[taker].taken || sides[1 - taker].taken) continue;
        said.spoken.tls = sides[taker].trace->evidence.session.tls.has_value();
        found.witnesses.push_back({.spoken = std::move(said.spoken),
                                   .group = Group::ours,
                                   .kind = kind,
                                   .before = std::move(sides[0]),
                                   .after = std::move(sides[1])});
        const Holder& refuser = taker == 0 ? new_holder : old_holder;
        // Of lists that differ no condition on a part is known.
        if (lists_differ) return Known::yes;
        if (!refuser.elsewhere) differences = differences_between(pair.values, one, other);
        differences.by = others;
        return Known::yes;
      }
      const std::array<const Holder*, 2> holders{&old_holder, &new_holder};
      const auto left_to_others = [&](std::size_t side) {
        return unknown("other_layers",
                       fmt::format("in {} no webhook has the address, and lists, rules or what "
                                   "holds for a postmaster may take its mail",
                                   side == 0 ? "old" : "new"));
      };
      std::string over;
      if ((!choices.empty() || lists_differ) && together) {
        ThroughLists::Found passed = together->find(taker);
        versions.count += passed.played;
        found.give_up.merge(passed.give_up);
        found.names_like_networks = found.names_like_networks || passed.names_like_networks;
        if (passed.shown) {
          found.witnesses.push_back({.spoken = std::move(passed.shown->spoken),
                                     .group = Group::ours,
                                     .kind = kind,
                                     .before = std::move(passed.shown->sides[0]),
                                     .after = std::move(passed.shown->sides[1])});
          return Known::yes;
        }
        if (passed.none) return Known::no;
        over = passed.over;
      }
      if (!choices.empty()) {
        if (holders[1 - taker]->elsewhere) return left_to_others(1 - taker);
        if (!over.empty()) {
          return unknown(over,
                         "lists refuse what was tried, and looking for a dialogue that they "
                         "let through needs more than the comparison may use");
        }
        return unknown("witness_not_confirmed",
                       "another layer refuses what was tried, on both sides");
      }
      if (holders[taker]->elsewhere) return left_to_others(taker);
      if (others_differ) {
        return unknown("other_layers",
                       "one version has no webhook in the domain, and lists or rules may take "
                       "mail for other addresses there");
      }
      if (one.unknown != other.unknown) {
        return unknown("other_layers", "a condition is not known to the comparison");
      }
      if (lists_differ) {
        return unknown(over.empty() ? "other_layers" : over,
                       over.empty() ? "the lists differ, and what they let through for the webhook "
                                      "is not known"
                                    : "what lists that differ let through for the webhook needs "
                                      "more than the comparison may use");
      }
      return Known::no;
    };
    const auto compare_codes = [&] {
      const Answers answers = answers_of(pair);
      bool all = answers.all;
      for (const Choice& choice : answers.choices) {
        if (deadline.is_over()) return Known::unknown;
        Said said = said_in(pair.values, choice, mailbox);
        std::array<Side, 2> sides = versions.play(said);
        if (kind_of(outcome_of(sides[0]), outcome_of(sides[1])) != DifferenceKind::replies) {
          // What another layer refuses says nothing of the policies' codes.
          all = all && std::ranges::all_of(sides, [](const Side& side) {
                  return side.taken || side.layer == "webhook" || side.layer == "gateway";
                });
          continue;
        }
        found.witnesses.push_back({.spoken = std::move(said.spoken),
                                   .group = Group::ours,
                                   .kind = DifferenceKind::replies,
                                   .before = std::move(sides[0]),
                                   .after = std::move(sides[1])});
        return Known::yes;
      }
      // Of what no webhook has, other layers speak.
      const bool is_alone = !lists_differ && !old_holder.elsewhere && !new_holder.elsewhere &&
                            old_holder.domain == new_holder.domain;
      return all && is_alone ? Known::no : Known::unknown;
    };
    const auto state_of = [](const Holder& holder) {
      const policy::Route& route = holder.recipient.route;
      return State{route.webhook != nullptr, route.missing, holder.elsewhere, holder.domain};
    };
    const std::pair states{state_of(old_holder), state_of(new_holder)};
    if (found.replies != Known::yes && answered.insert({key, states}).second) {
      widen(found.replies, compare_codes());
    }
    answer.answer.refuses_more =
        ask(DifferenceKind::refuses_more, pair.before, pair.after, answer.answer.refused);
    answer.answer.accepts_more =
        ask(DifferenceKind::accepts_more, pair.after, pair.before, answer.answer.accepted);
  }
  found.played = versions.count;
  return found;
}

}  // namespace postern::plan
