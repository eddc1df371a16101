// The event loops and listeners of the process: accepts connections, checks deadlines, drains
// sessions.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/error.h"
#include "base/ip.h"
#include "gateway/connection.h"

namespace postern::gateway {

/// The event loops with their threads. A session stays on the loop that accepted it. Its owner's
/// thread calls everything but replace_settings(), sessions() and loop().
class Server {
 public:
  /// An address to listen on.
  struct Address {
    IpAddress ip;
    std::uint16_t port = 0;  ///< 0: the system picks one
  };

  /// `loops`: number of threads; at least one runs. `services` and `admission` outlive the Server.
  Server(std::size_t loops, Services& services, Admission& admission);
  ~Server();

  /// Opens the address on every loop (SO_REUSEPORT); before start(). Returns the port, which the
  /// system picks for port 0. Fault::conflict if the address is in use, Fault::denied if the system
  /// forbids it, Fault::permanent for other errors.
  Result<std::uint16_t> listen(const Address& address,
                               std::shared_ptr<const ListenerSettings> settings);
  /// Accepts connections of listening TCP sockets that others opened and keep open; before start().
  /// Every loop accepts from each. Fault::permanent: a descriptor is none of such a socket.
  Result<void> listen(std::span<const int> sockets,
                      std::shared_ptr<const ListenerSettings> settings);
  /// New sessions of listener `index`, in the order of listen(), use these settings. Any thread.
  void replace_settings(std::size_t index, std::shared_ptr<const ListenerSettings> settings);

  /// Starts the threads.
  void start();
  /// Accepts no more connections and ends idle sessions with 421. Does not wait.
  void close();
  /// Calls close() and waits until the sessions have ended, for `limit` at most; then it ends them
  /// with 421. Returns the number of sessions that it ended. Blocks.
  std::size_t drain(std::chrono::milliseconds limit);
  /// Stops the event loops and joins their threads. Sessions keep their state until clear().
  void halt();
  /// Destroys the remaining sessions. No other thread may post to the loops any more.
  void clear();
  /// Open sessions now. Any thread.
  std::size_t sessions() const { return sessions_.load(); }
  /// The loop of thread `index`; lives as long as the Server.
  boost::asio::io_context& loop(std::size_t index);
  /// Number of loops.
  std::size_t loops() const { return workers_.size(); }

 private:
  struct Worker;
  struct Listener {
    std::shared_ptr<const ListenerSettings> settings;
    std::unique_ptr<std::atomic<std::size_t>> sessions =
        std::make_unique<std::atomic<std::size_t>>(0);
  };

  Task<void> accept(Worker& worker, std::size_t listener,
                    std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor);
  Task<void> accept_until_closed(Worker& worker, std::size_t listener,
                                 std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor);
  Task<void> sweep(Worker& worker);
  Task<void> serve(Worker& worker, std::size_t listener, std::unique_ptr<Connection> connection);
  std::shared_ptr<const ListenerSettings> settings(std::size_t listener,
                                                   const boost::asio::ip::tcp::socket& socket);
  /// Blocks until there is no session or until `end`.
  void wait_until(std::chrono::steady_clock::time_point end) const;
  void return_memory();
  void out_of_descriptors(boost::asio::ip::tcp::acceptor& acceptor);
  Result<std::shared_ptr<boost::asio::ip::tcp::acceptor>> open(Worker& worker, const Address& at);
  void accept_from(Worker& worker, std::size_t listener,
                   std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor);

  Services& services_;
  Admission& admission_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;  ///< guards the settings in listeners_, and spare_descriptor_
  std::vector<Listener> listeners_;
  std::atomic<std::size_t> sessions_{0};
  std::atomic<std::size_t> accepting_{0};  ///< coroutines that accept
  std::atomic<std::uint64_t> accepted_{0};
  std::uint64_t accepted_seen_ = 0;  ///< used by the first loop only, as are the next members
  std::uint64_t accepted_trimmed_ = 0;
  std::uint64_t most_charged_ = 0;  ///< since the heap was last trimmed
  unsigned quiet_sweeps_ = 0;
  unsigned sweeps_since_trim_ = 0;
  int spare_descriptor_ = -1;
};

}  // namespace postern::gateway
