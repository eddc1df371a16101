#include "sandbox/sandbox.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/temporary_folder_test.h"
#include "sandbox/every_thread.h"

namespace postern::sandbox {
namespace {

namespace fs = std::filesystem;

std::atomic<int> calls{0};
thread_local std::atomic<bool> reached{false};

int count(int by) {
  calls += by;
  reached = true;
  return 0;
}

TEST(EveryThread, threads_that_block_all_signals_are_reached_once) {
  std::atomic<bool> end{false};
  std::atomic<int> started{0};
  std::atomic<int> found{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, nullptr);
      ++started;
      while (!end) std::this_thread::yield();
      if (reached) ++found;
    });
  }
  while (started < 8) std::this_thread::yield();
  calls = 0;
  const Result<void> done = on_every_thread(count, 10);
  end = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(found, 8);
  EXPECT_TRUE(reached);
  EXPECT_GE(calls, 90);  // and what the sanitizer's own threads add
}

TEST(EveryThread, an_error_of_one_thread_is_the_answer) {
  const auto only_others = [](int self) { return ::syscall(SYS_gettid) == self ? 0 : EACCES; };
  std::atomic<bool> end{false};
  std::thread other([&] {
    while (!end) std::this_thread::yield();
  });
  const auto done = on_every_thread(only_others, static_cast<int>(::syscall(SYS_gettid)));
  end = true;
  other.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "Permission denied");
}

TEST(IsBelow, a_path_is_judged_by_where_it_leads) {
  const tests::TemporaryFolder folder;
  const fs::path root = folder.path();
  fs::create_directories(root / "in/deep");
  fs::create_directories(root / "inside");
  fs::create_directory_symlink(root / "inside", root / "in/link");
  const std::vector<fs::path> allowed{root / "in/"};
  EXPECT_TRUE(is_below(root / "in", allowed));
  EXPECT_TRUE(is_below(root / "in/deep/file", allowed));
  EXPECT_TRUE(is_below(root / "in/../in/deep", allowed));
  EXPECT_FALSE(is_below(root / "inside", allowed)) << "a longer name is another directory";
  EXPECT_FALSE(is_below(root / "in/link/file", allowed));
  EXPECT_FALSE(is_below(root / "in/../x", allowed));
  EXPECT_FALSE(is_below(root, allowed));
}

TEST(Report, says_what_is_in_force) {
  EXPECT_EQ(Report{}.brief(), "none");
  EXPECT_EQ((Report{.landlock = 0, .seccomp = true, .lacking = ""}).brief(), "seccomp");
  EXPECT_EQ((Report{.landlock = 7, .seccomp = true, .lacking = ""}).brief(), "landlock 7, seccomp");
}

/// A sanitized build, or a kernel without seccomp.
constexpr int not_for_it = 100;

/// 0, or the number of the first step that did not go as it must, or not_for_it.
int in_two_steps(const fs::path& root) {
  const auto can_write = [&](const fs::path& file) {
    const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (made >= 0) ::close(made);
    return made >= 0;
  };
  const auto first = put_on_calls();
  if (!first) return 1;
  if (!first->seccomp) return not_for_it;
  if (::fork() >= 0 || errno != EPERM) return 2;
  if (!can_write(root / "out/before")) return 3;
  const auto files = put_on_files({.write = {root / "in"}});
  if (!files) return 4;
  if (!can_write(root / "in/file")) return 5;
  if (files->landlock > 0 && can_write(root / "out/after")) return 6;
  if (::socket(AF_INET, SOCK_DGRAM, 0) < 0) return 7;
  // Plans and replays let mail go first.
  const sched_param none{};
  return ::sched_setscheduler(0, SCHED_IDLE, &none) == 0 ? 0 : 8;
}

/// As in_two_steps().
int without_network(const fs::path& root) {
  const auto done = put_on({.write = {root / "in"}, .network = false});
  if (!done) return 1;
  if (!done->seccomp) return not_for_it;
  return ::socket(AF_UNIX, SOCK_STREAM, 0) < 0 && ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? 0 : 2;
}

TEST(Sandbox, for_commands) {
  const tests::TemporaryFolder folder;
  const fs::path root = folder.path();
  fs::create_directories(root / "in");
  fs::create_directories(root / "out");
  for (const auto steps : {in_two_steps, without_network}) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(steps(root));
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    const int step = WEXITSTATUS(status);
    EXPECT_TRUE(step == 0 || step == not_for_it) << step;
  }
}

}  // namespace
}  // namespace postern::sandbox
