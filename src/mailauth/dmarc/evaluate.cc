#include "mailauth/dmarc/evaluate.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/text.h"
#include "mailauth/dmarc/discovery.h"
#include "mailauth/names.h"

namespace mailauth::dmarc {
namespace {

struct State {
  Options options;
  Findings findings;
  Result result;
  Walk walk;               ///< from the author domain; empty when no walk was needed
  bool uncertain = false;  ///< a failed lookup may have changed the outcome

  const SuffixList& suffixes() const {
    return options.suffixes != nullptr ? *options.suffixes : SuffixList::system();
  }
};

Status stop(State& state, Status status, std::string reason) {
  state.result.reason = std::move(reason);
  return status;
}

Status no_answer(State& state, const std::string& domain) {
  return stop(state, Status::temperror, "DNS gave no answer about _dmarc." + domain);
}

void take_record(Result& result, const Finding& finding, const std::string& domain) {
  result.record = finding.record;
  result.record_domain = domain;
}

/// RFC 7489 §6.6.3. Returns the status that ends the evaluation, or nullopt to go on.
Evaluation<std::optional<Status>> discover_by_suffix(State& state) {
  Result& result = state.result;
  result.org_domain = state.suffixes().organizational_domain(result.from_domain);
  const Finding own = co_await find_record(state.findings, result.from_domain);
  if (own.failed) co_return no_answer(state, result.from_domain);
  if (own.record) {
    take_record(result, own, result.from_domain);
    co_return std::nullopt;
  }
  // Steps 3 and 5: the organizational domain is looked up only when there is no record at all.
  if (own.several) {
    co_return stop(state, Status::none, result.from_domain + " has several DMARC records");
  }
  const Finding above = co_await find_record(state.findings, result.org_domain);
  if (above.failed) co_return no_answer(state, result.org_domain);
  if (above.record) take_record(result, above, result.org_domain);
  co_return std::nullopt;
}

bool needs_no_walk(const Finding& own) {
  // RFC 9989 §4.10.2: strict alignment needs no organizational domain.
  return own.record && own.record->adkim == Alignment::strict &&
         own.record->aspf == Alignment::strict;
}

/// RFC 9989 §4.10.1: takes the record of the author domain, else of its organizational domain, else
/// of the public suffix that ended the walk.
Evaluation<std::optional<Status>> discover_by_walk(State& state) {
  Result& result = state.result;
  const Finding own = co_await find_record(state.findings, result.from_domain);
  if (own.failed) co_return no_answer(state, result.from_domain);
  if (own.record) take_record(result, own, result.from_domain);
  if (needs_no_walk(own)) co_return std::nullopt;
  state.walk = co_await walk_tree(state.findings, result.from_domain);
  result.org_domain = state.walk.org_domain;
  if (own.record) co_return std::nullopt;
  if (state.walk.failed) co_return no_answer(state, "a name above " + result.from_domain);
  for (const std::string& domain : {state.walk.org_domain, state.walk.suffix_domain}) {
    const auto found = state.findings.names.find(domain);
    if (found == state.findings.names.end() || !found->second.record) continue;
    take_record(result, found->second, domain);
    break;
  }
  co_return std::nullopt;
}

/// np= (RFC 9989 §4.7): whether the author domain does not exist in DNS (RFC 8020 §2). When the
/// lookup fails, the domain is taken to exist.
Evaluation<bool> does_not_exist(State& state) {
  if (state.findings.queries >= state.findings.limit) co_return false;
  ++state.findings.queries;
  const Answer answer = co_await Question{.name = state.result.from_domain, .type = RecordType::a};
  co_return answer.status == Answer::Status::nx_domain;
}

/// The policy tag that applies to the author domain.
Evaluation<PolicyTag> applicable_tag(State& state) {
  const Record& record = *state.result.record;
  if (state.result.record_domain == state.result.from_domain) co_return record.p;
  if (state.options.mode == Mode::tree_walk && record.np.present) {
    const bool missing = co_await does_not_exist(state);
    if (missing) co_return record.np;
  }
  co_return record.sp.present ? record.sp : record.p;
}

/// RFC 7489 §6.6.3 step 6: any invalid tag counts. RFC 9989 §4.10.1: only the tag that applies.
std::optional<Policy> usable_policy(const State& state, const PolicyTag& tag) {
  const Record& record = *state.result.record;
  const bool broken = state.options.mode == Mode::public_suffix &&
                      (!record.p.policy || (record.sp.present && !record.sp.policy));
  if (tag.policy && !broken) return tag.policy;
  // With a report address the policy is "none"; without one there is no policy.
  if (!record.rua.empty()) return Policy::none;
  return std::nullopt;
}

Policy one_lower(Policy policy) {
  return policy == Policy::reject ? Policy::quarantine : Policy::none;
}

Policy disposition(const State& state) {
  const Policy policy = state.result.policy;
  const Record& record = *state.result.record;
  if (state.options.mode == Mode::tree_walk) {
    // t= (RFC 9989 §4.7); pct= was removed (RFC 9989 Appendix A.6).
    return record.testing ? one_lower(policy) : policy;
  }
  // RFC 7489 §6.6.4: messages outside the sample get the next weaker policy.
  const bool sampled = !state.options.draw || *state.options.draw < record.pct;
  return sampled ? policy : one_lower(policy);
}

/// RFC 7489 §3.1, RFC 9989 §4.10.2. `domain` is in normal form.
Evaluation<bool> is_aligned(State& state, std::string domain, Alignment alignment) {
  const Result& result = state.result;
  if (domain == result.from_domain) co_return true;
  if (alignment == Alignment::strict) co_return false;
  if (state.options.mode == Mode::public_suffix) {
    co_return state.suffixes().organizational_domain(domain) == result.org_domain;
  }
  if (!is_subdomain(domain, result.org_domain)) {
    // Unless the true organizational domain is an ancestor of both.
    if (state.walk.failed && last_labels(domain, 1) == last_labels(result.from_domain, 1)) {
      state.uncertain = true;
    }
    co_return false;
  }
  const Walk walk = co_await walk_tree(state.findings, domain);
  if (walk.org_domain == result.org_domain) co_return true;
  state.uncertain |= walk.failed;
  co_return false;
}

/// Whether at least one identifier with this outcome is aligned.
Evaluation<bool> any_aligned(State& state, const std::vector<Identifier>& identifiers,
                             Identifier::Outcome outcome, Alignment alignment) {
  for (const Identifier& identifier : identifiers) {
    if (identifier.outcome != outcome) continue;
    std::optional<std::string> domain = normalize_domain(identifier.domain);
    if (!domain) continue;
    const bool aligned = co_await is_aligned(state, std::move(*domain), alignment);
    if (aligned) co_return true;
  }
  co_return false;
}

Evaluation<Status> judge(State& state, const Request& request) {
  Result& result = state.result;
  const std::vector<Identifier> spf{request.spf};
  const Alignment aspf = result.record->aspf;
  const Alignment adkim = result.record->adkim;
  using Outcome = Identifier::Outcome;
  result.dkim_aligned = co_await any_aligned(state, request.dkim, Outcome::pass, adkim);
  result.spf_aligned = co_await any_aligned(state, spf, Outcome::pass, aspf);
  if (result.dkim_aligned || result.spf_aligned) co_return Status::pass;
  // RFC 7489 §5.6.2 leaves this open. A message that may pass later must not be rejected now.
  const bool spf_later = co_await any_aligned(state, spf, Outcome::temperror, aspf);
  if (spf_later) co_return stop(state, Status::temperror, "SPF is undecided for now");
  const bool dkim_later = co_await any_aligned(state, request.dkim, Outcome::temperror, adkim);
  if (dkim_later) co_return stop(state, Status::temperror, "a DKIM key is not known for now");
  if (state.uncertain) {
    co_return stop(state, Status::temperror, "the organizational domain is not known for now");
  }
  co_return Status::fail;
}

Evaluation<Status> run(State& state, const Request& request) {
  Result& result = state.result;
  std::optional<std::string> from = normalize_domain(request.from_domain);
  if (!from) co_return stop(state, Status::permerror, "the author's domain is no domain name");
  result.from_domain = std::move(*from);
  std::optional<Status> ended;
  if (state.options.mode == Mode::tree_walk) {
    ended = co_await discover_by_walk(state);
  } else {
    ended = co_await discover_by_suffix(state);
  }
  if (ended) co_return *ended;
  if (!result.record) co_return stop(state, Status::none, "no DMARC record");
  const PolicyTag tag = co_await applicable_tag(state);
  const std::optional<Policy> policy = usable_policy(state, tag);
  if (!policy) {
    co_return stop(state, Status::none,
                   fmt::format("the DMARC record of {} has no policy", result.record_domain));
  }
  result.policy = *policy;
  const Status status = co_await judge(state, request);
  if (status == Status::fail) result.disposition = disposition(state);
  co_return status;
}

/// Author domains that AuthorRule::strictest evaluates.
constexpr std::size_t max_judged = 4;

/// Whether `a` is stricter than `b`. Fails rank by disposition, then come temporary errors, then
/// passes. A pass for one domain does not outweigh a fail for another.
bool is_stricter(const Result& a, const Result& b) {
  const auto rank = [](const Result& result) {
    switch (result.status) {
      case Status::permerror:
        return 6;
      case Status::fail:
        return result.disposition == Policy::none ? 2 : 3 + static_cast<int>(result.disposition);
      case Status::temperror:
        return 3;
      case Status::pass:
        return 1;
      case Status::none:
        break;
    }
    return 0;
  };
  return rank(a) > rank(b);
}

Result refused(std::string_view reason) {
  Result result;
  result.status = Status::permerror;
  result.reason = reason;
  return result;
}

}  // namespace

std::string_view to_string(Status status) {
  static constexpr std::string_view names[] = {"none", "pass", "fail", "temperror", "permerror"};
  return names[static_cast<std::size_t>(status)];
}

Evaluation<Result> evaluate(Request request, Options options) {
  State state;
  state.options = options;
  state.result.mode = options.mode;
  state.findings.limit = options.queries;
  const Status status = co_await run(state, request);
  state.result.status = status;
  state.result.queries = state.findings.queries;
  co_return std::move(state.result);
}

Evaluation<Result> evaluate_author(Author author, Request request, Options options) {
  if (!author.valid) co_return refused(to_string(author.fault));
  if (options.author == AuthorRule::one_strict && !author.is_strict()) {
    co_return refused("the From field is not one address in the form of RFC 5322");
  }
  if (author.domains.size() > max_judged) co_return refused("too many author domains");
  Result strictest;
  int queries = 0;
  for (const std::string& domain : author.domains) {
    request.from_domain = domain;
    Result result = co_await evaluate(request, options);
    queries += result.queries;
    options.queries -= result.queries;
    if (strictest.from_domain.empty() || is_stricter(result, strictest)) {
      strictest = std::move(result);
    }
  }
  strictest.queries = queries;
  co_return strictest;
}

}  // namespace mailauth::dmarc
