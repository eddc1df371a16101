#include "dialect/kumo/use_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Lines = std::vector<std::string>;

UseFindings lint_uses_in(std::string_view text, const std::string& module = "") {
  return lint_uses({{"policy.lua", text}, {"own.lua", module}},
                   [](std::string_view name) { return name == "own"; });
}

TEST(UseLint, calls_of_nothing_are_mistakes) {
  const UseFindings one = lint_uses_in("local function greet() end\ngreet()\n  gret('x')\n");
  EXPECT_EQ(one.mistakes,
            Lines{"policy.lua:3:3: nothing defines the function `gret`; did you mean `greet`?"});
  EXPECT_EQ(lint_uses_in("local x = tostrin(1)").mistakes,
            Lines{"policy.lua:1:11: nothing defines the function `tostrin`; did you mean "
                  "`tostring`?"});
  EXPECT_EQ(lint_uses_in("one() two()").mistakes.size(), 2u) << "all at once";
}

TEST(UseLint, what_a_text_makes_is_there) {
  for (const char* fine :
       {"local f = function() end f()", "function f() end f()", "local function f() end f()",
        "local a, f = 1, 2 f()", "for f in pairs({}) do f() end", "function g(f) f() end",
        "f = nil if f then f() end", "helper()", "return (1)", "if (x) then end",
        "local t = {} function t:go() end t:go()", "local t = { go = 1 } t:go()",
        "kumo.on('init', function() end)", "('x'):rep(3)", "msg:get_data()",
        "local a = msg:sender().domain", "error('x')", "goto done ::done::"}) {
    const UseFindings one = lint_uses_in(fine, "function helper() end");
    EXPECT_EQ(one.mistakes, Lines{}) << fine;
    EXPECT_EQ(one.warnings, Lines{}) << fine;
  }
}

TEST(UseLint, names_made_out_of_sight_leave_a_warning) {
  for (const char* text : {"_G[x] = 1 f()", "load('f = 1')() f()"}) {
    EXPECT_EQ(lint_uses_in(text).mistakes, Lines{}) << text;
    EXPECT_EQ(lint_uses_in(text).warnings.size(), 1u) << text;
  }
}

TEST(UseLint, methods_and_fields) {
  EXPECT_EQ(lint_uses_in("local d = msg:get_dta()").mistakes,
            Lines{"policy.lua:1:15: nothing has a method `get_dta`; did you mean `get_data`?"});
  EXPECT_EQ(lint_uses_in("client:publish('x')").mistakes, Lines{})
      << "of something that is not here";
  EXPECT_EQ(lint_uses_in("client:publish('x')").warnings.size(), 1u);
  EXPECT_EQ(lint_uses_in("local s = msg:sender()\nprint(s.domian)").warnings,
            Lines{"policy.lua:2:9: nothing has a field `domian`; did you mean `domain`?"});
  EXPECT_EQ(lint_uses_in("local t = { domian = 1 }\nprint(t.domian)").warnings, Lines{});
}

TEST(UseLint, misspelt_functions_of_kumo) {
  const Lines rejekt{
      "policy.lua:1: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?"};
  EXPECT_EQ(lint_uses_in("if x then kumo.rejekt(550, 'no') end").mistakes, rejekt);
  EXPECT_EQ(lint_uses_in("if x then kumo.rejekt(550, 'no') end").warnings, Lines{});
  for (const char* uncertain :
       {"pcall(function() kumo.rejekt(550, 'no') end)", "_G[x] = 1 kumo.rejekt(550, 'no')",
        "local k = kumo k.rejekt = error kumo.rejekt(550, 'no')",
        "kumo['rejekt'] = error kumo.rejekt(550, 'no')", "local f = kumo.rejekt"}) {
    EXPECT_EQ(lint_uses_in(uncertain).mistakes, Lines{}) << uncertain;
    EXPECT_EQ(lint_uses_in(uncertain).warnings, rejekt) << uncertain;
  }
  EXPECT_EQ(lint_uses_in("kumo.rejekt(550, 'no')", "function kumo.rejekt() end").mistakes, Lines{})
      << "another text defines it";
  EXPECT_EQ(lint_uses_in("kumo.amqp.build_client 'amqp://localhost'").mistakes, Lines{});
  EXPECT_EQ(lint_uses_in("kumo.xfer.cancel()").warnings,
            Lines{"policy.lua:1: kumo.xfer is not available in Postern: operators move mail with "
                  "`postern queue`"})
      << "once";
}

// A hook that calls what is not there would refuse each message with a 4xx.
TEST(UseLint, what_hooks_call_and_postern_lacks_is_a_mistake) {
  const std::string on = "kumo.on('smtp_server_message_received', ";
  for (const std::string& text :
       {on + "function(msg) msg:parse_mime() end)",
        "local function sign(m) m:arc_seal(1) end\n" + on + "function(msg) sign(msg) end)",
        "local function sign(m) m:arc_seal(1) end\n" + on + "sign)",
        "local load = kumo.memoize(function(d) return kumo.yaml_load(d) end, {})\n" + on +
            "function(msg) load('a') end)",
        "local mod = {}\nfunction mod.go(m) kumo.amqp.basic_publish {} end\n" + on +
            "function(msg) mod.go(msg) end)",
        on + "function(msg) pcall(print, 'x') kumo.inject_message {} end)"}) {
    const UseFindings one = lint_uses_in(text);
    EXPECT_EQ(one.mistakes.size(), 1u) << text;
    EXPECT_EQ(one.warnings.size(), 0u) << text;
  }
  for (const std::string& text :
       {std::string("kumo.on('get_queue_config', function() kumo.yaml_load 'a' end)"),
        std::string("kumo.on('init', function() if x then kumo.yaml_load 'a' end end)"),
        std::string("log_hooks:new { constructor = function()\n  local s = {}\n"
                    "  function s:send(m) kumo.amqp.basic_publish {} end\n  return s\nend }\n") +
            on + "function(msg) client:get('x'):send() end)",
        on + "function(msg) pcall(function() kumo.yaml_load 'a' end) end)",
        std::string("local function unused(m) m:parse_mime() end\n") + on +
            "function(msg) msg:id() end)"}) {
    const UseFindings one = lint_uses_in(text);
    EXPECT_EQ(one.mistakes, Lines{}) << text;
    EXPECT_EQ(one.warnings.size(), 1u) << text;
  }
}

TEST(UseLint, methods_of_what_a_handler_is_given) {
  const UseFindings accept = lint_uses_in(
      "kumo.on('smtp_server_message_received', function(m)\n  return m:accept()\nend)");
  EXPECT_EQ(accept.mistakes, Lines{});
  EXPECT_EQ(accept.failing_calls, Lines{"policy.lua:2:12: `Message` has no method `accept`"});
  EXPECT_EQ(accept.warnings, Lines{});
  const UseFindings maybe =
      lint_uses_in("kumo.on('smtp_server_message_received', function(m) m:accept() end) _G[x] = 1");
  EXPECT_EQ(maybe.failing_calls, Lines{});
  EXPECT_EQ(maybe.warnings.size(), 1u);
  EXPECT_EQ(
      lint_uses_in("kumo.on('smtp_server_mail_from', function(s, c)\n  c:set_mta('a', 1)\nend)")
          .mistakes,
      Lines{"policy.lua:2:5: `ConnMeta` has no method `set_mta`; did you mean `set_meta`?"});
  for (const char* fine :
       {"kumo.on('smtp_server_message_received', function(m, c) m:id() c:auth_info() end)",
        "kumo.on('smtp_server_message_received', function(m) local m = other() m:accept() end)",
        "kumo.on('smtp_server_message_received', function(x) each(function(m) m:accept() end) end)",
        "kumo.on('http_message_generated', function(m) m:accept() end)"}) {
    EXPECT_EQ(lint_uses_in(fine, "function each() end function other() end").mistakes, Lines{})
        << fine;
    EXPECT_EQ(lint_uses_in(fine, "function each() end function other() end").failing_calls, Lines{})
        << fine;
  }
}

TEST(UseLint, literals_that_are_always_refused) {
  const std::string on = "kumo.on('smtp_server_message_received', function(msg) ";
  const auto line = [](const UseFindings& one) {
    EXPECT_EQ(one.warnings, Lines{});
    return one.mistakes.size() == 1 ? one.mistakes.front() : "";
  };
  EXPECT_THAT(line(lint_uses_in(on + "kumo.make_throttle('a', '2/fortnight') end)")),
              StartsWith("policy.lua:1:60: make_throttle: "));
  EXPECT_THAT(
      line(lint_uses_in(on + "kumo.make_throttle(f('x', {1, 2}) .. 'a', '2/fortnight') end)",
                        "function f() end")),
      HasSubstr("make_throttle: "));
  EXPECT_THAT(line(lint_uses_in(on + "msg:check_fix_conformance('', 'LINE_TO_LONG') end)")),
              StartsWith("policy.lua:1:59: check_fix_conformance: "));
  const UseFindings rejects = lint_uses_in(on + "kumo.reject(250, 'ok') end)");
  EXPECT_EQ(rejects.mistakes, Lines{}) << "the policy loads";
  EXPECT_EQ(rejects.failing_calls,
            Lines{"policy.lua:1:60: reject: a refusal needs a code from 400 to 599, not 250"});
  EXPECT_EQ(lint_uses_in("local function f() kumo.reject(250, 'ok') end").failing_calls, Lines{});
  for (const std::string& fine :
       {"kumo.make_throttle('a', '2/minute')", "kumo.make_throttle('a', rate .. '/fortnight')",
        "kumo.make_throttle('a', '2/' .. 'minute')", "kumo.make_throttle('a', ('2/x'):gsub(1, 2))",
        "msg:check_fix_conformance('', 'LINE_TOO_LONG|MISSING_DATE_HEADER')",
        "msg:check_fix_conformance(a, b)", "pcall(kumo.make_throttle, 'a', '2/fortnight')"}) {
    EXPECT_EQ(lint_uses_in(on + fine + " end)").mistakes, Lines{}) << fine;
  }
  const UseFindings unused =
      lint_uses_in("local function f() kumo.make_throttle('a', '2/fortnight') end");
  EXPECT_EQ(unused.mistakes, Lines{});
  EXPECT_EQ(unused.warnings.size(), 1u);
}

TEST(UseLint, modules) {
  EXPECT_EQ(lint_uses_in("local db = require 'redis'").mistakes,
            Lines{"policy.lua:1:12: the module `redis` is not carried: count with "
                  "`kumo.make_throttle`, keep data in `sqlite`, or ask by HTTP"});
  EXPECT_EQ(lint_uses_in("local db = require 'sqllite'").mistakes,
            Lines{"policy.lua:1:12: there is no module `sqllite`; did you mean `sqlite`?"});
  EXPECT_EQ(lint_uses_in("require('sqllite')").mistakes.size(), 1u);
  EXPECT_EQ(
      lint_uses_in("require 'own' require 'sqlite' require 'kumo' require 'policy-extras.queue'")
          .mistakes,
      Lines{});
  EXPECT_EQ(lint_uses_in("pcall(function() require 'maybe' end)").mistakes, Lines{});
}

// Each of these was once reported as a mistake, so that a working policy did not load.
TEST(UseLint, modules_from_elsewhere) {
  for (const char* fine : {"package.path = '/srv/lua/?.lua;' .. package.path require 'tools' go()",
                           "package.preload['x'] = function() end require 'x'",
                           "local site = require('sites.' .. name) site.go()", "require(name) go()",
                           "function handler() require 'late' end go()"}) {
    const auto has = [](std::string_view name) { return name == "late"; };
    EXPECT_EQ(lint_uses({{"policy.lua", fine}}, has).mistakes, Lines{}) << fine;
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
