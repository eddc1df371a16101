// What a service manager such as systemd passes to a service, and what it is told: sockets
// (sd_listen_fds(3)), states (sd_notify(3)) and signs of life (sd_watchdog_enabled(3)). Why without
// libsystemd: docs/decisions/0068-service-manager.md.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "config/config.h"

namespace postern::app {

/// A listening TCP socket that the service manager opened. It stays open as long as the process.
struct PassedSocket {
  std::string name;     ///< FileDescriptorName= of the socket unit
  int descriptor = -1;  ///< owned by the process
  Endpoint address;     ///< where it listens
};

/// The sockets that LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES pass to this process; `first` is the
/// number of the first descriptor. Programs that this process starts do not inherit them.
/// Fault::malformed: the variables contradict each other, or something that listens for no TCP was
/// passed.
Result<std::vector<PassedSocket>> passed_sockets(int first = 3);

/// Gives each listener, and the API, with `systemd:NAME` the address of its socket. One name may
/// have several sockets; then it is that of the widest one.
void take_addresses(const std::vector<PassedSocket>& sockets, Config& config);

/// Whether each listener, and the API, with `systemd:NAME` has a socket, and each socket one of
/// them. Fault::not_found names the first that has none.
Result<void> match_sockets(const std::vector<PassedSocket>& sockets, const Config& config);

/// The descriptors of the sockets with this name.
std::vector<int> descriptors_of(const std::vector<PassedSocket>& sockets, std::string_view name);

/// Sends assignments, separated by line feeds, to the service manager (sd_notify(3)); does nothing
/// without one. Blocks while the manager's queue is full. Any thread.
void tell_manager(std::string_view assignments);
/// The assignments at the begin of a reload, with the time that `Type=notify-reload` needs.
std::string reloading_state();
/// How often WATCHDOG=1 must be sent (a third of WATCHDOG_USEC); nullopt: it is not expected.
std::optional<std::chrono::microseconds> watchdog_interval();

/// Sends WATCHDOG=1 and STATUS= as long as all event loops turn. Thread "heartbeat".
class Heartbeat {
 public:
  /// Posts to every event loop a handler that owns a copy of the pointer.
  using AskLoops = std::function<void(const std::shared_ptr<const void>&)>;

  /// Null without a service manager. Both functions are called on the heartbeat's thread until the
  /// destructor returns, and must not wait: they are not called again before they return.
  /// `status`: one line for people.
  static std::unique_ptr<Heartbeat> start(AskLoops ask_loops, std::function<std::string()> status);
  /// Ends the thread.
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  struct State;
  explicit Heartbeat(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Whether every event loop has run a handler within `limit`. Blocks.
bool loops_turn(const Heartbeat::AskLoops& ask_loops, std::chrono::milliseconds limit);

}  // namespace postern::app
