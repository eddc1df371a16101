#include "store/verified_store.h"

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::store {
namespace {

std::vector<std::string> addresses(const std::string& path, std::size_t most) {
  const auto store = VerifiedStore::open(path, most).value();
  std::vector<std::string> found;
  const auto rows = store->all().value();
  for (const VerifiedRow& row : rows) found.push_back(row.address + " " + row.why);
  return found;
}

TEST(VerifiedStore, keeps_the_newest_results) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("verify.db");
  {
    const auto store = VerifiedStore::open(path, 3).value();
    ASSERT_TRUE(store->all());
    for (int i = 0; i < 6; ++i) {
      store->keep({"a" + std::to_string(i), 0, "so", from_millis(1000 + i)});
    }
    store->keep({"a5", 1, "otherwise", from_millis(2000)});
    store->flush();
  }
  const auto store = VerifiedStore::open(path, 3).value();
  EXPECT_EQ(store->find("a5").value()->why, "otherwise");
  EXPECT_FALSE(store->find("a0").value());
  const auto left = addresses(path, 3);
  ASSERT_FALSE(left.empty());
  EXPECT_LE(left.size(), 3u);
  EXPECT_EQ(left.back(), "a5 otherwise");
  EXPECT_EQ(addresses(path, 1), std::vector<std::string>{"a5 otherwise"});
}

}  // namespace
}  // namespace postern::store
