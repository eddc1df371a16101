#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>

#include "base/temporary_folder_test.h"
#include "script/host_functions_test.h"
#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const HostFunction result_function[] = {{"t.result", "...: any", "", "", bind<&testing::result>}};

/// A script and files in a test directory; `outside` is not readable by scripts.
class ScriptFiles : public ::testing::Test {
 protected:
  ScriptFiles() {
    fs::create_directories(root_.file("policy/lib"));
    root_.write("policy/lines.txt", "one\ntwo\n\nlast");
    root_.write("policy/numbers.txt", "  12 0x1F\n-3.5e2 +7 1e 5");
    root_.write("more/extra.txt", "extra");
    fs::create_symlink(root_.write("outside/secret.txt", "secret"), root_.file("policy/link.txt"));
    setup_ = {.tables = {result_function},
              .modules = {{"given", "return {name = ...}"}},
              .globals = {"t"},
              .files = {.directory = root_.file("policy"), .roots = {root_.file("more")}}};
    state_.emplace(setup_);
  }

  /// The arguments of `t.result(...)`; ROOT stands for the test directory.
  std::string answer(std::string text, Limits limits = {}) {
    for (std::size_t at; (at = text.find("ROOT")) != std::string::npos;)
      text.replace(at, 4, root_.path());
    std::string out;
    Call call(world_, limits, &out);
    const auto raised = testing::run(state_->run(text, "policy.lua", call));
    out = raised ? "error: " + raised->message : out;
    for (std::size_t at; (at = out.find(root_.path())) != std::string::npos;)
      out.replace(at, root_.path().size(), "ROOT");
    return out;
  }

  tests::TemporaryFolder root_;
  testing::TestWorld world_;
  struct Setup setup_;
  std::optional<State> state_;
};

TEST_F(ScriptFiles, HaveNoNulInTheirNames) {
  root_.write("policy/mod", "return 1");
  for (const char* text :
       {"t.result(io.open('lines.txt\\0.lua'))", "t.result(loadfile('lines.txt\\0'))",
        "t.result(pcall(io.lines, 'lines.txt\\0x'))", "t.result(pcall(dofile, 'mod\\0.lua'))",
        "t.result(pcall(require, 'mod\\0'))"}) {
    EXPECT_THAT(answer(text), HasSubstr("a NUL is in its name")) << text;
  }
}

TEST_F(ScriptFiles, OfTheGatewayAreClosed) {
  root_.write("policy/data/own.txt", "own");
  root_.write("policy/data/more/mine.txt", "mine");
  fs::create_symlink(root_.file("policy/data/own.txt"), root_.file("more/link.txt"));
  const auto reads = [&](const std::string& directory, const std::string& path) {
    const Files files{.directory = directory,
                      .roots = {root_.file("more")},
                      .closed = {root_.file("policy/data")}};
    return files.read(path).has_value();
  };
  EXPECT_TRUE(reads(root_.file("policy"), "lines.txt"));
  EXPECT_TRUE(reads(root_.file("policy"), root_.file("more/extra.txt")));
  for (const char* path : {"data/own.txt", "lib/../data/own.txt", "data/more/mine.txt"}) {
    EXPECT_FALSE(reads(root_.file("policy"), path)) << path;
  }
  EXPECT_FALSE(reads(root_.file("policy"), root_.file("more/link.txt")));
  fs::create_hard_link(root_.file("policy/data/own.txt"), root_.file("more/hard.txt"));
  EXPECT_FALSE(reads(root_.file("policy"), root_.file("more/hard.txt")));
  // A script in that directory can read the files next to it.
  EXPECT_TRUE(reads(root_.file("policy/data/more"), "mine.txt"));
  EXPECT_FALSE(reads(root_.file("policy/data/more"), "../own.txt"));
}

TEST_F(ScriptFiles, AreReadInEveryWayOfTheManual) {
  const std::string open = "local f = assert(io.open('lines.txt')) ";
  const std::string numbers = "local f = assert(io.open('numbers.txt', 'rb')) ";
  const std::pair<std::string, const char*> cases[] = {
      {open + "t.result(f:read())", R"~("one")~"},
      {open + "t.result(f:read('l', 'L', 'l', 'l', 'l'))", R"~("one" "two\n" "" "last" null)~"},
      {open + "t.result(f:read('*l', '*L', '*a', 'a', 'l'))",
       R"~("one" "two\n" "\nlast" "" null)~"},
      {open + "t.result(f:read(0, 2, 100, 0, 1))", R"~("" "on" "e\ntwo\n\nlast" null)~"},
      {open + "t.result(f:read('n'), f:read('a'))", R"~(null "one\ntwo\n\nlast")~"},
      {numbers + "t.result(f:read('n', 'n', 'n', 'n', 'n', 'n'))", "12 31 -3.5E2 7 null"},
      {numbers + "f:seek('end', -1) t.result(f:read('n', 'n'))", "5 null"},
      {open + "local n = {} for line in f:lines() do n[#n + 1] = line end t.result(n)",
       R"~(["one","two","","last"])~"},
      {open + "local n = {} for a, b in f:lines(1, 'L') do n[#n + 1] = a .. '|' .. b end"
              " t.result(n, io.type(f))",
       R"~(["o|ne\n","t|wo\n","\n|last"] "file")~"},
      {"local n = 0 for line in io.lines('lines.txt') do n = n + #line end t.result(n)", "10"},
      {"for line in io.lines('lines.txt', 'a') do t.result(#line) break end", "13"},
      {open + "t.result(f:seek(), f:seek('end'), f:seek('set', 4), f:read(3), f:seek('cur', -1),"
              " f:read())",
       R"~(0 13 4 "two" 6 "o")~"},
      {open + "t.result(f:seek('set', -1), f:seek('end', 10), f:read(), f:read('a'))",
       R"~(null 23 null "")~"},
      {open + "t.result(io.type(f), tostring(f), f:close(), io.type(f), tostring(f), io.type(1))",
       R"~("file" "file (lines.txt)" true "closed file" "file (closed)" null)~"},
      {"local f <close> = io.open('lines.txt') t.result(f:read())", R"~("one")~"},
      {"local kept for line in io.lines('lines.txt') do kept = line end t.result(kept)",
       R"~("last")~"},
      {"t.result(io.open('ROOT/more/extra.txt'):read('a'))", R"~("extra")~"},
      {"t.result(io.open('lib/../lines.txt'):read())", R"~("one")~"},
      {open + "t.result(require 'io' == io, getmetatable(f))", "true false"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
}

TEST_F(ScriptFiles, MistakesAreSaidWhereTheyAre) {
  const std::string open = "local f = io.open('lines.txt')\n";
  const std::pair<std::string, const char*> cases[] = {
      {"t.result(io.open('none.txt'))",
       R"~(null "cannot read none.txt: No such file or directory")~"},
      {"t.result(io.open('lines.txt', 'w'))",
       R"~(null "lines.txt: files can only be read here, not opened with mode 'w'")~"},
      {"t.result(io.open('lines.txt', 'r+'))",
       R"~(null "lines.txt: files can only be read here, not opened with mode 'r+'")~"},
      {"t.result((io.open('lib')))", "null"},
      {"\nio.lines('none.txt')",
       "error: policy.lua:2: cannot read none.txt: No such file or directory"},
      {"io.open()", "error: policy.lua:1: bad argument #1 to 'open' (string expected, got nil)"},
      {open + "f:close() f:read()", "error: policy.lua:2: attempt to use a closed file"},
      {open + "f:close() f:close()", "error: policy.lua:2: attempt to use a closed file"},
      {open + "local next_line = f:lines() f:close()\nnext_line()",
       "error: policy.lua:3: file is already closed"},
      {open + "t.result(pcall(f.read, {}))",
       R"~(false "bad argument #1 to 'read' (FILE* expected, got table)")~"},
      {open + "f:read('x')", "error: policy.lua:2: bad argument #1 to 'read' (invalid format)"},
      {open + "f:read(1.5)", "error: policy.lua:2: bad argument #1 to 'read' (invalid format)"},
      {open + "for x in f:lines('y') do end",
       "error: policy.lua:2: bad argument #1 to 'read' (invalid format)"},
      {open + "f:seek('middle')",
       "error: policy.lua:2: bad argument #1 to 'seek' (invalid option 'middle')"},
      {open + "f:write('x')", "error: policy.lua:2: attempt to call a nil value (method 'write')"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
}

TEST_F(ScriptFiles, OutsideTheFoldersNothingIsRead) {
  for (const char* path : {"ROOT/outside/secret.txt", "../outside/secret.txt", "link.txt",
                           "/etc/passwd", "/proc/self/environ", "lib/../../outside/secret.txt"}) {
    const std::string quoted = std::string("'") + path + "'";
    EXPECT_THAT(answer("t.result(io.open(" + quoted + "))"),
                HasSubstr("is outside the folders that scripts may read"))
        << path;
    EXPECT_THAT(answer("io.lines(" + quoted + ")"), HasSubstr("error: policy.lua:1: ")) << path;
    EXPECT_THAT(answer("t.result(loadfile(" + quoted + "))"), HasSubstr("null")) << path;
    EXPECT_THAT(answer("dofile(" + quoted + ")"), HasSubstr("is outside")) << path;
  }
  EXPECT_THAT(answer("package.path = 'ROOT/outside/?.txt' require 'secret'"),
              HasSubstr("is outside"));
  EXPECT_THAT(answer("require '../outside/secret'"), HasSubstr("not found"));
}

TEST_F(ScriptFiles, AreBoundedAndCountAsMemory) {
  root_.write("policy/large.txt", std::string((16u << 20) + 1, 'x'));
  EXPECT_EQ(answer("t.result(io.open('large.txt'))"),
            R"~(null "cannot read large.txt: more than 16 MiB")~");
  root_.write("policy/some.txt", std::string(2u << 20, 'x'));
  EXPECT_THAT(answer("local t = {} for i = 1, 1000 do t[i] = io.open('some.txt') end",
                     {.memory = 16u << 20}),
              HasSubstr("memory"));
}

TEST_F(ScriptFiles, LongFilesAreReadLineByLine) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i) + "\n";
  root_.write("policy/long.txt", text);
  EXPECT_EQ(answer("local n = 0 for line in io.lines('long.txt') do n = n + 1 end t.result(n)"),
            "20000");
}

TEST_F(ScriptFiles, ModulesAreFoundBesideThePolicy) {
  root_.write("policy/mine.lua", "local name, path = ... return {name = name, path = path}");
  root_.write("policy/lib/deep.lua", "count = (count or 0) + 1");
  root_.write("policy/lib/init.lua", "return 'the folder'");
  root_.write("policy/own.lua", "package.loaded.own = 'itself'");
  root_.write("policy/lib/broken.lua", "\nreturn = 1");
  root_.write("policy/lib/fails.lua", "\nerror('no')");
  root_.write("policy/binary.lua", "\x1bLua");
  root_.write("policy/first.lua", "return require('lib.deep') and 'first'");
  root_.write("more/other.lua", "return 'other'");
  const std::pair<const char*, const char*> cases[] = {
      {"local m, path = require 'mine' t.result(m.name, m.path, path)",
       R"~("mine" "mine.lua" "mine.lua")~"},
      {"t.result(require 'mine' == require 'mine')", "true"},
      {"t.result(require 'lib', (require 'own'))", R"~("the folder" "itself")~"},
      {"t.result(require('lib.deep'), require('lib.deep'), count)", "true true 1"},
      {"t.result((require 'first'))", R"~("first")~"},
      {"t.result(require('given').name, package.loaded.given == require 'given')",
       R"~("given" true)~"},
      {"package.preload.late = function(name, from) return name .. from end"
       " t.result(require 'late')",
       R"~("late:preload:" ":preload:")~"},
      {"local before = package.path package.path = before .. ';ROOT/more/?.lua'"
       " t.result((require 'other')) package.path = before",
       R"~("other")~"},
      {"package.loaded['lib.deep'] = nil require 'lib.deep' t.result(count)", "2"},
      {"t.result(require 'string' == string, require 'os' == os, require 'package' == package)",
       "true true true"},
      {"require 'lib.broken'", "error: lib/broken.lua:2: unexpected symbol near '='"},
      {"require 'lib.fails'", "error: lib/fails.lua:2: no"},
      {"\nrequire 'none.at'",
       "error: policy.lua:2: module 'none.at' not found: cannot read none/at.lua: No such file or"
       " directory; cannot read none/at/init.lua: No such file or directory"},
      {"require()", "error: policy.lua:1: bad argument #1 to 'require' (string expected, got nil)"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
  EXPECT_THAT(answer("require 'binary'"), HasSubstr("attempt to load a binary chunk"));
}

TEST_F(ScriptFiles, HoldPrograms) {
  root_.write("policy/part.lua", "#!/usr/bin/lua\nlocal a, b = ... return a, b, value");
  root_.write("policy/marked.lua", "\xEF\xBB\xBFreturn 'marked'");
  root_.write("policy/broken.lua", "#!x\n=");
  root_.write("policy/binary.lua", "\x1bLua");
  const std::pair<const char*, const char*> cases[] = {
      {"value = 3 t.result(loadfile('part.lua')(1, 2))", "1 2 3"},
      {"t.result(loadfile('part.lua', 't', {value = 4})(1, 2))", "1 2 4"},
      {"t.result(dofile('marked.lua'))", R"~("marked")~"},
      {"t.result(loadfile('none.lua'))",
       R"~(null "cannot read none.lua: No such file or directory")~"},
      {"t.result(loadfile('broken.lua'))", R"~(null "broken.lua:2: unexpected symbol near '='")~"},
      {"dofile('broken.lua')", "error: broken.lua:2: unexpected symbol near '='"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
  EXPECT_THAT(answer("t.result(loadfile('binary.lua', 'b'))"),
              HasSubstr("attempt to load a binary chunk"));
}

TEST_F(ScriptFiles, TextsAreLoadedAsPrograms) {
  const std::pair<const char*, const char*> cases[] = {
      {"t.result(load('return 1, ...')(2))", "1 2"},
      {"local parts = {'return ', '4', '2'} local i = 0"
       " t.result(load(function() i = i + 1 return parts[i] end)())",
       "42"},
      {"t.result(load(function() return nil end)())", ""},
      {"t.result(load('return x', 'chunk', 't', {x = 5})())", "5"},
      {"x = 6 t.result(load('return x')())", "6"},
      {"t.result(load('=', '=chunk'))", R"~(null "chunk:1: unexpected symbol near '='")~"},
      {"t.result(load('return ='))",
       R"~(null "[string \"return =\"]:1: unexpected symbol near '='")~"},
      {"t.result(load('return 1', 'c', 'bt')())", "1"},
      {"t.result((load('return 1', 'c', 'b')))", "null"},
      {"t.result((load('\\27Lua', 'c', 'b')))", "null"},
      {"t.result(pcall(load, function() return {} end))",
       R"~(false "reader function must return a string")~"},
      {"load(5)", "error: policy.lua:1: bad argument #1 to 'load' (function expected, got number)"},
  };
  for (const auto& [text, wanted] : cases) EXPECT_EQ(answer(text), wanted) << text;
  EXPECT_THAT(answer("t.result(pcall(load('return x.y', '=chunk', 't', nil)))"),
              HasSubstr("attempt to index a nil value (upvalue '_ENV')"));
  EXPECT_THAT(answer("while true do load(('x = 1 '):rep(100000)) end", {.instructions = 1'000'000}),
              HasSubstr("instructions"));
  EXPECT_THAT(answer("load(function() return ' ' end)", {.instructions = 1'000'000}),
              HasSubstr("stopped"));
}

TEST_F(ScriptFiles, TheEnvironmentIsReadAndItsSecretsAreKept) {
  ::setenv("POSTERN_TEST_REGION", "eu-west", 1);
  ::setenv("POSTERN_TEST_TOKEN", "hvs.tiger", 1);
  ::setenv("postern_test_password", "hvs.lion", 1);
  EXPECT_EQ(answer("t.result(os.getenv 'POSTERN_TEST_REGION', os.getenv 'POSTERN_TEST_NONE')"),
            R"~("eu-west" null)~");
  EXPECT_EQ(answer("region = os.getenv 'POSTERN_TEST_REGION' error(region, 0)"), "error: eu-west");
  EXPECT_EQ(answer("token = os.getenv 'POSTERN_TEST_TOKEN' error('with ' .. token, 0)"),
            "error: with <redacted>");
  EXPECT_EQ(answer("error(os.getenv 'postern_test_password', 0)"), "error: <redacted>");
  // The script keeps the value; a later call does not know that it was a secret.
  EXPECT_EQ(answer("print(token) t.result(#token)"), "9");
  EXPECT_THAT(world_.lines, ::testing::ElementsAre("info policy.lua:1 <redacted>"));
  EXPECT_EQ(answer("t.result(type(os.time()), type(os.clock()), os.date('!%Y', 0),"
                   " os.difftime(5, 3))"),
            R"~("number" "number" "1970" 2E0)~");
}

}  // namespace
}  // namespace postern::script
