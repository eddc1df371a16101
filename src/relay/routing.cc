#include "relay/routing.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/address_guard.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/hostname.h"

namespace postern::relay {

namespace {

using dns::Type;

constexpr int max_aliases = 8;  ///< in a chain; more are a temporary failure

/// A name from a record in normal form.
std::string normal(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return lower(name);
}

/// A host that will become a target or be skipped.
struct Candidate {
  Target target;
  bool address_only = false;  ///< it has an address and no name, so nothing is looked up
  bool named = false;         ///< a route names it: see forbidden()
  std::string expanded;       ///< the name at the end of its aliases
  bool addresses_secure = false;
  bool reported = false;  ///< it is in the list of skipped hosts
  std::optional<Why> out;
};

class Router {
 public:
  Router(const RoutingConfig& config, const Route& route, const Recipient& recipient,
         const Answers& answers)
      : config_(config),
        route_(is_literal(recipient.domain) ? nullptr : &route),
        recipient_(recipient),
        answers_(answers) {}

  std::variant<Questions, Routed> run() {
    decide();
    if (!wanted_.empty()) return Questions(wanted_.begin(), wanted_.end());
    return std::move(routed_);
  }

 private:
  /// The answer, or null: then the question is noted and this round ends with questions.
  const dns::Answer* ask(const std::string& name, Type type) {
    const dns::Question question{.name = name, .type = type};
    const auto known = answers_.find(question);
    if (known != answers_.end()) return &known->second;
    wanted_.insert(question);
    return nullptr;
  }

  void decide();
  void give_up(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text);
  /// As give_up(); but temporary if one of our routes led here: our mistake must not bounce
  /// mail.
  void give_up_for_good(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text);
  void skip(Candidate& candidate, Why why);

  void decide_literal();
  void decide_mx(const std::string& domain);
  void mx_failed(const std::string& domain, const dns::Answer& answer);
  bool aliases_end(const std::string& domain);
  void read_mx(const dns::Answer& answer);
  void decide_hosts();

  void resolve();
  void look_up(Candidate& candidate);
  bool forbidden(const Candidate& candidate, const IpAddress& address) const;
  bool self_by_name(const Candidate& candidate) const;
  bool self_by_address(const Candidate& candidate) const;
  bool ends_behind_self();
  void set_levels();
  void set_level(Candidate& candidate);
  std::vector<std::string> tlsa_bases(Candidate& candidate);
  bool find_tlsa(Candidate& candidate, const std::string& base);
  void conclude();
  void nothing_left();

  const RoutingConfig& config_;
  const Route* const route_;  ///< null: an address literal
  const Recipient& recipient_;
  const Answers& answers_;
  std::set<dns::Question> wanted_;
  bool by_mx_ = false;
  std::string domain_;  ///< the domain whose MX are used
  std::vector<Candidate> candidates_;
  Routed routed_;
};

void Router::give_up(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) {
  routed_.kind = code < 500 ? Routed::Kind::temporary : Routed::Kind::permanent;
  routed_.reply = {.code = code, .enhanced = enhanced, .text = std::move(text)};
}

void Router::give_up_for_good(std::uint16_t code, smtp::EnhancedCode enhanced, std::string text) {
  const bool ours =
      route_ != nullptr && (route_->kind == Route::Kind::hosts || !route_->mx_domain.empty());
  if (!ours) return give_up(code, enhanced, std::move(text));
  routed_.our_fault = true;
  give_up(451, {4, 3, 5}, "the route for this recipient has no usable next hop: " + text);
}

void Router::skip(Candidate& candidate, Why why) {
  candidate.out = why;
  if (std::exchange(candidate.reported, true)) return;
  routed_.skipped.push_back({candidate.target.host, why});
}

void Router::decide() {
  if (route_ == nullptr) {
    decide_literal();
    if (candidates_.empty()) return;
  } else {
    const Result<mail::Domain> domain = mail::Domain::parse(recipient_.domain);
    if (!domain) return give_up(501, {5, 1, 3}, "the domain of the address is malformed");
    switch (route_->kind) {
      case Route::Kind::discard:
        routed_.kind = Routed::Kind::discard;
        return;
      case Route::Kind::maildir:  // a local folder is not a host
        routed_.our_fault = true;
        return give_up(451, {4, 3, 5}, "the route leads to a folder");
      case Route::Kind::error:
        routed_.kind =
            route_->refusal.code < 500 ? Routed::Kind::temporary : Routed::Kind::permanent;
        routed_.reply = route_->refusal;
        return;
      case Route::Kind::hosts:
        decide_hosts();
        break;
      case Route::Kind::mx:
        decide_mx(route_->mx_domain.empty() ? domain->text() : route_->mx_domain);
        if (candidates_.empty()) return;
        break;
    }
  }
  resolve();
  if (!wanted_.empty()) return;
  if (ends_behind_self()) return;
  set_levels();
  if (wanted_.empty()) conclude();
}

/// RFC 5321 §4.1.3: uses only this address, without MX, DANE and MTA-STS.
void Router::decide_literal() {
  const std::optional<IpAddress> address = mail::literal_address(recipient_.domain);
  if (!address) return give_up(501, {5, 1, 3}, "the address literal is malformed");
  if (!config_.literals) return give_up(550, {5, 1, 2}, "mail to address literals is not relayed");
  Candidate candidate{.target = {.host = recipient_.domain}, .address_only = true};
  (address->is_v4() ? candidate.target.v4 : candidate.target.v6) = {*address};
  candidates_.push_back(std::move(candidate));
}

void Router::decide_hosts() {
  std::uint32_t preference = 0;
  for (const auto& group : route_->hosts) {
    for (const RouteHost& host : group) {
      Candidate candidate{
          .target = {.host = host.name, .preference = preference, .port = host.port},
          .address_only = host.address.has_value(),
          .named = true};
      if (host.address)
        (host.address->is_v4() ? candidate.target.v4 : candidate.target.v6) = {*host.address};
      candidates_.push_back(std::move(candidate));
    }
    ++preference;
  }
}

void Router::decide_mx(const std::string& domain) {
  by_mx_ = true;
  domain_ = domain;
  const dns::Answer* const answer = ask(domain, Type::mx);
  if (answer == nullptr) return;
  if (answer->trouble()) return mx_failed(domain, *answer);
  routed_.mx_secure = answer->secure;  // also of a denial (RFC 7672 §2.2.1)
  routed_.expanded_domain = normal(answer->canonical_name);
  const bool aliased = !routed_.expanded_domain.empty() && routed_.expanded_domain != domain;
  if (aliased && !aliases_end(domain)) return;
  switch (answer->status) {
    case dns::Status::nx_domain:
      return give_up_for_good(550, {5, 1, 2}, "the domain does not exist");
    case dns::Status::found:
      return read_mx(*answer);
    default:  // RFC 5321 §5.1: without MX records the domain is its own MX with preference 0
      candidates_.push_back({.target = {.host = domain}});
  }
}

/// RFC 5321 §5.1: an error is temporary and never falls back to address records. To a resolver a
/// loop of aliases looks like an error; aliases_end() distinguishes it for the log.
void Router::mx_failed(const std::string& domain, const dns::Answer& answer) {
  if (answer.status == dns::Status::server_failure && !aliases_end(domain)) return;
  give_up(451, {4, 4, 3}, fmt::format("MX lookup: {}", dns::to_string(answer.status)));
}

/// Follows the aliases of a domain one by one, because resolvers have different limits. False:
/// given up because there are too many, or an answer is still missing.
bool Router::aliases_end(const std::string& domain) {
  std::string name = domain;
  for (int step = 0;; ++step) {
    const dns::Answer* const alias = ask(name, Type::cname);
    if (alias == nullptr) return false;
    if (alias->status != dns::Status::found || alias->records.empty()) return true;
    if (step == max_aliases) {
      give_up(451, {4, 4, 4}, "the domain's aliases do not end");
      return false;
    }
    name = normal(alias->records.front());
  }
}

void Router::read_mx(const dns::Answer& answer) {
  for (const std::string& record : answer.records) {
    const std::size_t blank = record.find(' ');
    const auto preference = parse_number(std::string_view(record).substr(0, blank));
    if (blank == std::string::npos || !preference || *preference > 65535) continue;
    Candidate made{.target = {.host = normal(std::string_view(record).substr(blank + 1)),
                              .preference = static_cast<std::uint32_t>(*preference)}};
    const bool root = made.target.host.empty();
    // RFC 7505 §3: a single record with the root as its target.
    if (root && answer.records.size() == 1)
      return give_up_for_good(556, {5, 1, 10}, "the domain accepts no mail (null MX)");
    if (root) made.target.host = ".";
    if (root || !mail::is_hostname(made.target.host)) made.out = Why::bad_name;
    candidates_.push_back(std::move(made));
  }
  // Equal hosts are sorted by name to be deterministic; each attempt shuffles them (RFC 5321 §5.1).
  std::sort(candidates_.begin(), candidates_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.target.preference, a.target.host) <
           std::tie(b.target.preference, b.target.host);
  });
  std::set<std::string> seen;  // only the best preference of a host counts
  std::erase_if(candidates_,
                [&](const Candidate& each) { return !seen.insert(each.target.host).second; });
  std::size_t usable = 0;
  for (Candidate& each : candidates_) {
    if (!each.out && ++usable > max_looked_up) each.out = Why::too_many;
    if (each.out) skip(each, *each.out);
  }
  if (candidates_.empty()) give_up_for_good(550, {5, 4, 4}, "the domain's MX records are unusable");
}

bool Router::self_by_name(const Candidate& candidate) const {
  return !candidate.address_only && is_self(config_, candidate.target.host, candidate.target.port);
}

bool Router::self_by_address(const Candidate& candidate) const {
  const Target& target = candidate.target;
  const auto ours = [&](const IpAddress& address) {
    return is_self(config_, address, target.port);
  };
  return std::any_of(target.v4.begin(), target.v4.end(), ours) ||
         std::any_of(target.v6.begin(), target.v6.end(), ours);
}

/// Addresses that no mail host has, by the registries of RFC 6890 §2.2, and private ones
/// (relay.relay_to_private). An operator may name any address in a route.
/// Documentation addresses lead nowhere and do no harm.
bool Router::forbidden(const Candidate& candidate, const IpAddress& address) const {
  switch (reach_of(address)) {
    case Reach::local:
      return !config_.private_addresses.value_or(candidate.named);
    case Reach::none:
      return !candidate.named;
    case Reach::global:
    case Reach::documentation:
      break;
  }
  return false;
}

/// Looks up the addresses of all hosts that may be used, concurrently.
void Router::resolve() {
  for (Candidate& candidate : candidates_) {
    if (candidate.out) continue;
    if (self_by_name(candidate)) {
      candidate.out = Why::self;
      // Hosts after it are not tried, so they are not looked up.
      for (Candidate& other : candidates_)
        if (!other.out && other.target.preference >= candidate.target.preference)
          other.out = Why::behind_self;
      break;
    }
  }
  for (Candidate& candidate : candidates_)
    if (!candidate.out) look_up(candidate);
}

void Router::look_up(Candidate& candidate) {
  Target& target = candidate.target;
  if (!candidate.address_only) {
    bool bogus = false;
    bool trouble = false;
    candidate.addresses_secure = true;
    const auto take = [&](Type type, std::vector<IpAddress>& into) {
      const dns::Answer* const answer = ask(target.host, type);
      if (answer == nullptr) return;
      bogus |= answer->status == dns::Status::bogus;
      trouble |= answer->trouble();
      if (answer->status != dns::Status::found) return;
      for (const std::string& record : answer->records)
        if (const auto address = IpAddress::from_text(record)) into.push_back(*address);
      candidate.addresses_secure &= answer->secure;
      if (!answer->canonical_name.empty()) candidate.expanded = normal(answer->canonical_name);
    };
    if (config_.ipv6) take(Type::aaaa, target.v6);
    if (config_.ipv4) take(Type::a, target.v4);
    const bool none = target.v4.empty() && target.v6.empty();
    // Bogus addresses make the host unreachable (RFC 7672 §2.1.1). A failed lookup of one family
    // does not matter if the other has addresses; otherwise the failure may hide addresses.
    if (bogus || none)
      candidate.out = bogus ? Why::dns_bogus : trouble ? Why::dns_error : Why::no_address;
    target.secure = !none && candidate.addresses_secure;
  } else {
    if (!config_.ipv6) target.v6.clear();
    if (!config_.ipv4) target.v4.clear();
    if (target.v4.empty() && target.v6.empty()) candidate.out = Why::no_address;
    // An address in a route is intended, private or not.
    if (candidate.named) return;
  }
  if (candidate.out) return;
  const auto refuse = [&](const IpAddress& address) { return forbidden(candidate, address); };
  std::erase_if(target.v4, refuse);
  std::erase_if(target.v6, refuse);
  if (target.v4.empty() && target.v6.empty()) candidate.out = Why::forbidden_address;
}

/// RFC 5321 §5.1: if this host is an MX of the domain, only better hosts are tried.
bool Router::ends_behind_self() {
  std::optional<std::uint32_t> ours;
  for (Candidate& candidate : candidates_) {
    if (!candidate.out && self_by_address(candidate)) candidate.out = Why::self;
    if (candidate.out == Why::self)
      ours = std::min(ours.value_or(UINT32_MAX), candidate.target.preference);
  }
  bool better = false;
  for (Candidate& candidate : candidates_) {
    const bool behind = ours && candidate.target.preference >= *ours;
    if (behind && candidate.out != Why::self && !candidate.reported)
      candidate.out = Why::behind_self;
    if (candidate.out) skip(candidate, *candidate.out);
    if (!behind && candidate.out != Why::bad_name) better = true;
  }
  if (!ours || better) return false;
  give_up_for_good(550, {5, 4, 6}, "mail for the domain would come back to this host");
  return true;
}

void Router::set_levels() {
  for (Candidate& candidate : candidates_)
    if (!candidate.out) set_level(candidate);
}

/// The level of the route, else DANE, else MTA-STS, else the default.
void Router::set_level(Candidate& candidate) {
  Target& target = candidate.target;
  if (!candidate.address_only) target.sni = target.host;
  target.secure &= !by_mx_ || routed_.mx_secure;
  target.tls = config_.default_tls;
  const bool set_by_route = route_ != nullptr && route_->tls;
  if (set_by_route) target.tls = *route_->tls;
  if (!set_by_route && !candidate.address_only) {
    const std::vector<std::string> bases = tlsa_bases(candidate);
    for (const std::string& base : bases)
      if (find_tlsa(candidate, base)) break;
    // RFC 8461 §2: MTA-STS restricts hosts verified by DANE, too; it does not allow what DANE
    // rejects.
    const bool policy = by_mx_ && recipient_.sts && !candidate.out;
    const bool allowed = policy && sts_allows(*recipient_.sts, target.host);
    if (policy && recipient_.sts->mode == StsPolicy::Mode::enforce) {
      if (!allowed) return skip(candidate, Why::sts_mx);
      if (target.tls != TlsLevel::dane) target.tls = TlsLevel::sts;
    }
    if (policy && recipient_.sts->mode == StsPolicy::Mode::testing && allowed &&
        target.tls <= TlsLevel::may)
      target.tls = TlsLevel::sts_testing;
  }
  if (target.tls == TlsLevel::sts || target.tls == TlsLevel::sts_testing)
    target.names = {target.host};
  if (target.tls == TlsLevel::verify) {
    if (set_by_route) target.names = route_->names;
    if (target.names.empty() && !candidate.address_only) target.names = {target.host};
    if (!target.names.empty()) target.sni = target.names.front();
  }
}

/// RFC 7672 §2.2: TLSA is looked up only if MX and addresses are validated; some servers of
/// unsigned zones do not answer TLSA queries.
std::vector<std::string> Router::tlsa_bases(Candidate& candidate) {
  if (!config_.dane || (by_mx_ && !routed_.mx_secure)) return {};
  const std::string& host = candidate.target.host;
  const bool aliased = !candidate.expanded.empty() && candidate.expanded != host;
  if (candidate.addresses_secure && aliased) return {candidate.expanded, host};
  if (candidate.addresses_secure) return {host};
  if (!aliased) return {};
  // RFC 7672 §2.2.2: the first alias is signed, the final name is not: use the host's own name.
  const dns::Answer* const alias = ask(host, Type::cname);
  if (alias == nullptr) return {};
  if (alias->trouble()) skip(candidate, Why::tlsa_lookup);
  return alias->status == dns::Status::found && alias->secure ? std::vector{host}
                                                              : std::vector<std::string>{};
}

/// False when the base has no TLSA record. Otherwise true, also while the answer is missing.
bool Router::find_tlsa(Candidate& candidate, const std::string& base) {
  Target& target = candidate.target;
  const dns::Answer* const answer = ask(fmt::format("_{}._tcp.{}", target.port, base), Type::tlsa);
  if (answer == nullptr) return true;
  if (answer->trouble()) {  // RFC 7672 §2.1.2: an error never downgrades security
    skip(candidate, Why::tlsa_lookup);
    return true;
  }
  if (answer->status != dns::Status::found || !answer->secure) return false;
  if (std::none_of(answer->records.begin(), answer->records.end(), is_usable_tlsa)) {
    // RFC 7672 §2.2: unusable records still require TLS, with any certificate.
    target.tls = std::max(target.tls, TlsLevel::encrypt);
    return true;
  }
  target.tls = TlsLevel::dane;
  target.tlsa = answer->records;
  target.sni = base;  // RFC 7672 §8.1
  // RFC 7672 §3.2.2: the reference names for certificate usage 2.
  target.names = {base, target.host};
  if (by_mx_) target.names.push_back(domain_);
  if (by_mx_ && !routed_.expanded_domain.empty()) target.names.push_back(routed_.expanded_domain);
  std::set<std::string> seen;
  std::erase_if(target.names, [&](const std::string& name) { return !seen.insert(name).second; });
  return true;
}

void Router::conclude() {
  for (Candidate& candidate : candidates_) {
    if (candidate.out) continue;
    const bool same = !routed_.groups.empty() &&
                      routed_.groups.back().front().preference == candidate.target.preference;
    if (!same) routed_.groups.emplace_back();
    routed_.groups.back().push_back(std::move(candidate.target));
  }
  if (routed_.groups.empty()) nothing_left();
}

/// Security errors come first, then temporary errors; only a certain failure is permanent.
void Router::nothing_left() {
  const auto any = [&](Why why) {
    return std::any_of(routed_.skipped.begin(), routed_.skipped.end(),
                       [&](const Skipped& skipped) { return skipped.why == why; });
  };
  if (any(Why::tlsa_lookup)) return give_up(451, {4, 7, 5}, "TLSA records cannot be looked up");
  if (any(Why::dns_bogus)) return give_up(451, {4, 4, 3}, "addresses fail DNSSEC validation");
  if (any(Why::dns_error) || any(Why::too_many))
    return give_up(451, {4, 4, 4}, "addresses cannot be looked up");
  if (any(Why::sts_mx))
    return give_up(451, {4, 4, 4}, "no host is named by the domain's MTA-STS policy");
  // This host is a backup MX, and the better hosts have no address now.
  if (any(Why::self)) return give_up(451, {4, 4, 4}, "no better MX host has an address");
  give_up_for_good(550, {5, 4, 4}, "no host of the domain has a usable address");
}

/// Whether the fallback hosts of a route may have its mail after this outcome.
bool may_fall_back(const Route& route, const Routed& routed) {
  if (route.kind != Route::Kind::mx && route.kind != Route::Kind::hosts) return false;
  // RFC 7505 §3: the domain itself says that it takes no mail.
  if (routed.reply.enhanced == smtp::EnhancedCode{5, 1, 10}) return false;
  // This host is an MX of the domain, or the destination: its fallback may send the mail back here.
  return std::ranges::none_of(routed.skipped, [](const Skipped& one) {
    return one.why == Why::self || one.why == Why::behind_self;
  });
}

/// Puts the fallback hosts after those of the route.
void append(Routed& routed, Routed fallback) {
  routed.first_fallback = routed.groups.size();
  for (auto& group : fallback.groups) {
    for (Target& target : group) target.fallback = true;
    routed.groups.push_back(std::move(group));
  }
  std::ranges::move(fallback.skipped, std::back_inserter(routed.skipped));
  if (routed.groups.empty()) return;
  routed.kind = Routed::Kind::targets;
  routed.reply = {};
}

}  // namespace

bool is_self(const RoutingConfig& config, std::string_view host, std::uint16_t port) {
  const bool our_port =
      port == smtp_port || std::any_of(config.self.begin(), config.self.end(),
                                       [&](const Endpoint& each) { return each.port == port; });
  return our_port && (iequals(host, config.hostname) ||
                      std::any_of(config.self_names.begin(), config.self_names.end(),
                                  [&](const std::string& name) { return iequals(name, host); }));
}

bool is_self(const RoutingConfig& config, const IpAddress& address, std::uint16_t port) {
  const Endpoint endpoint{.address = address, .port = port};
  return std::find(config.self.begin(), config.self.end(), endpoint) != config.self.end();
}

std::optional<std::string> policy_domain(const Route& route, const Recipient& recipient) {
  if (is_literal(recipient.domain)) return std::nullopt;
  const Result<mail::Domain> domain = mail::Domain::parse(recipient.domain);
  if (!domain) return std::nullopt;
  if (route.kind != Route::Kind::mx || route.tls) return std::nullopt;
  return route.mx_domain.empty() ? domain->text() : route.mx_domain;
}

std::string_view to_string(Why why) {
  constexpr std::array<std::string_view, 10> names{
      "bad-name", "no-address",  "dns-error",   "dns-bogus", "forbidden-address",
      "self",     "behind-self", "tlsa-lookup", "sts-mx",    "too-many"};
  return names[static_cast<std::size_t>(why)];
}

std::variant<Questions, Routed> route(const RoutingConfig& config, const Route& route,
                                      const Recipient& recipient, const Answers& answers) {
  auto own = Router(config, route, recipient, answers).run();
  Routed* const routed = std::get_if<Routed>(&own);
  if (routed != nullptr) routed->first_fallback = routed->groups.size();
  if (routed == nullptr || route.fallback.empty() || is_literal(recipient.domain)) return own;
  if (!may_fall_back(route, *routed)) return own;
  const Route rest{.kind = Route::Kind::hosts, .hosts = route.fallback, .tls = route.tls};
  auto others = Router(config, rest, recipient, answers).run();
  if (std::holds_alternative<Questions>(others)) return others;
  append(*routed, std::get<Routed>(std::move(others)));
  return own;
}

}  // namespace postern::relay
