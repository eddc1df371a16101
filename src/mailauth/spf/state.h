// What the parts of one SPF evaluation share. Private to spf/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/spf/check_host.h"
#include "mailauth/spf/macro.h"

namespace mailauth::spf {

/// What a term says: it matches, it does not, or the whole evaluation ends.
enum class Match : std::uint8_t { no, yes, temperror, permerror };

struct State {
  Options options;
  MacroValues values;
  Result result;
  /// The client's validated names (RFC 7208 §5.5), once they were asked for.
  bool names_known = false;
  std::vector<std::string> names;

  /// Counts a term that asks DNS; false beyond the limit of RFC 7208 §4.6.4.
  bool count_term();
  /// Counts a term that got an empty answer; false beyond the limit.
  bool count_void();
  /// Counts a question; false when there are none left.
  bool count_query();
  Match out_of_queries();
  /// Notes why the evaluation ends and says `match` again.
  Match stop(Match match, std::string reason) {
    result.reason = std::move(reason);
    return match;
  }
};

/// The record of `domain` with which check_host() ends or goes on.
Evaluation<Status> evaluate(State& state, std::string domain, int depth);

/// a, mx, ptr, exists and include. `record`, `term` and `domain` must outlive it.
Evaluation<Match> match_by_dns(State& state, const Record& record, const Term& term,
                               const std::string& domain, int depth);

/// A target of a record of `domain`, expanded; empty when it cannot be asked for.
Evaluation<std::string> expand_target(State& state, const Record& record, const Target& target,
                                      const std::string& domain);
/// The same without %{p}, which needs no question.
std::string expand_plain(const State& state, const Record& record, const Target& target,
                         const std::string& domain);
/// %{p} for `domain` (RFC 7208 §7.3): the domain itself, a name below it, any validated name, or
/// "unknown".
Evaluation<std::string> validated_name(State& state, std::string domain);

/// The first `bits` bits of both are the same; both have the same length.
bool same_network(std::string_view a, std::string_view b, int bits);

}  // namespace mailauth::spf
