#include "dialect/kumo/policy.h"

#include <filesystem>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "script/test_world.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct PolicyFile : ::testing::Test {
  tl::expected<std::shared_ptr<const Policy>, script::Raised> load(const std::string& text) {
    PolicyOptions options{.path = folder_.file("policy.lua"), .text = text};
    options.run = [](Task<void> task) {
      boost::asio::io_context loop;
      boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
      loop.run();
    };
    return Policy::load(std::move(options), world_);
  }

  tests::TemporaryFolder folder_;
  script::testing::TestWorld world_;
};

TEST_F(PolicyFile, ItsDefinitionHasItsDataFilesAndNoneOfItsSecrets) {
  folder_.write("password.txt", "file-secret\n");
  folder_.write("queue.toml",
                "tenant_header = 'X-Tenant'\n[tenant.one]\nrequire_authz = ['scott']\n");
  const auto policy = load(
      "local secret = kumo.secrets.load 'password.txt'\n"
      "local queue = require('policy-extras.queue'):setup { 'queue.toml' }\n"
      "kumo.on('smtp_server_message_received', function(msg) queue:apply(msg) end)");
  ASSERT_TRUE(policy) << policy.error().message;
  const std::string& definition = (*policy)->definition();
  EXPECT_THAT(definition, HasSubstr("X-Tenant"));
  EXPECT_THAT(definition, Not(HasSubstr("file-secret")));

  std::filesystem::remove_all(folder_.path());
  const auto again = load_definition(json::parse(definition).as_object());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE((*again)->handles(events::received));
  EXPECT_EQ((*again)->definition(), definition);
}

TEST_F(PolicyFile, NamesThatAreNowhereAreWarnedOfInModulesToo) {
  folder_.write("rules.lua", "return function(sender)\n  kumo.rejekt(550, sender.email)\nend\n");
  const auto policy = load(
      "local rules = require 'rules'\n"
      "kumo.on('smtp_server_mail_from', function(s) if s.x then kumo.strin.trim('') end end)");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_THAT(
      (*policy)->warnings(),
      ::testing::UnorderedElementsAre(
          "policy.lua:2: kumo.strin is not available in Postern; did you mean `kumo.string`?",
          "rules.lua:2: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?"));
}

TEST_F(PolicyFile, WhatIsWrongIsSaidWithItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"local x = 1\nx = = 2", "policy.lua:2: "},
      {"\nkumo.on('init', 'x')", "policy.lua:2: argument 2: function expected, got string"},
      {"kumo.on('init', function()\n error 'no'\nend)", "policy.lua:2: no"},
      {"kumo.on('init', function()\n kumo.start_esmtp_listener{}\nend)",
       "policy.lua:2: start_esmtp_listener: 'listen' is missing"},
      {"kumo.start_esmtp_listener{ listen = '127.0.0.1:2525' }",
       "policy.lua:1: kumo.start_esmtp_listener is only available in the `init` event"},
      {"kumo.on('smtp_server_ehlo', print)\nkumo.on('smtp_server_ehlo', print)",
       "policy.lua:2: smtp_server_ehlo event already has a handler defined at policy.lua:1"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto policy = load(text);
    ASSERT_FALSE(policy) << text;
    EXPECT_THAT(policy.error().message, HasSubstr(wanted)) << text;
  }
}

TEST_F(PolicyFile, ListenersOfInitAreChecked) {
  const auto policy = load(
      "kumo.on('init', function() kumo.start_esmtp_listener { listen = '[::1]:2525', "
      "hostname = 'mx.example.com', relay_hosts = { '192.0.2.0/24' }, client_timeout = '1 minute', "
      "max_message_size = 4096, invalid_line_endings = 'Fix', meta = { x = 1 } } end)");
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_EQ((*policy)->listeners().size(), 1u);
  const Listener& listener = (*policy)->listeners().front();
  EXPECT_EQ(listener.name, "lua [::1]:2525");
  EXPECT_EQ(listener.client_timeout, std::chrono::minutes(1));
  EXPECT_EQ(listener.message_size, 4096u);
  EXPECT_EQ(listener.line_endings, Listener::LineEndings::fix);
  const ListenerFacts* facts = (*policy)->listener("lua [::1]:2525");
  ASSERT_NE(facts, nullptr);
  EXPECT_TRUE(facts->relay_hosts.contains(*IpAddress::parse("192.0.2.7")));
  EXPECT_EQ(facts->meta.at("x").as_int64(), 1);
}

}  // namespace
}  // namespace postern::dialect::kumo
