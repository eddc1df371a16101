#include "store/token_file.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::store {
namespace {

class TokenFileTest : public ::testing::Test {
 protected:
  tests::TemporaryFolder folder_;
  const std::string path_ = folder_.file("token");
};

TEST_F(TokenFileTest, is_made_once_for_the_owner_alone) {
  const auto made = token_file(path_);
  ASSERT_TRUE(made);
  EXPECT_GE(made->size(), 40u);
  EXPECT_TRUE(made->equals(token_file(path_)->reveal()));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions() & perms::all,
            perms::owner_read | perms::owner_write);
}

TEST_F(TokenFileTest, refuses_a_file_without_a_token) {
  EXPECT_FALSE(token_file(folder_.write("token", "\n")));
  EXPECT_FALSE(token_file("/nonexistent/metrics.token"));
}

}  // namespace
}  // namespace postern::store
