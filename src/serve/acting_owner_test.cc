#include "serve/acting_owner.h"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/temporary_folder_test.h"
#include "serve/data_lock.h"
#include "store/sqlite_store.h"

namespace postern::app {
namespace {

constexpr uid_t somebody = 12345;

class ActingOwnerTest : public ::testing::Test {
 protected:
  /// Makes the data directory somebody's. False: the test is not root's, and nothing changes hands.
  bool of_somebody() const {
    EXPECT_EQ(::mkdir(data_.c_str(), 0700), 0);
    if (::geteuid() == 0) return ::chown(data_.c_str(), somebody, somebody) == 0;
    EXPECT_FALSE(ActingOwner::of(data_)->acts());
    EXPECT_FALSE(ActingOwner::of("/")->acts());
    return false;
  }
  const tests::TemporaryFolder folder_;
  const std::string data_ = folder_.path() + "/data";
};

TEST_F(ActingOwnerTest, takes_on_and_gives_back) {
  if (!of_somebody()) return;
  const std::string of_root = folder_.path() + "/roots";
  std::ofstream(of_root) << "x";
  ASSERT_EQ(::chmod(of_root.c_str(), 0600), 0);
  {
    const auto acting = ActingOwner::of(data_);
    ASSERT_TRUE(acting) << acting.error().message;
    EXPECT_TRUE(acting->acts());
    EXPECT_EQ(::geteuid(), somebody);
    EXPECT_EQ(::getegid(), somebody);
    EXPECT_FALSE(ActingOwner::of(data_)->acts()) << "already";
    std::ofstream(data_ + "/made") << "x";
    EXPECT_NE(::unlink(of_root.c_str()), 0) << "the folder of the data directory is root's";
    EXPECT_FALSE(std::ofstream(of_root)) << "root's file cannot be written";
    // The folder of the test is closed to others, as /var/lib/private is.
    EXPECT_EQ(::access((data_ + "/made").c_str(), F_OK), 0);
  }
  EXPECT_EQ(::geteuid(), 0U);
  struct stat made{};
  ASSERT_EQ(::stat((data_ + "/made").c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, somebody);
  EXPECT_EQ(::unlink(of_root.c_str()), 0);
}

/// Gives up capabilities of this process, which is root's, as containers do.
bool give_up(std::uint32_t capabilities) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return false;
  sets[0].effective &= ~capabilities;
  sets[0].permitted &= ~capabilities;
  return ::syscall(SYS_capset, &header, sets) == 0;
}

TEST_F(ActingOwnerTest, is_refused_to_root_without_the_rights) {
  if (!of_somebody()) return;
  for (const std::uint32_t lacking : {1U << CAP_SETGID, 1U << CAP_SETUID}) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (!give_up(lacking)) ::_exit(1);
      if (const auto acting = ActingOwner::of(data_);
          acting || acting.error().fault != Fault::denied) {
        ::_exit(2);
      }
      ::_exit(::geteuid() == 0 && ::getegid() == 0 ? 0 : 3);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
}

TEST_F(ActingOwnerTest, databases_are_opened_and_used_with_the_rights_of_their_owner) {
  if (!of_somebody()) return;
  const std::string path = data_ + "/postern.db";
  const auto refused = store::SqliteStore::open(path);
  ASSERT_FALSE(refused) << "root does not open it";
  EXPECT_EQ(refused.error().fault, Fault::denied);
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "nor make it";
  {
    auto acting = ActingOwner::of(data_);
    ASSERT_TRUE(acting) << acting.error().message;
    const auto store = store::SqliteStore::open(path);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->list_revision(1));
    *acting = ActingOwner();
    const auto later = (*store)->list_revision(1);
    ASSERT_FALSE(later) << "the rights were given back";
    EXPECT_EQ(later.error().fault, Fault::bug);
  }
  const std::string mine = folder_.path() + "/mine.db";
  EXPECT_TRUE(store::SqliteStore::open(mine));
  std::ofstream(mine + "-journal") << "x";
  ASSERT_EQ(::chown((mine + "-journal").c_str(), somebody, somebody), 0);
  EXPECT_FALSE(store::SqliteStore::open(mine)) << "somebody's journal beside root's database";
}

TEST_F(ActingOwnerTest, stays_root_where_root_owns_it) {
  EXPECT_FALSE(ActingOwner::of(folder_.path())->acts());
  EXPECT_FALSE(ActingOwner::of(folder_.path() + "/none")->acts());
}

TEST_F(ActingOwnerTest, a_lock_that_is_a_link_changes_no_owner) {
  if (!of_somebody()) return;
  const std::string of_root = folder_.path() + "/roots";
  std::ofstream(of_root) << "x";
  ASSERT_EQ(::chmod(of_root.c_str(), 0600), 0);
  ASSERT_EQ(::link(of_root.c_str(), (data_ + "/lock").c_str()), 0);
  EXPECT_TRUE(DataLock::take(data_)) << "it is locked, and neither written nor given away";
  struct stat about{};
  ASSERT_EQ(::stat(of_root.c_str(), &about), 0);
  EXPECT_EQ(about.st_uid, 0U);
  ASSERT_EQ(::unlink((data_ + "/lock").c_str()), 0);
  {
    EXPECT_FALSE(DataLock::is_held(data_));
    const auto lock = DataLock::take(data_);
    ASSERT_TRUE(lock) << lock.error().message;
    EXPECT_TRUE(DataLock::is_held(data_));
  }
  ASSERT_EQ(::stat((data_ + "/lock").c_str(), &about), 0);
  EXPECT_EQ(about.st_uid, somebody);
}

}  // namespace
}  // namespace postern::app
