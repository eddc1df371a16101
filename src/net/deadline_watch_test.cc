#include "net/deadline_watch.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/patience_test.h"

namespace postern::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Two sockets that are connected with each other.
struct SocketPair {
  SocketPair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0); }
  ~SocketPair() {
    if (ends[0] >= 0) ::close(ends[0]);
    ::close(ends[1]);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  /// Whether the other end sees the end of the connection within this time.
  bool ends_within(std::chrono::milliseconds time) const {
    pollfd other{.fd = ends[1], .events = POLLIN, .revents = 0};
    char octet = 0;
    return ::poll(&other, 1, static_cast<int>(time.count())) == 1 &&
           ::read(ends[1], &octet, 1) == 0;
  }
  std::array<int, 2> ends{-1, -1};
};

TEST(DeadlineWatch, shuts_down_at_the_deadline_and_after_it) {
  const SocketPair first, second;
  DeadlineWatch watch("test-deadline", Clock::now() + 50ms);
  watch.watch(first.ends[0]);
  EXPECT_TRUE(first.ends_within(tests::patience));
  EXPECT_FALSE(second.ends_within(0ms));
  watch.watch(second.ends[0]);
  EXPECT_TRUE(second.ends_within(tests::patience));
}

TEST(DeadlineWatch, leaves_a_socket_alone_before_the_deadline) {
  const SocketPair pair;
  {
    DeadlineWatch watch("test-deadline", Clock::now() + 1h);
    watch.watch(pair.ends[0]);
    watch.watch(-1);
    watch.watch(pair.ends[0]);
  }
  EXPECT_FALSE(pair.ends_within(50ms));
}

// A library closes its socket before it returns, and the number is given to the next socket.
TEST(DeadlineWatch, the_next_socket_with_the_number_is_left_alone) {
  SocketPair closed;
  DeadlineWatch watch("test-deadline", Clock::now() + 100ms);
  watch.watch(closed.ends[0]);
  const int number = std::exchange(closed.ends[0], -1);
  ::close(number);
  const SocketPair next;
  ASSERT_EQ(next.ends[0], number);
  EXPECT_TRUE(closed.ends_within(tests::patience));
  EXPECT_FALSE(next.ends_within(50ms));
}

TEST(DeadlineWatch, a_closed_socket_ends_with_the_watch) {
  SocketPair closed;
  {
    DeadlineWatch watch("test-deadline", Clock::now() + 1h);
    watch.watch(closed.ends[0]);
    ::close(std::exchange(closed.ends[0], -1));
  }
  EXPECT_TRUE(closed.ends_within(tests::patience));
}

}  // namespace
}  // namespace postern::net
