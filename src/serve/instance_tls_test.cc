// Certificates of a running gateway: installed, read again, kept.
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/ssl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "config/listener_certificate.h"
#include "net/tls.h"
#include "serve/instance.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

class Certificates : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GE(sodium_init(), 0);
    for (const char* name : {"mx", "old", "new"}) make(name, "mx.example.com");
    make("www", "www.example.com");
    config_.server.hostname = "mx.example.com";
    config_.server.data_dir = folder_.file("data");
    config_.api.address = *Endpoint::parse("127.0.0.1:0");
    config_.listeners.front().address = *Endpoint::parse("127.0.0.1:0");
    config_.listeners.front().tls = gateway::ListenerTls::starttls;
  }

  void make(const std::string& name, const std::string& host) const {
    ASSERT_TRUE(net::ensure_self_signed(file(name + ".pem"), file(name + ".key"), host));
  }
  std::string file(const std::string& name) const { return folder_.file(name); }

  void start() {
    gateway_.reset();
    auto started = Instance::start(config_);
    ASSERT_TRUE(started) << started.error().message;
    gateway_ = std::move(*started);
  }

  Result<json::object> install(const std::string& certificate, const std::string& key,
                               bool if_named = false) const {
    return gateway_->answer_about_tls("tls-install",
                                      {{"certificate", tests::read_file(file(certificate))},
                                       {"key", tests::read_file(file(key))},
                                       {"if_named", if_named}});
  }

  /// What `tls-status` says of the one listener.
  json::object used() const {
    return gateway_->answer_about_tls("tls-status", {})->at("listeners").at(0).as_object();
  }
  std::string source() const { return std::string(used().at("source").as_string()); }
  std::string digest() const { return std::string(used().at("sha256").as_string()); }
  std::string error() const { return std::string(used().at("error").as_string()); }

  tests::TemporaryFolder folder_;
  Config config_ = default_config().config;
  std::unique_ptr<Instance> gateway_;
};

TEST_F(Certificates, an_installed_pair_is_used_at_once_and_after_a_restart) {
  start();
  EXPECT_EQ(source(), "self-made");
  const std::string self_made = digest();
  const auto installed = install("mx.pem", "mx.key");
  ASSERT_TRUE(installed) << installed.error().message;
  EXPECT_TRUE(installed->at("installed").as_bool());
  EXPECT_EQ(source(), "installed");
  const std::string first = digest();
  EXPECT_NE(first, self_made);
  EXPECT_THAT(json::serialize(used()), HasSubstr(R"("names":["mx.example.com"])"));
  struct stat status{};
  ASSERT_EQ(stat(installed_certificate(file("data")).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
  start();
  EXPECT_EQ(digest(), first);

  const auto mismatch = install("mx.pem", "new.key");
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().fault, Fault::malformed);
  EXPECT_EQ(digest(), first);
  const auto passed_over = install("www.pem", "www.key", true);
  ASSERT_TRUE(passed_over);
  EXPECT_FALSE(passed_over->at("installed").as_bool());
  EXPECT_EQ(digest(), first);
  const auto other_name = install("www.pem", "www.key");
  ASSERT_TRUE(other_name);
  EXPECT_EQ(other_name->at("warnings").as_array().size(), 1u);
  EXPECT_NE(digest(), first);
}

TEST_F(Certificates, a_pair_that_no_listener_can_use_is_taken_back) {
  // A key of a curve that TLS has no signature for: a handshake finds it.
  const std::string make_bad =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -nodes -days 9 -subj "
      "/CN=mx.example.com -addext subjectAltName=DNS:mx.example.com -keyout " +
      file("bad.key") + " -out " + file("bad.pem") + " 2> /dev/null";
  ASSERT_EQ(std::system(make_bad.c_str()), 0);
  start();
  const std::string self_made = digest();
  const auto first = install("bad.pem", "bad.key");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().fault, Fault::malformed);
  EXPECT_FALSE(std::filesystem::exists(installed_certificate(file("data"))));
  EXPECT_EQ(digest(), self_made);
  ASSERT_TRUE(install("mx.pem", "mx.key"));
  const std::string good = digest();
  EXPECT_FALSE(install("bad.pem", "bad.key"));
  EXPECT_EQ(digest(), good);
  EXPECT_EQ(error(), "");
  start();
  EXPECT_EQ(digest(), good);
  EXPECT_FALSE(std::filesystem::exists(installed_certificate(file("data")) + ".before"));
}

TEST_F(Certificates, a_refused_reload_leaves_changed_files_to_be_noticed) {
  config_.listeners.front().certificate = file("old.pem");
  config_.listeners.front().key = file("old.key");
  start();
  const std::string old = digest();
  std::filesystem::rename(file("new.pem"), file("old.pem"));
  std::filesystem::rename(file("new.key"), file("old.key"));
  Config moved = config_;
  moved.listeners.push_back(moved.listeners.front());
  EXPECT_FALSE(gateway_->reload(moved));
  EXPECT_EQ(digest(), old);
  EXPECT_TRUE(gateway_->renew_changed_certificates());
  EXPECT_NE(digest(), old);
}

TEST_F(Certificates, without_a_listener_that_would_use_it_nothing_is_installed) {
  config_.listeners.front().certificate = file("old.pem");
  config_.listeners.front().key = file("old.key");
  start();
  const auto refused = install("mx.pem", "mx.key");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::denied);
  EXPECT_FALSE(std::filesystem::exists(installed_certificate(file("data"))));
}

TEST_F(Certificates, changed_files_are_read_again_and_a_bad_pair_changes_nothing) {
  config_.listeners.front().certificate = file("old.pem");
  config_.listeners.front().key = file("old.key");
  start();
  const std::string old = digest();
  EXPECT_FALSE(gateway_->renew_changed_certificates());
  // A client replaces the certificate; the round comes before it replaces the key.
  std::filesystem::rename(file("new.pem"), file("old.pem"));
  EXPECT_TRUE(gateway_->renew_changed_certificates());
  EXPECT_EQ(digest(), old);
  EXPECT_THAT(error(), HasSubstr("cannot use key"));
  EXPECT_FALSE(gateway_->renew_changed_certificates()) << "reported once";
  std::filesystem::rename(file("new.key"), file("old.key"));
  EXPECT_TRUE(gateway_->renew_changed_certificates());
  EXPECT_NE(digest(), old);
  EXPECT_EQ(error(), "");
  const std::string renewed = digest();
  std::filesystem::remove(file("old.key"));
  EXPECT_TRUE(gateway_->renew_changed_certificates());
  EXPECT_EQ(digest(), renewed);
  EXPECT_NE(error(), "");
}

TEST_F(Certificates, a_reload_keeps_what_was_installed) {
  start();
  ASSERT_TRUE(install("mx.pem", "mx.key"));
  const std::string installed = digest();
  Config next = config_;
  next.listeners = gateway_->config().listeners;
  ASSERT_TRUE(gateway_->reload(next));
  EXPECT_EQ(digest(), installed);
  EXPECT_EQ(source(), "installed");
  EXPECT_FALSE(gateway_->answer_about_tls("tls-install", {{"certificate", 1}}));
}

}  // namespace
}  // namespace postern::app
