#include "dialect/kumo/elsewhere.h"

#include <set>

#include <gmock/gmock.h>

#include "dialect/kumo/api.h"
#include "dialect/kumo/hooks_test.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bool is_refused(const Elsewhere& one) { return one.weight == Elsewhere::Weight::refused; }

class SetElsewhere : public testing::Hooks {
 protected:
  /// The error of a load; empty: it succeeds.
  std::string failure(const std::string& text) {
    options_.text = text;
    const auto loaded = LuaPolicy::load(options_, world_);
    return loaded ? "" : loaded.error().message;
  }
  std::vector<std::string> findings(const std::string& text) {
    load(text);
    return policy_ ? policy_->elsewhere() : std::vector<std::string>();
  }
};

TEST_F(SetElsewhere, every_function_is_there_and_says_where_it_is_set) {
  std::size_t functions = 0;
  for (const Elsewhere& one : all_elsewhere()) {
    if (!one.name.starts_with("kumo.")) continue;
    ++functions;
    const std::string name(one.name);
    const std::string call = "\nkumo.on('init', function()\n  " + name + " { a = 1 }\nend)";
    if (is_refused(one)) {
      EXPECT_THAT(failure(call),
                  HasSubstr("policy.lua:3: " + name + " is not available in Postern: "))
          << name;
      continue;
    }
    EXPECT_THAT(findings(call), ElementsAre("policy.lua:3: " + name +
                                            " has no effect here: " + std::string(one.here)));
    EXPECT_THAT(policy_->warnings(), IsEmpty()) << name;
  }
  EXPECT_GT(functions, 25u);
}

TEST_F(SetElsewhere, no_name_has_an_effect_too) {
  std::multiset<std::string_view> registered;
  for (const script::HostTable& table : all_functions()) {
    for (const script::HostFunction& row : table) registered.insert(row.name);
  }
  std::set<std::string_view> seen;
  for (const Elsewhere& one : all_elsewhere()) {
    EXPECT_TRUE(seen.insert(one.name).second) << one.name;
    EXPECT_EQ(registered.count(one.name), one.name.starts_with("kumo.") ? 1u : 0u) << one.name;
    EXPECT_FALSE(one.here.ends_with('.')) << one.name;
  }
}

TEST_F(SetElsewhere, a_line_is_reported_once_and_each_line) {
  EXPECT_THAT(findings("for i = 1, 3 do\n  kumo.define_spool { name = i }\nend\n"
                       "kumo.define_spool { name = 'meta' }"),
              ElementsAre(HasSubstr("policy.lua:2: "), HasSubstr("policy.lua:4: ")));
}

TEST_F(SetElsewhere, what_is_called_in_a_hook_is_in_the_log) {
  EXPECT_THAT(findings("kumo.on('smtp_server_mail_from', function()\n"
                       "  kumo.set_diagnostic_log_filter 'x'\nend)"),
              IsEmpty());
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
  EXPECT_THAT(world_.lines,
              Contains(HasSubstr("warning policy.lua:2 kumo.set_diagnostic_log_filter")));
}

TEST_F(SetElsewhere, events_that_are_never_fired_say_where_it_is) {
  for (const Event& event : all_events()) {
    const std::string name(event.name);
    const std::string text = "kumo.on('" + name + "', function() end)";
    if (event.kind == Event::Kind::refused) {
      EXPECT_THAT(failure(text), HasSubstr(name + " is not available in Postern: ")) << name;
    } else if (event.kind == Event::Kind::never) {
      EXPECT_THAT(findings(text), ElementsAre("policy.lua:1: `" + name +
                                              "` is never fired here: " + std::string(event.help)));
      EXPECT_THAT(policy_->warnings(), IsEmpty()) << name;
    } else {
      EXPECT_THAT(findings(text), IsEmpty()) << name;
    }
  }
}

TEST_F(SetElsewhere, names_of_events_that_nobody_knows) {
  load(
      "kumo.on('smtp_server_mail_form', function() end)\n"
      "kumo.on('get_key', function() return 'key' end)\n"
      "kumo.on('unrelated', function() end)\n"
      "kumo.secrets.load { event_name = 'get_key' }");
  EXPECT_THAT(policy_->warnings(),
              ElementsAre("policy.lua:1: the handler is never called, because Postern has no event "
                          "`smtp_server_mail_form` and no key source of the policy names it; did "
                          "you mean `smtp_server_mail_from`?",
                          "policy.lua:3: the handler is never called, because Postern has no event "
                          "`unrelated` and no key source of the policy names it"));
}

TEST_F(SetElsewhere, options_of_queues_are_named_once_each) {
  const auto found = findings(
      "require('policy-extras.queue'):setup { { tenant = {\n"
      "  a = { egress_pool = 'p', require_authz = { 'x' } },\n"
      "  b = { egress_pool = 'q', max_age = '3 days', require_authz = { 'x' } },\n"
      "}, queue = { ['example.com'] = { routing_domain = 'relay.example' } } } }");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_THAT(found[0], HasSubstr("`egress_pool` has no effect here: `egress` of a [[route]]"));
  EXPECT_THAT(found[1], HasSubstr("`max_age` has no effect here: [queue] expire"));
}

TEST_F(SetElsewhere, what_needs_an_answer_is_not_available) {
  for (const char* call : {"kumo.http.connect_websocket {}", "kumo.aaa.query_resource()",
                           "kumo.inject_message()", "kumo.amqp_publish_now()"}) {
    EXPECT_THAT(failure(call), HasSubstr("is not available in Postern")) << call;
  }
}

TEST_F(SetElsewhere, unknown_options_of_http_clients_are_ignored_as_in_kumomta) {
  EXPECT_THAT(findings("kumo.http.build_client { headers = { a = 'b' } }\n"
                       "kumo.http.build_client { tiemout = 5 }"),
              ElementsAre("policy.lua:1: kumo.http.build_client: the option `headers` has no "
                          "effect, as in KumoMTA: set them with the request's `headers`",
                          "policy.lua:2: kumo.http.build_client: the option `tiemout` has no "
                          "effect, as in KumoMTA; did you mean `timeout`?"));
  EXPECT_THAT(findings("kumo.on('smtp_server_mail_from', function()\n"
                       "  kumo.http.build_client { headers = {} }\nend)"),
              IsEmpty());
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
}

TEST_F(SetElsewhere, what_the_outbound_side_makes_is_handed_back) {
  load(
      "local config = kumo.make_queue_config { max_age = '3 days', egress_pool = 'a' }\n"
      "assert(config.max_age == '3 days')\n"
      "assert(kumo.make_egress_pool { name = 'a', entries = {} }.name == 'a')\n"
      "assert(kumo.make_egress_source { name = 'a' }.name == 'a')\n"
      "assert(kumo.make_egress_path { enable_tls = 'Required' }.enable_tls == 'Required')\n"
      "kumo.make_queue_config {}");
  EXPECT_THAT(policy_->elsewhere(), IsEmpty());
  EXPECT_THAT(failure("kumo.make_queue_config { max_agee = 1 }"),
              HasSubstr("`max_agee` is not a known option"));
  EXPECT_THAT(failure("kumo.make_queue_config { max_age = 'long' }"), HasSubstr("`max_age`"));
  EXPECT_THAT(failure("kumo.make_egress_path 'x'"), HasSubstr("a table"));
}

TEST_F(SetElsewhere, helper_modules_give_what_policies_pass_on) {
  EXPECT_THAT(
      findings(
          "local shaping = require 'policy-extras.shaping'\n"
          "local shaper = shaping:setup_with_automation {}\n"
          "kumo.on('pre_init', function() shaper.setup_publish() end)\n"
          "assert(type(shaping:setup {}) == 'function')\n"
          "require('policy-extras.sources'):setup { 'nowhere.toml' }\n"
          "local hooks = require 'policy-extras.log_hooks'\n"
          "hooks:new { name = 'a' } hooks:new_json { name = 'b' }\n"
          "hooks:new_disposition_hook { name = 'c' }\n"
          "local warmer = require('policy-extras.warmup'):setup {}\n"
          "assert(warmer.wrap(shaper.get_egress_path_config) == shaper.get_egress_path_config)\n"
          "local rollup = require 'policy-extras.rollup'\n"
          "rollup.reroute_using_ip_rollup(nil, {})\n"),
      ElementsAre(HasSubstr("policy.lua:2: policy-extras.shaping:setup_with_automation has"),
                  HasSubstr("policy.lua:4: policy-extras.shaping:setup has"),
                  HasSubstr("policy.lua:5: policy-extras.sources:setup has"),
                  HasSubstr("policy.lua:7: policy-extras.log_hooks:new has"),
                  HasSubstr("policy.lua:7: policy-extras.log_hooks:new_json has"),
                  HasSubstr("policy.lua:8: policy-extras.log_hooks:new_disposition_hook has"),
                  HasSubstr("policy.lua:9: policy-extras.warmup:setup has"),
                  HasSubstr("policy.lua:11: policy-extras.rollup has")));
}

TEST_F(SetElsewhere, policy_utils) {
  load(R"lua(
local utils = require 'policy-extras.policy_utils'
local into = { a = 1, t = { x = 1 } }
utils.merge_into(nil, into)
utils.merge_into({ a = 2, b = 3 }, into)
assert(into.a == 2 and into.b == 3 and into.t.x == 1)
utils.recursive_merge_into({ t = { y = 2 }, n = { z = 1 }, a = { 1 } }, into)
assert(into.t.x == 1 and into.t.y == 2 and into.n.z == 1 and into.a[1] == 1)
assert(utils.table_contains({ 'a', 'b' }, 'b') and not utils.table_contains({ 'a' }, 'b'))
assert(not utils.table_contains({}, nil))
local keys = utils.table_keys { x = 1, y = 2 }
table.sort(keys)
assert(utils.equals(keys, { 'x', 'y' }))
assert(utils.table_is_empty {} and not utils.table_is_empty { 1 })
assert(utils.equals({ 1, { a = 'b' } }, { 1, { a = 'b' } }))
assert(not utils.equals({ 1 }, { 1, 2 }) and not utils.equals({ 1, 2 }, { 1 }) and not utils.equals(1, {}))
utils.assert_eq({ 1 }, { 1 })
utils.assert_ne(1, 2)
utils.assert_matches('abc', '^a.c$')
for _, failing in ipairs {
  function() utils.assert_eq(1, 2, 'what') end,
  function() utils.assert_ne(1, 1) end,
  function() utils.assert_matches('abc', '^x') end,
} do
  assert(not pcall(failing))
end
local well, why = pcall(utils.assert_eq, 1, 2, 'what')
assert(tostring(why):find('what. expected 1 == 2', 1, true), why)
assert(utils.starts_with('abc', 'ab') and not utils.starts_with('abc', 'b'))
assert(utils.ends_with('abc', 'bc') and not utils.ends_with('abc', 'b') and utils.ends_with('abc', ''))
local address, port = utils.split_ip_port '192.0.2.1:25'
assert(address == '192.0.2.1' and port == '25')
address, port = utils.split_ip_port '[2001:db8::1]:25'
assert(address == '2001:db8::1' and port == '25')
assert(utils.split_ip_port 'nothing' == nil)
assert(utils.dumps(true) == 'true' and utils.dumps(1.5) == '1.5' and utils.dumps {} == '{}')
assert(utils.dumps(nil) == nil and utils.dumps 'a' == '"a"')
assert(utils.dumps { 1, 'x' } == '{\n  [1] = 1,\n  [2] = "x"\n}')
assert(utils.dumps { a = { b = 1 } } == '{\n  ["a"] = {\n    ["b"] = 1\n  }\n}')
local loop = {}
loop.loop = loop
assert(utils.dumps(loop):find('recursive', 1, true))
assert(utils.load_json_or_toml_file(into) == into)
)lua");
  EXPECT_TRUE(policy_);
}

}  // namespace
}  // namespace postern::dialect::kumo
