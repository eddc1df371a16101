#include "dialect/vsl/library.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace postern::dialect::vsl {
namespace {

TEST(VslLibrary, HasEveryFunctionOnce) {
  std::set<std::string_view> names;
  for (const script::HostTable table : all_functions()) {
    for (const script::HostFunction& row : table) {
      EXPECT_TRUE(row.name.starts_with("vsl.")) << row.name;
      EXPECT_TRUE(names.insert(row.name).second) << row.name;
      const bool is_callable = signature_of(row.name.substr(4)).function != nullptr;
      EXPECT_TRUE(!row.help.empty() || !is_callable) << row.name;
    }
  }
  EXPECT_GT(names.size(), 80u);
}

TEST(VslLibrary, NamesStagesOfFunctionsThatAreThere) {
  for (const Group& group :
       {status_functions(), session_functions(), offered_functions(), envelope_functions(),
        message_functions(), utility_functions(), security_functions(), service_functions()}) {
    for (const Allowed& one : group.stages) {
      const Signature found = signature_of(one.name);
      ASSERT_NE(found.function, nullptr) << one.name;
      EXPECT_EQ(found.from, one.from) << one.name;
      EXPECT_EQ(found.to, one.to) << one.name;
      EXPECT_LE(one.from, one.to) << one.name;
    }
  }
}

TEST(VslLibrary, TellsWhatFunctionsTake) {
  const struct {
    std::string_view name;
    std::size_t least;
    std::size_t most;
  } cases[] = {{"next", 0, 0},           {"deny", 0, 1},      {"info", 1, 1},
               {"check_spf", 1, 2},      {"sign_dkim", 1, 4}, {"dkim_sign", 1, 4},
               {"append_header", 2, 2},  {"forward", 2, 2},   {"log", 2, 2},
               {"get_all_headers", 0, 1}};
  for (const auto& one : cases) {
    const Signature found = signature_of(one.name);
    ASSERT_NE(found.function, nullptr) << one.name;
    EXPECT_EQ(found.least, one.least) << one.name;
    EXPECT_EQ(found.most, one.most) << one.name;
  }
  EXPECT_EQ(signature_of("no_such").function, nullptr);
}

TEST(VslLibrary, KeepsWhatCompiledScriptsCallFromScripts) {
  EXPECT_EQ(signature_of("make_service").function, nullptr);
  EXPECT_EQ(signature_of("predefined").function, nullptr);
  const auto names = function_names();
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_TRUE(std::ranges::binary_search(names, "check_spf"));
  EXPECT_FALSE(std::ranges::binary_search(names, "make_service"));
}

}  // namespace
}  // namespace postern::dialect::vsl
