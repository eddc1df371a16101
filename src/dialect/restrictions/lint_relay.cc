#include "dialect/restrictions/lint_relay.h"

#include <optional>

namespace postern::dialect::restrictions {

namespace {

constexpr ListKind on_the_way[] = {ListKind::client,     ListKind::helo,      ListKind::sender,
                                   ListKind::relay,      ListKind::recipient, ListKind::data,
                                   ListKind::end_of_data};

Moment strangers_moment(const ListPolicy& policy, ListKind kind, bool swallowed) {
  Moment moment = moment_of(policy, kind);
  moment.stranger = true;
  moment.swallowed = swallowed;
  return moment;
}

/// HELO may be omitted; with smtpd_delay_reject = no, a refused HELO counts as omitted.
bool can_be_skipped(const ListPolicy& policy, ListKind kind) {
  return kind == ListKind::helo && !policy.helo_required;
}

}  // namespace

RelayVerdict judge_relay(const ListPolicy& policy) {
  RelayVerdict verdict;
  const bool swallowed = swallowed_stranger(policy).has_value();
  std::optional<ListKind> barrier;
  for (const ListKind kind : on_the_way) {
    const Moment moment = strangers_moment(policy, kind, swallowed);
    const Can all = fold(policy, policy.list(kind), moment);
    if (!all.permit && !all.pass && !can_be_skipped(policy, kind)) {
      // The relay list is the usual place: name it if it is one of them.
      if (!barrier || kind == ListKind::relay) barrier = kind;
    }
    const List& list = policy.list(kind);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Can one = can(policy, list[i], moment);
      // Policy servers and databases can return any action; that is not a finding.
      if (one.written_discard) verdict.discards.push_back({kind, i});
      const bool relays = kind == ListKind::relay || kind == ListKind::recipient;
      if (one.permit && relays) verdict.openings.push_back({kind, i});
      if (!goes_on(one, moment)) break;
    }
  }
  if (barrier) {
    verdict.open = OpenRelay::no;
    verdict.barrier = *barrier;
    verdict.openings.clear();
    return verdict;
  }
  SearchResult found = find_way(policy);
  if (found.way) {
    verdict.open = found.way->anybody ? OpenRelay::yes : OpenRelay::keyed;
    verdict.witness = std::move(found.way->witness);
  }
  verdict.ended_early = found.ended_early && verdict.open == OpenRelay::keyed;
  return verdict;
}

}  // namespace postern::dialect::restrictions
