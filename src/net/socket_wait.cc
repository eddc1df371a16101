#include "net/socket_wait.h"

#include <algorithm>
#include <cerrno>

namespace postern::net {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A busy machine may be so late.
constexpr milliseconds usual_delay{1000};

thread_local std::chrono::nanoseconds still{0};

}  // namespace

int poll_until(std::span<pollfd> sockets, Clock::time_point deadline) {
  for (;;) {
    const auto before = Clock::now();
    const auto left = std::clamp(std::chrono::ceil<milliseconds>(deadline - before),
                                 milliseconds(0), milliseconds(60'000));
    const int ready =
        ::poll(sockets.data(), static_cast<nfds_t>(sockets.size()), static_cast<int>(left.count()));
    const bool interrupted = ready < 0 && errno == EINTR;
    const auto beyond = Clock::now() - before - left;
    if (beyond > usual_delay) still += beyond;
    // What came while the process stood still is looked for once more.
    if (ready == 0 && left > milliseconds(0)) continue;
    if (!interrupted) return ready;
  }
}

bool wait_for_socket(int descriptor, short events, Clock::time_point deadline) {
  pollfd waiting{.fd = descriptor, .events = events, .revents = 0};
  return poll_until(std::span(&waiting, 1), deadline) > 0;
}

std::chrono::nanoseconds stood_still() { return still; }

}  // namespace postern::net
