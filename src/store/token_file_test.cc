#include "store/token_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/ulid.h"

namespace postern::store {
namespace {

class TokenFileTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_ =
      (std::filesystem::temp_directory_path() / ("postern-token-" + new_ulid())).string();
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
  std::ofstream(path_) << "\n";
  EXPECT_FALSE(token_file(path_));
  EXPECT_FALSE(token_file("/nonexistent/metrics.token"));
}

}  // namespace
}  // namespace postern::store
