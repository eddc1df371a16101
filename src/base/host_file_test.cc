#include "base/host_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/temporary_folder_test.h"

namespace postern {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class HostFiles : public testing::Test {
 protected:
  HostFiles() {
    folder.write("tables/access", "inside");
    folder.write("tables/deep/access", "deep");
    folder.write("tables-too/access", "MARKER elsewhere");
    folder.write("data/postern.db", "MARKER own");
    folder.write("data/spool/message", "MARKER own");
    rules.folders = {folder.file("tables")};
    rules.folders_key = "api.table_folders";
    rules.closed = {folder.file("data")};
    rules.largest = 100;
  }

  Fault fault(const std::string& path) {
    const auto text = read_host_file(path, rules);
    EXPECT_FALSE(text) << path;
    if (text) return Fault::bug;
    EXPECT_THAT(text.error().message, Not(HasSubstr("MARKER"))) << path;
    return text.error().fault;
  }

  tests::TemporaryFolder folder;
  FileRules rules;
};

TEST_F(HostFiles, below_the_listed_folders_are_read) {
  EXPECT_EQ(*read_host_file(folder.file("tables/access"), rules), "inside");
  EXPECT_EQ(*read_host_file(folder.file("tables/deep/../access"), rules), "inside");
  EXPECT_EQ(*read_host_file(folder.file("tables/deep/access"), rules), "deep");
  fs::create_symlink("deep/access", folder.file("tables/link"));
  EXPECT_EQ(*read_host_file(folder.file("tables/link"), rules), "deep");
}

TEST_F(HostFiles, elsewhere_are_refused_whether_they_are_there_or_not) {
  std::string first;
  for (const char* name : {"tables-too/access", "tables-too/none", "tables/../tables-too/access",
                           "tables", "data/postern.db"}) {
    EXPECT_EQ(fault(folder.file(name)), Fault::denied) << name;
    std::string said = read_host_file(folder.file(name), rules).error().message;
    said.replace(said.find(folder.file(name)), folder.file(name).size(), "X");
    if (first.empty()) first = said;
    EXPECT_EQ(said, first);
  }
  EXPECT_THAT(first, HasSubstr("api.table_folders"));
  EXPECT_THAT(read_host_file("tables/access", rules).error().message, HasSubstr("relative name"));
  for (const char* path : {"/etc/shadow", "/dev/zero", "/proc/self/environ", "tables/access", ""}) {
    EXPECT_EQ(fault(path), Fault::denied) << path;
  }
  rules.folders = {{}};
  EXPECT_EQ(fault(folder.file("tables/access")), Fault::denied);
  rules.folders = {{"", "/nonexistent"}};
  EXPECT_EQ(fault(folder.file("tables/access")), Fault::denied);
}

TEST_F(HostFiles, links_lead_nowhere_else) {
  fs::create_symlink(folder.file("tables-too/access"), folder.file("tables/out"));
  fs::create_symlink(folder.file("tables-too"), folder.file("tables/folder"));
  fs::create_symlink(folder.file("data/postern.db"), folder.file("tables/own"));
  fs::create_hard_link(folder.file("data/postern.db"), folder.file("tables/hard"));
  fs::create_hard_link(folder.file("data/spool/message"), folder.file("tables/message"));
  const int held = ::open(folder.file("tables-too/access").c_str(), O_RDONLY);
  fs::create_symlink("/proc/self/fd/" + std::to_string(held), folder.file("tables/proc"));
  for (const char* name : {"out", "folder/access", "own", "hard", "message", "proc"}) {
    EXPECT_EQ(fault(folder.file("tables/") + name), Fault::denied) << name;
  }
  ::close(held);
}

TEST_F(HostFiles, the_gateways_own_are_nobodys) {
  rules.folders.reset();
  fs::create_hard_link(folder.file("data/postern.db"), folder.file("hard"));
  const int held = ::open(folder.file("data/postern.db").c_str(), O_RDONLY);
  for (const std::string& path :
       {folder.file("data/postern.db"), folder.file("tables/../data/spool/message"),
        folder.file("hard"), "/proc/self/fd/" + std::to_string(held)}) {
    EXPECT_EQ(fault(path), Fault::denied) << path;
  }
  ::close(held);
  EXPECT_EQ(*read_host_file(folder.file("tables-too/access"), rules), "MARKER elsewhere");
  rules.open = {folder.file("data/spool")};
  EXPECT_EQ(*read_host_file(folder.file("data/spool/message"), rules), "MARKER own");
}

TEST_F(HostFiles, only_regular_files_of_the_size_that_is_left) {
  ASSERT_EQ(::mkfifo(folder.file("tables/fifo").c_str(), 0600), 0);
  EXPECT_EQ(fault(folder.file("tables/fifo")), Fault::denied);
  EXPECT_EQ(fault(folder.file("tables/deep")), Fault::denied);
  folder.write("tables/long", std::string(101, 'x'));
  EXPECT_EQ(fault(folder.file("tables/long")), Fault::limit);
  folder.write("tables/sparse", "");
  fs::resize_file(folder.file("tables/sparse"), std::uintmax_t{1} << 40);
  EXPECT_EQ(fault(folder.file("tables/sparse")), Fault::limit);
  EXPECT_EQ(fault(folder.file("tables/none")), Fault::not_found);
  rules.folders.reset();
  EXPECT_EQ(fault("/dev/zero"), Fault::denied);
  // Files of /proc have size 0.
  rules.largest = 3;
  EXPECT_EQ(fault("/proc/self/status"), Fault::limit);
}

TEST_F(HostFiles, the_file_that_was_judged_is_the_one_that_is_read) {
  const auto file = HostFile::open(folder.file("tables/access"), rules);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->is_in_place());
  fs::remove(folder.file("tables/access"));
  fs::create_symlink(folder.file("tables-too/access"), folder.file("tables/access"));
  EXPECT_FALSE(file->is_in_place());
  EXPECT_EQ(*file->read(), "inside");
}

/// Closing a descriptor drops the process's locks on the file, including those of SQLite.
TEST_F(HostFiles, locks_on_the_gateways_own_stay) {
  rules.folders.reset();
  const std::string path = folder.file("data/postern.db");
  const int held = ::open(path.c_str(), O_RDWR);
  struct flock lock{};
  lock.l_type = F_WRLCK;
  ASSERT_EQ(::fcntl(held, F_SETLK, &lock), 0);
  EXPECT_EQ(fault(path), Fault::denied);
  const pid_t child = ::fork();
  if (child == 0) {
    const int other = ::open(path.c_str(), O_RDWR);
    struct flock wanted{};
    wanted.l_type = F_WRLCK;
    ::_exit(::fcntl(other, F_SETLK, &wanted) == 0 ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the lock is gone";
  ::close(held);
}

}  // namespace
}  // namespace postern
