#include "web/assets.h"

#include <gtest/gtest.h>

namespace postern::web {
namespace {

TEST(Assets, what_the_first_page_names_is_there) {
  const Asset* page = find_asset("index.html");
  ASSERT_NE(page, nullptr);
  int named = 0;
  for (std::size_t at = 0; (at = page->octets.find("\"/app/", at)) != std::string_view::npos;) {
    at += 6;
    const std::string_view name = page->octets.substr(at, page->octets.find('"', at) - at);
    EXPECT_NE(find_asset(name), nullptr) << name;
    ++named;
  }
  EXPECT_GE(named, 4) << "theme, style, script, icon";
}

TEST(Assets, nothing_is_inline_and_nothing_comes_from_elsewhere) {
  const std::string_view page = find_asset("index.html")->octets;
  for (const std::string_view word : {"<script>", "<style", " style=", "http:", "https:", " on"}) {
    EXPECT_EQ(page.find(word), std::string_view::npos) << word;
  }
}

TEST(Assets, are_compressed_once) {
  for (const Asset& asset : assets()) {
    EXPECT_FALSE(asset.octets.empty()) << asset.name;
    EXPECT_EQ(asset.type.empty(), false) << asset.name;
    if (asset.gzip.empty()) continue;
    EXPECT_EQ(asset.gzip.substr(0, 2), "\x1f\x8b") << asset.name;  // RFC 1952 §2.3.1
    EXPECT_FALSE(asset.brotli.empty()) << asset.name;
  }
  EXPECT_EQ(find_asset("assets/none.js"), nullptr);
}

}  // namespace
}  // namespace postern::web
