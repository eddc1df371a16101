// Asks name servers that are trusted to validate: their AD bit says whether an answer is secure
// (RFC 4035 §4.9.3, RFC 6840 §5.7). libunbound does not hand that bit on.
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

/// Has a thread of its own, which listens from the start.
class AdClient final : public Lookups {
 public:
  /// `streams`: over TCP alone. c-ares keeps a UDP port for as long as anything is under way, so
  /// that who is not on the way could guess it and forge an answer (RFC 5452 §9.2).
  enum class Transport : bool { any, streams };
  /// `servers`: `192.0.2.53:53` or `[2001:db8::53]:53`, at least one, asked in this order.
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
    std::uint64_t key = 0;  ///< 0: the probe
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

  ares_channeldata* channel_ = nullptr;  ///< touched on the thread alone
  std::map<int, short> watched_;         ///< likewise: sockets, and what poll(2) shall watch there
  int wake_ = -1;
  std::mutex mutex_;  ///< guards the three below
  std::vector<Job> jobs_;
  bool stopping_ = false;
  std::optional<DnssecProbe> probe_;
  std::thread thread_;
};

}  // namespace postern::net
