#include "doctor/machine_checks.h"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cerrno>

#include "base/temporary_folder_test.h"
#include "doctor/levels_test.h"

namespace postern::doctor {
namespace {

using testing::HasSubstr;

DirectoryFacts directory() {
  return {.self = {.path = "/data", .owner = 7, .mode = 0700},
          .files = {{.path = "/data/postern.db", .owner = 7, .mode = 0600, .size = 10},
                    {.path = "/data/postern.db-wal", .owner = 7, .mode = 0600, .size = 4096}}};
}

TEST(MachineChecksTest, DataDirectory) {
  EXPECT_EQ(levels(check_data_directory(directory(), 7)), "ok ");
  EXPECT_EQ(levels(check_data_directory(directory(), std::nullopt)), "ok ");
  DirectoryFacts open = directory();
  open.self.mode = 0750;
  const Findings found = check_data_directory(open, 7);
  EXPECT_EQ(levels(found), "fail ");
  EXPECT_EQ(found.front().to_do, "chmod 0700 /data");
  EXPECT_EQ(levels(check_data_directory(directory(), 8)), "fail ");
  DirectoryFacts mapped = directory();
  mapped.mapped_owner = 8;
  EXPECT_EQ(levels(check_data_directory(mapped, 8)), "ok ");
  EXPECT_EQ(levels(check_data_directory(mapped, 7)), "fail ");
  DirectoryFacts mixed = directory();
  mixed.files[1].owner = 0;
  EXPECT_THAT(check_data_directory(mixed, 7).front().what, HasSubstr("postern.db-wal"));
  EXPECT_EQ(levels(check_data_directory({.trouble = "absent"}, 7)), "fail ");
}

TEST(MachineChecksTest, DirectoryIsReadAsItIs) {
  const tests::TemporaryFolder folder;
  folder.write("postern.db-wal", "12345");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const DirectoryFacts facts = look_at_directory(folder.path());
  EXPECT_EQ(facts.self.mode, 0755u);
  ASSERT_EQ(facts.files.size(), 1u);
  EXPECT_EQ(facts.files.front().size, 5u);
  EXPECT_NE(look_at_directory(folder.file("none")).trouble, "");
  EXPECT_NE(look_at_directory(folder.file("postern.db-wal")).trouble, "");
}

TEST(MachineChecksTest, WriteAheadLogs) {
  EXPECT_EQ(levels(check_wal(directory())), "ok ");
  DirectoryFacts large = directory();
  large.files[0].size = large.files[1].size = std::uint64_t{300} << 20;
  const Findings found = check_wal(large);
  EXPECT_EQ(levels(found), "warn ");  // the database itself may be large
  EXPECT_THAT(found.front().what, HasSubstr("300 MiB"));
}

TEST(MachineChecksTest, Disk) {
  const DiskFacts right = {
      .size = 1000, .free = 500, .floor = 50, .inodes = 100, .free_inodes = 50};
  EXPECT_EQ(levels(check_disk(right)), "ok ");
  DiskFacts facts = right;
  facts.free = 49;
  EXPECT_EQ(levels(check_disk(facts)), "fail ");
  facts.free = 90;
  EXPECT_EQ(levels(check_disk(facts)), "warn ");
  facts = right;
  facts.free_inodes = 4;
  EXPECT_EQ(levels(check_disk(facts)), "warn ");
  facts.free_inodes = 0;
  EXPECT_EQ(levels(check_disk(facts)), "fail ");
  facts.inodes = 0;
  EXPECT_EQ(levels(check_disk(facts)), "ok ");
  EXPECT_EQ(levels(check_disk({.trouble = "absent"})), "note ");
}

TEST(MachineChecksTest, DiskIsReadAsItIs) {
  const DiskFacts facts = look_at_disk("/");
  EXPECT_GT(facts.size, facts.free);
  EXPECT_GT(facts.floor, 0u);
  EXPECT_NE(look_at_disk("/nowhere/at/all").trouble, "");
}

TEST(MachineChecksTest, Clock) {
  EXPECT_EQ(levels(check_clock(true)), "ok ");
  EXPECT_EQ(levels(check_clock(false)), "warn ");
  EXPECT_EQ(levels(check_clock(std::nullopt)), "note ");
}

TEST(MachineChecksTest, Journal) {
  EXPECT_EQ(levels(check_journal(true, true)), "ok ");
  EXPECT_EQ(levels(check_journal(false, true)), "warn ");
  EXPECT_EQ(levels(check_journal(false, false)), "note ");
}

TEST(MachineChecksTest, Descriptors) {
  EXPECT_EQ(levels(check_descriptors(1000, 100, 1000)), "ok ");
  EXPECT_EQ(levels(check_descriptors(999, 100, 1000)), "warn ");
  EXPECT_EQ(levels(check_descriptors(99, 100, 1000)), "fail ");
  EXPECT_EQ(levels(check_descriptors(0, 100, 1000)), "note ");
}

TEST(MachineChecksTest, Ports) {
  EXPECT_EQ(levels(check_ports({{"127.0.0.1:25", 0, true}}, true)), "ok ");
  EXPECT_EQ(levels(check_ports({{"127.0.0.1:25", 0, false}}, true)), "warn ");
  EXPECT_EQ(levels(check_ports({{"127.0.0.1:25", 0, false}}, false)), "ok ");
  const Findings taken = check_ports({{"[::1]:25", EADDRINUSE, false}}, false);
  EXPECT_EQ(levels(taken), "fail ");
  EXPECT_THAT(taken.front().to_do, HasSubstr(":25'"));
  EXPECT_EQ(levels(check_ports({{"[::1]:25", EACCES, false}}, false)), "note ");
  EXPECT_EQ(levels(check_ports({{"192.0.2.1:25", EADDRNOTAVAIL, false}}, false)), "fail ");
}

TEST(MachineChecksTest, AddressesThatCanBeBound) {
  EXPECT_EQ(bind_error("127.0.0.1", 0), 0);
  EXPECT_EQ(bind_error("192.0.2.1", 0), EADDRNOTAVAIL);
  EXPECT_EQ(bind_error("none", 0), EINVAL);
}

TEST(MachineChecksTest, Outgoing) {
  EXPECT_EQ(levels(check_outgoing({.host = "a", .address = "192.0.2.1", .greeting = "220 x"})),
            "ok ");
  EXPECT_EQ(levels(check_outgoing({.host = "a"})), "fail ");
  const Findings blocked =
      check_outgoing({.host = "a", .address = "192.0.2.1", .error = ETIMEDOUT});
  EXPECT_EQ(levels(blocked), "fail ");
  EXPECT_THAT(blocked.front().what, HasSubstr("providers block"));
  EXPECT_EQ(levels(check_outgoing({.host = "a", .address = "192.0.2.1", .error = ECONNREFUSED})),
            "fail ");
  EXPECT_EQ(levels(check_outgoing({.host = "a", .address = "192.0.2.1", .greeting = "554 no"})),
            "warn ");
  EXPECT_EQ(levels(check_outgoing({.host = "a", .address = "192.0.2.1"})), "warn ");
}

TEST(MachineChecksTest, Incoming) {
  const auto one = [](ConnectFacts facts) {
    facts.address = "192.0.2.1";
    return check_incoming({facts}, "mx.example.org");
  };
  EXPECT_EQ(levels(check_incoming({}, "mx.example.org")), "note ");
  const Findings ours = one({.greeting = "220 MX.example.org ESMTP Postern"});
  EXPECT_EQ(levels(ours), "ok ");
  EXPECT_THAT(ours.front().what, HasSubstr("asked from this machine"));
  EXPECT_THAT(ours.front().to_do, HasSubstr("--outgoing 192.0.2.1"));
  for (const char* other : {"220 mail.example.net ESMTP", "554 mx.example.org no", "220", ""}) {
    EXPECT_EQ(levels(one({.greeting = other})), "fail ") << other;
  }
  EXPECT_EQ(levels(one({.error = ECONNREFUSED})), "fail ");
  EXPECT_EQ(levels(one({.error = ETIMEDOUT})), "warn ") << "a router may not lead it back";
}

}  // namespace
}  // namespace postern::doctor
