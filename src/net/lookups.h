// The pending lookups of one backend: their waiters, and the share of each client.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>

#include "base/task.h"
#include "dns/resolver.h"
#include "net/dnssec.h"
#include "net/lookup_shares.h"

namespace postern::net {

/// The base of the DNS backends. Thread-safe unless stated otherwise.
class Lookups : public std::enable_shared_from_this<Lookups> {
 public:
  /// `places`: the limit of concurrent lookups (net/lookup_shares.h).
  explicit Lookups(std::size_t places) : shares_(places) {}
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;
  virtual ~Lookups() = default;

  /// Resumes the caller on its own executor, which must run on one thread at a time. `limit`
  /// includes the wait for a place. Status::timeout also if the backend is destroyed meanwhile.
  static Task<dns::Answer> lookup(std::weak_ptr<Lookups> backend, std::string client,
                                  dns::Question question, std::chrono::milliseconds limit);

  /// Starts the queries that show whether answers can be validated; call once. False: they cannot
  /// start. Afterwards probed() gives the result, or nullopt while it is pending; it never blocks.
  virtual bool begin_probe() = 0;
  /// See begin_probe().
  virtual std::optional<DnssecProbe> probed() = 0;
  /// Starts to receive answers. Call it on the thread of the backend's loop, or before the loop
  /// runs.
  virtual void listen() = 0;

 protected:
  struct Waiter;
  struct Query {
    Lookups* backend = nullptr;
    std::uint64_t key = 0;
    dns::Question question;
    std::string client;
    std::weak_ptr<Waiter> waiter;
    boost::asio::any_io_executor executor;
  };

  /// Starts a lookup, which finish() ends on any thread; `query` is valid until then. False: it
  /// cannot start.
  virtual bool begin(const Query& query) = 0;
  /// Ends a lookup. If there is no memory to pass the answer on, the waiter gets its time-out.
  void finish(std::uint64_t key, dns::Answer answer) noexcept;
  /// The result of `make()`, for callbacks of C libraries, which must not throw.
  /// Status::server_failure: it threw.
  template <class Make>
  static dns::Answer made_by(Make make) noexcept {
    try {
      return make();
    } catch (...) {
      return {.status = dns::Status::server_failure};
    }
  }

 private:
  bool take_place(Waiter& waiter);
  bool has_place(const Waiter& waiter);
  void leave(Waiter& waiter);
  bool start(const dns::Question& question, const std::shared_ptr<Waiter>& waiter);
  /// Requires the lock.
  std::optional<Query> take(std::uint64_t key);
  static void call_up(LookupShares::Waiting* next);

  std::mutex mutex_;  ///< guards the next three
  LookupShares shares_;
  std::uint64_t next_key_ = 1;
  std::unordered_map<std::uint64_t, Query> queries_;
};

}  // namespace postern::net
