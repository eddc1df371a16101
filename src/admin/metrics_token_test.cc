#include "admin/metrics_token.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "admin/digest.h"
#include "base/text.h"

namespace postern::admin {
namespace {

class MetricsTokenTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_ =
      (std::filesystem::temp_directory_path() / ("postern-token-" + hex_encode(random_bytes(8))))
          .string();
};

TEST_F(MetricsTokenTest, is_made_once_for_the_owner_alone) {
  const auto made = metrics_token(path_);
  ASSERT_TRUE(made);
  EXPECT_GE(made->size(), 40u);
  EXPECT_TRUE(made->equals(metrics_token(path_)->reveal()));
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(path_).permissions() & perms::all,
            perms::owner_read | perms::owner_write);
}

TEST_F(MetricsTokenTest, refuses_a_file_without_a_token) {
  std::ofstream(path_) << "\n";
  EXPECT_FALSE(metrics_token(path_));
  EXPECT_FALSE(metrics_token("/nonexistent/metrics.token"));
}

}  // namespace
}  // namespace postern::admin
