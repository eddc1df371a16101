#include "sandbox/sandbox.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/syscall.h>
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

}  // namespace
}  // namespace postern::sandbox
