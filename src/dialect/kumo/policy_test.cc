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
using ::testing::StartsWith;

struct PolicyFile : ::testing::Test {
  tl::expected<std::shared_ptr<const LuaPolicy>, script::Raised> load(const std::string& text) {
    LuaPolicyOptions options{.path = folder_.file("policy.lua"), .text = text};
    options.run = [](Task<void> task) {
      boost::asio::io_context loop;
      boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
      loop.run();
    };
    return LuaPolicy::load(std::move(options), world_);
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
  folder_.write("rules.lua", "return function(sender)\n  return kumo.aaa.make_acl {}\nend\n");
  const auto policy = load(
      "local rules = require 'rules'\n"
      "kumo.on('smtp_server_mail_from', function(s) local f = s.x and kumo.strin end)");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_THAT(
      (*policy)->warnings(),
      ::testing::UnorderedElementsAre(
          "policy.lua:2: kumo.strin is not available in Postern; did you mean `kumo.string`?",
          "rules.lua:2: kumo.aaa.make_acl is not available in Postern"));
}

TEST_F(PolicyFile, MisspeltCallsStopTheLoadInModulesToo) {
  folder_.write("rules.lua", "return function(sender)\n  kumo.rejekt(550, sender.email)\nend\n");
  const auto policy = load("local rules = require 'rules'");
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().message,
            "rules.lua:2: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?");
}

TEST_F(PolicyFile, WhatIsWrongIsSaidWithItsPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"local x = 1\nx = = 2", "policy.lua:2: "},
      {"\nkumo.on('init', 'x')", "policy.lua:2: argument 2: function expected, got string"},
      {"kumo.on('init', function()\n error 'no'\nend)", "policy.lua:2: no"},
      {"kumo.on('init', function()\n kumo.start_esmtp_listener{}\nend)",
       "policy.lua:2: start_esmtp_listener: 'listen' is missing"},
      {"kumo.start_esmtp_listener{ listen = '127.0.0.1:2525' }",
       "policy.lua:1: kumo.start_esmtp_listener is only available in the `init` event: write "
       "`kumo.on('init', function() ... end)` around it"},
      {"kumo.on('smtp_server_ehlo', print)\nkumo.on('smtp_server_ehlo', print)",
       "policy.lua:2: smtp_server_ehlo event already has a handler defined at policy.lua:1: join "
       "the two functions"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto policy = load(text);
    ASSERT_FALSE(policy) << text;
    EXPECT_THAT(policy.error().message, HasSubstr(wanted)) << text;
  }
}

TEST_F(PolicyFile, OptionsOfListenersAreCheckedAndNamedWhereTheyHaveNoEffect) {
  const std::string none = "";
  const struct {
    std::string options;
    std::string wrong;      ///< why the load fails; "": it succeeds
    std::string no_effect;  ///< the finding about an option without effect; "": none
  } cases[] = {
      {"batch_handling = 'BifurcateAlways'", none, none},
      {"batch_handling = 'BatchByDomain'", none, "'batch_handling' has no effect here: "},
      {"batch_handling = 'nonsense'",
       "'batch_handling' must be 'BifurcateAlways' or 'BatchByDomain'", none},
      {"batch_handling = true", "'batch_handling' must be", none},
      {"trace_headers = {}", none, none},
      {"trace_headers = { received_header = true, supplemental_header = false, header_name = 'X' }",
       none, none},
      {"trace_headers = { received_header = false }", none,
       "'trace_headers' has no effect here: every message gets a Received field"},
      {"trace_headers = { header_name = 'X-Ref' }", none,
       "'trace_headers' has no effect here: no supplemental field"},
      {"trace_headers = { supplemental_header = true }", none, "'trace_headers' has no effect"},
      {"trace_headers = { include_meta_names = { 'a' } }", none, "'trace_headers' has no effect"},
      {"trace_headers = { include_meta_names = {} }", none, none},
      {"trace_headers = { received = false }", "'trace_headers.received' is not a known option",
       none},
      {"trace_headers = { received_header = 'no' }",
       "'trace_headers.received_header' must be true or false", none},
      {"trace_headers = true", "'trace_headers' must be a table", none},
      {"deferred_spool = false, deferred_queue = false, data_buffer_size = 4096", none, none},
      {"deferred_spool = true", none, "'deferred_spool' has no effect here: "},
      {"deferred_queue = true", none, "'deferred_queue' has no effect here: "},
      {"deferred_queue = 1", "'deferred_queue' must be true or false", none},
      {"data_buffer_size = 'big'", "'data_buffer_size' must be a positive number", none},
      {"data_processing_timeout = '5 minutes'", none,
       "'data_processing_timeout' has no effect here: [lua] time"},
      {"data_processing_timeout = 'soon'", "'data_processing_timeout' ", none},
      {"peer = { ['192.0.2.0/24'] = { deferred_spool = true } }", none,
       "'deferred_spool' has no effect here: "},
      {"allow_xclient = true", "'allow_xclient' belongs in `peer`", none},
      {"allow_xclient = false", "'allow_xclient' belongs in `peer`", none},
      {"via = { ['192.0.2.1'] = { allow_xclient = true } }", "'allow_xclient' belongs in", none},
      {"peer = { ['192.0.2.1'] = { allow_xclient = true } }", none,
       "'allow_xclient' has no effect here: see [[listener]] xclient_from"},
      {"peer = { ['192.0.2.1'] = { via = { ['192.0.2.2'] = { allow_xclient = true } } } }", none,
       "'allow_xclient' has no effect"},
      {"peer = { ['192.0.2.1'] = { allow_xclient = 'yes' } }",
       "'allow_xclient' must be true or false", none},
      {"require_proxy_protocol = true", "'require_proxy_protocol' is not available", none},
      {"hostname = 'a b'", "'hostname' must be the name of a host, not 'a b'", none},
      {"hostname = ''", "'hostname' must be the name of a host", none},
      {"hostname = '192.0.2.1'", "'hostname' must be the name of a host", none},
      {"hostname = 'mx.example.com\\r\\n250 x'", "'hostname' must be the name of a host", none},
      {"hostname = 'mx'", none, none},
      {"hostname = 'mx.münchen.example'", none, none},
  };
  for (const auto& one : cases) {
    const auto policy = load(
        "kumo.on('init', function()\n kumo.start_esmtp_listener { listen = "
        "'127.0.0.1:2525', " +
        one.options + " }\nend)");
    const std::string place = "policy.lua:2: start_esmtp_listener: ";
    ASSERT_EQ(policy.has_value(), one.wrong.empty()) << one.options;
    if (!policy) {
      EXPECT_THAT(policy.error().message, HasSubstr(place + one.wrong)) << one.options;
      continue;
    }
    ASSERT_EQ((*policy)->elsewhere().size(), one.no_effect.empty() ? 0u : 1u) << one.options;
    if (one.no_effect.empty()) continue;
    EXPECT_THAT((*policy)->elsewhere().front(), StartsWith(place + one.no_effect)) << one.options;
  }
  const auto named = load(
      "kumo.on('init', function() kumo.start_esmtp_listener { listen = '127.0.0.1:2525', "
      "hostname = 'mx.münchen.example' } end)");
  ASSERT_TRUE(named);
  EXPECT_EQ((*named)->listeners().front().hostname, "mx.xn--mnchen-3ya.example");
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
