#include "smtp/codes.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <tuple>

#include "base/temporary_folder_test.h"

namespace postern::smtp {
namespace {

TEST(Codes, are_in_order_and_agree_in_their_class) {
  std::tuple<int, int, int, int> last{};
  for (const CodeMeaning& one : known_codes()) {
    const std::tuple now{int(one.code), int(one.enhanced.klass), int(one.enhanced.subject),
                         int(one.enhanced.detail)};
    EXPECT_LT(last, now) << one.code << " " << one.enhanced.to_string();
    last = now;
    if (one.enhanced.present()) {
      EXPECT_EQ(one.code / 100, one.enhanced.klass) << one.code;
    }
    EXPECT_FALSE(one.meaning.empty() || one.source.empty()) << one.code;
  }
  for (const std::uint16_t other : other_codes()) {
    for (const CodeMeaning& one : known_codes()) EXPECT_NE(one.code, other);
  }
}

TEST(Codes, manual_page_is_current) {
  const char* path = POSTERN_SOURCE_DIR "/docs/reply-codes.md";
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << codes_manual();
  EXPECT_EQ(tests::read_file(path), codes_manual()) << "run POSTERN_WRITE_DOCS=1 smtp_test";
}

}  // namespace
}  // namespace postern::smtp
