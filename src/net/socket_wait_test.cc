#include "net/socket_wait.h"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.h"

namespace postern::net {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class SocketWaitTest : public ::testing::Test {
 protected:
  SocketWaitTest() {
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
    here_ = Descriptor(both[0]);
    there_ = Descriptor(both[1]);
  }
  void answer() { ASSERT_EQ(::write(there_.get(), "x", 1), 1); }

  Descriptor here_;
  Descriptor there_;
};

TEST_F(SocketWaitTest, what_is_there_counts_after_the_deadline) {
  EXPECT_FALSE(wait_for_socket(here_.get(), POLLIN, Clock::now() - 3min));
  answer();
  EXPECT_TRUE(wait_for_socket(here_.get(), POLLIN, Clock::now() - 3min));
}

TEST_F(SocketWaitTest, a_deadline_without_an_answer_passes) {
  const auto begun = Clock::now();
  EXPECT_FALSE(wait_for_socket(here_.get(), POLLIN, begun + 50ms));
  EXPECT_GE(Clock::now() - begun, 50ms);
}

TEST_F(SocketWaitTest, an_answer_that_came_while_the_process_stood_still_counts) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool ready = wait_for_socket(here_.get(), POLLIN, Clock::now() + 500ms);
    ::_exit(!ready ? 1 : stood_still() < 1500ms ? 2 : 0);
  }
  std::this_thread::sleep_for(100ms);
  ASSERT_EQ(::kill(child, SIGSTOP), 0);
  std::this_thread::sleep_for(3s);
  answer();
  ASSERT_EQ(::kill(child, SIGCONT), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: it was not seen, 2: the time was not counted";
}

}  // namespace
}  // namespace postern::net
