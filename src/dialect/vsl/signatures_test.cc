#include <gtest/gtest.h>

#include "dialect/vsl/library.h"

namespace postern::dialect::vsl {
namespace {

constexpr script::HostFunction rows[] = {
    {"vsl.none", "", "", "", nullptr},
    {"vsl.one", "a: string", "", "", nullptr},
    {"vsl.optional", "a: string, b?: integer, c?: any", "", "", nullptr},
    {"vsl.nested", "a: fun(x: string, y: string), b: table<string, integer>", "", "", nullptr},
    {"vsl.many", "a: string, ...: any", "", "", nullptr},
    {"vsl.make_service", "name: string", "", "", nullptr},
    {"other.name", "", "", "", nullptr},
};
constexpr Allowed stages[] = {{"one", policy::Stage::mail},
                              {"many", policy::Stage::auth, policy::Stage::auth}};

TEST(VslSignatures, CountParameters) {
  const Group group{rows, stages};
  const auto all = signatures_of({&group, 1});
  EXPECT_EQ(all.size(), 5u) << "what compiled scripts call is no function of scripts";
  const struct {
    std::string_view name;
    std::size_t least;
    std::size_t most;
  } cases[] = {{"none", 0, 0},
               {"one", 1, 1},
               {"optional", 1, 3},
               {"nested", 2, 2},
               {"many", 1, std::string_view::npos}};
  for (const auto& one : cases) {
    ASSERT_TRUE(all.contains(one.name)) << one.name;
    EXPECT_EQ(all.at(one.name).least, one.least) << one.name;
    EXPECT_EQ(all.at(one.name).most, one.most) << one.name;
  }
  EXPECT_EQ(all.at("none").from, policy::Stage::connect);
  EXPECT_EQ(all.at("one").from, policy::Stage::mail);
  EXPECT_EQ(all.at("one").to, policy::Stage::delivery);
  EXPECT_EQ(all.at("many").to, policy::Stage::auth);
}

}  // namespace
}  // namespace postern::dialect::vsl
