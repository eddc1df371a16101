#include "net/unbound_context.h"

#include <new>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unbound.h>

#include "net/dns_records.h"

namespace postern::net {
namespace asio = boost::asio;

namespace {

/// Zones that libunbound answers itself by default. A gateway must see what DNS says: policies
/// query private addresses and `localhost` too, as Postfix does.
std::vector<std::string> built_in_zones() {
  std::vector<std::string> zones{"localhost.",
                                 "test.",
                                 "invalid.",
                                 "onion.",
                                 "home.arpa.",
                                 "127.in-addr.arpa.",
                                 "0.in-addr.arpa.",
                                 "10.in-addr.arpa.",
                                 "168.192.in-addr.arpa.",
                                 "254.169.in-addr.arpa.",
                                 "2.0.192.in-addr.arpa.",
                                 "100.51.198.in-addr.arpa.",
                                 "113.0.203.in-addr.arpa.",
                                 "255.255.255.255.in-addr.arpa.",
                                 "d.f.ip6.arpa.",
                                 "8.e.f.ip6.arpa.",
                                 "9.e.f.ip6.arpa.",
                                 "a.e.f.ip6.arpa.",
                                 "b.e.f.ip6.arpa.",
                                 "8.b.d.0.1.0.0.2.ip6.arpa."};
  for (int octet = 16; octet < 32; ++octet)
    zones.push_back(fmt::format("{}.172.in-addr.arpa.", octet));
  for (int octet = 64; octet < 128; ++octet)
    zones.push_back(fmt::format("{}.100.in-addr.arpa.", octet));
  std::string zeros;
  for (int nibble = 0; nibble < 31; ++nibble) zeros += "0.";
  zones.push_back("0." + zeros + "ip6.arpa.");
  zones.push_back("1." + zeros + "ip6.arpa.");
  return zones;
}

/// Top-level names of private networks (RFC 6761 §6.2, RFC 6762 §3 and §G): the root proves that
/// they do not exist, so the answers of a site's own server would be bogus.
constexpr const char* private_tops[] = {"test.",    "local.", "internal.", "intranet.",
                                        "private.", "corp.",  "home.",     "lan."};

/// The root's keys, and a proof of non-existence: behind a server that passes signatures but no
/// such proofs, every unsigned answer would be bogus.
struct ProbeQuestion {
  const char* name;
  int type;
  unsigned proof;  ///< type of the records that prove the answer
};
constexpr ProbeQuestion probes[] = {
    {".", 48 /* DNSKEY */, 46 /* RRSIG */},
    {"no-such-name-of-postern.", 43 /* DS */, 47 /* NSEC, as the root has */}};

/// A failed validation without proof records is a server that does not pass them; with them, a
/// forgery. libunbound calls both bogus.
DnssecProbe::Outcome outcome_of(int error, const ub_result* result) {
  using Outcome = DnssecProbe::Outcome;
  if (error != 0 || result == nullptr) return Outcome::silent;
  if (result->bogus == 0 && result->rcode != 0 && result->nxdomain == 0) return Outcome::silent;
  if (result->secure != 0) return Outcome::secure;
  const std::string_view packet(static_cast<const char*>(result->answer_packet),
                                static_cast<std::size_t>(result->answer_len));
  for (const ProbeQuestion& probe : probes)
    if (probe.type == result->qtype && has_record(packet, probe.proof)) return Outcome::bogus;
  return Outcome::insecure;
}

}  // namespace

Result<std::shared_ptr<UnboundContext>> UnboundContext::open(const asio::any_io_executor& executor,
                                                             const UnboundContextOptions& options) {
  auto context = std::make_shared<UnboundContext>(executor, options.lookups);
  if (Result<void> done = context->set_up(options); !done)
    return tl::unexpected<Error>(std::move(done.error()));
  return context;
}

UnboundContext::~UnboundContext() {
  if (descriptor_.is_open()) descriptor_.release();  // libunbound closes its pipe itself
  if (context_ != nullptr) ub_ctx_delete(context_);  // pending queries get no callback
}

Result<void> UnboundContext::set(const char* option, const std::string& value) {
  const int error = ub_ctx_set_option(context_, option, value.c_str());
  if (error == 0) return {};
  return fail(Fault::permanent,
              fmt::format("resolver option {} {}: {}", option, value, ub_strerror(error)));
}

Result<void> UnboundContext::set_up(const UnboundContextOptions& options) {
  context_ = ub_ctx_create();
  if (context_ == nullptr) return fail(Fault::permanent, "the resolver cannot be created");
  // Not on standard error: a command without network (the sandbox of `postern test`) would print a
  // line for each socket. Failed lookups are results, and the gateway logs those.
  ub_ctx_debugout(context_, nullptr);
  ub_ctx_debuglevel(context_, 0);
  const std::pair<const char*, std::string> settings[] = {
      // Otherwise a name server on the loopback, such as a local cache, would not be queried.
      {"do-not-query-localhost:", "no"},
      {"msg-cache-size:", fmt::format("{}", options.message_cache_bytes)},
      {"rrset-cache-size:", fmt::format("{}", options.record_cache_bytes)},
      // A name whose servers are silent must not mark the forwarder as dead for other names.
      {"infra-host-ttl:", "0"},
      // Each lookup has its own socket, instead of waiting for one of a few; further ones wait in
      // their client's share. Lookups are given up early, because callers wait at most dns.timeout.
      {"outgoing-range:", fmt::format("{}", 2 * options.lookups)},
      {"num-queries-per-thread:", fmt::format("{}", 4 * options.lookups)},
      {"infra-cache-max-rtt:", "2000"},
      // Records in the order of the answer, on which check_*_mx_access depends. The relay
      // shuffles hosts of equal preference itself (RFC 5321 §5.1).
      {"rrset-roundrobin:", "no"},
      {"use-syslog:", "no"},
  };
  for (const auto& [option, value] : settings)
    if (Result<void> done = set(option, value); !done) return done;
  // Everything up to the zones must precede the first use of the context.
  if (!options.trust_anchor_file.empty()) {
    if (const int error = ub_ctx_add_ta_file(context_, options.trust_anchor_file.c_str());
        error != 0) {
      return fail(Fault::permanent, fmt::format("trust anchor {}: {}", options.trust_anchor_file,
                                                ub_strerror(error)));
    }
    for (const char* top : private_tops)
      if (Result<void> done = set("domain-insecure:", top); !done) return done;
  }
  for (const std::string& server : options.servers) {
    if (const int error = ub_ctx_set_fwd(context_, server.c_str()); error != 0)
      return fail(Fault::permanent, fmt::format("name server {}: {}", server, ub_strerror(error)));
  }
  if (const int error = ub_ctx_async(context_, 1); error != 0)  // a thread, not a process
    return fail(Fault::permanent, fmt::format("the resolver's thread: {}", ub_strerror(error)));
  for (const std::string& zone : built_in_zones())
    if (const int error = ub_ctx_zone_remove(context_, zone.c_str()); error != 0)
      return fail(Fault::permanent,
                  fmt::format("the resolver cannot start: {}", ub_strerror(error)));
  // The first query creates the library's event loop; without a free descriptor that ends the
  // process. So it is made now, for a name that needs no server, and not when mail arrives.
  constexpr const char* own_name = "start.postern.invalid.";
  if (const int error = ub_ctx_zone_add(context_, own_name, "static"); error != 0)
    return fail(Fault::permanent, fmt::format("the resolver cannot start: {}", ub_strerror(error)));
  if (const int begun = ub_resolve_async(
          context_, own_name, 1, 1, nullptr,
          [](void*, int, ub_result* result) { ub_resolve_free(result); }, nullptr);
      begun != 0 || ub_wait(context_) != 0) {
    if (!options.trust_anchor_file.empty())
      return fail(Fault::permanent,
                  fmt::format("the trust anchor {} cannot be used", options.trust_anchor_file));
    return fail(Fault::permanent, "the resolver's thread cannot start");
  }
  boost::system::error_code error;
  descriptor_.assign(ub_fd(context_), error);
  if (error) return fail(Fault::permanent, "the resolver's pipe: " + error.message());
  return {};
}

void UnboundContext::listen() {
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [weak = weak_from_this()](const boost::system::error_code& error) {
                           const auto self = std::static_pointer_cast<UnboundContext>(weak.lock());
                           if (error || !self) return;
                           ub_process(self->context_);
                           self->listen();
                         });
}

bool UnboundContext::begin(const Query& query) {
  const std::string name = presentation_of(query.question.name);
  const std::lock_guard lock(mutex_);
  return ub_resolve_async(context_, name.c_str(), static_cast<int>(query.question.type), 1,
                          const_cast<Query*>(&query), &UnboundContext::on_result, nullptr) == 0;
}

void UnboundContext::on_result(void* data, int error, ub_result* result) noexcept {
  const Query& query = *static_cast<const Query*>(data);
  dns::Answer answer = made_by([&]() -> dns::Answer {
    if (error == 0 && result != nullptr) return answer_of(*result, query.question);
    // Such a name (an empty or overlong label) cannot be in a question, so it does not exist.
    if (error == UB_SYNTAX) return {.status = dns::Status::nx_domain};
    return {.status = dns::Status::server_failure};
  });
  ub_resolve_free(result);
  static_cast<UnboundContext*>(query.backend)->finish(query.key, std::move(answer));
}

bool UnboundContext::begin_probe() {
  const std::lock_guard lock(mutex_);
  for (const ProbeQuestion& probe : probes) {
    if (ub_resolve_async(context_, probe.name, probe.type, 1, this, &UnboundContext::on_probe,
                         nullptr) != 0)
      return false;
    ++unanswered_;
  }
  return true;
}

void UnboundContext::on_probe(void* data, int error, ub_result* result) noexcept {
  auto* const self = static_cast<UnboundContext*>(data);
  DnssecProbe probe;
  try {
    const auto outcome = outcome_of(error, result);
    if (result != nullptr && result->why_bogus != nullptr) probe.why = result->why_bogus;
    probe.outcome = outcome;
  } catch (const std::bad_alloc&) {
    probe.outcome = DnssecProbe::Outcome::silent;
  }
  ub_resolve_free(result);
  const std::lock_guard lock(self->mutex_);
  --self->unanswered_;
  if (probe.outcome > self->probe_.outcome) self->probe_ = std::move(probe);
}

std::optional<DnssecProbe> UnboundContext::probed() {
  ub_process(context_);
  const std::lock_guard lock(mutex_);
  return unanswered_ == 0 ? std::optional(probe_) : std::nullopt;
}

}  // namespace postern::net
