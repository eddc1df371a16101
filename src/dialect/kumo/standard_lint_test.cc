#include "dialect/kumo/standard_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "dialect/kumo/use_lint.h"
#include "script/standard_names.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// What is found in a policy with this handler; `before` stands above it.
UseFindings lint_handler(const std::string& body, const std::string& before = "") {
  const UnreadableFile unreadable = [](std::string_view path) -> std::optional<Error> {
    if (path.starts_with("/etc")) return Error{Fault::denied, "outside the folders"};
    if (path.starts_with("later")) return Error{Fault::not_found, "no such file"};
    return std::nullopt;
  };
  const std::string text =
      before + "\nkumo.on('smtp_server_message_received', function(msg) " + body + " end)";
  return lint_uses({{"policy.lua", text}}, [](std::string_view) { return false; },
                   {.unreadable = unreadable});
}

// The table is the sandbox's own: a name that it lacks cannot be forgotten here.
TEST(StandardLint, a_call_of_each_name_that_scripts_lack_is_found) {
  for (const script::WithheldName& one : script::withheld_names()) {
    std::string call = std::string(one.library) + "." + std::string(one.name) + "('x')";
    if (one.library == "_G") call = std::string(one.name) + "('x')";
    if (one.library == "FILE*") call = "io.open('a.txt'):" + std::string(one.name) + "('x')";
    const UseFindings made = lint_handler(call);
    EXPECT_THAT(made.failing_calls, ElementsAre(HasSubstr(one.instead))) << call;
    EXPECT_THAT(made.mistakes, IsEmpty()) << call;
    EXPECT_THAT(made.warnings, IsEmpty()) << call;
    EXPECT_THAT(lint_handler("pcall(function() " + call + " end)").failing_calls, IsEmpty())
        << call;
  }
}

TEST(StandardLint, what_scripts_have_is_found_by_no_lint) {
  for (const script::StandardLibrary& library : script::standard_libraries()) {
    std::istringstream words{std::string(library.offered)};
    for (std::string name; words >> name;) {
      std::string call = std::string(library.name) + "." + name;
      if (library.name == "FILE*") call = "io.open('a.txt'):" + name + "()";
      if (library.name == "_G") call = "_G." + name;
      if (library.name != "_G" && library.name != "FILE*" && name != "open" && name != "lines") {
        call += "('x')";
      }
      const UseFindings made = lint_handler("print(" + call + ")");
      EXPECT_THAT(made.failing_calls, IsEmpty()) << call;
      EXPECT_THAT(made.mistakes, IsEmpty()) << call;
      EXPECT_THAT(made.warnings, IsEmpty()) << call;
    }
  }
  EXPECT_THAT(lint_handler("local db = require '_G'", "local p = require 'package'").mistakes,
              IsEmpty());
}

TEST(StandardLint, failing_calls) {
  for (const char* body : {
           "xpcall(f, debug.traceback)",
           "local t = debug.getinfo(1).currentline",
           "io.stderr:write('x')",
           "for l in io.popen('ls'):lines() do print(l) end",
           "if not os.execute('x') then return end",
           "string.split('a', ',')",
           "table.getn({})",
           "local f = io.open('a.txt') f:write('x')",
           "io.open('a.txt', 'w'):write('x')",
           "io.open('a.txt', 'a'):close()",
           "local f = assert(io.open('a.txt', 'w'))",
           "local f, why = io.open('a.txt', 'w') f:close()",
           "io.open('/etc/hosts'):read('*a')",
           "local f = io.open('/etc/hosts') local t = f:read('a')",
           "for line in io.lines('/etc/hosts') do print(line) end",
           "for line in io.lines '/etc/hosts' do print(line) end",
           "dofile('/etc/x.lua')",
           "setmetatable({}, { __gc = print })",
           "setmetatable({}, { __mode = 'k' })",
           "kumo.serde.json_load('/etc/x.json')",
           "kumo.secrets.load '/etc/key'",
           "msg:dkim_sign {}",
           "msg:dkim_sign()",
           "msg:dkim_sign 'x'",
           "msg:dkim_sign(nil)",
           "kumo.dkim.rsa_sha256_signer('x')",
           "kumo.dkim.rsa_sha256_signer { domain = 'example.com', selector = 's', headers = "
           "{ 'From' }, key = '/etc/key.pem' }",
       }) {
    const UseFindings made = lint_handler(body, "local function f() end");
    EXPECT_EQ(made.failing_calls.size(), 1u) << body;
    EXPECT_THAT(made.mistakes, IsEmpty()) << body;
    EXPECT_THAT(made.warnings, IsEmpty()) << body;
  }
  EXPECT_THAT(lint_handler("run('x')", "local run = os.execute").failing_calls,
              ElementsAre(HasSubstr("os.execute is not available in Postern: scripts start no")));
  EXPECT_THAT(lint_handler("os.tim()").failing_calls,
              ElementsAre(HasSubstr("did you mean `os.time`?")));
}

TEST(StandardLint, calls_that_may_work_are_warnings) {
  for (const char* body : {
           "local f = io.open('a.txt', 'w') if f then print(f) end",
           "local f = io.open('/etc/hosts') if f then f:read('a') end",
           "local f = io.open('later.txt') f:read('a')",
           "for line in io.lines('later.txt') do print(line) end",
           "kumo.serde.json_load('later.json')",
           "kumo.secrets.load('later.key')",
           "kumo.dkim.ed25519_signer { domain = 'example.com', selector = 's', headers = "
           "{ 'From' }, key = 'later.pem' }",
       }) {
    const UseFindings made = lint_handler(body);
    EXPECT_THAT(made.failing_calls, IsEmpty()) << body;
    EXPECT_THAT(made.mistakes, IsEmpty()) << body;
    EXPECT_EQ(made.warnings.size(), 1u) << body;
  }
}

TEST(StandardLint, calls_that_are_fine) {
  for (const char* body : {
           "if os.execute then os.execute('x') end",
           "local t = debug and debug.traceback()",
           "xpcall(f, debug and debug.traceback)",
           "local os = { execute = print } os.execute('x')",
           "each(function(io) io.popen('x') end)",
           "local popen = io.popen if popen then popen('x') end",
           "local f = io.open('later.txt') if f then f:read('a') end",
           "local f = io.open('a.txt') f:read('a') f:close()",
           "local out = { write = print } out:write('x')",
           "string.trim('x')",
           "setmetatable({}, { __index = print, __mode = 'v' })",
           "kumo.serde.json_load('a.json')",
           "kumo.serde.json_load('/etc/' .. name)",
           "kumo.secrets.load { key_data = 'x' }",
           "msg:dkim_sign(signer)",
           "pcall(os.execute, 'x')",
       }) {
    const UseFindings made =
        lint_handler(body,
                     "local function f() end local each, name, signer = f, f, f "
                     "function string.trim(x) return x end");
    EXPECT_THAT(made.failing_calls, IsEmpty()) << body;
    EXPECT_THAT(made.mistakes, IsEmpty()) << body;
    EXPECT_THAT(made.warnings, IsEmpty()) << body;
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
