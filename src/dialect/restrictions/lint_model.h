// The set of outcomes that a rule can have, for any traffic: what the proof is made of
// (docs/restriction-lists.md, "Is it an open relay?"). An outcome outside the set is impossible;
// one inside the set need not be possible. Private to this folder.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "dialect/restrictions/rules.h"
#include "policy/evidence.h"

namespace postern::dialect::restrictions {

/// Possible outcomes.
struct Can {
  bool permit = false;   ///< ends its list
  bool refuse = false;   ///< 4xx or 5xx reply
  bool pass = false;     ///< DUNNO
  bool defer = false;    ///< raises defer_if_permit, which refuses in the end
  bool fail = false;     ///< 451 4.3.5, an error of the configuration
  bool discard = false;  ///< accepts the message and throws it away
  /// A readable table row discards; rows that cannot be read may have any outcome.
  bool written_discard = false;

  Can& operator|=(const Can& other);
  bool operator==(const Can&) const = default;
};
/// The set of all outcomes, for unreadable tables.
inline constexpr Can can_say_anything{true, true, true, true, true, true};

/// Whether a fact is known when a list runs.
enum class Known : std::uint8_t { no, maybe, yes };

/// The facts that a list's rules have, and the client that the question is about.
struct Moment {
  Known helo = Known::yes;       ///< HELO was sent
  Known sender = Known::yes;     ///< MAIL was accepted
  Known recipient = Known::yes;  ///< RCPT is judged
  Known etrn = Known::no;        ///< the command is ETRN
  /// The question is about an unknown client (not authenticated, not in mynetworks) and a foreign
  /// destination.
  bool stranger = false;
  bool swallowed = false;  ///< mynetworks is so wide that it contains unknown clients
  bool warn_only = false;  ///< after warn_if_reject
  int depth = 0;           ///< of nested lists
  /// Results of fold() for nested lists by list, warn_only and depth, so that each list is folded
  /// once. They depend on the other members, which must not change after the first use.
  using Folds = std::map<std::tuple<const List*, bool, int>, Can>;
  std::shared_ptr<Folds> folds = std::make_shared<Folds>();  ///< shared by copies
};
/// The moment at which a list runs, for any request.
Moment moment_of(const ListPolicy& policy, ListKind list);

/// Whether the rule's subject is missing whenever its list runs, so that the rule always passes.
bool lacks_subject(const Rule& rule, const Moment& moment);
/// Possible outcomes of a rule.
Can can(const ListPolicy& policy, const Rule& rule, const Moment& moment);
/// Possible outcomes of a list; `pass` if its end can be reached. Stops for an unknown client once
/// it is certain to be deferred.
Can fold(const ListPolicy& policy, const List& list, const Moment& moment);
/// Whether rules after one with these outcomes can run.
bool goes_on(const Can& can, const Moment& moment);
/// Whether it permits or refuses in any case.
bool decides(const Can& can);

/// Possible outcomes of a table's value.
Can can_say(const ListPolicy& policy, const Action& action, const Moment& moment);
/// A certificate that an unknown client has made itself, with fingerprints as SHA-256 has them.
policy::ClientCertificate certificate_of_stranger();
/// The address of an unknown client that is in mynetworks, if mynetworks is so wide; else nullopt.
std::optional<IpAddress> swallowed_stranger(const ListPolicy& policy);

}  // namespace postern::dialect::restrictions
