#include "store/secret_seal.h"

#include <gtest/gtest.h>

namespace postern::store {
namespace {

constexpr const char* first_line = "the first key, of 32 letters or more";
constexpr const char* second_line = "another key, of 32 letters or more too";

SecretSeal seal_of(const std::string& text) { return *SecretSeal::of(Secret(text)); }

TEST(SecretSeal, gives_back_what_it_closed_and_compares_alike) {
  const SecretSeal seal = seal_of(first_line);
  for (const std::string& text :
       {std::string("whsec_x"), std::string("a\0b", 3), std::string(4000, 'x')}) {
    const std::string sealed = seal.close(text);
    EXPECT_EQ(seal.open(sealed), text);
    EXPECT_EQ(sealed.find(text), std::string::npos);
    EXPECT_EQ(seal.close(text), sealed);
    EXPECT_NE(seal.close(text + "y").substr(8, 24), sealed.substr(8, 24)) << "a nonce twice";
  }
  EXPECT_EQ(seal.close(""), "");
  EXPECT_EQ(seal.open(""), "");
}

TEST(SecretSeal, opens_nothing_that_is_not_its_own) {
  const SecretSeal seal = seal_of(first_line);
  const std::string sealed = seal.close("whsec_x");
  EXPECT_EQ(seal_of(second_line).open(sealed), std::nullopt);
  EXPECT_EQ(seal.open("whsec_x"), std::nullopt) << "it was not sealed";
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] ^= 1;
    EXPECT_EQ(seal.open(changed), std::nullopt) << at;
    if (at > 0) EXPECT_EQ(seal.open(sealed.substr(0, at)), std::nullopt) << at;
  }
}

TEST(SecretSeal, the_first_key_seals_and_the_others_open) {
  const SecretSeal old_key = seal_of(first_line);
  const SecretSeal both = seal_of(std::string(second_line) + "\r\n\n" + first_line + "\n");
  EXPECT_EQ(both.open(old_key.close("x")), "x");
  EXPECT_EQ(old_key.open(both.close("x")), std::nullopt);
  EXPECT_EQ(both.id(), seal_of(second_line).id());
  EXPECT_TRUE(both.knows(old_key.id()));
  EXPECT_FALSE(old_key.knows(both.id()));
  EXPECT_EQ(old_key.id().size(), 16u);
}

TEST(SecretSeal, keys_are_long_and_new_ones_differ) {
  EXPECT_EQ(SecretSeal::of(Secret("")).error().fault, Fault::malformed);
  EXPECT_EQ(SecretSeal::of(Secret("\n\n")).error().fault, Fault::malformed);
  EXPECT_EQ(SecretSeal::of(Secret("short\n")).error().fault, Fault::malformed);
  const auto one = SecretSeal::of(SecretSeal::new_key());
  const auto other = SecretSeal::of(SecretSeal::new_key());
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->id(), other->id());
}

}  // namespace
}  // namespace postern::store
