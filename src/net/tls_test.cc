#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TlsFromText : public ::testing::Test {
 protected:
  TlsFromText() {
    for (const std::string one : {"a", "b"}) {
      EXPECT_TRUE(ensure_self_signed(folder_.file(one + ".crt"), folder_.file(one + ".key"),
                                     one + ".example"));
    }
  }

  TlsContext::Pem pem(const std::string& certificate, const std::string& key) {
    return {.certificate = certificate,
            .key = Secret(key),
            .certificate_name = "tls_certificate",
            .key_name = "tls_private_key"};
  }
  std::string part(const std::string& name) { return tests::read_file(folder_.file(name)); }

  tests::TemporaryFolder folder_;
};

TEST_F(TlsFromText, takes_a_certificate_with_its_chain) {
  const auto alone = TlsContext::load(pem(part("a.crt"), part("a.key")));
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_GT((*alone)->not_after(), std::chrono::system_clock::now());
  const auto chain = TlsContext::load(pem(part("a.crt") + part("b.crt"), part("a.key")));
  EXPECT_TRUE(chain);
}

TEST_F(TlsFromText, says_which_of_both_is_wrong_and_nothing_of_the_key) {
  const std::string key = part("b.key");
  const auto other = TlsContext::load(pem(part("a.crt"), key));
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("tls_private_key"));
  EXPECT_THAT(other.error().message, Not(HasSubstr(key.substr(30, 20))));
  for (const std::string broken : {"", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
    const auto certificate = TlsContext::load(pem(broken, key));
    ASSERT_FALSE(certificate);
    EXPECT_THAT(certificate.error().message, HasSubstr("certificate tls_certificate"));
    const auto no_key = TlsContext::load(pem(part("a.crt"), broken));
    ASSERT_FALSE(no_key);
    EXPECT_THAT(no_key.error().message, HasSubstr("key tls_private_key"));
  }
}

}  // namespace
}  // namespace postern::net
