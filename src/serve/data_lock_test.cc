#include "serve/data_lock.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;

TEST(MakeDataDirectory, is_made_for_its_owner_and_its_parents_are_not) {
  const tests::TemporaryFolder folder;
  const std::string made = folder.path() + "/data";
  ASSERT_TRUE(make_data_directory(made));
  EXPECT_EQ(fs::status(made).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(make_data_directory(made)) << "it is there already";
  const auto missing = make_data_directory(folder.path() + "/disk/data");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, ::testing::HasSubstr("disk is not there"));
  EXPECT_FALSE(fs::exists(folder.path() + "/disk"));
}

}  // namespace
}  // namespace postern::app
