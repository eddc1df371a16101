// One libunbound context: its cache, its thread and its name servers.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/error.h"
#include "net/lookups.h"

struct ub_ctx;
struct ub_result;

namespace postern::net {

/// Options of one context.
struct UnboundContextOptions {
  std::vector<std::string> servers;  ///< in libunbound's syntax; empty: the root servers
  std::string trust_anchor_file;     ///< empty: no validation
  /// Octets.
  std::size_t message_cache_bytes = 0;
  /// Octets.
  std::size_t record_cache_bytes = 0;
  /// The limit of concurrent lookups.
  std::size_t lookups = 0;
};

/// After listen(), results are read on `executor`'s loop, where one wait is always pending.
class UnboundContext final : public Lookups {
 public:
  /// Sends no queries. Fault::permanent: libunbound refuses; the message is its own.
  static Result<std::shared_ptr<UnboundContext>> open(const boost::asio::any_io_executor& executor,
                                                      const UnboundContextOptions& options);
  /// Use open().
  UnboundContext(const boost::asio::any_io_executor& executor, std::size_t lookups)
      : Lookups(lookups), descriptor_(executor) {}
  ~UnboundContext() override;

  void listen() override;
  bool begin_probe() override;
  std::optional<DnssecProbe> probed() override;

 private:
  Result<void> set_up(const UnboundContextOptions& options);
  Result<void> set(const char* option, const std::string& value);
  bool begin(const Query& query) override;
  static void on_result(void* query, int error, ub_result* result) noexcept;
  static void on_probe(void* context, int error, ub_result* result) noexcept;

  ub_ctx* context_ = nullptr;
  boost::asio::posix::stream_descriptor descriptor_;
  std::mutex mutex_;  ///< serializes queries to libunbound; guards the next two
  DnssecProbe probe_{.outcome = DnssecProbe::Outcome::secure};  ///< of the answers so far
  int unanswered_ = 0;                                          ///< probe queries
};

}  // namespace postern::net
