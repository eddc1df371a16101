#include "plan/conditions.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "config/engine.h"
#include "explain/evidence_words.h"
#include "mail/hostname.h"
#include "plan/behind.h"
#include "policy/catalogue.h"
#include "policy/credentials.h"

namespace postern::plan::conditions {

namespace checks = policy::checks;

namespace {

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

/// A label in front of `parent` that makes a name which is in none of the lists.
std::string unlisted_below(const std::string& parent, const std::set<std::string>& listed) {
  for (int i = 0;; ++i) {
    std::string name = (i == 0 ? "h." : fmt::format("h{}.", i)) + parent;
    if (!listed.contains(name)) return name;
  }
}

/// The classes of names of some lists: each that stands there, one below each that covers those
/// below it, and one that no list has.
std::vector<DomainValue> domain_values(const std::vector<const policy::DomainSet*>& lists) {
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
  std::vector<DomainValue> classes{{other, "any other"}};
  for (const std::string& name : exact) classes.push_back({name, name});
  for (const std::string& name : covering) {
    classes.push_back({unlisted_below(name, exact), "below " + name});
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

/// An address literal of another host than the client.
std::string literal_of_another(const IpAddress& client) {
  const std::string literal = "[192.0.2.1]";
  return mail::literal_address(literal) == client ? "[192.0.2.2]" : literal;
}

app::EvidenceWords words_of_choice(const Values& values, const Choice& choice) {
  app::EvidenceWords words;
  words.words["spf"] = values.spf[choice[static_cast<std::size_t>(Part::spf)]];
  words.dkim.emplace();
  const std::string& signer = values.signers[choice[static_cast<std::size_t>(Part::dkim)]].name;
  if (!signer.empty()) words.dkim->push_back(signer);
  return words;
}

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

}  // namespace

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
  values.senders = domain_values(senders);
  for (const std::string_view word : app::evidence_results("spf")) values.spf.emplace_back(word);
  values.signers = domain_values(signers);
  values.signers.insert(values.signers.begin(), DomainValue{"", "none"});
  return values;
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

Answers answers_of(const Takes& before, const Takes& after) {
  constexpr std::size_t most = 200;
  Answers answers;
  answers.all = before.unknown.empty() && after.unknown.empty();
  Choice base{};
  std::array<std::vector<std::size_t>, part_count> apart;
  for (std::size_t part = 0; part < part_count; ++part) {
    const auto& one = before.refusing[part];
    const auto& other = after.refusing[part];
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

}  // namespace postern::plan::conditions
