#include "config/certificate_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/temporary_folder_test.h"
#include "config/config.h"
#include "config/renewal.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A directory with keys and self-signed certificates, removed at the end.
class Files : public testing::Test {
 protected:
  void SetUp() override {
    // Another user must fail at the file, not at the directory.
    ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    make("one", 0, 30 * day);
    make("two", 0, 30 * day);
    make("ended", -7200, -3600);
    make("future", 3600, 30 * day);
  }

  std::string certificate(const std::string& name) const { return folder_.file(name + ".crt"); }
  std::string key(const std::string& name) const { return folder_.file(name + ".key"); }

  static constexpr long day = 86400;

  /// `names`: DNS names besides the subject's, as "DNS:a.example,DNS:b.example".
  void make(const std::string& name, long from, long to, const std::string& names = {},
            const char* curve = "P-256") {
    EVP_PKEY* pair = EVP_EC_gen(curve);
    X509* x509 = X509_new();
    X509_set_version(x509, 2);
    X509_gmtime_adj(X509_getm_notBefore(x509), from);
    X509_gmtime_adj(X509_getm_notAfter(x509), to);
    const std::string subject = name + ".example.com";
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject.data()),
                               static_cast<int>(subject.size()), -1, 0);
    if (!names.empty()) {
      X509_EXTENSION* more =
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
      X509_add_ext(x509, more, -1);
      X509_EXTENSION_free(more);
    }
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, pair);
    X509_sign(x509, pair, EVP_sha256());
    BIO* out = BIO_new_file(certificate(name).c_str(), "w");
    PEM_write_bio_X509(out, x509);
    BIO_free(out);
    out = BIO_new_file(key(name).c_str(), "w");
    PEM_write_bio_PrivateKey(out, pair, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(out);
    EXPECT_EQ(chmod(key(name).c_str(), 0600), 0);
    X509_free(x509);
    EVP_PKEY_free(pair);
  }

  /// For the host of certificate "one" and its variants.
  static std::vector<FileComplaint> checked(const std::string& certificate,
                                            const std::string& key) {
    const std::string file = std::filesystem::path(certificate).stem().string();
    return check_certificate_files(certificate, key, file + ".example.com");
  }

  tests::TemporaryFolder folder_;
};

TEST_F(Files, a_pair_that_fits_is_fine) {
  EXPECT_TRUE(checked(certificate("one"), key("one")).empty());
}

TEST_F(Files, a_key_of_another_certificate_is_named_with_the_subject) {
  const auto found = checked(certificate("one"), key("two"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T002");
  EXPECT_EQ(found[0].key, "key");
  EXPECT_THAT(found[0].message, HasSubstr("one.example.com"));
}

TEST_F(Files, a_pair_that_no_client_takes_is_an_error) {
  make("odd", 0, 60 * day, "", "secp256k1");
  const auto found = checked(certificate("odd"), key("odd"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T006");
  EXPECT_TRUE(found[0].fatal);
  const auto installed = check_certificate_pair(
      {tests::read_file(certificate("odd")), Secret(tests::read_file(key("odd"))), "odd.pem"},
      "odd.example.com");
  ASSERT_FALSE(installed);
  EXPECT_THAT(installed.error().message, HasSubstr("no client can shake hands"));
}

TEST_F(Files, both_missing_files_are_named_at_once) {
  const auto found = checked(certificate("none"), key("none"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].code, "T001");
  EXPECT_THAT(found[0].message, HasSubstr(certificate("none")));
  EXPECT_THAT(found[1].message, HasSubstr("No such file"));
}

TEST_F(Files, a_directory_is_not_a_certificate) {
  const auto found = checked(folder_.path(), key("one"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T001");
}

TEST_F(Files, what_is_not_pem_is_told_for_each_file) {
  const auto found = checked(key("one"), certificate("one"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].code, "T003");
  EXPECT_EQ(found[1].code, "T003");
}

TEST_F(Files, dates_are_a_warning) {
  for (const std::string name : {"ended", "future"}) {
    const auto found = checked(certificate(name), key(name));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].code, "T004");
    EXPECT_FALSE(found[0].fatal);
  }
}

TEST(Renewal, the_alert_comes_when_the_checks_warn) {
  EXPECT_THAT(tests::read_file(POSTERN_SOURCE_DIR "/examples/prometheus/postern.rules.yml"),
              HasSubstr(fmt::format("time() < {} * 86400", renewal_days_of_warning)));
}

TEST_F(Files, the_last_21_days_are_a_warning) {
  make("soon", -day, 21 * day - 60);
  const auto found = checked(certificate("soon"), key("soon"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "T004");
  EXPECT_FALSE(found[0].fatal);
  EXPECT_THAT(found[0].message, HasSubstr("in less than 21 days"));
  EXPECT_THAT(found[0].hint, HasSubstr("replace the files"));
  EXPECT_THAT(found[0].hint, Not(HasSubstr("tls install"))) << "refused while there are files";
  make("today", -day, 60);
  EXPECT_THAT(checked(certificate("today"), key("today"))[0].message,
              HasSubstr("in less than 1 day"));
  make("later", -day, 21 * day + 60);
  EXPECT_TRUE(checked(certificate("later"), key("later")).empty());
}

TEST_F(Files, the_certificate_is_to_name_the_host) {
  make("wild", 0, 30 * day, "DNS:*.example.com,DNS:example.net");
  make("part", 0, 30 * day, "DNS:m*.example.com");
  const auto names = [&](const std::string& name, const std::string& host) {
    const auto found = check_certificate_files(certificate(name), key(name), host);
    if (found.empty()) return std::string();
    EXPECT_EQ(found[0].code, "T005");
    EXPECT_FALSE(found[0].fatal);
    return found[0].message;
  };
  EXPECT_EQ(names("wild", "mx.example.com"), "");
  EXPECT_EQ(names("wild", "MX.Example.COM"), "");
  EXPECT_EQ(names("wild", "example.net"), "");
  // RFC 6125 §6.4.3: a wildcard is one whole label, the left-most.
  EXPECT_THAT(names("wild", "a.mx.example.com"),
              HasSubstr("is for *.example.com, example.net, not for a.mx.example.com"));
  EXPECT_NE(names("wild", "example.com"), "");
  EXPECT_NE(names("part", "mx.example.com"), "");
  // §6.4.4: without a DNS name, the subject's common name.
  EXPECT_EQ(names("one", "one.example.com"), "");
  EXPECT_THAT(names("one", "mx.example.com"), HasSubstr("/CN=one.example.com"));
}

TEST_F(Files, a_pair_that_is_installed_is_usable) {
  make("mx", 0, 60 * day, "DNS:mx.example.com,DNS:*.example.net");
  make("other", 0, 60 * day);
  const auto text = [this](const std::string& name) { return tests::read_file(certificate(name)); };
  const auto pair = [this](const std::string& pem, const std::string& secret) {
    return CertificatePair{
        .certificate = pem, .key = Secret(tests::read_file(key(secret))), .called = "mx.pem"};
  };
  const auto good = check_certificate_pair(pair(text("mx"), "mx"), "mx.example.com");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_TRUE(good->warnings.empty());
  EXPECT_TRUE(good->names_host);
  const std::string file = folder_.write("installed.pem", good->pem.reveal());
  EXPECT_TRUE(check_certificate_files(file, file, "mx.example.com").empty());
  // What is around the blocks is not kept, nor is a key among the certificates.
  const std::string mixed = "a word\n" + tests::read_file(key("other")) + text("mx");
  const auto clean = check_certificate_pair(pair(mixed, "mx"), "mx.example.com");
  ASSERT_TRUE(clean);
  EXPECT_EQ(clean->pem.reveal(), good->pem.reveal());

  const auto elsewhere = check_certificate_pair(pair(text("mx"), "mx"), "mx.example.org");
  ASSERT_TRUE(elsewhere);
  EXPECT_FALSE(elsewhere->names_host);
  ASSERT_EQ(elsewhere->warnings.size(), 1u);
  EXPECT_THAT(elsewhere->warnings[0].message, HasSubstr("`mx.pem` is for mx.example.com, *."));

  const auto refused = [&](const std::string& pem, const std::string& secret) {
    const auto answer = check_certificate_pair(pair(pem, secret), "mx.example.com");
    EXPECT_FALSE(answer);
    EXPECT_THAT(answer.error().message, Not(HasSubstr("MIG")));  // how each key begins
    return answer ? "" : answer.error().message;
  };
  EXPECT_THAT(refused(text("mx"), "other"), HasSubstr("does not belong"));
  EXPECT_THAT(refused(text("ended"), "ended"), HasSubstr("ended on"));
  EXPECT_THAT(refused("", "mx"), HasSubstr("no PEM certificate"));
  EXPECT_THAT(refused(tests::read_file(key("mx")), "mx"), HasSubstr("no PEM certificate"));
  const std::string torn = text("mx") + text("other").substr(0, 200);
  EXPECT_THAT(refused(torn, "mx"), HasSubstr("certificate 2 of the file cannot be read"));
  EXPECT_THAT(check_certificate_pair({text("mx"), Secret(text("mx")), ""}, "mx").error().message,
              HasSubstr("no PEM private key"));
  const auto wrong_order =
      check_certificate_pair(pair(text("mx") + text("other"), "mx"), "mx.example.com");
  ASSERT_TRUE(wrong_order);
  ASSERT_EQ(wrong_order->warnings.size(), 1u);
  EXPECT_THAT(wrong_order->warnings[0].message, HasSubstr("not issued by the one that follows"));
}

TEST_F(Files, a_certificate_that_is_no_file_is_looked_at_too) {
  make("soon", -day, day);
  const std::string pem = tests::read_file(certificate("soon"));
  std::vector<std::string> said;
  for (const FileComplaint& one : check_certificate_text(pem, "vault", "mx.example.com")) {
    EXPECT_THAT(one.message, HasSubstr("`vault`"));
    said.push_back(one.code);
  }
  EXPECT_EQ(said, (std::vector<std::string>{"T004", "T005"}));
  EXPECT_TRUE(check_certificate_text("no PEM", "vault", "mx.example.com").empty());
}

TEST_F(Files, an_unreadable_key_says_who_owns_it_who_we_are_and_the_line_that_mends_it) {
  const bool root = geteuid() == 0;
  chmod(key("one").c_str(), root ? 0600 : 0);
  const uid_t owner = geteuid();
  // Root may read everything: reads as another user.
  const uid_t reader = root ? 65534 : owner;
  ASSERT_EQ(seteuid(reader), 0);
  const auto found = checked(certificate("one"), key("one"));
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
  const std::string text = fmt::format(
      "[server]\nhostname = \"one.example.com\"\n[[listener]]\ncertificate = \"{}\"\nkey = "
      "\"{}\"\n",
      certificate("one"), key("two"));
  const ConfigResult result = parse_config(text, "postern.toml", options);
  ASSERT_EQ(result.diagnostics.list().size(), 1u);
  EXPECT_EQ(result.diagnostics.list()[0].line, 5u);
  EXPECT_EQ(result.diagnostics.list()[0].code, "T002");
  const ConfigResult half = parse_config(
      fmt::format("[[listener]]\ncertificate = \"{}\"\n", certificate("one")), "x", options);
  ASSERT_EQ(half.diagnostics.list().size(), 1u);
  EXPECT_EQ(half.diagnostics.list()[0].code, "C031");
}

TEST_F(Files, the_configuration_asks_for_the_names_of_hosts_and_of_further_domains) {
  LoadOptions options;
  options.open_files = 100'000;
  const std::string pair =
      fmt::format("certificate = \"{}\"\nkey = \"{}\"\n", certificate("one"), key("one"));
  const ConfigResult result =
      parse_config("[server]\nhostname = \"mx.example.com\"\n[[listener]]\n" + pair +
                       "[[vsl.virtual]]\ndomain = \"one.example.com\"\n" + pair +
                       "[[vsl.virtual]]\ndomain = \"two.example.com\"\n" + pair,
                   "x", options);
  EXPECT_TRUE(result.ok()) << result.diagnostics.render();
  std::vector<std::string> said;
  for (const Diagnostic& one : result.diagnostics.list()) {
    said.push_back(fmt::format("{} {}", one.code, one.line));
  }
  EXPECT_EQ(said, (std::vector<std::string>{"T005 4", "V005 6", "T005 12"}))
      << result.diagnostics.render();
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

// A file that was put into the folder while the service ran.
TEST_F(Files, a_credential_that_the_service_was_not_given_needs_a_restart) {
  LoadOptions options;
  options.open_files = 100'000;
  setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
  const ConfigResult result = parse_config(
      "[[auth.source]]\nkind = \"htpasswd\"\nfile = \"credential:certs_users\"\n", "x", options);
  unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_EQ(result.diagnostics.errors(), 1u) << result.diagnostics.render();
  const Diagnostic& only = result.diagnostics.list().front();
  EXPECT_EQ(only.message, "`file`: the service has no `credential:certs_users`");
  EXPECT_NE(only.hint.find("`systemctl restart postern`"), std::string::npos) << only.hint;
}

// As LoadCredential=ID:PATH names them: a directory's files are ID_FILE.
TEST_F(Files, credentials_are_found_where_the_command_line_says) {
  unsetenv("CREDENTIALS_DIRECTORY");
  LoadOptions options;
  options.open_files = 100'000;
  options.outside_service = true;
  const std::string text =
      "[[listener]]\ncertificate = \"credential:certs_one.crt\"\nkey = \"credential:key\"\n";
  options.credentials = {{"certs", folder_.path()}, {"key", key("one")}};
  const ConfigResult found = parse_config(text, "x", options);
  EXPECT_TRUE(found.ok()) << found.diagnostics.render();
  EXPECT_EQ(found.config.listeners[0].key, key("one"));
  options.credentials = {{"certs", folder_.path()}, {"key", key("two")}};
  const Diagnostics other = parse_config(text, "x", options).diagnostics;
  EXPECT_TRUE(std::ranges::any_of(other.list(), [](const auto& one) { return one.code == "T002"; }))
      << other.render();
  options.credentials = {{"certs", folder_.path()}};
  const ConfigResult missing = parse_config(text, "x", options);
  ASSERT_EQ(missing.diagnostics.errors(), 1u);
  EXPECT_EQ(missing.diagnostics.list().front().line, 3u);
}

// A configuration of production is no error where its secrets cannot be read.
TEST_F(Files, credentials_that_cannot_be_had_are_one_note) {
  unsetenv("CREDENTIALS_DIRECTORY");
  const std::string text =
      "[[listener]]\ncertificate = \"credential:one.crt\"\nkey = \"credential:one.key\"\n";
  LoadOptions options;
  options.open_files = 100'000;
  options.outside_service = true;
  const ConfigResult checked = parse_config(text, "x", options);
  EXPECT_TRUE(checked.ok()) << checked.diagnostics.render();
  ASSERT_EQ(checked.diagnostics.list().size(), 1u) << checked.diagnostics.render();
  EXPECT_EQ(checked.diagnostics.list().front().severity, Severity::note);
  // A command that reads no certificate needs none, and says nothing.
  LoadOptions reads_none;
  reads_none.open_files = 100'000;
  reads_none.read_files = false;
  EXPECT_TRUE(parse_config(text, "x", reads_none).diagnostics.empty());
  // A policy decides with its key, or not at all.
  reads_none.load_policy = true;
  EXPECT_FALSE(parse_config("[vsl]\ndkim_key = \"credential:k\"\n", "x", reads_none).ok());
}

}  // namespace
}  // namespace postern::app
