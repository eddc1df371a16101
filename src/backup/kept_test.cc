#include "backup/kept.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/temporary_folder_test.h"

namespace postern::backup {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;
using tests::TemporaryFolder;

const ClockTime noon = *from_rfc3339("2026-11-24T12:00:00Z");

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::string name_at(int day, Extent extent = Extent::whole) {
  return file_name_of("mx.example.org", noon + std::chrono::hours(24 * day), extent);
}

TEST(KeptBackups, a_name_sorts_by_its_time) {
  EXPECT_EQ(name_at(0), "postern-mx.example.org-20261124T120000Z.tar.zst");
  EXPECT_EQ(name_at(0, Extent::config_only),
            "postern-mx.example.org-20261124T120000Z.config.tar.zst");
}

TEST(KeptBackups, only_older_ones_of_this_host_and_extent_go) {
  const TemporaryFolder folder;
  const fs::path path = folder.path();
  for (int day = 0; day < 4; ++day) std::ofstream(path / name_at(day)) << "x";
  const std::vector<std::string> others = {"notes",
                                           "postern-mx.example.org-2026.tar.zst",
                                           "postern-mx.example.org-20261124X120000Z.tar.zst",
                                           name_at(0) + ".01J.part",
                                           name_at(0, Extent::config_only),
                                           name_at(9999),  // the clock was wrong once
                                           file_name_of("mx", noon, Extent::whole)};
  for (const auto& name : others) std::ofstream(path / name) << "x";
  fs::create_directory(path / name_at(-1));

  const auto gone = keep_newest(path / name_at(3), 3);
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_THAT(*gone, ElementsAre(name_at(0)));
  EXPECT_EQ(names_in(path).size(), 3 + others.size() + 1);
  EXPECT_THAT(*keep_newest(path / name_at(3), 3), IsEmpty());
  EXPECT_THAT(*keep_newest(path / name_at(0, Extent::config_only), 1), IsEmpty());
  EXPECT_THAT(*keep_newest(path / name_at(3), 1), ElementsAre(name_at(1), name_at(2)));
  EXPECT_TRUE(fs::exists(path / name_at(3)));
  EXPECT_FALSE(keep_newest(path / "none" / name_at(3), 1));
}

TEST(KeptBackups, drafts_that_nobody_writes_go) {
  const TemporaryFolder folder;
  const fs::path path = folder.path();
  const auto left = [&](const std::string& name) {
    const auto draft = make_draft(path / name);
    EXPECT_TRUE(draft) << draft.error().message;
    ::close(draft->fd);  // as the end of its process does
    return fs::path(draft->path).filename().string();
  };
  const auto written = make_draft(path / name_at(0));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(fs::status(written->path).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  left(name_at(1));
  left(name_at(2));
  const std::vector<std::string> others = {left(name_at(1, Extent::config_only)), left("mine"),
                                           left(file_name_of("mx", noon, Extent::whole)),
                                           name_at(3) + ".x.part", name_at(3) + ".part"};
  for (const auto& name : others) std::ofstream(path / name, std::ios::app) << "x";
  const std::string linked = name_at(3) + ".01KB0000000000000000000000.part";
  fs::create_symlink(path / "mine", path / linked);

  remove_drafts(path / name_at(5));
  std::vector<std::string> stay = others;
  stay.push_back(fs::path(written->path).filename().string());
  stay.push_back(linked);
  EXPECT_THAT(names_in(path), UnorderedElementsAreArray(stay));
  ::close(written->fd);
  remove_drafts(path / "mine");  // a name that was given: its own drafts alone
  EXPECT_EQ(names_in(path).size(), stay.size() - 1);
  EXPECT_FALSE(make_draft(path / "none" / "mine"));
}

TEST(KeptBackups, the_last_one_is_noted) {
  const TemporaryFolder folder;
  const fs::path path = folder.path();
  EXPECT_EQ(last_backup(path), std::nullopt);
  ASSERT_TRUE(note_backup(path, noon));
  EXPECT_EQ(last_backup(path), noon);
  ASSERT_TRUE(note_backup(path, noon + std::chrono::hours(1)));
  EXPECT_EQ(last_backup(path), noon + std::chrono::hours(1));
  EXPECT_THAT(names_in(path), ElementsAre(std::string(note_name)));
  EXPECT_EQ(fs::status(path / note_name).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(note_backup(path / "none", noon));
}

}  // namespace
}  // namespace postern::backup
