#include "store/seal.h"

#include <gtest/gtest.h>

namespace postern::store {
namespace {

const Seal one_seal(Secret("a key of some length"));

TEST(Seal, gives_back_what_it_closed_and_shows_nothing_of_it) {
  for (const std::string& text : {std::string(), std::string("['scott'] = 'tiger'"),
                                  std::string("a\0b", 3), std::string(100'000, 'x')}) {
    const std::string sealed = one_seal.close(text);
    EXPECT_EQ(one_seal.open(sealed), text);
    EXPECT_EQ(sealed.find("tiger"), std::string::npos);
    EXPECT_NE(one_seal.close(text), sealed) << "one text looks different each time";
  }
}

TEST(Seal, does_not_open_what_is_not_its_own) {
  const std::string sealed = one_seal.close("text");
  EXPECT_EQ(Seal(Secret("another key")).open(sealed), std::nullopt);
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] ^= 1;
    EXPECT_EQ(one_seal.open(changed), std::nullopt) << at;
    EXPECT_EQ(one_seal.open(sealed.substr(0, at)), std::nullopt) << at;
  }
}

}  // namespace
}  // namespace postern::store
