#include "config/handbook.h"

#include <gtest/gtest.h>

namespace postern::app {
namespace {

TEST(Handbook, pages_are_named_by_where_they_are) {
  const PageName called = [](std::string_view name) { return "<" + std::string(name) + ">"; };
  EXPECT_EQ(with_pages("see docs/tls.md, or docs/dns-records.md, MTA-STS", called),
            "see <tls>, or <dns-records>, MTA-STS");
  EXPECT_EQ(with_pages("(docs/relay.md)", called), "(<relay>)");
  for (const char* other :
       {"", "docs/", "docs/.md", "docs/a b.md", "docs/a.txt", "/srv/docs/a.md", "no page"}) {
    EXPECT_EQ(with_pages(other, called), other);
  }
  EXPECT_EQ(with_pages("docs/tls.md"), "docs/tls.md") << "a program of its source";
}

}  // namespace
}  // namespace postern::app
