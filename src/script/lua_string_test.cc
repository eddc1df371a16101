#include "script/lua_string.h"

#include <array>
#include <random>

#include "base/rounds_test.h"
#include "script/plain_lua_test.h"

namespace postern::script {
namespace {

using StringLibrary = PlainLua;

TEST_F(StringLibrary, FindsAndMatches) {
  struct Case {
    const char* text;
    const char* result;
  };
  const Case cases[] = {
      {"return ('hello'):find('l')", "3|3"},
      {"return ('hello'):find('xyz')", "nil"},
      {"return ('hello'):find('')", "1|0"},
      {"return ('hello'):find('', 6)", "6|5"},
      {"return ('hello'):find('', 7)", "nil"},
      {"return ('hello'):find('l', -2)", "4|4"},
      {"return ('hello'):find('h', -100)", "1|1"},
      {"return ('hello'):find('h', math.mininteger)", "1|1"},
      {"return ('a.b'):find('.', 2, true)", "2|2"},
      {"return ('a+b'):find('+', 1, true)", "2|2"},
      {"return ('key=val'):find('(%w+)=(%w+)')", "1|7|key|val"},
      {"return ('key=val'):find('()=')", "4|4|4"},
      {"return ('hello'):find('^l')", "nil"},
      {"return ('hello'):find('^l', 3)", "3|3"},
      {"return ('hello'):match('l+')", "ll"},
      {"return ('hello'):match('h(.)l')", "e"},
      {"return ('hello'):match('(h)(.)()')", "h|e|3"},
      {"return ('2024-05-06'):match('(%d+)-(%d+)-(%d+)')", "2024|05|06"},
      {"return string.match(123, '2')", "2"},
      {"return string.find(1234, 3)", "3|3"},
      {"local t = {} for k, v in ('a=1, b=2'):gmatch('(%w)=(%w)') do t[#t + 1] = k .. v end"
       " return table.concat(t, ' ')",
       "a1 b2"},
      {"local t = {} for w in ('one two'):gmatch('%a+') do t[#t + 1] = w end return #t", "2"},
      {"local n = 0 for w in ('abc'):gmatch('') do n = n + 1 end return n", "4"},
      {"local t = {} for p in ('abc'):gmatch('()', 2) do t[#t + 1] = p end"
       " return table.concat(t, ',')",
       "2,3,4"},
      {"local t = {} for w in ('^a^a'):gmatch('^a') do t[#t + 1] = w end return #t", "2"},
      {"return ('abc'):gmatch('b', -1)()", ""},
  };
  for (const Case& c : cases) EXPECT_EQ(run(c.text), c.result) << c.text;
}

TEST_F(StringLibrary, Substitutes) {
  struct Case {
    const char* text;
    const char* result;
  };
  const Case cases[] = {
      {"return ('hello'):gsub('l', 'L')", "heLLo|2"},
      {"return ('hello'):gsub('l', 'L', 1)", "heLlo|1"},
      {"return ('hello'):gsub('l', 'L', -1)", "hello|0"},
      {"return ('hello'):gsub('', '-')", "-h-e-l-l-o-|6"},
      {"return ('hello'):gsub('x*', '-')", "-h-e-l-l-o-|6"},
      {"return ('abc'):gsub('%w', '%0%0')", "aabbcc|3"},
      {"return ('abc'):gsub('%w', '%1%1')", "aabbcc|3"},
      {"return ('a b'):gsub('(%w) (%w)', '%2 %1')", "b a|1"},
      {"return ('50'):gsub('%d+', '%0%%')", "50%|1"},
      {"return ('abc'):gsub('b', 7)", "a7c|1"},
      {"return ('abc'):gsub('()', '%1')", "1a2b3c4|4"},
      {"return ('abc'):gsub('^a', 'x')", "xbc|1"},
      {"return ('aaa'):gsub('^a', 'x')", "xaa|1"},
      {"return ('$name is $age'):gsub('%$(%w+)', {name = 'Bo', age = 5})", "Bo is 5|2"},
      {"return ('$x'):gsub('%$(%w+)', {})", "$x|1"},
      {"return ('abc'):gsub('%w', function(c) return c:upper() .. '.' end)", "A.B.C.|3"},
      {"return ('abc'):gsub('(a)(b)', function(a, b) return b .. a end)", "bac|1"},
      {"return ('abc'):gsub('%w', function(c) if c == 'b' then return false end return '' end)",
       "b|3"},
      {"return ('abc'):gsub('%w', print and function() end)", "abc|3"},
      {"return ('x'):gsub('x', setmetatable({}, {__index = function(_, k) return k .. k end}))",
       "xx|1"},
      {"return ('a'):rep(3), ('ab'):rep(3, ','), ('x'):rep(0), ('x'):rep(-5), ('x'):rep(1, '--')",
       "aaa|ab,ab,ab|||x"},
      {"return #(''):rep(1 << 60), #('ab'):rep(1000), #('ab'):rep(1000, 'xyz')", "0|2000|4997"},
      {"return #('a'):rep(16 << 20)", "16777216"},
      {"return ('x'):upper(), #string.format('%5d', 3), string.pack('B', 65)", "X|5|A"},
  };
  for (const Case& c : cases) EXPECT_EQ(run(c.text), c.result) << c.text;
}

TEST_F(StringLibrary, NamesMistakes) {
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"('a'):find('[a')", "malformed pattern (missing ']')"},
      {"('a'):find('(a')", "unfinished capture"},
      {"('a'):match('%')", "malformed pattern (ends with '%')"},
      {"('a'):gsub('a', '%2')", "invalid capture index %2"},
      {"('a'):gsub('a', '%x')", "invalid use of '%' in replacement string"},
      {"('a'):gsub('a', '%')", "invalid use of '%' in replacement string"},
      {"('a'):gsub('a', function() return {} end)", "invalid replacement value (a table)"},
      {"('a'):gsub('a')",
       "bad argument #2 to 'gsub' (string/function/table expected, got no value)"},
      {"('a'):gsub('a', true)",
       "bad argument #2 to 'gsub' (string/function/table expected, got boolean)"},
      {"string.find()", "bad argument #1 to 'find' (string expected, got no value)"},
      {"('a'):rep((16 << 20) + 1)", "resulting string too large"},
      {"('a'):rep(1 << 62, 'b')", "resulting string too large"},
      {"('abc'):rep(math.maxinteger)", "resulting string too large"},
      {"('a'):gsub('.', function() error('mine', 0) end)", nullptr},
  };
  for (const Case& c : cases) {
    const std::string expected = c.error ? std::string("test:1: ") + c.error : "mine";
    EXPECT_EQ(run(c.text), "error: " + expected) << c.text;
  }
}

TEST_F(StringLibrary, NothingRunsForEver) {
  budget = 3'000'000;
  struct Case {
    const char* text;
    const char* error;
  };
  const Case cases[] = {
      {"(('a'):rep(5000)):find(('.-'):rep(12) .. 'b')", "pattern too complex"},
      {"(('a'):rep(5000)):match(('a*'):rep(12) .. 'b')", "pattern too complex"},
      {"(('a'):rep(5000)):gsub(('a?'):rep(99) .. 'b', '')", "pattern too complex"},
      {"for w in (('a'):rep(5000)):gmatch(('.-'):rep(12) .. 'b') do end", "pattern too complex"},
      {"(('a'):rep(1 << 17)):find('a-b')", "budget"},
      {"(('a'):rep(1 << 17)):find('.*b')", "budget"},
      {"(('('):rep(1 << 20)):find('%b()')", "budget"},
      {"while true do (('a'):rep(1 << 20)):find('b', 1, true) end", "budget"},
      {"while true do ('x'):rep(1 << 20) end", "budget"},
      {"while true do ('x'):gsub('x', '%0') end", "budget"},
      {"while true do ('x'):gsub('', string.len) end", "budget"},
      {"local s = ('x'):rep(1 << 20) while true do s:gsub('.*', '%0%0%0%0') end", "budget"},
  };
  for (const Case& c : cases) {
    spent = 0;
    EXPECT_THAT(run(c.text), ::testing::HasSubstr(c.error)) << c.text;
    EXPECT_LE(spent, budget + 2'000'000) << c.text;
  }
}

TEST_F(StringLibrary, SearchesPlainTextAcrossPieces) {
  for (const char* size : {"10", "65535", "65536", "65537", "131072", "200000"}) {
    const std::string script = std::string("local n = ") + size + R"(
      local needle = 'b' .. ('a'):rep(100) .. 'b'
      local s = ('a'):rep(n) .. needle .. ('a'):rep(70000)
      local from, to = s:find(needle, 1, true)
      return from == n + 1 and to == n + #needle, s:find(needle .. 'b', 1, true))";
    EXPECT_EQ(run(script), "true|nil") << size;
  }
}

/// A random text of pieces that form valid patterns often.
template <std::size_t count>
std::string made_of(std::mt19937& random, const std::array<const char*, count>& pieces,
                    std::size_t most) {
  std::string out;
  for (std::size_t n = random() % (most + 1); n > 0; --n) out += pieces[random() % count];
  return out;
}

// Lua's own functions are the reference: random patterns give the same results and errors.
TEST_F(StringLibrary, AgreesWithLua) {
  constexpr std::array subjects{"z", "a", "a", "b", "b", "c", "(", ")",
                                "]", "-", "%", "1", " ", "A", "^"};
  constexpr std::array patterns{
      "a",    "b",     "c",      ".",  "[ab]", "[^a]", "[a-c]", "[]a]", "[%a-]", "[^%s%d]", "%a",
      "%A",   "%w",    "%d",     "%s", "%p",   "%u",   "%l",    "%c",   "%g",    "%x",      "%b()",
      "%bab", "%f[a]", "%f[%W]", "(",  ")",    "()",   "(.)",   "(a*)", "%1",    "%2",      "*",
      "+",    "-",     "?",      "*",  "?",    "-",    "^",     "$",    "%",     "[",       "]",
      "%-",   "%%",    "z",      "%z", "%f",   "%b",   "%0"};
  constexpr std::array replacements{"x", "%0", "%1", "%2", "%%", "a", "", "%", "%q", "-"};
  ASSERT_EQ(run(R"(
    local function all(...)
      local out = {...}
      for i = 1, select('#', ...) do out[i] = type(out[i]) .. ':' .. tostring(out[i]) end
      return theirs.concat(out, '|')
    end
    local function collect(gmatch, ...)
      local out = {}
      for a, b, c in gmatch(...) do out[#out + 1] = all(a, b, c) end
      return theirs.concat(out, ';')
    end
    local function times(c, d) return d or c end
    function compare(subject, pattern, init, replacement, most)
      local known = setmetatable({a = 'T', b = false}, {__index = function(_, k) if k == 1 then return 'P' end end})
      for what, pair in pairs{
        find = {all(pcall(string.find, subject, pattern, init)),
                all(pcall(theirs.find, subject, pattern, init))},
        plain = {all(pcall(string.find, subject, pattern, init, true)),
                 all(pcall(theirs.find, subject, pattern, init, true))},
        match = {all(pcall(string.match, subject, pattern, init)),
                 all(pcall(theirs.match, subject, pattern, init))},
        gmatch = {all(pcall(collect, string.gmatch, subject, pattern, init)),
                  all(pcall(collect, theirs.gmatch, subject, pattern, init))},
        gsub = {all(pcall(string.gsub, subject, pattern, replacement, most)),
                all(pcall(theirs.gsub, subject, pattern, replacement, most))},
        gsub_table = {all(pcall(string.gsub, subject, pattern, known, most)),
                      all(pcall(theirs.gsub, subject, pattern, known, most))},
        gsub_function = {all(pcall(string.gsub, subject, pattern, times, most)),
                         all(pcall(theirs.gsub, subject, pattern, times, most))},
      } do
        if pair[1] ~= pair[2] then
          return what .. ': ours ' .. pair[1] .. ', theirs ' .. pair[2]
        end
      end
      return pcall(string.match, subject, pattern, init)
    end)"),
            "");
  std::mt19937 random(20240501);
  std::size_t errors = 0;
  std::size_t found = 0;
  const std::size_t all = tests::rounds(10'000, 50'000);
  for (std::size_t round = 0; round < all; ++round) {
    const std::string subject = made_of(random, subjects, 12);
    const std::string pattern = made_of(random, patterns, 7);
    const std::string replacement = made_of(random, replacements, 4);
    lua_getglobal(lua_, "compare");
    lua_pushlstring(lua_, subject.data(), subject.size());
    lua_pushlstring(lua_, pattern.data(), pattern.size());
    lua_pushinteger(lua_, static_cast<lua_Integer>(random() % 12) - 4);
    lua_pushlstring(lua_, replacement.data(), replacement.size());
    if (random() % 2 == 0) {
      lua_pushnil(lua_);
    } else {
      lua_pushinteger(lua_, random() % 4);
    }
    ASSERT_EQ(lua_pcall(lua_, 5, 2, 0), LUA_OK) << lua_tostring(lua_, -1);
    ASSERT_FALSE(lua_isstring(lua_, -2))
        << "subject '" << subject << "' pattern '" << pattern << "' replacement '" << replacement
        << "': " << lua_tostring(lua_, -2);
    if (lua_toboolean(lua_, -2) == 0)
      ++errors;
    else if (!lua_isnil(lua_, -1))
      ++found;
    lua_settop(lua_, 0);
  }
  EXPECT_GT(errors, all / 10);
  EXPECT_GT(found, all / 10);
}

TEST_F(StringLibrary, GivesWayInTheMiddleOfALongText) {
  const std::pair<const char*, const char*> cases[] = {
      {"local s = ('x'):rep(100000) return select(2, s:gsub('x', 'yy')), #(s:gsub('x', 'yy'))",
       "100000|200000"},
      {"local s = ('ab'):rep(20000) return (s:gsub('a', {a = 'c'}) == ('cb'):rep(20000))", "true"},
      {"local s = ('ab'):rep(20000) return (s:gsub('b', string.upper) == ('aB'):rep(20000))",
       "true"},
      {"local s = ('x'):rep(100000) .. 'z' return s:find('y*z')", "100001|100001"},
      {"local s = ('x'):rep(100000) .. 'z' return s:find('xz', 1, true)", "100000|100001"},
      {"local s = ('x'):rep(300000) return s:find('xz', 1, true)", "nil"},
      {"return ('a'):rep(100):match('^' .. ('a*'):rep(3) .. '()b')", "nil"},
      {"local n = 0 for a in (('x'):rep(30000) .. ';'):rep(3):gmatch('y*;') do n = n + #a end"
       " return n",
       "3"},
      {"return ('ab'):rep(300000, 'c') == ('abc'):rep(299999) .. 'ab'", "true"},
      {"return #('x'):rep(1 << 20, 'yz')", "3145726"},
      {"local s = ('xY'):rep(200000) return s:upper() == ('XY'):rep(200000),"
       " s:lower() == ('xy'):rep(200000), s:reverse() == ('Yx'):rep(200000)",
       "true|true|true"},
  };
  for (const auto& [text, wanted] : cases) {
    const int before = gave_way;
    EXPECT_EQ(run(text), wanted) << text;
    EXPECT_GT(gave_way, before) << text;
  }
}

TEST_F(StringLibrary, AFunctionThatGsubCallsMayWait) {
  impatient = false;
  EXPECT_EQ(run("local c = coroutine.wrap(function() return (('a-b-c'):gsub('%a', coroutine.yield))"
                " end) local s = c() .. c('1') .. c('2') return s .. c('3')"),
            "abc1-2-3");
}

}  // namespace
}  // namespace postern::script
