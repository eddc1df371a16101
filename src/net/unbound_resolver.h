// The one DNS resolver of the process: a caching libunbound context shared by every event loop,
// which validates where it can.
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

struct UnboundOptions {
  /// Name servers to forward to: `address`, `address:port` or `[v6 address]:port`. Empty: those of
  /// `resolv_conf`; when that file names none, the root servers are asked.
  std::vector<std::string> servers;
  std::string resolv_conf = "/etc/resolv.conf";
  Dnssec dnssec = Dnssec::automatic;
  std::string trust_anchor_file;  ///< of the root (RFC 4033 §3.1); empty: none
  std::size_t message_cache_bytes = 64u << 20;
  std::size_t record_cache_bytes = 128u << 20;
  /// Look-ups under way at a time (net/lookup_shares.h). A silent name takes a place for about 8 s.
  std::size_t lookups = 512;
  /// How long open() waits to learn what the name servers can do.
  std::chrono::milliseconds probe_wait{2000};
  std::chrono::milliseconds probe_every{std::chrono::hours(1)};
  /// When nothing answered, or what did proves less than before.
  std::chrono::milliseconds probe_again{std::chrono::minutes(1)};
  /// Called on the resolver's loop when what dnssec() says has changed since open(), or the trust
  /// anchor has.
  std::function<void(const DnssecState&)> on_change = {};
};

/// The servers that are asked: `options.servers`, else those of `options.resolv_conf` (resolv.conf
/// (5)); empty: the root servers. Fault::malformed names the one of `options.servers` that cannot
/// be read.
Result<std::vector<std::string>> name_servers(const UnboundOptions& options);

/// Callers are resumed on their own executor, which must run on one thread at a time (an io_context
/// of one thread, or a strand). Results are read on `executor`'s loop, so that loop must run; it
/// keeps waits pending there for as long as the resolver lives. Destroy it when no loop runs any
/// more.
class UnboundResolver final : public dns::Resolver {
 public:
  /// Takes `options.probe_wait` at most; what is not known by then is off, until it is.
  /// Fault::malformed names the server that cannot be read; Fault::permanent says what else is
  /// wrong with the options, or is libunbound's word.
  static Result<std::unique_ptr<UnboundResolver>> open(boost::asio::any_io_executor executor,
                                                       UnboundOptions options);
  ~UnboundResolver() override;

  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds limit) override {
    return lookup_for("", std::move(question), limit);
  }
  /// `limit` includes the wait for a place of the client's (net/lookup_shares.h). libunbound goes
  /// on with a look-up that nobody waits for any more: its place is taken until then.
  Task<dns::Answer> lookup_for(std::string client, dns::Question question,
                               std::chrono::milliseconds limit) override;
  /// From any thread.
  DnssecState dnssec() const;

  /// What answers and what it proves; defined in the .cc.
  class State;

 private:
  explicit UnboundResolver(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace postern::net
