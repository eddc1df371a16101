// One context of libunbound: its cache, its thread, and the name servers that it asks.
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

struct UnboundContextOptions {
  std::vector<std::string> servers;  ///< in libunbound's spelling; empty: the root servers
  std::string trust_anchor_file;     ///< empty: nothing is validated
  std::size_t message_cache_bytes = 0;
  std::size_t record_cache_bytes = 0;
  std::size_t lookups = 0;
};

/// Results are read on `executor`'s loop once listen() was called; it keeps one wait pending there.
class UnboundContext final : public Lookups {
 public:
  /// Asks nothing of the network. Fault::permanent is libunbound's word.
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
  std::mutex mutex_;  ///< one question is handed over at a time; guards the two below
  DnssecProbe probe_{.outcome = DnssecProbe::Outcome::secure};  ///< so far
  int unanswered_ = 0;                                          ///< of its questions
};

}  // namespace postern::net
