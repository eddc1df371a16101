#include "base/temporary_folder_test.h"

#include <optional>

#include <gtest/gtest.h>

namespace postern::tests {
namespace {

TEST(TemporaryFolder, goes_with_all_that_was_in_it) {
  std::optional<TemporaryFolder> one(std::in_place);
  const TemporaryFolder other;
  const std::string path = one->path();
  EXPECT_NE(path, other.path());
  const std::string file = one->write("a/b", std::string("x\r\0", 3));
  EXPECT_EQ(file, path + "/a/b");
  EXPECT_EQ(read_file(file), std::string("x\r\0", 3));
  one->write("a/b", "y");
  EXPECT_EQ(read_file(file), "y");
  EXPECT_THROW(one->write("a", "no file"), std::runtime_error);
  one.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_THROW(read_file(file), std::runtime_error);
}

}  // namespace
}  // namespace postern::tests
