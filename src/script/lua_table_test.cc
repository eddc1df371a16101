#include "script/lua_table.h"

#include <algorithm>
#include <random>
#include <vector>

#include "script/plain_lua_test.h"

namespace postern::script {
namespace {

using TableLibrary = PlainLua;

TEST_F(TableLibrary, AnswersAsLuaDoes) {
  struct Case {
    const char* text;
    const char* result;
  };
  const Case cases[] = {
      {"return table.concat({1, 2, 'x'}, ', ')", "1, 2, x"},
      {"return table.concat({}, ',')", ""},
      {"return table.concat({1, 2, 3}, '', 2, 3)", "23"},
      {"return table.concat({1, 2, 3}, ',', 3, 2)", ""},
      {"local t = {1, 2} table.insert(t, 3) return table.concat(t, ',')", "1,2,3"},
      {"local t = {1, 2} table.insert(t, 1, 3) return table.concat(t, ',')", "3,1,2"},
      {"local t = {1, 2} table.insert(t, 3, 3) return table.concat(t, ',')", "1,2,3"},
      {"local t = {1, 2, 3} local x = table.remove(t) return x, #t", "3|2"},
      {"local t = {1, 2, 3} local x = table.remove(t, 1) return x, table.concat(t, ',')", "1|2,3"},
      {"return table.remove({})", "nil"},
      {"return table.remove({}, 0)", "nil"},
      {"return table.remove({1, 2}, 3)", "nil"},
      {"return table.concat(table.move({1, 2, 3}, 1, 3, 2), ',')", "1,1,2,3"},
      {"return table.concat(table.move({1, 2, 3}, 2, 3, 1), ',')", "2,3,3"},
      {"return table.concat(table.move({1, 2, 3}, 1, 3, 2, {9}), ',')", "9,1,2,3"},
      {"return #table.move({1, 2, 3}, 2, 1, 5)", "3"},
      {"return table.unpack({1, 2, 3})", "1|2|3"},
      {"return table.unpack({1, 2, 3}, 2)", "2|3"},
      {"return table.unpack({1, 2, 3}, -1, 1)", "nil|nil|1"},
      {"return table.unpack({}, math.maxinteger, math.maxinteger)", "nil"},
      {"return select('#', table.unpack({}, 1, 0))", "0"},
      {"return table.unpack(setmetatable({}, {__index = function(_, i) return i * i end}), 1, 3)",
       "1|4|9"},
  };
  for (const Case& c : cases) EXPECT_EQ(run(c.text), c.result) << c.text;
}

TEST_F(TableLibrary, RefusesWhatLuaRefuses) {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"table.concat({1, {}, 3})", "invalid value (at index 2) in table for 'concat'"},
      {"table.concat(1)", "bad argument #1 to 'concat' (table expected, got number)"},
      {"table.insert({1, 2}, 5, 3)", "bad argument #2 to 'insert' (position out of bounds)"},
      {"table.insert({1, 2}, 0, 3)", "bad argument #2 to 'insert' (position out of bounds)"},
      {"table.insert({1, 2})", "wrong number of arguments to 'insert'"},
      {"table.insert(nil, 2)", "bad argument #1 to 'insert' (table expected, got nil)"},
      {"table.remove({1, 2}, 5)", "bad argument #2 to 'remove' (position out of bounds)"},
      {"table.move({}, math.mininteger, math.maxinteger, 1)",
       "bad argument #3 to 'move' (too many elements to move)"},
      {"table.move({}, 1, 10, math.maxinteger)",
       "bad argument #4 to 'move' (destination wrap around)"},
      {"table.unpack({}, 1, 1e8)", "too many results to unpack"},
      {"table.unpack({}, math.mininteger, math.maxinteger)", "too many results to unpack"},
      {"table.sort(1)", "bad argument #1 to 'sort' (table expected, got number)"},
      {"table.sort({}, 1)", "bad argument #2 to 'sort' (function expected, got number)"},
      {"table.sort({1, 'x'})", "attempt to compare string with number"},
      {"table.sort({true, false})", "attempt to compare two boolean values"},
      {"table.sort({3, 2, 1}, function() error('mine') end)", "mine"},
  };
  for (const Case& c : cases) EXPECT_EQ(run(c.text), std::string("error: test:1: ") + c.error);
  EXPECT_THAT(run("table.sort{{}, {}}"),
              ::testing::HasSubstr("attempt to compare two table values"));
}

TEST_F(TableLibrary, PaysForWhatItDoes) {
  budget = 1'000'000;
  for (const char* endless : {
           "table.move({}, 1, math.maxinteger - 1, 1)",
           "table.move({}, 1, 1e15, 2, {})",
           "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 2)",
           "table.remove(setmetatable({}, {__len = function() return 1 << 60 end}), 1)",
           "table.concat(setmetatable({}, {__index = function() return '' end}), '', 1, 1 << 60)",
           "local t = {} for i = 1, 100 do t[i] = i end while true do table.unpack(t) end",
           "local t = {('x'):rep(1 << 20)} while true do table.concat(t) end",
       }) {
    spent = 0;
    EXPECT_THAT(run(endless), ::testing::HasSubstr("budget")) << endless;
    EXPECT_LE(spent, budget + 20'000) << endless;
  }
}

TEST_F(TableLibrary, SortsAsTheOthersDo) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<int> numbers(random() % 200);
    const int range = round % 3 == 0 ? 5 : 100'000;
    std::string list = "{";
    for (int& number : numbers) {
      number = static_cast<int>(random() % static_cast<unsigned>(range));
      list += std::to_string(number) + ",";
    }
    list += "}";
    std::sort(numbers.begin(), numbers.end());
    std::string upwards;
    std::string downwards;
    for (const int number : numbers) {
      upwards += (upwards.empty() ? "" : ",") + std::to_string(number);
      downwards = std::to_string(number) + (downwards.empty() ? "" : ",") + downwards;
    }
    const std::string script = "local t, u, v = " + list + "," + list + "," + list +
                               " table.sort(t) theirs.sort(u)"
                               " table.sort(v, function(a, b) return a > b end)"
                               " return table.concat(t, ','), table.concat(u, ','),"
                               " table.concat(v, ',')";
    EXPECT_EQ(run(script), upwards + "|" + upwards + "|" + downwards);
  }
}

TEST_F(TableLibrary, KeepsTheOrderOfEquals) {
  EXPECT_EQ(run(R"(
    local t = {}
    for i = 1, 100 do t[i] = {key = i % 3, place = i} end
    table.sort(t, function(a, b) return a.key < b.key end)
    for i = 2, 100 do
      if t[i - 1].key > t[i].key then return 'not sorted' end
      if t[i - 1].key == t[i].key and t[i - 1].place > t[i].place then return 'not stable' end
    end
    return #t)"),
            "100");
}

TEST_F(TableLibrary, SortsStringsAndWhatHasAnOperator) {
  EXPECT_EQ(run("local t = {'b', 'a', 'c'} table.sort(t) return table.unpack(t)"), "a|b|c");
  EXPECT_EQ(run(R"(
    local meta = {__lt = function(a, b) return a.n < b.n end}
    local t = {}
    for i, n in ipairs{3, 1, 2} do t[i] = setmetatable({n = n}, meta) end
    table.sort(t)
    return t[1].n, t[2].n, t[3].n)"),
            "1|2|3");
}

TEST_F(TableLibrary, AnyOrderFunctionEnds) {
  for (const char* order : {"return true", "return false", "return nil",
                            "return math.random(2) == 1", "return a ~= b", "t[1] = nil"}) {
    const std::string script = std::string("local t = {} for i = 1, 500 do t[i] = i % 7 end") +
                               " table.sort(t, function(a, b) " + order +
                               " end) local sum = 0 for i = 1, 500 do sum = sum + t[i] end"
                               " return #t, sum";
    EXPECT_EQ(run(script), "500|1497") << order;
  }
}

TEST_F(TableLibrary, AnErrorLeavesTheListAsItWas) {
  EXPECT_EQ(run(R"(
    local t = {3, 2, 1}
    local ok = pcall(table.sort, t, function(a, b) if b == 1 or a == 1 then error('no') end return a < b end)
    return ok, t[1], t[2], t[3])"),
            "false|3|2|1");
}

TEST_F(TableLibrary, OrderFunctionsMayWait) {
  EXPECT_EQ(run(R"(
    local waits = 0
    local sort = coroutine.wrap(function()
      local t = {5, 3, 4, 1, 2}
      table.sort(t, function(a, b) coroutine.yield('wait') return a < b end)
      return table.concat(t)
    end)
    local result
    repeat
      result = sort()
      waits = waits + 1
    until result ~= 'wait'
    return result, waits > 4)"),
            "12345|true");
}

TEST_F(TableLibrary, GivesWayInTheMiddleOfALongTable) {
  const std::string made = "local t = {} for i = 1, 20000 do t[i] = i end ";
  const std::pair<const char*, const char*> cases[] = {
      {"return #table.concat(t, ', ')", "128892"},
      {"table.insert(t, 1, 0) return t[1], t[2], t[20001]", "0|1|20000"},
      {"local a = table.remove(t, 2) return a, t[1], t[2], t[19999], t[20000]", "2|1|3|20000|nil"},
      {"table.move(t, 1, 20000, 3) return t[1], t[2], t[3], t[20002]", "1|2|1|20000"},
      {"local u = table.move(t, 1, 20000, 1, {}) return #u, u[20000]", "20000|20000"},
  };
  for (const auto& [text, wanted] : cases) {
    const int before = gave_way;
    EXPECT_EQ(run(made + text), wanted) << text;
    EXPECT_GT(gave_way, before) << text;
  }
}

}  // namespace
}  // namespace postern::script
