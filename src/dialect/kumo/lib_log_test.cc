#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LibLog, has_four_levels_and_takes_anything) {
  testing::Library library({log_functions(), digest_functions()});
  EXPECT_EQ(library.answer("kumo.log_debug('a', 1, 1.5, true, nil)\n"
                           "kumo.log_info({b = 1, a = {1, 2}})\n"
                           "kumo.log_warn(kumo.digest.crc32 'abc', print)\n"
                           "kumo.log_error()"),
            "");
  EXPECT_THAT(
      library.world.lines,
      ElementsAre("debug policy.lua:1 a 1 1.5 true nil", R"(info policy.lua:2 {"a":[1,2],"b":1})",
                  HasSubstr("warning policy.lua:3 352441c2 function: "), "error policy.lua:4 "));
}

}  // namespace
}  // namespace postern::dialect::kumo
