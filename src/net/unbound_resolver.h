// The one DNS resolver of the process: a validating, caching libunbound context shared by every
// event loop.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/error.h"
#include "dns/resolver.h"

namespace postern::net {

struct UnboundOptions {
  /// Name servers to forward to: `address`, `address:port` or `[v6 address]:port`. Empty: those of
  /// `resolv_conf`; when that file names none, the context asks the root servers itself.
  std::vector<std::string> servers;
  std::string resolv_conf = "/etc/resolv.conf";
  /// Root trust anchor (RFC 4033 §3.1), used when the file is there and the context asks the root
  /// servers itself. Behind a forwarder answers are as trustworthy as the forwarder, and one that
  /// strips signatures would make every name bogus.
  std::string trust_anchor_file;
  std::size_t message_cache_bytes = 64u << 20;
  std::size_t record_cache_bytes = 128u << 20;
  /// Look-ups under way at a time (net/lookup_shares.h). A silent name takes a place for about 8 s.
  std::size_t lookups = 512;
};

/// Callers are resumed on their own executor, which must run on one thread at a time (an io_context
/// of one thread, or a strand). Results are read on `executor`'s loop, so that loop must run; it
/// keeps one wait pending there for as long as the resolver lives. Destroy it when no loop runs any
/// more.
class UnboundResolver final : public dns::Resolver {
 public:
  /// Fault::malformed names the server that cannot be read; Fault::permanent is libunbound's word.
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

  /// What libunbound works with; defined in the .cc.
  class Context;

 private:
  explicit UnboundResolver(std::shared_ptr<Context> context);
  std::shared_ptr<Context> context_;
};

}  // namespace postern::net
