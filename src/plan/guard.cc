#include "plan/guard.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "config/room_options.h"
#include "dialect/restrictions/layer.h"
#include "explain/known_addresses.h"
#include "plan/behind.h"
#include "plan/report.h"
#include "plan/vsl_explore.h"
#include "policy/answers.h"
#include "policy/dns_list.h"
#include "policy/own_addresses.h"
#include "policy/questions/client_in.h"
#include "policy/questions/dkim.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
using app::Condition;
using app::DomainPattern;
using app::Guardrail;
using app::Sentence;
using app::Term;
using app::Verb;
using policy::Evidence;
using policy::Stage;
using About = Term::About;

namespace {

/// Adds the words of a condition, so that the classes tell apart what it tells apart.
void add_condition_words(const Condition& condition, restrictions::PolicyWords& words,
                         FactWords& facts) {
  for (const Condition& part : condition.parts) add_condition_words(part, words, facts);
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
    case About::dkim_domain: {
      std::vector<std::string> entries;
      for (const DomainPattern& domain : term.domains) {
        entries.push_back((domain.below ? "." : "") + domain.name);
      }
      facts.signers.emplace_back(std::move(entries));
      break;
    }
    case About::header_from:
      // SPF and signatures of these domains count for them.
      domains_to(facts.authors);
      domains_to(words.sender_keys);
      domains_to(words.helo_keys);
      break;
    case About::dmarc:
    case About::dmarc_policy:
      facts.asks_dmarc = true;
      break;
    case About::size:
      facts.sizes.insert(term.number);
      break;
    case About::destination:
    case About::spf:
    case About::dkim:
      break;
  }
}

/// Calls `visit` with each term.
template <class Visit>
void each_term(const Condition& condition, const Visit& visit) {
  for (const Condition& part : condition.parts) each_term(part, visit);
  if (condition.kind == Condition::Kind::term) visit(condition.term);
}

bool has_domain(const std::vector<DomainPattern>& domains, std::string_view name) {
  const std::string domain = lower(name);
  return std::ranges::any_of(domains, [&](const DomainPattern& one) { return one.has(domain); });
}

/// How much is known of what a layer behind the lists does.
enum class Refusal : Leaf { no, perhaps, yes };

/// Whether the verb is what happens, in any case or if what is not known is so.
struct Happens {
  bool surely = false;
  bool perhaps = false;
};
Happens happens(Verb verb, const Outcome& lists, Refusal behind, bool scripts) {
  const bool taken_surely = lists.taken && behind == Refusal::no;
  const bool taken_perhaps = lists.taken && behind != Refusal::yes;
  switch (verb) {
    case Verb::accept:
      return {taken_surely, taken_perhaps};
    case Verb::refuse:
      return {!taken_perhaps, !taken_surely};
    case Verb::discard:
      return {taken_surely && lists.discard, taken_perhaps && (lists.discard || scripts)};
    case Verb::hold:
      break;
  }
  return {taken_surely && lists.hold, taken_perhaps && (lists.hold || scripts)};
}

bool has_verb(const Outcome& outcome, Verb verb) {
  return happens(verb, outcome, Refusal::no, false).surely;
}

/// The sentences over the mail for one webhook, or over all other mail.
class Checker {
 public:
  /// `webhook`: null for all mail that is for none.
  Checker(const Version& version, const app::Guardrails& guardrails, const GuardScope& scope,
          const policy::Webhook* webhook, const Deadline& deadline, std::size_t nodes)
      : version_(version),
        guardrails_(guardrails),
        scope_(scope),
        webhook_(webhook),
        deadline_(deadline),
        diagrams_(nodes, [this] {
          if (deadline_.is_over()) throw OverBudget("budget_time");
        }) {}

  /// Adds to results; those that are violated are not asked again.
  void run(std::vector<GuardResult>& results) {
    std::size_t at = 0;
    const auto leave_open = [&](std::size_t number, const std::string& reason,
                                const std::string& text) {
      GuardResult& one = results[number];
      if (one.word != GuardResult::Word::holds) return;
      one.word = GuardResult::Word::not_proved;
      one.reason = reason;
      one.text = text;
    };
    const auto leave_rest = [&](const std::string& reason, const std::string& text) {
      for (; at < results.size(); ++at) leave_open(at, reason, text);
    };
    try {
      prepare();
      for (; at < results.size(); ++at) {
        if (results[at].word == GuardResult::Word::violated) continue;
        try {
          judge(guardrails_.sentences[at].sentence, results[at]);
        } catch (const NotCompiled& error) {
          leave_open(at, error.reason, error.what());
        }
      }
    } catch (const NotCompiled& error) {
      leave_rest(error.reason, error.what());
    } catch (const TooManyClasses& error) {
      leave_rest("table_too_large", error.what());
    } catch (const OverBudget& error) {
      leave_rest(error.what(), "the proof needs more than it may use");
    }
  }

  /// Whether what breaks each of the first `count` sentences breaks one of the others, too,
  /// whatever rules there are. What is not proved is false.
  std::vector<bool> implied(std::size_t count) {
    std::vector<bool> found(count);
    try {
      any_rules_ = true;
      prepare();
      for (std::size_t at = 0; at < count; ++at) found[at] = is_implied(count, at);
    } catch (const NotCompiled&) {
      return found;
    } catch (const TooManyClasses&) {
      return found;
    } catch (const OverBudget&) {
      return found;
    }
    return found;
  }

 private:
  bool is_implied(std::size_t count, std::size_t at) {
    constexpr Outcome outcomes[] = {{.taken = false},
                                    {.taken = true},
                                    {.taken = true, .discard = true},
                                    {.taken = true, .hold = true}};
    const Guardrail& weighed = guardrails_.sentences[at];
    const Ref meets =
        diagrams_.both(condition(weighed.sentence.condition), vocabulary_->possible());
    return std::ranges::all_of(outcomes, [&](const Outcome& outcome) {
      const auto breaks = [&](const Guardrail& one) {
        return has_verb(outcome, one.sentence.verb) == one.sentence.never;
      };
      if (!breaks(weighed)) return true;
      Ref broken = diagrams_.leaf(0);
      for (std::size_t other = count; other < guardrails_.sentences.size(); ++other) {
        const Guardrail& one = guardrails_.sentences[other];
        if ((one.warns && !weighed.warns) || !breaks(one)) continue;
        broken = diagrams_.either(broken, condition(one.sentence.condition));
      }
      return but(meets, broken) == diagrams_.leaf(0);
    });
  }

  /// 1 where it is in the first, and not in the second.
  Ref but(Ref some, Ref others) {
    return diagrams_.apply(some, others,
                           [](Leaf here, Leaf there) -> Leaf { return here == 1 && there == 0; });
  }

  void prepare() {
    deciding_ = deciding_in(*version_.config);
    std::string delimiters(webhook_ != nullptr ? webhook_tags : "");
    if (deciding_.lists != nullptr) {
      words_.add(*deciding_.lists);
      delimiters += deciding_.lists->recipient_delimiter;
      zones_ = words_.zones;
    }
    FactWords facts;
    for (const Guardrail& one : guardrails_.sentences) {
      add_condition_words(one.sentence.condition, words_, facts);
    }
    plan::add_words(*version_.config, facts);
    if (const auto& rules = version_.config->vsl.loaded) {
      words_.recipient_keys.merge(local_domains(rules->site()));
    }
    if (webhook_ != nullptr) {
      const auto policy =
          webhook_->policy_id ? version_.directory->policy(*webhook_->policy_id) : nullptr;
      plan::add_words(*webhook_, policy.get(), words_, facts);
    }
    const std::uint64_t limit = version_.config->limits.session.message_size;
    if (!facts.sizes.empty()) facts.sizes.insert(limit);
    if (!words_.not_listed.empty()) {
      throw NotCompiled("external_table", *words_.not_listed.begin());
    }
    std::vector<const policy::Directory*> directories{version_.directory.get()};
    if (scope_.others != nullptr) directories.push_back(scope_.others);
    vocabulary_ = std::make_unique<Vocabulary>(diagrams_, words_, delimiters,
                                               served_sessions(*version_.config), directories);
    vocabulary_->know([known = app::KnownAddresses(*version_.config)](const auto& question) {
      return known.answer(question);
    });
    facts_ = std::make_unique<Facts>(*vocabulary_, facts,
                                     app::authentication_options(*version_.config).dmarc);
    vocabulary_->to_webhooks(webhook_ != nullptr);
    if (any_rules_) return;  // what those of this version do is not asked
    if (deciding_.lists != nullptr) refuse_several_greetings(*deciding_.lists, *vocabulary_);
    outcomes_ = deciding_.lists != nullptr ? compile(*deciding_.lists, *vocabulary_)
                                           : diagrams_.leaf(vocabulary_->number({.taken = true}));
    Behind behind = behind_lists(version_, deciding_, *vocabulary_, *facts_);
    behind_ = refusals(behind);
    if (!facts.sizes.empty()) {
      const Ref larger = facts_->over({.size = true}, [&](const Evidence& evidence) -> Leaf {
        return evidence.message->size > limit ? 1 : 0;
      });
      behind.must = diagrams_.either(behind.must, larger);
      behind.may = diagrams_.either(behind.may, larger);
    }
    behind_sized_ = refusals(behind);
    asked_ = asked();
    player_ =
        std::make_unique<Player>(*vocabulary_, std::vector<const Version*>{&version_}, deadline_);
    player_->use(facts_->world());
  }

  /// The Refusal of each dialogue.
  Ref refusals(const Behind& behind) {
    return diagrams_.apply(behind.must, behind.may, [](Leaf must, Leaf may) -> Leaf {
      return static_cast<Leaf>(must == 1  ? Refusal::yes
                               : may == 1 ? Refusal::perhaps
                                          : Refusal::no);
    });
  }

  /// 1 for the recipients of this check. Mail to <postmaster> and to the sender of probes is taken
  /// before any list, and no sentence speaks of it.
  Ref asked() {
    std::vector<Ref> children;
    const std::string domain =
        webhook_ != nullptr ? webhook_->address.substr(webhook_->address.rfind('@') + 1) : "";
    for (const AddressClass& recipient : vocabulary_->classes().recipients) {
      const mail::Mailbox& address = *recipient.one;
      const policy::Route route = route_of(address);
      bool is = webhook_ != nullptr ? iequals(address.domain, domain) : !route.webhook;
      if (webhook_ != nullptr && route.webhook) is = route.webhook->id == webhook_->id;
      is = is && !is_of_others(address);
      if (deciding_.lists != nullptr) {
        is = is && (route.webhook || !taken_first(*deciding_.lists, address));
      } else {
        const std::string& host = version_.config->server.hostname;
        is = is && (route.webhook || !policy::is_own_postmaster(address, {host, {}}));
      }
      children.push_back(diagrams_.leaf(is ? 1 : 0));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::recipient), children);
  }

  bool is_of_others(const mail::Mailbox& address) const {
    return scope_.is_of_others && scope_.is_of_others(app::completed(address, *version_.config));
  }

  policy::Route route_of(const mail::Mailbox& address) const {
    return app::route_of(address, *version_.directory, *version_.config);
  }

  /// 1 where the sentence is broken, surely or perhaps.
  Ref breaks(const Sentence& sentence, bool surely) {
    bool asks_size = false;
    each_term(sentence.condition,
              [&](const Term& term) { asks_size = asks_size || term.about == About::size; });
    return diagrams_.apply(
        outcomes_, asks_size ? behind_sized_ : behind_, [&](Leaf lists, Leaf behind) -> Leaf {
          const Happens what = happens(sentence.verb, vocabulary_->outcome(lists),
                                       static_cast<Refusal>(behind), deciding_.scripts);
          const bool broken = sentence.never ? (surely ? what.surely : what.perhaps)
                                             : (surely ? !what.perhaps : !what.surely);
          return broken ? 1 : 0;
        });
  }

  void judge(const Sentence& sentence, GuardResult& result) {
    const Ref where = condition(sentence.condition);
    Ref meets = diagrams_.both(diagrams_.both(where, asked_), vocabulary_->possible());
    // Who sends commands ahead of replies breaks the protocol (RFC 2920 §3.1), and may be refused.
    const bool is_about_taking = sentence.never == (sentence.verb == Verb::refuse);
    if (is_about_taking) meets = diagrams_.both(meets, waiting());
    if (webhook_ == nullptr) result.doubt = doubt_of(sentence, where);
    const Ref surely = diagrams_.both(meets, breaks(sentence, true));
    Ref left = surely;
    std::optional<Assignment> open = search(sentence, left, result);
    if (result.word == GuardResult::Word::violated) return;
    const bool known = open.has_value();
    // Without those that were played.
    Ref perhaps = but(diagrams_.both(meets, breaks(sentence, false)), but(surely, left));
    const auto other = search(sentence, perhaps, result);
    if (result.word == GuardResult::Word::violated) return;
    if (!open) open = other;
    if (!open || result.word == GuardResult::Word::not_proved) return;
    result.word = GuardResult::Word::not_proved;
    const OpenQuestion* question = opaque_on(*vocabulary_, *open);
    if (deciding_.scripts) {
      result.reason = version_.config->lua.loaded ? "lua" : "other_layers";
      result.text = "a script may decide otherwise, and no dialogue was found that shows it";
    } else if (question != nullptr) {
      result.reason = question->pattern ? "opaque_pattern" : "external_table";
      result.text = fmt::format("it hangs on {}, and no dialogue was found that shows it",
                                name_of(*question));
    } else if (!known) {
      result.reason = "other_layers";
      result.text = "a check behind the lists may decide otherwise, and none was seen to do so";
    } else {
      result.reason = "witness_not_confirmed";
      result.text =
          "the dialogues that break it were judged otherwise when played: a fault of Postern";
      note_unconfirmed();
    }
  }

  /// Plays paths of `left`, the cheapest first, and takes them out. The first one that was not
  /// confirmed; nullopt: there is none, or the result is `violated` now.
  std::optional<Assignment> search(const Sentence& sentence, Ref& left, GuardResult& result) {
    std::optional<Assignment> open;
    constexpr int most_tries = 16;
    for (int attempt = 0; attempt < most_tries; ++attempt) {
      const auto path = cheapest(*vocabulary_, left);
      if (!path) break;
      std::optional<Evidence> said;  // what the path says; others are played where it has patterns
      const auto found = player_->play(
          *path,
          {.about =
               [&](const Evidence& one) {
                 if (!said) said = one;
                 return !is_of_others(one.candidate->address) &&
                        goes_where(sentence.condition, *path, one) &&
                        meets_the_same(sentence.condition, *said, one);
               },
           .holds =
               [&](const std::vector<Side>& sides) {
                 return has_verb(outcome_of(sides[0]), sentence.verb) == sentence.never;
               },
           .also = [&](const Evidence& one) { return listings_in(sentence.condition, one); }});
      if (found) {
        result.word = GuardResult::Word::violated;
        result.reason.clear();
        result.text.clear();
        result.spoken = found->spoken;
        result.message = facts_->words_of(*path);
        result.got = found->sides[0];
        if (deciding_.lists != nullptr || deciding_.scripts) {
          result.beside_rules = webhook_ != nullptr ? webhook_->address : "";
        }
        return std::nullopt;
      }
      if (!open) open = path;
      left = without(diagrams_, left, *path);
    }
    return open;
  }

  /// What lists in DNS are asked about a domain or a HELO name; "": nothing.
  static std::string listed_as(const std::string& name) {
    return name.starts_with('[') ? std::string() : lower(name);
  }
  static std::string listed_as(const std::optional<mail::Mailbox>& sender) {
    return sender ? listed_as(sender->domain) : std::string();
  }
  static dns::Question listing(const policy::DnsList& list, const std::string& name) {
    return {.name = name + "." + list.zone(), .type = dns::Type::a};
  }

  /// What the sentence asks lists in DNS, which no rule may ask.
  static std::vector<dns::Question> listings_in(const Condition& condition, const Evidence& said) {
    std::vector<dns::Question> asked;
    each_term(condition, [&](const Term& term) {
      if (!term.zone) return;
      const std::string name = term.about == About::client_listed
                                   ? reversed_client(said.session.client_ip)
                               : term.about == About::sender_listed ? listed_as(said.reverse_path)
                                                                    : listed_as(said.session.helo);
      if (!name.empty()) asked.push_back(listing(*term.zone, name));
    });
    return asked;
  }

  /// 1 for clients that wait for replies.
  Ref waiting() {
    std::vector<Ref> children;
    for (std::size_t value = 0; value < vocabulary_->classes().count(Axis::early); ++value) {
      const bool waits = static_cast<app::Early>(value) == app::Early::never;
      children.push_back(diagrams_.leaf(waits ? 1 : 0));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::early), children);
  }

  /// Why the sentence may say less than was meant.
  std::string doubt_of(const Sentence& sentence, Ref where) {
    if (diagrams_.both(where, vocabulary_->possible()) == diagrams_.leaf(0)) {
      return "no dialogue meets its condition";
    }
    std::string doubt;
    each_term(sentence.condition, [&](const Term& term) {
      const bool is_first = term.about == About::recipient && term.address &&
                            deciding_.lists != nullptr &&
                            taken_first(*deciding_.lists, *term.address);
      if (is_first) {
        doubt = fmt::format("mail for {}, the sender of probes, is taken before any list",
                            term.address->text());
      }
      if (!term.zone) return;
      const auto same = [&](const policy::DnsList& one) { return one.zone() == term.zone->zone(); };
      if (std::ranges::none_of(zones_, same)) {
        doubt = fmt::format("no rule of the lists asks {}", term.zone->zone());
      }
    });
    return doubt;
  }

  /// Whether the recipient is of the groups that the path says, which may be by patterns.
  bool goes_where(const Condition& condition, const Assignment& path, const Evidence& said) {
    bool goes = true;
    each_term(condition, [&](const Term& term) {
      if (term.about != About::destination) return;
      Ref at = destination(term.group);
      while (!diagrams_.is_leaf(at)) {
        const Variable variable = diagrams_.variable_of(at);
        const bool is_said = variable < path.size() && path[variable] != any_value;
        at = diagrams_.children_of(at)[is_said ? path[variable] : 0];
      }
      goes = goes && (diagrams_.leaf_of(at) == 1) == (group_of(said) == term.group);
    });
    return goes;
  }

  /// Whether each term says of the two dialogues, which have the same answers, the same.
  bool meets_the_same(const Condition& condition, const Evidence& one, const Evidence& other) {
    bool same = true;
    const auto domain = [](const Evidence& said) {
      return said.reverse_path ? lower(said.reverse_path->domain) : std::string();
    };
    each_term(condition, [&](const Term& term) {
      switch (term.about) {
        case About::client:
          same = same && meets(term, one.session.client_ip) == meets(term, other.session.client_ip);
          return;
        case About::helo:
          same = same && meets_helo(term, one.session.helo) == meets_helo(term, other.session.helo);
          return;
        case About::sender:
          same = same && meets(term, one.reverse_path) == meets(term, other.reverse_path);
          return;
        case About::recipient:
          same = same && meets_recipient(term, one.candidate->address) ==
                             meets_recipient(term, other.candidate->address);
          return;
        case About::destination:
          return;  // goes_where()
        case About::client_listed:
          same = same && one.session.client_ip == other.session.client_ip;
          return;
        case About::helo_listed:
          same = same && iequals(one.session.helo, other.session.helo);
          return;
        case About::sender_listed:
          same = same && domain(one) == domain(other);
          return;
        case About::client_name:
        case About::auth:
        case About::tls:
          return;  // they stay as they are
        case About::spf:
        case About::dkim:
        case About::dkim_domain:
        case About::dmarc:
        case About::dmarc_policy:
        case About::header_from:
        case About::size:
          same =
              same && domain(one) == domain(other) && iequals(one.session.helo, other.session.helo);
          return;
      }
    });
    return same;
  }

  // Conditions: 1 where they hold.

  Ref condition(const Condition& one) {
    switch (one.kind) {
      case Condition::Kind::always:
        return diagrams_.leaf(1);
      case Condition::Kind::term:
        return term(one.term);
      case Condition::Kind::negation: {
        negated_ = !negated_;
        const Ref positive = condition(one.parts[0]);
        negated_ = !negated_;
        return diagrams_.map(positive, [](Leaf value) -> Leaf { return value == 1 ? 0 : 1; });
      }
      case Condition::Kind::conjunction:
      case Condition::Kind::disjunction:
        break;
    }
    const bool all = one.kind == Condition::Kind::conjunction;
    Ref made = diagrams_.leaf(all ? 1 : 0);
    for (const Condition& part : one.parts) {
      const Ref more = condition(part);
      made = all ? diagrams_.both(made, more) : diagrams_.either(made, more);
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

  // Terms.

  /// As permit_mynetworks judges a client without a name.
  bool in_mynetworks(const IpAddress& client) const {
    if (deciding_.lists == nullptr || any_rules_) return false;
    const restrictions::Networks& networks = deciding_.lists->mynetworks;
    const bool is_asked = std::ranges::any_of(networks.tables(), [](const auto& table) {
      return table->is_remote() || table->takes_patterns();
    });
    if (is_asked) {
      throw NotCompiled("opaque_pattern",
                        "the sentence asks for mynetworks, which has a table of patterns, or one "
                        "of another program");
    }
    const std::string no_name;
    return networks.contains(client, &no_name) == restrictions::Match::yes;
  }
  bool meets(const Term& term, const IpAddress& client) const {
    return (term.mynetworks && in_mynetworks(client)) ||
           policy::questions::client_in(client, term.networks).yes;
  }
  bool meets(const Term& term, const std::optional<mail::Mailbox>& sender) const {
    if (term.word == "null") return !sender.has_value();
    return sender && meets_sender(term, *sender);
  }
  /// An address is what the lists take it for.
  mail::Mailbox read_as(const mail::Mailbox& said, policy::Route route = {}) const {
    if (deciding_.lists == nullptr) return said;
    const policy::Recipient as{.address = said, .route = std::move(route)};
    return restrictions::looked_at(*deciding_.lists, as);
  }
  static bool is_of(const Term& term, const mail::Mailbox& address) {
    return term.address ? iequals(address.text(), term.address->text())
                        : has_domain(term.domains, address.domain);
  }
  bool meets_sender(const Term& term, const mail::Mailbox& said) const {
    return is_of(term, read_as(said));
  }
  bool meets_recipient(const Term& term, const mail::Mailbox& said) const {
    return is_of(term, read_as(said, route_of(said)));
  }
  static bool meets_helo(const Term& term, const std::string& helo) {
    return term.word == "none" ? helo.empty() : !helo.empty() && has_domain(term.domains, helo);
  }
  /// Whether mail for it is for webhooks or for a domain of [vsl], whatever lists say.
  bool has_own_route(const mail::Mailbox& recipient) const {
    const policy::Route route = route_of(recipient);
    return route.webhook || route.missing == policy::Route::Missing::unknown_address ||
           is_local_in(*version_.config, read_as(recipient).domain);
  }
  /// Of the candidate.
  Group group_of(const Evidence& evidence) const {
    if (has_own_route(evidence.candidate->address)) return Group::ours;
    return deciding_.lists != nullptr ? restrictions::destination_of(*deciding_.lists, evidence)
                                      : Group::foreign;
  }

  Ref term(const Term& term) {
    const Classes& classes = vocabulary_->classes();
    const auto says = [](bool yes) -> Leaf { return yes ? 1 : 0; };
    switch (term.about) {
      case About::client:
        return diagrams_.either(
            among(Axis::client, classes.clients,
                  [&](const ClientClass& client) { return meets(term, client.one); }),
            term.mynetworks && any_rules_ ? free("mynetworks", {"no", "yes"}, 1)
                                          : diagrams_.leaf(0));
      case About::client_name:
        return among(Axis::name, classes.names, [&](const NameClass& name) {
          return name.kind == NameClass::Kind::verified && has_domain(term.domains, name.name);
        });
      case About::helo:
        return among(Axis::helo, classes.helos,
                     [&](const HeloClass& helo) { return meets_helo(term, helo.name); });
      case About::auth:
        return among(Axis::session, classes.sessions, [&](const SessionClass& session) {
          // Tables find a login in any case.
          if (term.is_login) return session.login && iequals(*session.login, term.word);
          return session.login.has_value() == (term.word == "any");
        });
      case About::tls:
        return among(Axis::session, classes.sessions, [&](const SessionClass& session) {
          return session.tls == (term.word == "yes");
        });
      case About::sender:
        return among(Axis::sender, classes.senders,
                     [&](const AddressClass& sender) { return meets(term, sender.one); });
      case About::recipient:
        return among(Axis::recipient, classes.recipients, [&](const AddressClass& recipient) {
          return meets_recipient(term, *recipient.one);
        });
      case About::destination:
        return destination(term.group);
      case About::client_listed:
      case About::sender_listed:
      case About::helo_listed:
        return listed(term);
      case About::spf:
        return facts_->over({.spf = true}, [&](const Evidence& evidence) {
          return says(mailauth::spf::to_string(evidence.spf->status) == term.word);
        });
      case About::dkim:
        return facts_->over({.dkim = true}, [&](const Evidence& evidence) {
          if (evidence.dkim->any_acceptable()) return says(term.word == "pass");
          const std::string_view others = mailauth::dkim::to_text(evidence.dkim->overall());
          return says(others == "pass" ? term.word == "fail" : term.word == others);
        });
      case About::dkim_domain:
        return facts_->over({.dkim = true}, [&](const Evidence& evidence) {
          const auto domains = policy::questions::vouching_domains(evidence);
          return says(std::ranges::any_of(
              domains, [&](const std::string& one) { return has_domain(term.domains, one); }));
        });
      case About::dmarc:
        return facts_->over({.dmarc = true}, [&](const Evidence& evidence) {
          return says(mailauth::dmarc::to_string(evidence.dmarc->status) == term.word);
        });
      case About::dmarc_policy:
        return facts_->over({.dmarc = true}, [&](const Evidence& evidence) {
          return says(evidence.dmarc->record &&
                      mailauth::dmarc::to_string(evidence.dmarc->policy) == term.word);
        });
      case About::header_from:
        return facts_->author_in(
            [&](const std::string& one) { return has_domain(term.domains, one); });
      case About::size:
        break;
    }
    return facts_->over({.size = true}, [&](const Evidence& evidence) {
      return says(evidence.message->size > term.number);
    });
  }

  /// 1 where a variable that follows from nothing has this value.
  Ref free(const std::string& key, const std::vector<std::string>& values, std::size_t value) {
    std::vector<Ref> children(values.size(), diagrams_.leaf(0));
    children[value] = diagrams_.leaf(1);
    return diagrams_.choose(vocabulary_->ask_fact(key, values).variable, children);
  }

  Ref destination(Group group) {
    if (any_rules_) {
      return free("recipient", {"ours", "relay", "foreign"}, static_cast<std::size_t>(group));
    }
    // Taking domains of scripts for foreign says more than is asked, and elsewhere less.
    const auto& lua = version_.config->lua;
    const bool says_less = group != Group::foreign || negated_;
    if (lua.loaded && lua.mode == app::LuaMode::enforce && says_less) {
      throw NotCompiled("lua", "scripts say which domains are this host's");
    }
    std::vector<Ref> by_route;
    for (const AddressClass& recipient : vocabulary_->classes().recipients) {
      by_route.push_back(diagrams_.leaf(has_own_route(*recipient.one) ? 1 : 0));
    }
    if (!by_lists_) {
      by_lists_ = deciding_.lists != nullptr ? destinations(*deciding_.lists, *vocabulary_)
                                             : diagrams_.leaf(static_cast<Leaf>(Group::foreign));
    }
    return diagrams_.apply(*by_lists_,
                           diagrams_.choose(Vocabulary::variable(Axis::recipient), by_route),
                           [group](Leaf where, Leaf own) -> Leaf {
                             const Group is = own == 1 ? Group::ours : static_cast<Group>(where);
                             return is == group ? 1 : 0;
                           });
  }

  /// Where a list in DNS has the name, if there is one: the answers that the list counts.
  Ref listed_name(const policy::DnsList& list, const std::string& name, const IpAddress& client) {
    if (name.empty()) return diagrams_.leaf(0);
    const OpenQuestion& question = vocabulary_->ask(listing(list, name), client);
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
        children.push_back(listed_name(*term.zone, listed_as(sender.one), client));
      }
      return diagrams_.choose(Vocabulary::variable(Axis::sender), children);
    }
    for (const HeloClass& helo : classes.helos) {
      children.push_back(listed_name(*term.zone, listed_as(helo.name), client));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::helo), children);
  }

  const Version& version_;
  const app::Guardrails& guardrails_;
  const GuardScope& scope_;
  const policy::Webhook* webhook_;
  const Deadline deadline_;
  Diagrams diagrams_;
  restrictions::PolicyWords words_;
  std::vector<policy::DnsList> zones_;  ///< those that the lists ask
  Deciding deciding_;
  std::unique_ptr<Vocabulary> vocabulary_;
  std::unique_ptr<Facts> facts_;
  std::unique_ptr<Player> player_;
  std::optional<Ref> by_lists_;  ///< destinations()
  Ref outcomes_ = 0;             ///< of the lists
  Ref behind_ = 0;               ///< Refusal
  Ref behind_sized_ = 0;    ///< the same, for sentences that ask for a size: too large is refused
  bool negated_ = false;    ///< condition() is below an odd number of negations
  bool any_rules_ = false;  ///< `mynetworks` and `rcpt is` may mean anything
  Ref asked_ = 0;           ///< 1 for the recipients of this check
};

/// What sentences say of the domain of a webhook, term by term; nullopt: one of them names the
/// webhook's address, or one with a tag.
std::optional<std::vector<bool>> named_by(const app::Guardrails& guardrails,
                                          const policy::Webhook& webhook) {
  const std::size_t at = webhook.address.rfind('@');
  const std::string_view local = std::string_view(webhook.address).substr(0, at);
  const std::string domain = webhook.address.substr(at + 1);
  std::vector<bool> said;
  bool is_alone = false;
  for (const Guardrail& one : guardrails.sentences) {
    each_term(one.sentence.condition, [&](const Term& term) {
      if (term.about != About::recipient) return;
      if (term.address) {
        is_alone = is_alone || (iequals(term.address->domain, domain) &&
                                istarts_with(term.address->local_part, local));
      } else {
        said.push_back(has_domain(term.domains, domain));
      }
    });
  }
  if (is_alone) return std::nullopt;
  return said;
}

/// What restriction lists know of recipients.
class KnownRecipients {
 public:
  /// Null: there are no lists.
  explicit KnownRecipients(const restrictions::ListPolicy* lists) : lists_(lists) {
    if (lists == nullptr) return;
    delimiters_ += lists->recipient_delimiter;
    restrictions::PolicyWords words;
    words.add(*lists);
    for (std::set<std::string>* keys :
         {&words.recipient_keys, &words.mailbox_keys, &words.domains, &words.locals}) {
      keys_.merge(*keys);
    }
    for (const std::string& key : keys_) add_locals(key.substr(0, key.rfind('@')), locals_);
    tells_all_ = words.recipient_patterns || verifies(*lists);
    asks_elsewhere_ = words.asks_rows || std::ranges::any_of(lists->used, asks_about_domain);
  }

  /// What of this address, or of one with an extension, they may judge otherwise than others: "",
  /// nothing, or its domain; nullopt: the address itself.
  std::optional<std::string> told_apart(const std::string& address) const {
    if (lists_ == nullptr) return "";
    const std::size_t at = address.rfind('@');
    const std::string local = address.substr(0, at);
    const std::string domain = address.substr(at + 1);
    // A form of its own: rules may ask whether an address is fully qualified, or has a route.
    const bool is_usual = domain.find('.') != std::string::npos && !is_digit(domain.back()) &&
                          domain.front() != '[' && local.find_first_of("\"\\%!@") == local.npos;
    const bool is_own =
        lists_->is_own_mailbox(local) || lists_->verification.may_be_probe_sender({local, domain});
    if (tells_all_ || !is_usual || is_own) return std::nullopt;
    std::set<std::string> locals;
    add_locals(local, locals);
    if (std::ranges::any_of(locals, [&](const auto& one) { return locals_.contains(one); })) {
      return std::nullopt;
    }
    for (std::size_t dot = at; dot != std::string::npos; dot = address.find('.', dot + 1)) {
      const std::string name = address.substr(dot + 1);
      if (keys_.contains(name) || keys_.contains("." + name) || keys_.contains("@" + name)) {
        return domain;
      }
    }
    return asks_elsewhere_ ? domain : "";
  }

 private:
  static bool verifies(const restrictions::ListPolicy& lists) {
    return std::ranges::any_of(lists.used, [](const auto* keyword) {
      return keyword->name == "reject_unverified_recipient";
    });
  }

  /// Whether DNS is asked about the recipient's domain: what it answers there is what it answers
  /// about a sender at the same domain.
  static bool asks_about_domain(const restrictions::Keyword* keyword) {
    using restrictions::Keyword;
    return keyword->subject == restrictions::Subject::recipient &&
           (keyword->takes == Keyword::Takes::zone || keyword->keys == Keyword::Keys::some ||
            keyword->certain == Keyword::Certain::by_dns || keyword->name == "permit_mx_backup");
  }

  /// A local part, and what is left of it without an extension, wherever that begins.
  void add_locals(const std::string& local, std::set<std::string>& into) const {
    into.insert(local);
    for (std::size_t at = local.find_first_of(delimiters_, 1); at != std::string::npos;
         at = local.find_first_of(delimiters_, at + 1)) {
      into.insert(local.substr(0, at));
    }
  }

  const restrictions::ListPolicy* lists_;
  std::set<std::string> keys_;
  std::set<std::string> locals_;          ///< of keys, at whatever domain
  std::string delimiters_{webhook_tags};  ///< and those of the lists
  bool tells_all_ = false;
  bool asks_elsewhere_ = false;  ///< DNS, or programs with rows, about domains of recipients
};

/// Of the webhooks that neither the sentences nor the lists tell apart, one for each policy.
Webhooks worth_asking(const Webhooks& webhooks, const app::Guardrails& guardrails,
                      const KnownRecipients& lists) {
  Webhooks some;
  std::set<std::tuple<std::string, bool, bool, std::vector<bool>, std::string>> seen;
  for (const auto& webhook : webhooks) {
    const auto by_sentences = named_by(guardrails, *webhook);
    const auto by_lists = lists.told_apart(webhook->address);
    if (!by_sentences || !by_lists ||
        seen.emplace(webhook->policy_id.value_or(""), webhook->is_active, webhook->is_unreadable,
                     *by_sentences, *by_lists)
            .second) {
      some.push_back(webhook);
    }
  }
  return some;
}

/// Each webhook that is asked about is a proof of its own: so many share one budget.
constexpr std::size_t most_webhooks = 1000;

}  // namespace

std::vector<GuardResult> check_guardrails(const Version& version, const app::Guardrails& guardrails,
                                          const GuardScope& scope, const GuardBudget& budget) {
  return check_guardrails(version, guardrails, scope, Deadline(budget.time), budget);
}

std::vector<GuardResult> check_guardrails(const Version& version, const app::Guardrails& guardrails,
                                          const GuardScope& scope, const Deadline& deadline,
                                          const GuardBudget& budget) {
  std::vector<GuardResult> results;
  for (const Guardrail& one : guardrails.sentences) {
    results.push_back({.name = one.name, .got = {}, .warns = one.warns});
  }
  if (scope.host) {
    Checker(version, guardrails, scope, nullptr, deadline, budget.nodes).run(results);
  }
  if (scope.webhooks.empty()) return results;
  Webhooks asked =
      worth_asking(scope.webhooks, guardrails, KnownRecipients(deciding_in(*version.config).lists));
  if (!budget.each && asked.size() > most_webhooks) {
    for (GuardResult& one : results) {
      if (one.word != GuardResult::Word::holds) continue;
      one.word = GuardResult::Word::not_proved;
      one.reason = "table_too_large";
      one.text = fmt::format("the lists tell {} webhooks apart, and {} are looked at", asked.size(),
                             most_webhooks);
    }
    asked.resize(most_webhooks);
  }
  std::size_t done = 0;
  for (const auto& webhook : asked) {
    const Deadline own = budget.each ? Deadline(std::max(*budget.each, deadline.left())) : deadline;
    Checker(version, guardrails, scope, webhook.get(), own, budget.nodes).run(results);
    if (budget.progress) budget.progress(++done, asked.size());
  }
  return results;
}

bool refuses(const GuardResult& result, const app::Guardrail& guardrail) {
  return result.word != GuardResult::Word::holds && !guardrail.warns;
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

namespace {

/// What DNS and other programs answer in a dialogue, at most so many octets: ", if
/// DNS has …".
std::string world_of(const Spoken& spoken) {
  constexpr std::size_t most = 400;
  std::string world;
  const auto add = [&](const std::string& one) {
    world += (world.empty() ? "; if " : ", ") + printable(one, most);
  };
  for (const auto& [name, records] : spoken.dns) {
    add(fmt::format("DNS has {} {}", std::string_view(name), boost::json::serialize(records)));
  }
  for (const Spoken::Answer& one : spoken.answers) add(words_of(one));
  if (spoken.spf) add("SPF is " + *spoken.spf);
  if (spoken.dkim) add("the message is signed by " + *spoken.dkim);
  return world;
}

/// The forward-path that everybody may be told of; nullopt: the operator's tables may have it.
std::optional<std::string> recipient_for_all(const GuardResult& result) {
  const std::string& recipient = result.spoken->recipient;
  if (!result.beside_rules || *result.beside_rules == recipient) return recipient;
  return std::nullopt;
}

std::string answered_words(const Side& got) {
  if (!got.taken) return std::to_string(got.reply.code);
  if (got.handling == "deliver") return "250";
  return "250, and the message is " + std::string(got.handling == "hold" ? "held" : "thrown away");
}

/// What is left of it for everybody, beside the operator's rules.
std::string mail_for_all(const GuardResult& result) {
  const std::string& webhook = *result.beside_rules;
  const std::string where = recipient_for_all(result) ? "<" + printable(webhook, 200) + ">"
                            : webhook.empty()
                                ? "an address that no webhook has then"
                                : "an address at " + webhook.substr(webhook.rfind('@') + 1);
  return fmt::format("mail for {} is answered {}", where, answered_words(result.got));
}

/// `for_all`: without what the operator's tables may have.
std::string dialogue(const GuardResult& result, bool for_all) {
  if (!result.spoken) return "";
  if (for_all && result.beside_rules) return mail_for_all(result);
  const Spoken& spoken = *result.spoken;
  std::string message;
  for (const std::string& fact : result.message) {
    message += (message.empty() ? " a message with " : ", ") + fact;
  }
  return fmt::format(
      "a client at {}{}{}{}{}{} says MAIL FROM:<{}> and RCPT TO:<{}>{}{}, and is answered {}{}",
      spoken.client,
      spoken.client_name && !for_all ? " (" + printable(*spoken.client_name, 255) + ")" : "",
      spoken.helo ? " with HELO " + printable(*spoken.helo, 64) : " without HELO",
      !spoken.login ? ""
      : for_all     ? ", with a login"
                    : " and the login " + printable(*spoken.login, 64),
      spoken.tls     ? " over TLS"
      : spoken.login ? " without TLS"
                     : "",
      spoken.early == app::Early::never
          ? ""
          : fmt::format(", with commands ahead of replies from {} on,", to_string(spoken.early)),
      printable(spoken.sender, 200), printable(spoken.recipient, 200),
      message.empty() ? "" : ", sends", printable(message, 400), answered_words(result.got),
      for_all ? "" : world_of(spoken));
}

}  // namespace

std::string dialogue_of(const GuardResult& result) { return dialogue(result, false); }
std::string dialogue_for_all(const GuardResult& result) { return dialogue(result, true); }

boost::json::object witness_of(const GuardResult& result) {
  if (!result.spoken) return {};
  boost::json::object witness = spoken_json(*result.spoken);
  witness["message"] =
      result.message.empty() ? boost::json::value() : boost::json::value_from(result.message);
  witness["got"] = side_json(result.got);
  return witness;
}

boost::json::object witness_for_all(const GuardResult& result) {
  if (!result.spoken) return {};
  if (result.beside_rules) {
    const auto recipient = recipient_for_all(result);
    return {{"rcpt_to", recipient ? boost::json::value(*recipient) : boost::json::value()},
            {"got", {{"verdict", result.got.taken ? "taken" : "refused"}}}};
  }
  boost::json::object witness = witness_of(result);
  witness["answers"] = boost::json::array();
  witness["dns"] = boost::json::object();
  for (const char* key : {"auth", "client_name"}) witness.erase(key);
  for (const char* key : {"at", "place", "row"}) witness["got"].as_object().erase(key);
  return witness;
}

boost::json::object guard_json(const GuardResult& result) {
  boost::json::object object{
      {"name", result.name}, {"result", to_string(result.word)}, {"warns", result.warns}};
  if (result.spoken) object["witness"] = witness_of(result);
  if (!result.reason.empty()) {
    object["reason"] = result.reason;
    object["text"] = result.text;
  }
  return object;
}

std::vector<Weakened> weakened(const app::Guardrails* before, const Version& after,
                               const GuardScope& scope, const Deadline& deadline,
                               const GuardBudget& budget) {
  if (before == nullptr) return {};
  const app::Guardrails none;
  const app::Guardrails& others = after.config->guardrails ? *after.config->guardrails : none;
  app::Guardrails changed;  // by their texts
  for (const Guardrail& one : before->sentences) {
    const bool kept = std::ranges::any_of(others.sentences, [&](const Guardrail& other) {
      return other.sentence == one.sentence && (one.warns || !other.warns);
    });
    if (!kept) changed.sentences.push_back(one);
  }
  if (changed.sentences.empty()) return {};
  app::Guardrails all = changed;  // the classes are those of both versions' sentences
  all.sentences.insert(all.sentences.end(), others.sentences.begin(), others.sentences.end());
  const std::vector<bool> stand =
      Checker(after, all, scope, nullptr, deadline, budget.nodes).implied(changed.sentences.size());
  app::Guardrails left;
  for (std::size_t at = 0; at < changed.sentences.size(); ++at) {
    if (!stand[at]) left.sentences.push_back(changed.sentences[at]);
  }
  if (left.sentences.empty()) return {};
  std::vector<Weakened> found;
  for (const GuardResult& one : check_guardrails(after, left, scope, deadline, budget)) {
    const auto is_it = [&](const Guardrail& other) { return other.name == one.name; };
    const Sentence& sentence = std::ranges::find_if(left.sentences, is_it)->sentence;
    const bool only_warns = std::ranges::any_of(
        others.sentences, [&](const Guardrail& other) { return other.sentence == sentence; });
    found.push_back({.name = one.name, .now = one.word, .only_warns = only_warns});
  }
  return found;
}

std::vector<app::Diagnostic> diagnostics_of(const std::vector<GuardResult>& results,
                                            const app::Guardrails& guardrails) {
  using Word = GuardResult::Word;
  std::vector<app::Diagnostic> found;
  const auto add = [&](const Guardrail& guardrail, std::string code, app::Severity severity,
                       std::string message, std::string hint) {
    app::Diagnostic diagnostic = guardrail.place;
    diagnostic.code = std::move(code);
    diagnostic.severity = severity;
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    found.push_back(std::move(diagnostic));
  };
  for (std::size_t at = 0; at < results.size(); ++at) {
    const GuardResult& result = results[at];
    const Guardrail& guardrail = guardrails.sentences[at];
    const auto severity = guardrail.warns ? app::Severity::warning : app::Severity::error;
    if (result.word == Word::violated) {
      const Side& got = result.got;
      std::string by = "`postern help G002`";
      const bool wants_name =
          result.spoken && !result.spoken->helo && got.rule == "session" && got.stage == "mail";
      if (wants_name) {
        by = "the session wants a HELO (smtpd_helo_required): write `and not helo = none` if the "
             "sentence is about clients that say one; see `postern help G002`";
      } else if (!got.rule.empty()) {
        by = fmt::format(
            "change what decides it, {} {}{}{}, or the sentence; see `postern help "
            "G002`",
            got.layer, got.rule, got.at.empty() ? "" : ", " + got.at,
            got.place.empty() ? "" : " at " + got.place);
      }
      add(guardrail, "G002", severity,
          fmt::format("the guardrail `{}` is broken: {}", guardrail.name, dialogue_of(result)), by);
    } else if (result.word == Word::not_proved) {
      add(guardrail, "G003", severity,
          fmt::format("the guardrail `{}` is not proved: {} ({})", guardrail.name,
                      printable(result.text, 300), result.reason),
          result.reason.starts_with("budget")
              ? "a sentence about less, or smaller tables, need less; see `postern help G003`"
          : result.reason == "lua" || result.reason == "other_layers"
              ? "rules behind the lists are not proved, however narrow the sentence is: let the "
                "lists decide it, or set enforce = \"warn\" for it; see `postern help G003`"
              : "narrow the sentence, or set enforce = \"warn\" for it; see `postern help G003`");
    }
    if (!result.doubt.empty()) {
      add(guardrail, "G101", app::Severity::warning,
          fmt::format("the guardrail `{}`: {}", guardrail.name, result.doubt),
          "see `postern help G101`");
    }
  }
  return found;
}

}  // namespace postern::plan
