// The state that the parts of one SPF evaluation share. Private to spf/.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/spf/check_host.h"
#include "mailauth/spf/macro.h"
#include "mailauth/spf/record.h"

namespace mailauth::spf {

/// The result of a term: it does or does not match, or it ends the evaluation with an error.
enum class Match : std::uint8_t { no, yes, temperror, permerror };

/// The state of one evaluation.
struct State {
  Options options;     ///< as the caller gave them
  MacroValues values;  ///< for macros
  Result result;       ///< as far as known
  /// Whether `names` is known; its lookup is made on first use.
  bool names_known = false;
  std::vector<std::string> names;  ///< the client's validated names (RFC 7208 §5.5)

  /// Counts a DNS lookup term; false beyond the limit of RFC 7208 §4.6.4.
  bool count_term();
  /// Counts a term with a void lookup; false beyond the limit of RFC 7208 §4.6.4.
  bool count_void();
  /// Counts a DNS query; false when none is left.
  bool count_query();
  /// Ends the evaluation when count_query() was false.
  Match out_of_queries();
  /// Notes why the evaluation ends, and returns `match`.
  Match stop(Match match, std::string reason) {
    result.reason = std::move(reason);
    return match;
  }
};

/// Evaluates the record of `domain` (RFC 7208 §4.4 to §4.7). `depth`: 0, or the number of includes
/// around it. `state` must outlive it.
Evaluation<Status> evaluate(State& state, std::string domain, int depth);

/// Evaluates a, mx, ptr, exists or include. All references must outlive it.
Evaluation<Match> match_by_dns(State& state, const Record& record, const Term& term,
                               const std::string& domain, int depth);

/// Expands a target in the record of `domain`. Empty when the name cannot be looked up. All
/// references must outlive it.
Evaluation<std::string> expand_target(State& state, const Record& record, const Target& target,
                                      const std::string& domain);
/// The same for a target without %{p}; it needs no DNS query.
std::string expand_plain(const State& state, const Record& record, const Target& target,
                         const std::string& domain);
/// %{p} for `domain` (RFC 7208 §7.3): the domain itself, else a name below it, else any validated
/// name, else "unknown".
Evaluation<std::string> validated_name(State& state, std::string domain);

/// Whether the first `bits` bits of two addresses of the same length are equal.
bool same_network(std::string_view a, std::string_view b, int bits);

}  // namespace mailauth::spf
