#include "dialect/kumo/use_lint.h"

#include <gtest/gtest.h>

namespace postern::dialect::kumo {
namespace {

using Lines = std::vector<std::string>;

UseFindings found(std::string_view text, const std::string& module = "") {
  return lint_uses({{"policy.lua", text}, {"own.lua", module}},
                   [](std::string_view name) { return name == "own"; });
}

TEST(UseLint, calls_of_nothing_are_mistakes) {
  const UseFindings one = found("local function greet() end\ngreet()\n  gret('x')\n");
  EXPECT_EQ(one.mistakes,
            Lines{"policy.lua:3:3: nothing defines the function `gret`; did you mean `greet`?"});
  EXPECT_EQ(found("local x = tostrin(1)").mistakes,
            Lines{"policy.lua:1:11: nothing defines the function `tostrin`; did you mean "
                  "`tostring`?"});
  EXPECT_EQ(found("one() two()").mistakes.size(), 2u) << "all at once";
}

TEST(UseLint, what_a_text_makes_is_there) {
  for (const char* fine :
       {"local f = function() end f()", "function f() end f()", "local function f() end f()",
        "local a, f = 1, 2 f()", "for f in pairs({}) do f() end", "function g(f) f() end",
        "f = nil if f then f() end", "helper()", "return (1)", "if (x) then end",
        "local t = {} function t:go() end t:go()", "local t = { go = 1 } t:go()",
        "kumo.on('init', function() end)", "('x'):rep(3)", "msg:get_data()",
        "local a = msg:sender().domain", "error('x')", "goto done ::done::"}) {
    const UseFindings one = found(fine, "function helper() end");
    EXPECT_EQ(one.mistakes, Lines{}) << fine;
    EXPECT_EQ(one.warnings, Lines{}) << fine;
  }
}

TEST(UseLint, names_made_out_of_sight_leave_a_warning) {
  for (const char* text : {"_G[x] = 1 f()", "load('f = 1')() f()"}) {
    EXPECT_EQ(found(text).mistakes, Lines{}) << text;
    EXPECT_EQ(found(text).warnings.size(), 1u) << text;
  }
}

TEST(UseLint, methods_and_fields) {
  EXPECT_EQ(found("local d = msg:get_dta()").mistakes,
            Lines{"policy.lua:1:15: nothing has a method `get_dta`; did you mean `get_data`?"});
  EXPECT_EQ(found("client:publish('x')").mistakes, Lines{}) << "of something that is not here";
  EXPECT_EQ(found("client:publish('x')").warnings.size(), 1u);
  EXPECT_EQ(found("local s = msg:sender()\nprint(s.domian)").warnings,
            Lines{"policy.lua:2:9: nothing has a field `domian`; did you mean `domain`?"});
  EXPECT_EQ(found("local t = { domian = 1 }\nprint(t.domian)").warnings, Lines{});
}

TEST(UseLint, misspelt_functions_of_kumo) {
  const Lines rejekt{
      "policy.lua:1: kumo.rejekt is not available in Postern; did you mean `kumo.reject`?"};
  EXPECT_EQ(found("if x then kumo.rejekt(550, 'no') end").mistakes, rejekt);
  EXPECT_EQ(found("if x then kumo.rejekt(550, 'no') end").warnings, Lines{});
  for (const char* uncertain :
       {"pcall(function() kumo.rejekt(550, 'no') end)", "_G[x] = 1 kumo.rejekt(550, 'no')",
        "local k = kumo k.rejekt = error kumo.rejekt(550, 'no')",
        "kumo['rejekt'] = error kumo.rejekt(550, 'no')", "local f = kumo.rejekt"}) {
    EXPECT_EQ(found(uncertain).mistakes, Lines{}) << uncertain;
    EXPECT_EQ(found(uncertain).warnings, rejekt) << uncertain;
  }
  EXPECT_EQ(found("kumo.rejekt(550, 'no')", "function kumo.rejekt() end").mistakes, Lines{})
      << "another text defines it";
  EXPECT_EQ(found("kumo.amqp.build_client 'amqp://localhost'").mistakes, Lines{});
  EXPECT_EQ(found("kumo.xfer.cancel()").warnings,
            Lines{"policy.lua:1: kumo.xfer is not available in Postern"})
      << "once";
}

TEST(UseLint, modules) {
  EXPECT_EQ(found("local db = require 'redis'").mistakes,
            Lines{"policy.lua:1:12: the module `redis` is not carried: keep data in `sqlite`, or "
                  "ask by HTTP"});
  EXPECT_EQ(found("local db = require 'sqllite'").mistakes,
            Lines{"policy.lua:1:12: there is no module `sqllite`; did you mean `sqlite`?"});
  EXPECT_EQ(found("require('sqllite')").mistakes.size(), 1u);
  EXPECT_EQ(
      found("require 'own' require 'sqlite' require 'kumo' require 'policy-extras.queue'").mistakes,
      Lines{});
  EXPECT_EQ(found("pcall(function() require 'maybe' end)").mistakes, Lines{});
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
