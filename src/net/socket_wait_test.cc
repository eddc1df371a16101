#include "net/socket_wait.h"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/patience_test.h"
#include "base/temporary_folder_test.h"

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
  // A busy machine may be too late to stop it: then it waits for longer.
  bool in_time = false;
  for (auto time = 300ms; !in_time && time < tests::patience; time *= 4) {
    const auto begun = Clock::now();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const bool ready = wait_for_socket(here_.get(), POLLIN, Clock::now() + time);
      ::_exit(!ready ? 1 : stood_still() < 1300ms ? 2 : 0);
    }
    const auto sleeps = [&] {
      const std::string stat = tests::read_file("/proc/" + std::to_string(child) + "/stat");
      return stat.find(") S ") != std::string::npos || stat.find(") Z ") != std::string::npos;
    };
    ASSERT_TRUE(tests::eventually(sleeps));
    ASSERT_EQ(::kill(child, SIGSTOP), 0);
    in_time = Clock::now() - begun < time;
    std::this_thread::sleep_for(time + 1500ms);
    answer();
    ASSERT_EQ(::kill(child, SIGCONT), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (in_time) {
      EXPECT_EQ(WEXITSTATUS(status), 0) << "1: it was not seen, 2: the time was not counted";
    }
    char octet = 0;
    ASSERT_EQ(::read(here_.get(), &octet, 1), 1);
  }
  EXPECT_TRUE(in_time);
}

}  // namespace
}  // namespace postern::net
