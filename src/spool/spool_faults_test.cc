// Disks that are full, read-only or failing. Each test runs in a child process, because its changes
// to the process (limits, mounts) cannot be undone.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool/spool_fixture.h"

namespace {

/// Controls flushes: the functions below flush every file of this program, including SQLite's.
struct Flushes {
  std::atomic<int> asked = 0;
  std::atomic<int> fail_from = -1;  ///< number of the first flush that fails; -1: none
  std::atomic<int> failing = 1;     ///< number of flushes that fail
  std::atomic<int> delay_ms = 0;
  std::atomic<int> done = 0;  ///< number of successful flushes
};
Flushes flushes;

int flush(long call, int fd) {
  const int number = flushes.asked++;
  const int from = flushes.fail_from;
  if (from >= 0 && number >= from && number < from + flushes.failing) {
    errno = EIO;
    return -1;
  }
  if (flushes.delay_ms > 0) usleep(static_cast<useconds_t>(flushes.delay_ms) * 1000);
  const int result = static_cast<int>(syscall(call, fd));
  flushes.done += result == 0 ? 1 : 0;
  return result;
}

}  // namespace

extern "C" int fsync(int fd) { return flush(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return flush(SYS_fdatasync, fd); }

namespace postern::spool {
namespace {

class SpoolFaultsTest : public SpoolTest {
 protected:
  /// Runs `test` in a child; its exit code and output give the result of its expectations. Exit
  /// code 77: there was nothing left to try.
  template <class Test>
  void in_child(Test test) {
    bool tried = false;
    in_child(test, tried);
    EXPECT_TRUE(tried);
  }
  template <class Test>
  void in_child(Test test, bool& tried) {
    std::fflush(nullptr);
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      test();
      spool_.reset();
      std::fflush(nullptr);
      _exit(HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    tried = !WIFEXITED(status) || WEXITSTATUS(status) != 77;
    if (tried) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
    }
  }

  /// Limits the size of every file of this process, like a full disk (EFBIG instead of ENOSPC).
  static void limit_files(rlim_t octets) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{octets, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }

  /// Mounts a file system below the spool's directory, visible only to this process. False if the
  /// machine does not permit that.
  bool mount_small(const char* size) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    if (user != 0) {
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
      std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    const std::string options = std::string("mode=700,") + size;
    return ::mount("none", folder_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
  }

  /// Puts messages until one is refused; returns the accepted ones.
  std::vector<MessageId> fill(std::string_view bytes, Error& refusal) {
    std::vector<MessageId> accepted;
    for (int i = 0; i < 2000; ++i) {
      // The body is in memory, so only the spool meets the limit.
      Body made(folder_.path(), 10 << 20);
      EXPECT_TRUE(made.append(bytes));
      auto id = wait<MessageId>([&](auto done) { spool_->put(envelope(), std::move(made), done); });
      if (!id) {
        refusal = id.error();
        return accepted;
      }
      accepted.push_back(*id);
    }
    ADD_FAILURE() << "nothing was refused";
    return accepted;
  }

  void expect_all(const std::vector<MessageId>& ids, std::string_view bytes) {
    for (const MessageId& id : ids) {
      const auto kept = read(id);
      ASSERT_TRUE(kept) << kept.error().message;
      EXPECT_TRUE(*kept == bytes);
    }
    const auto found = spool_->verify();
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->wrong, 0u);
    EXPECT_EQ(found->messages, ids.size());
  }
};

TEST_F(SpoolFaultsTest, a_database_that_cannot_grow_refuses_and_recovers) {
  in_child([&] {
    open();
    limit_files(1 << 20);
    const std::string bytes(100'000, 'x');
    Error refusal;
    std::vector<MessageId> accepted = fill(bytes, refusal);
    EXPECT_EQ(refusal.fault, Fault::disk_full) << refusal.message;
    EXPECT_GE(accepted.size(), 3u);
    expect_all(accepted, bytes);
    limit_files(RLIM_INFINITY);
    const auto after = put(envelope(), bytes);
    ASSERT_TRUE(after) << after.error().message;
    accepted.push_back(*after);
    open();
    expect_all(accepted, bytes);
  });
}

TEST_F(SpoolFaultsTest, a_file_that_cannot_grow_is_removed_and_small_messages_go_on) {
  in_child([&] {
    open();
    limit_files(1 << 20);
    Error refusal;
    EXPECT_TRUE(fill(std::string(2 << 20, 'x'), refusal).empty());
    EXPECT_EQ(refusal.fault, Fault::disk_full) << refusal.message;
    EXPECT_TRUE(files().empty());
    const auto small = put(envelope(), "small");
    ASSERT_TRUE(small) << small.error().message;
    expect_all({*small}, "small");
  });
}

TEST_F(SpoolFaultsTest, a_full_disk_refuses_and_deliveries_free_it) {
  in_child([&] {
    // If no file system can be mounted, min_free replaces it: more than the free space must stay
    // free.
    const bool mounted = mount_small("size=24m");
    options_.min_free = 12 << 20;
    if (!mounted) options_.min_free = std::filesystem::space(folder_.path()).available - (12 << 20);
    open();
    const std::string bytes(300'000, 'x');
    Error refusal;
    const std::vector<MessageId> accepted = fill(bytes, refusal);
    EXPECT_EQ(refusal.fault, Fault::disk_full) << refusal.message;
    EXPECT_FALSE(spool_->ready(0) && spool_->ready(300'000));
    EXPECT_GE(accepted.size(), 5u);
    expect_all(accepted, bytes);
    std::vector<Settlement> settlements;
    for (const MessageId& id : accepted) settlements.push_back({.key = {id, 0}});
    ASSERT_TRUE(settle(settlements));
    open();  // waits until the files are removed
    EXPECT_TRUE(spool_->ready(300'000));
    EXPECT_TRUE(put(envelope(), bytes));
  });
}

TEST_F(SpoolFaultsTest, a_disk_filled_to_the_last_octet_loses_nothing) {
  in_child([&] {
    // In both cases the write itself fails: with ENOSPC of a file system, or with EFBIG.
    const bool mounted = mount_small("size=8m");
    open();
    if (!mounted) limit_files(1 << 20);
    const std::string small(50'000, 'y');
    Error refusal;
    const std::vector<MessageId> accepted = fill(small, refusal);
    EXPECT_EQ(refusal.fault, Fault::disk_full) << refusal.message;
    expect_all(accepted, small);
    if (mounted) {
      Error second;
      EXPECT_TRUE(fill(std::string(4 << 20, 'x'), second).empty());
      EXPECT_EQ(second.fault, Fault::disk_full) << second.message;
      EXPECT_TRUE(files().empty());
    }
    limit_files(RLIM_INFINITY);
    if (mounted) {
      ASSERT_EQ(::mount("none", folder_.path().c_str(), nullptr, MS_REMOUNT, "size=32m"), 0);
    }
    open();
    expect_all(accepted, small);
    EXPECT_TRUE(put(envelope(), small));
  });
}

TEST_F(SpoolFaultsTest, a_disk_that_became_read_only_is_not_trusted_until_reopened) {
  in_child([&] {
    // Without the permission to mount, read-only descriptors have the same effect on the writer.
    const bool mounted = mount_small("size=32m");
    open();
    const std::string bytes(300'000, 'x');
    const MessageId first = *put(envelope(), bytes);
    const std::string folder = folder_.file("bodies");
    if (mounted) {
      // A file that is open for writing prevents the remount, so a bind mount of the folder is used
      // instead.
      ASSERT_EQ(::mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr), 0);
      const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY;
      ASSERT_EQ(::mount("none", folder.c_str(), nullptr, flags, nullptr), 0);
    } else {
      std::filesystem::rename(folder, folder + ".away");
    }
    const auto refused = put(envelope(), bytes);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::permanent) << refused.error().message;
    // Also small messages and results: nothing is acknowledged on a disk that failed.
    const auto small = put(envelope(), "small");
    ASSERT_FALSE(small);
    EXPECT_EQ(small.error().fault, Fault::permanent);
    EXPECT_EQ(spool_->ready(0).error().fault, Fault::permanent);
    EXPECT_EQ(claim({{first, 0}}, at(0), at(60)).error().fault, Fault::permanent);
    spool_.reset();
    if (mounted) {
      ASSERT_EQ(::umount(folder.c_str()), 0);
    } else {
      std::filesystem::rename(folder + ".away", folder);
    }
    open();
    expect_all({first}, bytes);
    EXPECT_TRUE(put(envelope(), bytes));
  });
}

TEST_F(SpoolFaultsTest, every_flush_that_fails_refuses_and_is_not_asked_again) {
  // A large message needs a flush of its folder's name, its file, its name and the row. The loop
  // ends with the first number that the put does not reach.
  bool reached = true;
  int tried = 0;
  for (int at = 0; reached; at += 1) {
    ASSERT_LT(at, 20);
    tried = at;
    in_child(
        [&] {
          options_.directory = folder_.file(std::to_string(at));
          std::filesystem::create_directory(options_.directory);
          open();
          const std::string bytes(300'000, 'x');
          const MessageId first = *put(envelope(), "small");
          flushes.asked = 0;
          flushes.fail_from = at;
          const auto large = put(envelope(), bytes);
          const int asked = flushes.asked;
          flushes.fail_from = -1;
          if (asked <= at) {
            EXPECT_TRUE(large);
            _exit(HasFailure() ? 1 : 77);
          }
          ASSERT_FALSE(large) << "a flush failed and the message was taken";
          EXPECT_EQ(large.error().fault, Fault::permanent);
          EXPECT_EQ(asked, at + 1) << "flushed again after a failure";
          // The disk works again, but it is not used before the spool is opened again.
          EXPECT_EQ(put(envelope(), "x").error().fault, Fault::permanent);
          open();
          EXPECT_EQ(read(first).value(), "small");
          const auto found = *spool_->verify();
          EXPECT_EQ(found.wrong, 0u);
          // It was refused, so it may exist or not, but it must be complete: verify() has read it.
          EXPECT_LE(found.messages, 2u);
          EXPECT_TRUE(put(envelope(), bytes));
        },
        reached);
  }
  EXPECT_GE(tried, 4) << "fewer flushes than a 250 needs";
}

TEST_F(SpoolFaultsTest, nobody_is_told_before_the_flush_has_returned) {
  in_child([&] {
    open();
    ASSERT_TRUE(put(envelope(), "x"));
    flushes.delay_ms = 100;
    for (const std::size_t size : {10, 300'000}) {
      const int before = flushes.done;
      const auto begin = std::chrono::steady_clock::now();
      ASSERT_TRUE(put(envelope(), std::string(size, 'x')));
      EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100));
      // The row; for a file also its octets and its name.
      EXPECT_GE(flushes.done - before, size > 1000 ? 3 : 1);
    }
  });
}

TEST_F(SpoolFaultsTest, a_directory_that_cannot_be_written_is_refused_at_once) {
  options_.directory = folder_.file("missing");
  const auto missing = SqliteSpool::open(options_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().fault, Fault::permanent);
  EXPECT_NE(missing.error().message.find("missing"), std::string::npos);
}

TEST_F(SpoolFaultsTest, too_many_at_a_time_are_refused) {
  options_.max_waiting = 0;
  open();
  const auto refused = put(envelope(), "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::temporary);
}

}  // namespace
}  // namespace postern::spool
