// The look-ups under way at one backend: who waits for them, and how many each client may have.
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

class Lookups : public std::enable_shared_from_this<Lookups> {
 public:
  /// `places`: look-ups under way at a time (net/lookup_shares.h).
  explicit Lookups(std::size_t places) : shares_(places) {}
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;
  virtual ~Lookups() = default;

  /// Resumes the caller on its own executor, which must run on one thread at a time. `limit`
  /// includes the wait for a place. A backend that is destroyed meanwhile is Status::timeout.
  static Task<dns::Answer> lookup(std::weak_ptr<Lookups> backend, std::string client,
                                  dns::Question question, std::chrono::milliseconds limit);

  /// Asks what shows whether answers can be proved, once; false when the backend will not even try.
  /// From then on probed() says what came of it, or nothing yet; it never waits.
  virtual bool begin_probe() = 0;
  virtual std::optional<DnssecProbe> probed() = 0;
  /// From here on answers arrive. On the thread of the backend's loop, or while it does not run.
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

  /// Starts a look-up, which ends by finish(), on any thread, and lives until then. False: it
  /// cannot start.
  virtual bool begin(const Query& query) = 0;
  /// Without memory to hand it over nobody is told: who waits does so for a limited time.
  void finish(std::uint64_t key, dns::Answer answer) noexcept;
  /// What `make` makes, for the callbacks of C libraries, which no exception may leave: without
  /// memory Status::server_failure.
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
  /// Under the lock.
  std::optional<Query> take(std::uint64_t key);
  static void call_up(LookupShares::Waiting* next);

  std::mutex mutex_;  ///< guards the three below
  LookupShares shares_;
  std::uint64_t next_key_ = 1;
  std::unordered_map<std::uint64_t, Query> queries_;
};

}  // namespace postern::net
