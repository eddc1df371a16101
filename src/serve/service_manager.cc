#include "serve/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "base/thread.h"
#include "telemetry/log.h"

namespace postern::app {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// Without a watchdog, for STATUS= alone.
constexpr std::chrono::seconds between_states{10};
constexpr int most_sockets = 64;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

/// Whether the variable names this process, as LISTEN_PID and WATCHDOG_PID do.
bool names_this_process(std::string_view pid) {
  return parse_number(pid) == static_cast<std::uint64_t>(::getpid());
}

std::optional<Endpoint> local_address(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return std::nullopt;
  }
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    return Endpoint{IpAddress::v4(ntohl(v4->sin_addr.s_addr)), ntohs(v4->sin_port)};
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
  std::array<std::uint8_t, 16> octets{};
  std::memcpy(octets.data(), &v6->sin6_addr, octets.size());
  return Endpoint{IpAddress::v6(octets), ntohs(v6->sin6_port)};
}

/// Where a TCP socket listens; nullopt: it is none, or does not listen.
std::optional<Endpoint> listening_address(int descriptor) {
  int type = 0;
  int listens = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) != 0) return std::nullopt;
  length = sizeof listens;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0) {
    return std::nullopt;
  }
  if (type != SOCK_STREAM || listens == 0) return std::nullopt;
  return local_address(descriptor);
}

bool is_any_v6(const Endpoint& endpoint) { return endpoint.address == IpAddress::v6({}); }

}  // namespace

Result<std::vector<PassedSocket>> passed_sockets(int first) {
  std::vector<PassedSocket> found;
  const std::string_view count_text = variable("LISTEN_FDS");
  if (count_text.empty() || !names_this_process(variable("LISTEN_PID"))) return found;
  const auto count = parse_number(count_text);
  if (!count || *count > most_sockets) {
    return fail(Fault::malformed, fmt::format("LISTEN_FDS is `{}`", printable(count_text, 64)));
  }
  std::vector<std::string_view> names;
  if (const std::string_view list = variable("LISTEN_FDNAMES"); !list.empty()) {
    for (const std::string_view name : split(list, ':')) names.push_back(name);
  }
  if (!names.empty() && names.size() != *count) {
    return fail(Fault::malformed, fmt::format("LISTEN_FDS is {}, and LISTEN_FDNAMES has {} names",
                                              *count, names.size()));
  }
  for (std::size_t i = 0; i < *count; ++i) {
    PassedSocket socket;
    socket.name = names.empty() ? "unknown" : std::string(names[i]);  // as systemd has it
    socket.descriptor = first + static_cast<int>(i);
    const auto address = listening_address(socket.descriptor);
    if (!address) {
      return fail(Fault::malformed,
                  fmt::format("`{}` of the socket unit is no TCP socket that listens: it needs "
                              "ListenStream= with an address and port, and no Accept=",
                              printable(socket.name, 64)));
    }
    socket.address = *address;
    ::fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC);
    found.push_back(std::move(socket));
  }
  return found;
}

void take_addresses(const std::vector<PassedSocket>& sockets, Config& config) {
  const auto take = [&](Endpoint& address) {
    const std::string name = address.passed;
    if (name.empty()) return;
    const PassedSocket* widest = nullptr;
    for (const PassedSocket& socket : sockets) {
      if (socket.name != name) continue;
      if (widest == nullptr || is_any_v6(socket.address)) widest = &socket;
    }
    if (widest == nullptr) return;
    address = widest->address;
    address.passed = name;
  };
  for (ListenerConfig& listener : config.listeners) take(listener.address);
  take(config.api.address);
}

Result<void> match_sockets(const std::vector<PassedSocket>& sockets, const Config& config) {
  std::vector<std::string> passed;
  for (const PassedSocket& socket : sockets) {
    if (std::ranges::find(passed, socket.name) == passed.end()) passed.push_back(socket.name);
  }
  std::vector<std::string> wanted;
  const auto has_socket = [&](const Endpoint& address, std::string_view who) -> Result<void> {
    const std::string& name = address.passed;
    if (name.empty()) return {};
    wanted.push_back(name);
    if (std::ranges::find(passed, name) != passed.end()) return {};
    return fail(
        Fault::not_found,
        fmt::format("{}: no socket `{}` was passed ({})", who, name,
                    passed.empty()
                        ? std::string("none was")
                        : fmt::format("there are: {}",
                                      printable(fmt::format("{}", fmt::join(passed, ", "))))));
  };
  for (const ListenerConfig& listener : config.listeners) {
    Result<void> has = has_socket(listener.address, fmt::format("listener `{}`", listener.name));
    if (!has) return has;
  }
  if (Result<void> has = has_socket(config.api.address, "[api]"); !has) return has;
  for (const std::string& name : passed) {
    if (std::ranges::find(wanted, name) != wanted.end()) continue;
    return fail(Fault::not_found,
                fmt::format("a socket `{}` was passed, and no [[listener]] has `address = "
                            "\"systemd:{}\"`, nor has [api]",
                            printable(name, 64), printable(name, 64)));
  }
  return {};
}

std::vector<int> descriptors_of(const std::vector<PassedSocket>& sockets, std::string_view name) {
  std::vector<int> found;
  for (const PassedSocket& socket : sockets) {
    if (socket.name == name) found.push_back(socket.descriptor);
  }
  return found;
}

void tell_manager(std::string_view assignments) {
  const std::string_view path = variable("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return;
  path.copy(address.sun_path, path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';  // an abstract name (unix(7))
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  ::sendto(descriptor, assignments.data(), assignments.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), length);
  ::close(descriptor);
}

std::string reloading_state() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto time = std::chrono::duration_cast<microseconds>(std::chrono::seconds(now.tv_sec) +
                                                             std::chrono::nanoseconds(now.tv_nsec));
  return fmt::format("RELOADING=1\nMONOTONIC_USEC={}", time.count());
}

std::optional<microseconds> watchdog_interval() {
  const auto whole = parse_number(variable("WATCHDOG_USEC"));
  const std::string_view pid = variable("WATCHDOG_PID");
  if (!whole || *whole == 0 || (!pid.empty() && !names_this_process(pid))) return std::nullopt;
  return microseconds(std::max<std::uint64_t>(*whole / 3, 1));
}

bool loops_turn(const Heartbeat::AskLoops& ask_loops, milliseconds limit) {
  auto asked = std::make_shared<const char>();
  const std::weak_ptr<const void> waiting = asked;
  ask_loops(asked);
  asked.reset();
  const auto end = steady_clock::now() + limit;
  while (!waiting.expired() && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  return waiting.expired();
}

struct Heartbeat::State {
  AskLoops ask_loops;
  std::function<std::string()> status;
  std::optional<microseconds> watchdog;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;  ///< guarded by `mutex`
  std::thread thread;

  void run();
};

/// The handlers of a round share a pointer: it has expired when all of them have run, or were
/// destroyed with their loop. The next round begins after that, so a loop that stands still is not
/// given more of them.
void Heartbeat::State::run() {
  const microseconds interval = watchdog.value_or(between_states);
  std::weak_ptr<const void> waiting;
  const auto begin_round = [&] {
    const auto round = std::make_shared<const char>();
    waiting = round;
    ask_loops(round);
  };
  std::string told;
  unsigned late = 0;
  for (begin_round();; begin_round()) {
    late = 0;
    do {
      // Said early enough to be in the log before the service manager kills the process.
      if (++late == 2) {
        telemetry::log::error("server.stalled")
            .msg("an event loop does not turn; the service manager is told nothing until it does");
      }
      std::unique_lock lock(mutex);
      if (wake.wait_for(lock, interval, [&] { return stopping; })) return;
    } while (!waiting.expired());
    std::string line = status();
    std::string assignments = watchdog ? "WATCHDOG=1" : "";
    if (line != told) assignments += (assignments.empty() ? "STATUS=" : "\nSTATUS=") + line;
    if (!assignments.empty()) tell_manager(assignments);
    told = std::move(line);
  }
}

std::unique_ptr<Heartbeat> Heartbeat::start(AskLoops ask_loops,
                                            std::function<std::string()> status) {
  if (variable("NOTIFY_SOCKET").empty()) return nullptr;
  auto state = std::make_unique<State>();
  state->ask_loops = std::move(ask_loops);
  state->status = std::move(status);
  state->watchdog = watchdog_interval();
  return std::unique_ptr<Heartbeat>(new Heartbeat(std::move(state)));
}

Heartbeat::Heartbeat(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = named_thread("heartbeat", [state = state_.get()] { state->run(); });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

}  // namespace postern::app
