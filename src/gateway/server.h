// All event loops and listeners of the process: accepts connections, sweeps deadlines, drains.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/error.h"
#include "base/ip.h"
#include "gateway/connection.h"

namespace postern::gateway {

/// One event loop with its thread. Sessions never leave the loop that accepted them.
class Server {
 public:
  struct Address {
    IpAddress ip;
    std::uint16_t port = 0;
  };

  /// `loops`: number of threads, at least one. Services and Admission outlive the Server.
  Server(std::size_t loops, Services& services, Admission& admission);
  ~Server();

  /// Opens the address on every loop (SO_REUSEPORT). Port 0 picks one; the answer says which.
  /// Fault::conflict when it is in use, Fault::denied when the system forbids it.
  Result<std::uint16_t> listen(const Address& address,
                               std::shared_ptr<const ListenerSettings> settings);
  /// New sessions of listener `index` (in the order of listen()) follow these settings.
  void replace_settings(std::size_t index, std::shared_ptr<const ListenerSettings> settings);

  void start();
  /// Accepts nothing more and tells idle sessions 421.
  void close();
  /// close(), and waits until the rest are done, `limit` at most; then cuts them. Returns how many
  /// were cut.
  std::size_t drain(std::chrono::milliseconds limit);
  /// Stops the event loops and ends their threads; sessions stay as they are until clear().
  void halt();
  /// Destroys the sessions that are left; nobody completes anything on the loops any more.
  void clear();
  /// Sessions open now.
  std::size_t sessions() const { return sessions_.load(); }
  boost::asio::io_context& loop(std::size_t index);
  std::size_t loops() const { return workers_.size(); }

 private:
  struct Worker;
  struct Listener {
    Address address;
    std::shared_ptr<const ListenerSettings> settings;
    std::unique_ptr<std::atomic<std::size_t>> sessions =
        std::make_unique<std::atomic<std::size_t>>(0);
  };

  Task<void> accept(Worker& worker, std::size_t listener,
                    std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor);
  Task<void> sweep(Worker& worker);
  Task<void> serve(Worker& worker, std::size_t listener, std::unique_ptr<Connection> connection);
  std::shared_ptr<const ListenerSettings> settings(std::size_t listener,
                                                   const boost::asio::ip::tcp::socket& socket);
  /// Until there is no session, or `end`.
  void wait_until(std::chrono::steady_clock::time_point end) const;
  void return_memory();
  void out_of_descriptors(boost::asio::ip::tcp::acceptor& acceptor);
  Result<std::shared_ptr<boost::asio::ip::tcp::acceptor>> open(Worker& worker, const Address& at);

  Services& services_;
  Admission& admission_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;  ///< listeners_' settings, spare_descriptor_
  std::vector<Listener> listeners_;
  std::atomic<std::size_t> sessions_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::uint64_t accepted_seen_ = 0;  ///< the first loop's, as are the next
  std::uint64_t accepted_trimmed_ = 0;
  std::uint64_t most_charged_ = 0;  ///< since memory was given back
  unsigned quiet_sweeps_ = 0;
  unsigned sweeps_since_trim_ = 0;
  int spare_descriptor_ = -1;
};

}  // namespace postern::gateway
