#include "dialect/vsl/manual.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::dialect::vsl {
namespace {

TEST(VslManual, the_page_is_current) {
  const std::string path = std::string(POSTERN_SOURCE_DIR) + "/docs/vsl-api.md";
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << api_manual();
  const std::string text = tests::read_file(path);
  EXPECT_TRUE(text == api_manual()) << path << ": run POSTERN_WRITE_DOCS=1 dialect_vsl_test";
  EXPECT_GT(text.size(), 5000u);
}

}  // namespace
}  // namespace postern::dialect::vsl
