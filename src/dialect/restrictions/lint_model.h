// The answers that a rule can give, whatever the traffic (restrictions reference §9). An answer
// that is not in the set is never given; one that is may still be impossible. Private to this
// folder.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "dialect/restrictions/rules.h"

namespace postern::dialect::restrictions {

struct Can {
  bool permit = false;
  bool refuse = false;
  bool pass = false;     ///< DUNNO, no opinion
  bool defer = false;    ///< raises defer_if_permit, which is a refusal in the end
  bool fail = false;     ///< 451 4.3.5, an error of the configuration
  bool discard = false;  ///< takes the message and throws it away
  /// A row that can be read says so; others may say anything.
  bool written_discard = false;

  Can& operator|=(const Can& other);
  bool operator==(const Can&) const = default;
};
inline constexpr Can can_say_anything{true, true, true, true, true, true};

enum class Known : std::uint8_t { no, maybe, yes };

/// What a list's rules have before them, and whom the question is about.
struct Moment {
  Known helo = Known::yes;
  Known sender = Known::yes;
  Known recipient = Known::yes;
  Known etrn = Known::no;
  /// The client is not authenticated and not in mynetworks, the destination is foreign.
  bool stranger = false;
  bool swallowed = false;  ///< mynetworks holds the Internet: strangers may be inside
  bool warn_only = false;
  int depth = 0;
  /// What the lists within lists came to, by list, warn_only and depth, so that each is folded
  /// once. Of one moment alone: whoever changes what it is about does so before the first question.
  using Folds = std::map<std::tuple<const List*, bool, int>, Can>;
  std::shared_ptr<Folds> folds = std::make_shared<Folds>();
};
/// Of any request, at the moment when the list runs.
Moment moment_of(const Policy& policy, ListKind list);

/// What the rule looks at is not there whenever its list runs (reference §2.5).
bool lacks_subject(const Rule& rule, const Moment& moment);
Can can(const Policy& policy, const Rule& rule, const Moment& moment);
/// Of a whole list: `pass` when its end may be reached. A stranger whom a deferral awaits is not
/// followed any further.
Can fold(const Policy& policy, const List& list, const Moment& moment);
/// Whether rules behind one with these answers are ever asked.
bool goes_on(const Can& can, const Moment& moment);
/// Permit or refuse, in every case.
bool decides(const Can& can);

/// Whether a table's value can permit.
Can can_say(const Policy& policy, const Action& action, const Moment& moment);
/// A stranger's address in mynetworks where it swallows the Internet; nullopt: it does not.
std::optional<IpAddress> swallowed_stranger(const Policy& policy);

}  // namespace postern::dialect::restrictions
