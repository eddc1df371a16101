#include "serve/postmaster_box.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::app {
namespace {

TEST(PostmasterBox, is_full_at_its_limit_and_has_room_when_mail_is_taken_away) {
  const tests::TemporaryFolder folder;
  PostmasterBox box(folder.path(), 100);
  int asked = 0;
  const auto later = [&] {
    ++asked;
    box.measure();
  };
  PostmasterBox::Clock::time_point now = PostmasterBox::Clock::now();
  EXPECT_FALSE(box.is_full(later, now)) << "there is no folder yet";
  EXPECT_EQ(asked, 1);
  std::filesystem::create_directory(folder.path() + "/new");
  std::filesystem::create_directory(folder.path() + "/cur");
  folder.write("new/1", std::string(60, 'x'));
  folder.write("cur/2", std::string(40, 'x'));
  EXPECT_FALSE(box.is_full(later, now)) << "not measured yet";
  EXPECT_EQ(asked, 1);
  now += PostmasterBox::every;
  EXPECT_FALSE(box.is_full(later, now)) << "nobody waits for the disk";
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(box.is_full(later, now));
  std::filesystem::remove(folder.path() + "/new/1");
  now += PostmasterBox::every;
  box.is_full(later, now);
  EXPECT_FALSE(box.is_full(later, now));
}

TEST(PostmasterBox, counts_what_is_under_way) {
  PostmasterBox box("/nonexistent", 100);
  const auto later = [] {};
  box.add(60);
  EXPECT_FALSE(box.is_full(later));
  box.add(40);
  EXPECT_TRUE(box.is_full(later));
  box.measure();
  EXPECT_FALSE(box.is_full(later)) << "none of it has arrived";
}

}  // namespace
}  // namespace postern::app
