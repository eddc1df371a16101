// The DNS resolver of the process: caching libunbound contexts shared by all event loops, with
// DNSSEC validation if possible.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/error.h"
#include "dns/resolver.h"
#include "net/dnssec.h"

namespace postern::net {

/// Options of the resolver.
struct UnboundOptions {
  /// Forwarders: `address`, `address:port` or `[v6 address]:port`. Empty: those of `resolv_conf`;
  /// if that has none, the root servers.
  std::vector<std::string> servers;
  /// See resolv.conf(5).
  std::string resolv_conf = "/etc/resolv.conf";
  /// The configured mode.
  Dnssec dnssec = Dnssec::automatic;
  std::string trust_anchor_file;  ///< for the root (RFC 4033 §3.1); empty: none
  /// Octets.
  std::size_t message_cache_bytes = 64u << 20;
  /// Octets.
  std::size_t record_cache_bytes = 128u << 20;
  /// The limit of concurrent lookups (net/lookup_shares.h). A name without answer uses a place for
  /// about 8 s.
  std::size_t lookups = 512;
  /// How long open() waits for the result of the first probe.
  std::chrono::milliseconds probe_wait{2000};
  /// The interval of probes.
  std::chrono::milliseconds probe_every{std::chrono::hours(1)};
  /// The interval after a probe without answer or with a worse result.
  std::chrono::milliseconds probe_again{std::chrono::minutes(1)};
  /// Called on the resolver's loop when dnssec() or the trust anchor has changed since open().
  std::function<void(const DnssecState&)> on_change = {};
};

/// The name servers in use: `options.servers`, otherwise those of `options.resolv_conf`; empty: the
/// root servers. Fault::malformed: an entry of `options.servers` cannot be parsed; the message
/// names it.
Result<std::vector<std::string>> name_servers(const UnboundOptions& options);

/// Resumes callers on their own executors, which must run on one thread at a time (a
/// single-threaded io_context, or a strand). Results are read on `executor`'s loop, so it must run;
/// waits are pending there during the resolver's lifetime. Destroy the resolver when no loop runs
/// any more.
class UnboundResolver final : public dns::Resolver {
 public:
  /// Blocks for at most `options.probe_wait`; DNSSEC is off until the first result.
  /// Fault::malformed: a server cannot be parsed; the message names it. Fault::permanent: another
  /// bad option, or an error of libunbound.
  static Result<std::unique_ptr<UnboundResolver>> open(boost::asio::any_io_executor executor,
                                                       UnboundOptions options);
  ~UnboundResolver() override;

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    return lookup_for("", std::move(question), limit);
  }
  /// `limit` includes the wait for a place in the client's share (net/lookup_shares.h). libunbound
  /// continues a lookup after its caller has timed out; its place is in use until then.
  Task<dns::Answer> lookup_for(std::string client, dns::Question question,
                               std::chrono::milliseconds limit) override;
  /// The current DNSSEC state. Thread-safe.
  DnssecState dnssec() const;

  /// Defined in the .cc file.
  class State;

 private:
  explicit UnboundResolver(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace postern::net
