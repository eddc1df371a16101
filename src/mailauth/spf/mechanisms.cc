#include <algorithm>

#include <fmt/core.h>

#include "base/text.h"
#include "mailauth/names.h"
#include "mailauth/spf/record.h"
#include "mailauth/spf/state.h"

namespace mailauth::spf {
namespace {

using postern::IpAddress;

bool is_void(const Answer& answer) {
  // RFC 7208 §4.6.4: an answer without records, or a name that does not exist.
  return answer.status != Answer::Status::failure && !answer.has_records();
}

RecordType address_type(const IpAddress& client) {
  return client.is_v4() ? RecordType::a : RecordType::aaaa;
}

/// Whether an address of the client's family is within the prefix (RFC 7208 §5.3, §5.4).
bool holds_client(const Answer& answer, const IpAddress& client, const Term& term) {
  const int bits = client.is_v4() ? term.prefix4 : term.prefix6;
  return std::any_of(answer.records.begin(), answer.records.end(), [&](const std::string& text) {
    const auto address = IpAddress::parse(text);
    return address && address->is_v4() == client.is_v4() &&
           same_network(address->octets(), client.octets(), bits);
  });
}

/// The host in lower case without a trailing dot; empty when it cannot be looked up.
std::string host_name(std::string_view text) {
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  return is_askable(text) ? postern::lower(text) : std::string();
}

/// The host of "preference host".
std::string exchange_of(std::string_view record) {
  return host_name(record.substr(std::min(record.find(' '), record.size() - 1) + 1));
}

Match dns_trouble(State& state, const std::string& name) {
  return state.stop(Match::temperror,
                    fmt::format("DNS gave no answer about {}", postern::printable(name, 260)));
}

Match too_many_voids(State& state) {
  return state.stop(Match::permerror, "more than 2 terms have empty DNS answers");
}

/// The terms a and exists (RFC 7208 §5.3, §5.7).
Evaluation<Match> match_address(State& state, const Term& term, std::string target) {
  if (!state.count_query()) co_return state.out_of_queries();
  const bool exists = term.mechanism == Mechanism::exists;
  // RFC 7208 §5.7: exists looks up an A record, even for an IPv6 client.
  const RecordType type = exists ? RecordType::a : address_type(state.values.client);
  const Answer answer = co_await Question{.name = target, .type = type};
  if (answer.status == Answer::Status::failure) co_return dns_trouble(state, target);
  if (is_void(answer)) co_return state.count_void() ? Match::no : too_many_voids(state);
  if (exists) co_return Match::yes;
  co_return holds_client(answer, state.values.client, term) ? Match::yes : Match::no;
}

/// The term mx (RFC 7208 §5.4).
Evaluation<Match> match_mx(State& state, const Term& term, std::string target) {
  if (!state.count_query()) co_return state.out_of_queries();
  const Answer exchanges = co_await Question{.name = target, .type = RecordType::mx};
  if (exchanges.status == Answer::Status::failure) co_return dns_trouble(state, target);
  if (is_void(exchanges)) co_return state.count_void() ? Match::no : too_many_voids(state);
  if (exchanges.records.size() > max_names) {
    co_return state.stop(Match::permerror, fmt::format("{} has more than 10 MX records", target));
  }
  bool empty = false;
  for (const std::string& record : exchanges.records) {
    const std::string host = exchange_of(record);
    if (host.empty()) continue;  // RFC 7505 §3: a null MX names no host
    if (!state.count_query()) co_return state.out_of_queries();
    const Answer answer =
        co_await Question{.name = host, .type = address_type(state.values.client)};
    if (answer.status == Answer::Status::failure) co_return dns_trouble(state, host);
    if (holds_client(answer, state.values.client, term)) co_return Match::yes;
    empty |= is_void(answer);
  }
  // RFC 7208 §4.6.4 counts terms: a term is void once, even if several of its hosts are.
  if (empty && !state.count_void()) co_return too_many_voids(state);
  co_return Match::no;
}

/// Finds the client's PTR names that resolve to its address (RFC 7208 §5.5). A failed lookup counts
/// as no such name. False when DNS has no PTR record.
Evaluation<bool> find_names(State& state) {
  state.names_known = true;
  if (!state.count_query()) co_return true;
  const IpAddress client = state.values.client;
  const Answer pointers = co_await Question{.name = reverse_name(client), .type = RecordType::ptr};
  if (is_void(pointers)) co_return false;
  // RFC 7208 §4.6.4: names after the first ten are ignored.
  const std::size_t count = std::min(pointers.records.size(), max_names);
  for (std::size_t i = 0; i < count; ++i) {
    std::string name = host_name(pointers.records[i]);
    if (name.empty() || !state.count_query()) continue;
    const Answer answer = co_await Question{.name = name, .type = address_type(client)};
    if (holds_client(answer, client, Term{})) state.names.push_back(std::move(name));
  }
  co_return true;
}

Evaluation<Match> match_ptr(State& state, std::string target) {
  if (!state.names_known) {
    const bool answered = co_await find_names(state);
    if (!answered && !state.count_void()) co_return too_many_voids(state);
  }
  const bool matches = std::any_of(state.names.begin(), state.names.end(),
                                   [&](const auto& name) { return is_subdomain(name, target); });
  co_return matches ? Match::yes : Match::no;
}

/// The term include (RFC 7208 §5.2).
Evaluation<Match> match_include(State& state, std::string target, int depth) {
  const Status status = co_await evaluate(state, target, depth + 1);
  switch (status) {
    case Status::pass:
      co_return Match::yes;
    case Status::fail:
    case Status::softfail:
    case Status::neutral:
      co_return Match::no;
    case Status::temperror:
      co_return Match::temperror;
    case Status::none:
      co_return state.stop(Match::permerror, fmt::format("include: {} has no SPF record",
                                                         postern::printable(target, 260)));
    case Status::permerror:
      break;
  }
  co_return Match::permerror;
}

}  // namespace

bool State::count_term() {
  if (result.lookup_terms >= max_lookup_terms) {
    result.reason = "the records have more than 10 terms that ask DNS";
    return false;
  }
  ++result.lookup_terms;
  return true;
}

bool State::count_void() { return ++result.void_terms <= max_void_terms; }

bool State::count_query() {
  if (result.queries >= max_queries || result.queries >= options.queries) return false;
  ++result.queries;
  return true;
}

Match State::out_of_queries() {
  // The sender's records are at fault for 64 queries; a smaller limit comes from the caller.
  if (result.queries >= max_queries) {
    return stop(Match::permerror, "the records ask for more than 64 DNS queries");
  }
  return stop(Match::temperror, "no DNS queries are left for this message");
}

bool same_network(std::string_view a, std::string_view b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const int mask = 0xff00 >> (bits % 8) & 0xff;
  return ((static_cast<unsigned char>(a[whole]) ^ static_cast<unsigned char>(b[whole])) & mask) ==
         0;
}

Evaluation<std::string> validated_name(State& state, std::string domain) {
  if (!state.names_known) {
    const bool answered = co_await find_names(state);
    static_cast<void>(answered);  // a macro is not a term, so no void lookup is counted
  }
  const std::string* best = nullptr;
  for (const std::string& name : state.names) {
    if (name == domain) co_return name;
    const bool below = is_subdomain(name, domain);
    if (best == nullptr || (below && !is_subdomain(*best, domain))) best = &name;
  }
  co_return best == nullptr ? std::string("unknown") : *best;
}

std::string expand_plain(const State& state, const Record& record, const Target& target,
                         const std::string& domain) {
  if (target.spec.length == 0) return domain;
  const std::string_view spec = record.text(target.spec);
  // RFC 8616 §4: a term that depends on a local part beyond ASCII does not match.
  if (target.uses_local_part && !postern::is_ascii(state.values.local_part)) return {};
  std::string name;
  if (target.has_macros) {
    name = postern::lower(expand_domain(spec, state.values, domain, {}));
  } else {
    name = postern::lower(spec);
    if (name.back() == '.') name.pop_back();
  }
  if (!is_askable(name)) name.clear();
  return name;
}

Evaluation<std::string> expand_target(State& state, const Record& record, const Target& target,
                                      const std::string& domain) {
  if (!target.uses_validated_name) co_return expand_plain(state, record, target, domain);
  if (target.uses_local_part && !postern::is_ascii(state.values.local_part)) {
    co_return std::string();
  }
  const std::string validated = co_await validated_name(state, domain);
  std::string name =
      postern::lower(expand_domain(record.text(target.spec), state.values, domain, validated));
  if (!is_askable(name)) name.clear();
  co_return name;
}

Evaluation<Match> match_by_dns(State& state, const Record& record, const Term& term,
                               const std::string& domain, int depth) {
  if (!state.count_term()) co_return Match::permerror;
  std::string target;
  if (term.target.uses_validated_name) {
    // RFC 7208 §4.6.4: the PTR lookup of %{p} counts towards the limit.
    if (!state.names_known && !state.count_term()) co_return Match::permerror;
    target = co_await expand_target(state, record, term.target, domain);
  } else {
    target = expand_plain(state, record, term.target, domain);
  }
  if (target.empty()) {
    // A name that cannot be looked up does not exist (RFC 7208 §4.8). An include of it has no
    // record, except for a local part beyond ASCII (RFC 8616 §4).
    const bool no_match = term.mechanism != Mechanism::include || term.target.uses_local_part;
    co_return no_match ? Match::no
                       : state.stop(Match::permerror, fmt::format("`{}` makes no domain name",
                                                                  record.text(term.text)));
  }
  Match match = Match::no;
  switch (term.mechanism) {
    case Mechanism::include:
      match = co_await match_include(state, std::move(target), depth);
      break;
    case Mechanism::mx:
      match = co_await match_mx(state, term, std::move(target));
      break;
    case Mechanism::ptr:
      match = co_await match_ptr(state, std::move(target));
      break;
    default:
      match = co_await match_address(state, term, std::move(target));
      break;
  }
  co_return match;
}

}  // namespace mailauth::spf
