#include "app/certificate_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.h"
#include "base/temporary_folder_test.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;

/// A directory with keys and self-signed certificates, removed at the end.
class Files : public testing::Test {
 protected:
  void SetUp() override {
    // Another user is to fail at the file, not at the folder.
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    make("one", 0, 86400);
    make("two", 0, 86400);
    make("ended", -7200, -3600);
    make("future", 3600, 7200);
  }

  std::string certificate(const std::string& name) const { return folder_.file(name + ".crt"); }
  std::string key(const std::string& name) const { return folder_.file(name + ".key"); }

  void make(const std::string& name, long from, long to) {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    X509_gmtime_adj(X509_getm_notBefore(x509), from);
    X509_gmtime_adj(X509_getm_notAfter(x509), to);
    const std::string subject = name + ".example.com";
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject.data()),
                               static_cast<int>(subject.size()), -1, 0);
    X509_set_pubkey(x509, pair);
    X509_sign(x509, pair, EVP_sha256());
    BIO* out = BIO_new_file(certificate(name).c_str(), "w");
    PEM_write_bio_X509(out, x509);
    BIO_free(out);
    out = BIO_new_file(key(name).c_str(), "w");
    PEM_write_bio_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(out);
    X509_free(x509);
    EVP_PKEY_free(pair);
  }

  tests::TemporaryFolder folder_;
};

TEST_F(Files, a_pair_that_fits_is_fine) {
  EXPECT_TRUE(check_certificate_files(certificate("one"), key("one")).empty());
}

TEST_F(Files, a_key_of_another_certificate_is_named_with_the_subject) {
  const auto found = check_certificate_files(certificate("one"), key("two"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T002");
  EXPECT_EQ(found[0].key, "key");
  EXPECT_THAT(found[0].message, HasSubstr("one.example.com"));
}

TEST_F(Files, both_missing_files_are_named_at_once) {
  const auto found = check_certificate_files(certificate("none"), key("none"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].code, "T001");
  EXPECT_THAT(found[0].message, HasSubstr(certificate("none")));
  EXPECT_THAT(found[1].message, HasSubstr("No such file"));
}

TEST_F(Files, a_directory_is_not_a_certificate) {
  const auto found = check_certificate_files(folder_.path(), key("one"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T001");
}

TEST_F(Files, what_is_not_pem_is_told_for_each_file) {
  const auto found = check_certificate_files(key("one"), certificate("one"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].code, "T003");
  EXPECT_EQ(found[1].code, "T003");
}

TEST_F(Files, dates_are_a_warning) {
  for (const std::string name : {"ended", "future"}) {
    const auto found = check_certificate_files(certificate(name), key(name));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].code, "T004");
    EXPECT_FALSE(found[0].fatal);
  }
}

TEST_F(Files, an_unreadable_key_says_who_owns_it_who_we_are_and_the_line_that_mends_it) {
  const bool root = geteuid() == 0;
  chmod(key("one").c_str(), root ? 0600 : 0);
  const uid_t owner = geteuid();
  // Root may read everything: look with the eyes of somebody else.
  const uid_t reader = root ? 65534 : owner;
  ASSERT_EQ(seteuid(reader), 0);
  const auto found = check_certificate_files(certificate("one"), key("one"));
  ASSERT_EQ(seteuid(owner), 0);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T001");
  EXPECT_THAT(found[0].message, HasSubstr(fmt::format("({})", owner)));
  EXPECT_THAT(found[0].message, HasSubstr(root ? "mode 0600" : "mode 0000"));
  EXPECT_THAT(found[0].message, HasSubstr(fmt::format("we are uid {}", reader)));
  EXPECT_THAT(found[0].hint, HasSubstr(fmt::format("chown {} {}", reader, key("one"))));
}

TEST_F(Files, the_configuration_points_at_the_key_in_question) {
  LoadOptions options;
  options.open_files = 100'000;
  const std::string text = fmt::format("[[listener]]\ncertificate = \"{}\"\nkey = \"{}\"\n",
                                       certificate("one"), key("two"));
  const ConfigResult result = parse_config(text, "postern.toml", options);
  ASSERT_EQ(result.diagnostics.list().size(), 1u);
  EXPECT_EQ(result.diagnostics.list()[0].line, 3u);
  EXPECT_EQ(result.diagnostics.list()[0].code, "T002");
  const ConfigResult half = parse_config(
      fmt::format("[[listener]]\ncertificate = \"{}\"\n", certificate("one")), "x", options);
  ASSERT_EQ(half.diagnostics.list().size(), 1u);
  EXPECT_EQ(half.diagnostics.list()[0].code, "C031");
}

TEST_F(Files, credentials_are_found_in_the_directory_systemd_names) {
  LoadOptions options;
  options.open_files = 100'000;
  const std::string text =
      "[[listener]]\ncertificate = \"credential:one.crt\"\nkey = \"credential:one.key\"\n";
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(parse_config(text, "x", options).diagnostics.errors(), 2u);
  setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
  const ConfigResult result = parse_config(text, "x", options);
  EXPECT_TRUE(result.ok()) << result.diagnostics.render();
  EXPECT_EQ(result.config.listeners[0].key, key("one"));
  EXPECT_FALSE(parse_config("[[listener]]\ncertificate = \"credential:../x\"", "x", options).ok());
  unsetenv("CREDENTIALS_DIRECTORY");
}

}  // namespace
}  // namespace postern::app
