#include "mailauth/spf/check_host.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/text.h"
#include "mailauth/names.h"
#include "mailauth/spf/record.h"
#include "mailauth/spf/state.h"

namespace mailauth::spf {
namespace {

/// Octets of a HELO name or local part that macros see. RFC 5321 §4.5.3.1.1 allows 64 for a local
/// part, RFC 5321 §4.5.3.1.2 allows 255 for a domain.
constexpr std::size_t max_text = 255;

Status ended(Match match) {
  return match == Match::temperror ? Status::temperror : Status::permerror;
}

Status stop(State& state, Status status, std::string reason) {
  state.result.reason = std::move(reason);
  return status;
}

struct Found {
  std::shared_ptr<const ParsedRecord> record;
  Status status = Status::none;  ///< the result when there is no usable record
};

/// Selects the SPF record of an answer (RFC 7208 §4.4, §4.5).
Found select_record(State& state, const Answer& answer, const std::string& domain) {
  if (answer.status == Answer::Status::failure) {
    return {nullptr, stop(state, Status::temperror, "DNS gave no answer about " + domain)};
  }
  const std::string* text = nullptr;
  for (const std::string& candidate : answer.records) {
    if (!Record::is_spf(candidate)) continue;
    if (text != nullptr) {
      return {nullptr, stop(state, Status::permerror, domain + " has several SPF records")};
    }
    text = &candidate;
  }
  if (text == nullptr) return {nullptr, stop(state, Status::none, domain + " has no SPF record")};
  Found found;
  found.record = state.options.cache != nullptr
                     ? state.options.cache->get(*text)
                     : std::make_shared<const ParsedRecord>(Record::parse(*text));
  if (!*found.record) {
    const std::string message = found.record->error().message();
    return {nullptr, stop(state, Status::permerror,
                          fmt::format("the SPF record of {} is in error: {}", domain, message))};
  }
  return found;
}

/// Whether all, ip4 or ip6 match; these need no DNS.
bool matches_directly(const Term& term, const postern::IpAddress& client) {
  const std::string_view network(reinterpret_cast<const char*>(term.network.data()),
                                 term.network.size());
  switch (term.mechanism) {
    case Mechanism::all:
      return true;
    case Mechanism::ip4:
      return client.is_v4() && same_network(network, client.octets(), term.prefix4);
    case Mechanism::ip6:
      return !client.is_v4() && same_network(network, client.octets(), term.prefix6);
    default:
      return false;
  }
}

bool asks_dns(Mechanism mechanism) {
  return mechanism != Mechanism::all && mechanism != Mechanism::ip4 && mechanism != Mechanism::ip6;
}

/// The explanation (RFC 7208 §6.2); empty after any error, which does not change the result.
Evaluation<std::string> explain(State& state, const Record& record, const std::string& domain) {
  const std::string name = co_await expand_target(state, record, *record.explanation(), domain);
  if (name.empty() || !state.count_query()) co_return std::string();
  const Answer answer = co_await Question{.name = name, .type = RecordType::txt};
  if (!answer.has_records() || answer.records.size() != 1) co_return std::string();
  const std::string& text = answer.records.front();
  if (text.size() > max_record) co_return std::string();
  const std::optional<MacroNeeds> needs = scan_macros(text, MacroUse::explanation);
  if (!needs) co_return std::string();
  if (needs->local_part && !postern::is_ascii(state.values.local_part)) co_return std::string();
  std::string validated;
  if (needs->validated_name) validated = co_await validated_name(state, domain);
  co_return expand_explanation(text, state.values, domain, validated).value_or(std::string());
}

/// Sets the sender to check (RFC 7208 §2.4, §4.3); false when there is no domain to look up.
bool set_identity(State& state, const Request& request) {
  MacroValues& values = state.values;
  values.client = request.client;
  values.receiver = state.options.receiver.substr(0, max_text);
  values.now = state.options.now;
  const std::optional<std::string> helo = normalize_domain(request.helo);
  values.helo = helo ? *helo : request.helo.substr(0, max_text);
  std::string_view local;
  std::optional<std::string> domain = helo;
  std::string_view written = request.helo;
  if (request.identity == Identity::mail_from && !request.mail_from.empty()) {
    const std::string_view from = request.mail_from;
    const std::size_t at = from.rfind('@');
    if (at != std::string_view::npos) local = from.substr(0, at);
    written = at == std::string_view::npos ? from : from.substr(at + 1);
    domain = normalize_domain(written);
  }
  // RFC 7208 §4.3: a missing local part becomes "postmaster".
  values.local_part = local.empty() ? "postmaster" : local.substr(0, max_text);
  Result& result = state.result;
  result.identity = request.identity;
  result.domain = domain ? *domain : postern::printable(written, max_text);
  result.sender = values.local_part + "@" + result.domain;
  if (!domain || label_count(*domain) < 2 || local.size() > max_text) {
    result.reason =
        fmt::format("`{}` is no domain name of two labels", postern::printable(written, max_text));
    return false;
  }
  values.sender_domain = *domain;
  return true;
}

}  // namespace

std::string_view to_string(Identity identity) {
  return identity == Identity::mail_from ? "mailfrom" : "helo";
}

/// RFC 7208 §4.4 to §4.7, in this order.
Evaluation<Status> evaluate(State& state, std::string domain, int depth) {
  for (bool redirected = false;;) {
    if (!state.count_query()) co_return ended(state.out_of_queries());
    const Answer answer = co_await Question{.name = domain, .type = RecordType::txt};
    const Found found = select_record(state, answer, domain);
    if (!found.record) {
      // RFC 7208 §6.1: a redirect to a domain without a record is permerror.
      if (redirected && found.status == Status::none) co_return Status::permerror;
      co_return found.status;
    }
    const Record& record = **found.record;
    const bool outermost = depth == 0;
    if (outermost) state.result.record_domain = domain;
    for (const Term& term : record.terms()) {
      Match match = Match::no;
      if (asks_dns(term.mechanism)) {
        match = co_await match_by_dns(state, record, term, domain, depth);
      } else if (matches_directly(term, state.values.client)) {
        match = Match::yes;
      }
      if (match == Match::no) continue;
      if (outermost) state.result.mechanism = record.text(term.text);
      if (match != Match::yes) co_return ended(match);
      if (outermost && term.outcome == Status::fail && record.explanation() &&
          state.options.want_explanation) {
        state.result.explanation = co_await explain(state, record, domain);
      }
      co_return term.outcome;
    }
    // RFC 7208 §4.7: without a match and a redirect the result is neutral.
    if (!record.redirect()) co_return Status::neutral;
    redirected = true;
    if (!state.count_term()) co_return Status::permerror;
    std::string next = co_await expand_target(state, record, *record.redirect(), domain);
    if (next.empty()) co_return stop(state, Status::permerror, "redirect= makes no domain name");
    domain = std::move(next);
  }
}

Evaluation<Result> check_host(Request request, Options options) {
  State state{.options = std::move(options), .values = {}, .result = {}, .names = {}};
  if (!set_identity(state, request)) co_return std::move(state.result);
  Result& result = state.result;
  if (!state.values.client.is_known()) {  // RFC 7208 §2.6.1: the result is none
    result.reason = "the client's address is unknown";
    co_return std::move(result);
  }
  result.status = co_await evaluate(state, state.values.sender_domain, 0);
  co_return std::move(result);
}

}  // namespace mailauth::spf
