#include "dialect/kumo/literal_lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "dialect/kumo/api.h"
#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"
#include "dialect/kumo/refusal.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::StartsWith;

std::string refusals_in(std::string_view text) {
  const auto class_of = [](std::string_view variable) -> std::string_view {
    return variable == "msg" ? "Message" : "";
  };
  std::string lines;
  for (const RefusedCall& one : refused_calls(text, all_functions(), class_of)) {
    lines += (lines.empty() ? "" : "\n") + one.why;
  }
  return lines;
}

TEST(LiteralLint, finds_arguments_that_are_always_refused) {
  const struct {
    std::string_view call;
    std::string wanted;
  } cases[] = {
      {"kumo.reject(250, 'x')", "reject: a refusal needs a code from 400 to 599, not 250"},
      {"kumo.reject(550)", "reject: takes 2 arguments, not 1: code: integer, text: string"},
      {"kumo.reject('no', 'x')", "reject: `code` is integer, not 'no'"},
      {"kumo.reject(550, nil)", "reject: `text` is string, not nil"},
      {"kumo.reject(550, { 'x' })", "reject: `text` is string, not a table"},
      {"kumo.disconnect(200, 'x')", "disconnect: a refusal needs a code from 400 to 599, not 200"},
      {"kumo.disconnect(421, 'x', 'Later')",
       "disconnect: `mode` is 'ForceDisconnect'|'FollowWith421'|'If421', not 'Later'"},
      {"sqlite.open('a.db', 500, 'w')", "open: `mode` is 'ro'|'rw', not 'w'"},
      {"kumo.regex.compile '('",
       "compile: regular expression: at octet 2: missing closing "
       "parenthesis"},
      {"kumo.regex.compile([[a\\d(]])",
       "compile: regular expression: at octet 5: missing closing "
       "parenthesis"},
      {"msg:set_sender 'nobody'", "set_sender: not an address: nobody"},
      {"msg:set_sender [==[nobody]==]", "set_sender: not an address: nobody"},
      {"msg:set_recipient('a b@example.com')", "set_recipient: not an address: a b@example.com"},
      {"msg:get_meta()", "get_meta: takes 1 argument, not 0: name: string"},
      {"msg:append_header('X-A', 'b', 'yes')",
       "append_header: `encode` is boolean, not text or a "
       "number"},
      {"msg:dkim_sign(kumo.dkim.rsa_sha256_signer { domain = 'a.example', selektor = 's' })",
       "rsa_sha256_signer: unknown option 'selektor'; did you mean 'selector'?"},
      {"kumo.dkim.rsa_sha256_signer { domain = d, selector = 's', key = { key_data = k } }",
       "rsa_sha256_signer: 'headers' is missing"},
      {"kumo.dkim.rsa_sha256_signer {}", "rsa_sha256_signer: 'domain' is missing"},
      {"kumo.dkim.ed25519_signer({ domain = d, body_length = true })",
       "ed25519_signer: 'body_length' is not available in Postern"},
      {"kumo.make_throttle('a', '2/fortnight')",
       "make_throttle: `2/fortnight` is no rate such as '100/hour' or '60/min,max_burst=1'"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(refusals_in(one.call), one.wanted) << one.call;
  }
}

TEST(LiteralLint, leaves_calls_alone_that_may_work) {
  for (const char* fine :
       {"kumo.reject(550, 'x')",
        "kumo.reject(code, text)",
        "kumo.reject(reply())",
        "kumo.reject(...)",
        "kumo.reject(550, reason 'x')",
        "kumo.reject(550, a .. 'x')",
        "kumo.reject(550, ('x'):rep(3))",
        "kumo.reject(unpack { 550, 'x' })",
        "kumo.reject('550', 'x')",
        "kumo.reject(550, 42)",
        "kumo.reject(5 * 100, 'x')",
        "kumo.reject(550 + 1, 'x')",
        "kumo.disconnect(421, 'x', mode)",
        "kumo.disconnect(421, 'x')",
        "sqlite.open 'a.db'",
        "sqlite.open('a.db', nil, 'rw')",
        "kumo.regex.compile '^a$'",
        "kumo.regex.compile('\\\\(')",
        "kumo.regex.compile(pattern)",
        "msg:set_sender ''",
        "msg:set_sender [=[a@example.com]=]",
        "msg:set_sender(msg:sender())",
        "other:set_sender 'nobody'",
        "msg:set_meta('a')",
        "msg:set_meta('a', nil)",
        "msg:set_recipient { 'a@example.com' }",
        "function kumo.reject(code) end",
        "local function reject(x) end reject(250)",
        "kumo.dkim.rsa_sha256_signer { domain = 'a', body_length = false, key = { nix = 1 }, "
        "selector = f(1, { x = 2 }), headers = { 'From', 'To' } }",
        "kumo.dkim.rsa_sha256_signer { domain = 'a', [name] = 'b' }",
        "kumo.dkim.rsa_sha256_signer(parameters)",
        "kumo.digest.sha256()",
        "kumo.reject(550, [[x",
        "kumo.on('init', function() kumo.reject(550, 'x') end)",
        "pcall(kumo.reject, 250)",
        "kumo.string.wrap('a')",
        "kumo.time.now()"}) {
    EXPECT_EQ(refusals_in(fine), "") << fine;
  }
}

// A call without arguments of each function that needs one fails when it runs, too.
TEST(LiteralLint, says_no_more_than_happens) {
  std::vector<script::HostTable> tables = library();
  tables.push_back(refusal_functions());
  testing::Library all(tables);
  int refused = 0;
  for (const script::HostTable& table : tables) {
    for (const script::HostFunction& row : table) {
      const std::string call = std::string(row.name) + "()";
      if (row.constant || !row.name.starts_with("kumo.") || refusals_in(call).empty()) continue;
      ++refused;
      EXPECT_THAT(all.answer(call), StartsWith("error: ")) << refusals_in(call);
    }
  }
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace postern::dialect::kumo
