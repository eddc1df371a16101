// The helpers' modules in the real virtual machine; messages and connections are tables of the
// test's script.
#include "dialect/kumo/queues_bind.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/domain_map_bind.h"
#include "dialect/kumo/events.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::dialect::kumo {
namespace json = boost::json;

namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

std::string answers;
void say(script::Rest rest) {
  for (const json::value& value : rest.values) {
    answers += (answers.empty() ? "" : " ") +
               (value.is_string() ? std::string(value.get_string()) : json::serialize(value));
  }
}
const script::HostFunction say_function[] = {
    {"t.say", "...: any", "", "", script::bind<&say>},
};

// Stands for the dialect's other files. It is one line, so that later lines are the policy's.
constexpr std::string_view prelude =
    "kumo.reject = function(code, text) error(code .. ' ' .. text, 0) end "
    "kumo.on = function(_, f) assert(f) end "
    "kumo.log_info = function(text) t.say('log:', text) end "
    "kumo.make_listener_domain = function(x) return x end "
    "function message(headers, meta) local m = { removed = {}, meta = meta or {} } "
    "function m:get_first_named_header_value(n) return headers[n] end "
    "function m:remove_all_named_headers(n) table.insert(self.removed, n) end "
    "function m:get_meta(k) return self.meta[k] end "
    "function m:set_meta(k, v) self.meta[k] = v end "
    "function m:recipient_list() return { { domain = 'example.com' } } end return m end "
    "function connection(meta) return { get_meta = function(_, k) return meta[k] end } end ";

class Helpers : public ::testing::Test {
 protected:
  Helpers() {
    setup_ = {.tables = {queues_functions(), domain_map_functions(), say_function},
              .modules = {{"policy-extras.queue", queue_module_text()},
                          {"policy-extras.listener_domains", listener_domains_module_text()}},
              .globals = {"kumo", "t"},
              .files = {.directory = folder_.path(), .roots = {}}};
    answers.clear();
  }
  /// The texts that the policy passed to say(), or "error: ...".
  std::string run(const std::string& policy) {
    script::State state(setup_);
    state.set_user(std::make_shared<Handlers>());
    script::Call call(world_, {});
    const auto raised =
        script::testing::run(state.run(std::string(prelude) + policy, "policy.lua", call));
    return raised ? "error: " + raised->message : answers;
  }

  tests::TemporaryFolder folder_;
  script::Setup setup_;
  script::testing::TestWorld world_;
};

constexpr const char* tenants = R"(tenant_header = 'X-Tenant'
remove_tenant_header = true
campaign_header = 'X-Campaign'
[tenant.mytenant]
require_authz = ['scott']
[queue.'example.com'.mytenant]
routing_domain = 'relay.example'
egress_pool = 'p'
)";

TEST_F(Helpers, a_message_gets_its_tenant_or_a_refusal) {
  folder_.write("queue.toml", tenants);
  const std::string policy = R"(
local helper = require('policy-extras.queue'):setup { 'queue.toml' }
local function try(headers, meta)
  local msg = message(headers, meta)
  local ok, refusal = pcall(helper.apply, helper, msg)
  t.say(ok or refusal, #msg.removed, msg.meta.tenant, msg.meta.campaign, msg.meta.routing_domain)
end
)";
  const struct {
    std::string_view call, said;
  } cases[] = {
      {"try({['X-Tenant']='mytenant', ['X-Campaign']='c'}, {authz_id='scott'})",
       "true 1 mytenant c relay.example"},
      {"try({['X-Tenant']='mytenant'}, {authz_id='mallory', authn_id='scott'})",
       "550 5.7.1 authz_id 'mallory' is not authorized to send as tenant 'mytenant' 1 null null "
       "null"},
      {"try({['X-Tenant']='mytenant'})",
       "550 5.7.1 tenant 'mytenant' requires SMTP AUTH 1 null null null"},
      {"try({['X-Tenant']='nosuch'})",
       "550 5.7.1 tenant 'nosuch' specified by 'X-Tenant' header is not defined in your queue "
       "config 1 null null null"},
      {"try({['X-Campaign']='spring sale'})", "true 0 null spring sale null"},
      {"t.say(helper:resolve_config('example.com', 'mytenant').egress_pool,"
       " helper:resolve_config('other.example', 'mytenant'))",
       "p null"},
  };
  for (const auto& c : cases) {
    answers.clear();
    EXPECT_EQ(run(policy + std::string(c.call)), c.said) << c.call;
  }
}

TEST_F(Helpers, hidden_names_are_in_the_log_alone) {
  folder_.write("queue.toml", std::string("hide_tenant_names = true\n") + tenants);
  EXPECT_EQ(run("local h = require('policy-extras.queue'):setup { 'queue.toml' } "
                "t.say(select(2, pcall(h.apply, h, message({['X-Tenant'] = 'mytenant'}))))"),
            "log: tenant 'mytenant' requires SMTP AUTH 550 5.7.1 not authorized to send as this "
            "tenant");
}

TEST_F(Helpers, tables_stand_for_files_and_later_ones_replace_lists) {
  folder_.write("queue.json", R"({ // comment
    "tenant_header": "X-Tenant", "tenant": { "a": { "require_authz": ["scott", "amy"] } } })");
  EXPECT_EQ(
      run("local h = require('policy-extras.queue'):setup_with_options { skip_queue_config_hook"
          " = true, file_names = { 'queue.json', { tenant = { a = { require_authz = "
          "{ 'amy' } } } } } } "
          "for _, id in ipairs { 'amy', 'scott' } do "
          "t.say((pcall(h.apply, h, message({['X-Tenant'] = 'a'}, {authz_id = id})))) end"),
      "true false");
}

TEST_F(Helpers, a_mistake_stops_the_load_at_its_place) {
  folder_.write("queue.toml", "tenant_header = 'X-Tenant'\n[tenant.'a'\n");
  folder_.write("typo.toml", "[tenant.a]\nrequire_auhtz = []\n");
  folder_.write("queue.json", "{\n// comment\n\"a\": 1,\n}\n");
  folder_.write("domains.toml", "['a.example']\nrelay_too = true\n");
  const struct {
    std::string policy, error;
  } cases[] = {
      {"local q = require 'policy-extras.queue'\nq:setup { { tenant = {} } }\n"
       "q:setup { { tenant = {} } }",
       "error: policy.lua:3: the queue helper has already been configured"},
      {"local q = require 'policy-extras.queue'\nq:setup_with_options { file_names = {} }\n"
       "local x = q:setup_with_options { file_names = {} }",
       "error: policy.lua:3: the queue helper has already been configured"},
      {"\nrequire('policy-extras.queue'):setup { 'queue.toml' }", "error: queue.toml:2: "},
      {"\nrequire('policy-extras.queue'):setup { '" + folder_.file("queue.json") + "' }",
       "error: " + folder_.file("queue.json") + ":4: "},
      {"\nrequire('policy-extras.queue'):setup { 'typo.toml' }",
       "error: typo.toml:2: `tenant.a.require_auhtz` is not a known key; did you mean "
       "`require_authz`?"},
      {"\nlocal x = require('policy-extras.queue'):setup { 'nosuch.toml' }",
       "error: policy.lua:2: cannot read nosuch.toml"},
      {"\nlocal x = require('policy-extras.queue'):setup { '/etc/hostname' }",
       "error: policy.lua:2: /etc/hostname is outside"},
      {"\nlocal x = require('policy-extras.queue'):setup {\n {x = 1} }",
       "error: policy.lua:2: `x` is not a known key"},
      {"local x = require('policy-extras.queue'):setup 'queue.toml'",
       "error: policy.lua:1: a list of file names is expected"},
      {"local x = require('policy-extras.queue'):setup { 1 }",
       "error: policy.lua:1: each element of the list must be a file name or a table"},
      {"\nlocal x = require('policy-extras.queue'):setup_with_options { files = {} }",
       "error: policy.lua:2: setup_with_options has no option `files`"},
      {"\nlocal x = require('policy-extras.listener_domains'):setup { 'domains.toml' }",
       "error: domains.toml:2: `a.example.relay_too` is not a known key; did you mean `relay_to`?"},
      {"\nlocal x = require('policy-extras.listener_domains'):setup { 'nosuch.toml' }",
       "error: policy.lua:2: cannot read nosuch.toml"},
  };
  for (const auto& c : cases) EXPECT_THAT(run(c.policy), StartsWith(c.error)) << c.policy;
}

TEST_F(Helpers, open_tenants_are_warned_of_at_load) {
  folder_.write("queue.toml",
                "tenant_header = 'X-Tenant'\n[tenant.open]\n[tenant.a]\nrequire_authz=['b']\n");
  EXPECT_EQ(run("local x = require('policy-extras.queue'):setup { 'queue.toml' }"), "");
  EXPECT_THAT(world_.lines,
              ElementsAre("debug queue.toml:4 tenant `a` is for `b`",
                          "warning queue.toml:2 tenant `open` has no require_authz: every sender "
                          "may claim it with the header `X-Tenant`"));
}

TEST_F(Helpers, listener_domains_answer_for_a_connection) {
  folder_.write(
      "domains.toml",
      "['example.com']\nrelay_to = true\n['send.example']\nrelay_from_authz = ['john']\n");
  const std::string policy =
      "local f = require('policy-extras.listener_domains'):setup { 'domains.toml' } "
      "local function try(domain, meta) meta.received_from = '192.0.2.7:4000' "
      "local d = f(domain, '127.0.0.1:25', connection(meta)) "
      "t.say(d and d.relay_to, d and d.relay_from[1]) end ";
  const std::pair<const char*, const char*> cases[] = {
      {"try('example.com', {})", "true null"},
      {"try('send.example', {})", "false null"},
      {"try('send.example', {authz_id = 'john'})", "false 192.0.2.7"},
      {"try('send.example', {authz_id = 'eve'})", "false null"},
      {"try('far.example', {authz_id = 'john'})", "null null"},
  };
  for (const auto& [call, said] : cases) {
    answers.clear();
    EXPECT_EQ(run(policy + call), said) << call;
  }
}

TEST_F(Helpers, a_domain_map_is_indexed_like_a_table) {
  const std::string policy =
      "\nlocal m = kumo.domain_map.new { ['*.example.com'] = { 1 }, ['Example.com'] = 'x' } ";
  const std::pair<const char*, const char*> cases[] = {
      {"t.say(m['a.b.example.com'][1], m['example.COM'], m['example.net'])", "1 x null"},
      {"m['*'] = false t.say(m['example.net'], m['other.com'])", "false null"},
      {"local n = kumo.domain_map.new() n['a'] = 1 n['a'] = 2 t.say(n.a, n.new)", "2 null"},
      {"m['*x'] = 1",
       "error: policy.lua:2: `*x` is no domain; write a name, `*.` and a name, or `*`: domain "
       "holds "
       "an octet that no label has"},
      {"m['*.münchen.example.'] = 3 t.say(m['a.xn--mnchen-3ya.example'], m['MÜNCHEN.example'])",
       "3 null"},
      {"kumo.domain_map.new { 'a', 'b' }", "error: policy.lua:2: a table by domain is expected"},
  };
  for (const auto& [call, said] : cases) {
    answers.clear();
    EXPECT_EQ(run(policy + call), said) << call;
  }
}

/// The fenced blocks of a page by the file name in their first line: "# queue.toml".
std::map<std::string, std::string> examples_of(const std::string& page) {
  std::ifstream file(std::string(POSTERN_SOURCE_DIR) + "/docs/" + page);
  std::map<std::string, std::string> examples;
  std::string line, name;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.starts_with("```")) {
      inside = !inside;
      name.clear();
    } else if (inside && name.empty()) {
      name = line.substr(line.find(' ') + 1);
      examples[name] = line + "\n";
    } else if (inside) {
      examples[name] += line + "\n";
    }
  }
  return examples;
}

TEST_F(Helpers, the_examples_of_the_manual_work) {
  const auto examples = examples_of("lua-tenants.md");
  ASSERT_EQ(examples.size(), 7u);
  for (const auto& [name, text] : examples) folder_.write(name, text);
  EXPECT_EQ(run(examples.at("policy.lua")), "");
  EXPECT_EQ(run(examples.at("relay.lua")), "");
  EXPECT_THAT(world_.lines, ElementsAre("debug queue.toml:10 tenant `mytenant` is for `scott`"));

  const auto tried = [&](const std::string& files, const std::string& meta) {
    answers.clear();
    return run("local h = require('policy-extras.queue'):setup { " + files +
               " } local ok, refusal = pcall(h.apply, h, message({['X-Tenant'] = 'mytenant'}, " +
               meta + ")) t.say(ok or refusal)");
  };
  for (const std::string file : {"'queue.toml'", "'queue.json'"}) {
    EXPECT_EQ(tried(file, "{authz_id = 'scott'}"), "true");
    EXPECT_EQ(tried(file, "{authz_id = 'mallory'}"),
              "550 5.7.1 authz_id 'mallory' is not authorized to send as tenant 'mytenant'");
    EXPECT_EQ(tried(file, "{}"), "550 5.7.1 tenant 'mytenant' requires SMTP AUTH");
  }
  EXPECT_EQ(tried("'queue.toml', 'override.toml'", "{authz_id = 'amy'}"), "true");
  EXPECT_THAT(tried("'queue.toml', 'override.toml'", "{authz_id = 'scott'}"), StartsWith("550 "));

  answers.clear();
  EXPECT_EQ(run("local h = require('policy-extras.queue'):setup { 'precedence.toml' } "
                "local function pool(...) t.say(h:resolve_config(...).egress_pool .. ';') end "
                "pool('a.example') pool('example.com') pool('a.example', 'mytenant') "
                "pool('a.example', 'mytenant', 'welcome') pool('example.com', 'mytenant') "
                "pool('example.com', 'mytenant', 'welcome')"),
            "everybody; to example.com; from mytenant; their campaign, to anywhere; from mytenant "
            "to example.com; their campaign, to example.com;");
}

}  // namespace
}  // namespace postern::dialect::kumo
