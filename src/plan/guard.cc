#include "plan/guard.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "policy/answers.h"
#include "policy/questions/client_in.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
using policy::Stage;
using About = Term::About;

namespace {

/// Adds the words of a condition, so that the classes tell apart what it tells apart.
void add_words(const Condition& condition, restrictions::PolicyWords& words) {
  for (const Condition& part : condition.parts) add_words(part, words);
  if (condition.kind != Condition::Kind::term) return;
  const Term& term = condition.term;
  const auto domains_to = [&](std::set<std::string>& keys) {
    for (const DomainPattern& domain : term.domains) keys.insert(domain.name);
    if (term.address) keys.insert(lower(term.address->text()));
  };
  switch (term.about) {
    case About::client:
      for (const Cidr& network : term.networks) words.clients.push_back(range_of(network));
      break;
    case About::client_name:
      words.asks_client_name = true;
      domains_to(words.client_keys);
      break;
    case About::helo:
      domains_to(words.helo_keys);
      break;
    case About::auth:
      words.asks_login = true;
      if (term.is_login) words.logins.insert(term.word);
      break;
    case About::tls:
      words.asks_tls = true;
      break;
    case About::sender:
      domains_to(words.sender_keys);
      break;
    case About::recipient:
      domains_to(words.recipient_keys);
      break;
    case About::client_listed:
    case About::sender_listed:
    case About::helo_listed:
      words.zones.push_back(*term.zone);
      break;
    case About::destination:
    case About::spf:
    case About::dkim:
    case About::dkim_domain:
    case About::dmarc:
    case About::dmarc_policy:
    case About::header_from:
    case About::size:
      break;
  }
}

/// One check of all sentences.
class Checker {
 public:
  Checker(const Version& version, const std::vector<Guardrail>& guardrails,
          const GuardBudget& budget)
      : version_(version),
        guardrails_(guardrails),
        deadline_(Player::Clock::now() + budget.time),
        diagrams_(budget.nodes, [this] {
          if (Player::Clock::now() > deadline_) throw OverBudget("budget_time");
        }) {}

  std::vector<GuardResult> run() {
    std::vector<GuardResult> results;
    for (const Guardrail& one : guardrails_) results.push_back({.name = one.name, .got = {}});
    std::size_t done = 0;
    const auto leave_open = [&](const std::string& reason, const std::string& text) {
      for (std::size_t at = done; at < results.size(); ++at) {
        results[at].word = GuardResult::Word::not_proved;
        results[at].reason = reason;
        results[at].text = text;
      }
    };
    try {
      prepare();
      for (; done < results.size(); ++done) {
        try {
          judge(guardrails_[done].sentence, results[done]);
        } catch (const NotCompiled& error) {
          results[done].word = GuardResult::Word::not_proved;
          results[done].reason = error.reason;
          results[done].text = error.what();
        }
      }
    } catch (const NotCompiled& error) {
      leave_open(error.reason, error.what());
    } catch (const TooManyClasses& error) {
      leave_open("table_too_large", error.what());
    } catch (const OverBudget& error) {
      leave_open(error.what(), "the proof needs more than it may use");
    }
    return results;
  }

 private:
  void prepare() {
    const restrictions::Loaded* loaded = version_.config->restrictions.loaded();
    if (loaded == nullptr || !loaded->compiled.policy) {
      throw NotCompiled("no_lists", "the configuration has no restriction lists");
    }
    lists_ = loaded->compiled.policy;
    words_.add(*lists_);
    words_.auth_in_clear = auth_in_clear(*version_.config);
    for (const Guardrail& one : guardrails_) add_words(one.sentence.condition, words_);
    if (!words_.not_listed.empty()) {
      throw NotCompiled("external_table", *words_.not_listed.begin());
    }
    vocabulary_ = std::make_unique<Vocabulary>(diagrams_, words_, lists_->recipient_delimiter);
    outcomes_ = compile(*lists_, *vocabulary_);
    player_ =
        std::make_unique<Player>(*vocabulary_, std::vector<const Version*>{&version_}, deadline_);
  }

  static bool is(const Outcome& outcome, Verb verb) {
    switch (verb) {
      case Verb::accept:
        return outcome.taken;
      case Verb::refuse:
        return !outcome.taken;
      case Verb::discard:
        return outcome.taken && outcome.discard;
      case Verb::hold:
        break;
    }
    return outcome.taken && outcome.hold;
  }

  Ref both(Ref a, Ref b) {
    return diagrams_.apply(a, b, [](Leaf one, Leaf other) -> Leaf { return one & other; });
  }

  void judge(const Sentence& sentence, GuardResult& result) {
    const Ref where = condition(sentence.condition);
    const Ref meets = both(where, vocabulary_->possible());
    result.vacuous = meets == diagrams_.leaf(0);
    const Ref breaks = diagrams_.map(outcomes_, [&](Leaf number) -> Leaf {
      return is(vocabulary_->outcome(number), sentence.verb) == sentence.never ? 1 : 0;
    });
    Ref left = both(meets, breaks);
    bool any = false;
    constexpr int most_tries = 16;
    for (int attempt = 0; attempt < most_tries; ++attempt) {
      const auto path = cheapest(*vocabulary_, diagrams_, left);
      if (!path) break;
      any = true;
      const auto found = player_->play(
          *path, {.about = [](const policy::Evidence&) { return true; },
                  .holds =
                      [&](const std::vector<Side>& sides) {
                        return is(outcome_of(sides[0]), sentence.verb) == sentence.never;
                      }});
      if (found) {
        result.word = GuardResult::Word::violated;
        result.spoken = found->spoken;
        result.got = found->sides[0];
        return;
      }
      left = without(diagrams_, left, *path);
    }
    if (!any) return;
    result.word = GuardResult::Word::not_proved;
    result.reason = "witness_not_confirmed";
    result.text = "the dialogues that break it were judged otherwise when played";
  }

  // Conditions: 1 where they hold.

  Ref condition(const Condition& one) {
    switch (one.kind) {
      case Condition::Kind::always:
        return diagrams_.leaf(1);
      case Condition::Kind::term:
        return term(one.term);
      case Condition::Kind::negation:
        return diagrams_.map(condition(one.parts[0]),
                             [](Leaf value) -> Leaf { return value == 1 ? 0 : 1; });
      case Condition::Kind::conjunction:
      case Condition::Kind::disjunction:
        break;
    }
    const bool all = one.kind == Condition::Kind::conjunction;
    Ref made = diagrams_.leaf(all ? 1 : 0);
    for (const Condition& part : one.parts) {
      made = diagrams_.apply(made, condition(part),
                             [all](Leaf a, Leaf b) -> Leaf { return all ? a & b : a | b; });
    }
    return made;
  }

  /// 1 for the classes that `holds` says.
  template <class Classes, class Holds>
  Ref among(Axis axis, const Classes& classes, const Holds& holds) {
    std::vector<Ref> children;
    for (const auto& one : classes) children.push_back(diagrams_.leaf(holds(one) ? 1 : 0));
    return diagrams_.choose(Vocabulary::variable(axis), children);
  }

  static bool has(const std::vector<DomainPattern>& domains, std::string_view name) {
    const std::string domain = lower(name);
    return std::ranges::any_of(domains, [&](const DomainPattern& one) { return one.has(domain); });
  }

  /// A mailbox in the canonical form of addresses in sentences.
  static bool is_address(const mail::Mailbox& one, const mail::Mailbox& other) {
    return iequals(one.text(), other.text());
  }

  /// As permit_mynetworks judges a client without a name.
  bool in_mynetworks(const IpAddress& client) const {
    const std::string no_name;
    return lists_->mynetworks.contains(client, &no_name) == restrictions::Match::yes;
  }

  Ref term(const Term& term) {
    const Classes& classes = vocabulary_->classes();
    switch (term.about) {
      case About::client:
        return among(Axis::client, classes.clients, [&](const ClientClass& client) {
          return (term.mynetworks && in_mynetworks(client.one)) ||
                 policy::questions::client_in(client.one, term.networks).yes;
        });
      case About::client_name:
        return among(Axis::name, classes.names, [&](const NameClass& name) {
          return name.kind == NameClass::Kind::verified && has(term.domains, name.name);
        });
      case About::helo:
        return among(Axis::helo, classes.helos, [&](const HeloClass& helo) {
          return term.word == "none" ? helo.name.empty()
                                     : !helo.name.empty() && has(term.domains, helo.name);
        });
      case About::auth:
        return among(Axis::session, classes.sessions, [&](const SessionClass& session) {
          if (term.is_login) return session.login == term.word;
          return session.login.has_value() == (term.word == "any");
        });
      case About::tls:
        return among(Axis::session, classes.sessions, [&](const SessionClass& session) {
          return session.tls == (term.word == "yes");
        });
      case About::sender:
        return among(Axis::sender, classes.senders, [&](const AddressClass& sender) {
          if (term.word == "null") return !sender.one.has_value();
          if (!sender.one) return false;
          return term.address ? is_address(*sender.one, *term.address)
                              : has(term.domains, sender.one->domain);
        });
      case About::recipient:
        return among(Axis::recipient, classes.recipients, [&](const AddressClass& recipient) {
          return term.address ? is_address(*recipient.one, *term.address)
                              : has(term.domains, recipient.one->domain);
        });
      case About::destination:
        return destination(term.group);
      case About::client_listed:
      case About::sender_listed:
      case About::helo_listed:
        return listed(term);
      case About::spf:
      case About::dkim:
      case About::dkim_domain:
      case About::dmarc:
      case About::dmarc_policy:
      case About::header_from:
      case About::size:
        break;
    }
    throw NotCompiled("external_table", "sentences about messages and their authentication");
  }

  Ref destination(Group group) {
    const Classes& classes = vocabulary_->classes();
    std::vector<Ref> children;
    for (std::size_t at = 0; at < classes.recipients.size(); ++at) {
      Chosen chosen;
      chosen[Axis::recipient] = at;
      const auto where =
          restrictions::destination_of(*lists_, evidence_of(classes, chosen, Stage::rcpt));
      children.push_back(diagrams_.leaf(where == group ? 1 : 0));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::recipient), children);
  }

  /// Where a list in DNS has the name: the answers that the list counts.
  Ref listed_name(const policy::DnsList& list, const std::string& name, const IpAddress& client) {
    const OpenQuestion& question =
        vocabulary_->ask({.name = name + "." + list.zone(), .type = dns::Type::a}, client);
    std::vector<Ref> children;
    for (const PossibleAnswer& answer : question.answers) {
      children.push_back(diagrams_.leaf(has_listed(list, answer.dns) ? 1 : 0));
    }
    return diagrams_.choose(question.variable, children);
  }

  Ref listed(const Term& term) {
    const Classes& classes = vocabulary_->classes();
    const IpAddress& client = classes.clients.front().one;
    if (term.about == About::client_listed) {
      return listed_name(*term.zone, reversed_client(client), client);
    }
    std::vector<Ref> children;
    if (term.about == About::sender_listed) {
      for (const AddressClass& sender : classes.senders) {
        children.push_back(sender.one && !sender.one->domain.starts_with('[')
                               ? listed_name(*term.zone, lower(sender.one->domain), client)
                               : diagrams_.leaf(0));
      }
      return diagrams_.choose(Vocabulary::variable(Axis::sender), children);
    }
    for (const HeloClass& helo : classes.helos) {
      children.push_back(helo.name.empty() || helo.name.starts_with('[')
                             ? diagrams_.leaf(0)
                             : listed_name(*term.zone, lower(helo.name), client));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::helo), children);
  }

  const Version& version_;
  const std::vector<Guardrail>& guardrails_;
  const Player::Clock::time_point deadline_;
  Diagrams diagrams_;
  restrictions::PolicyWords words_;
  std::shared_ptr<const restrictions::ListPolicy> lists_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::unique_ptr<Player> player_;
  Ref outcomes_ = 0;
};

}  // namespace

std::vector<GuardResult> check_guardrails(const Version& version,
                                          const std::vector<Guardrail>& guardrails,
                                          const GuardBudget& budget) {
  if (guardrails.empty()) return {};
  return Checker(version, guardrails, budget).run();
}

std::string_view to_string(GuardResult::Word word) {
  switch (word) {
    case GuardResult::Word::holds:
      return "holds";
    case GuardResult::Word::violated:
      return "violated";
    case GuardResult::Word::not_proved:
      break;
  }
  return "not proved";
}

std::string dialogue_of(const GuardResult& result) {
  if (!result.spoken) return "";
  const Spoken& spoken = *result.spoken;
  return fmt::format(
      "a client at {}{}{} says MAIL FROM:<{}> and RCPT TO:<{}>, and is answered {}", spoken.client,
      spoken.helo ? "" : " without HELO",
      spoken.login ? " with the login " + printable(*spoken.login, 64) : "",
      printable(spoken.sender, 200), printable(spoken.recipient, 200),
      result.got.taken
          ? result.got.handling == "deliver"
                ? "250"
                : "250, and the message is " +
                      std::string(result.got.handling == "hold" ? "held" : "thrown away")
          : std::to_string(result.got.reply.code));
}

}  // namespace postern::plan
