// A resolver that trusts its name servers to validate: their AD bit decides whether an answer is
// secure (RFC 4035 §4.9.3, RFC 6840 §5.7). libunbound does not expose that bit.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "net/lookups.h"

struct ares_channeldata;

namespace postern::net {

/// Queries by c-ares on a thread of its own, which runs from open() on. Thread-safe.
class AdClient final : public Lookups {
 public:
  /// `streams`: TCP only. c-ares keeps a UDP port as long as queries are pending, so an off-path
  /// attacker could guess it and forge an answer (RFC 5452 §9.2).
  enum class Transport : bool { any, streams };
  /// `servers`: `192.0.2.53:53` or `[2001:db8::53]:53`, at least one, queried in this order.
  /// `lookups`: the limit of concurrent queries. Fault::permanent: c-ares or the system refuses.
  static Result<std::shared_ptr<AdClient>> open(const std::vector<std::string>& servers,
                                                std::size_t lookups, Transport transport);
  /// Use open().
  explicit AdClient(std::size_t lookups) : Lookups(lookups) {}
  ~AdClient() override;

  void listen() override {}
  bool begin_probe() override;
  std::optional<DnssecProbe> probed() override;

 private:
  struct Job {
    AdClient* client = nullptr;
    std::uint64_t key = 0;  ///< key of the query; 0: the probe
    dns::Question question;
  };

  bool begin(const Query& query) override;
  void hand_over(Job job);
  void run();
  bool turn();
  void send(const Job& job);
  void end(const Job& job, dns::Answer answer) noexcept;
  static void on_socket(void* client, int socket, int readable, int writable) noexcept;
  static void on_answer(void* job, int status, int timeouts, unsigned char* packet,
                        int length) noexcept;

  ares_channeldata* channel_ = nullptr;  ///< used by the thread only
  std::map<int, short> watched_;  ///< used by the thread only: sockets and their events for poll(2)
  int wake_ = -1;
  std::mutex mutex_;  ///< guards the next three
  std::vector<Job> jobs_;
  bool stopping_ = false;
  std::optional<DnssecProbe> probe_;
  std::thread thread_;
};

}  // namespace postern::net
