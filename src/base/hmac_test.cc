#include "base/hmac.h"

#include <gtest/gtest.h>

#include "base/rfc4648.h"

namespace postern {
namespace {

std::string hex(std::string_view octets) { return encode(octets, Base::hex); }

TEST(Hmac, vectors_of_rfc_4231) {
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  // A key longer than a block is hashed first.
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                            "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, pieces_count_as_if_joined) {
  const std::string_view pieces[] = {"what do ya ", "", "want for nothing?"};
  EXPECT_EQ(hmac("SHA256", "Jefe", pieces), hmac_sha256("Jefe", "what do ya want for nothing?"));
}

TEST(Hmac, sizes_are_those_of_the_hash_function) {
  const std::string_view pieces[] = {"x"};
  EXPECT_EQ(hmac("SHA1", "key", pieces).size(), 20u);
  EXPECT_EQ(hmac("SHA512", "key", pieces).size(), 64u);
  EXPECT_THROW(hmac("no such function", "key", pieces), std::bad_alloc);
}

// RFC 2104 §3: a key of any length, none included.
TEST(Hmac, an_empty_key_is_a_key) {
  EXPECT_EQ(hmac_sha256(std::string_view(), ""), hmac_sha256("", ""));
  EXPECT_EQ(hex(hmac_sha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

}  // namespace
}  // namespace postern
