#include <gmock/gmock.h>

#include "dialect/kumo/hooks_test.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;

class MessageHeader : public testing::Hooks {
 protected:
  /// The copy after a handler has run these lines on a message with the fields below.
  policy::ScriptCopy after(const std::string& lines) {
    load("kumo.on('smtp_server_message_received', function(msg)\n" + lines + "\nend)");
    recipients({"bob"});
    evidence_.copies.clear();
    evidence_.session.script.reset();  // a session keeps its policy
    receive(
        "X-Campaign-ID: top\r\nSubject: hello\r\nx-campaign-id: low\r\nX-Tenant: a\r\n"
        "Xtra: no\r\n\r\nbody\r\n");
    verdict_ = verdict(policy::Stage::message);
    return evidence_.copies.empty() ? policy::ScriptCopy() : evidence_.copies.front();
  }
  /// A value of the message as JSON.
  static std::string value(const policy::ScriptCopy& copy, std::string_view name) {
    const json::value* found = copy.meta.if_contains(name);
    return found != nullptr ? json::serialize(*found) : "";
  }

  std::string verdict_;
};

TEST_F(MessageHeader, imports_fields_as_values) {
  policy::ScriptCopy copy = after("msg:import_x_headers()");
  EXPECT_EQ(value(copy, "x_campaign_id"), R"("low")");
  EXPECT_EQ(value(copy, "x_tenant"), R"("a")");
  EXPECT_EQ(value(copy, "xtra"), "");
  EXPECT_EQ(value(copy, "subject"), "");
  EXPECT_FALSE(copy.header) << "the message stays as it is";

  copy = after("msg:import_x_headers({ 'X-CAMPAIGN-ID', 'subject', 'X-None' }, true)");
  EXPECT_EQ(value(copy, "x_campaign_id"), R"("top")");
  EXPECT_EQ(value(copy, "subject"), R"("hello")");
  EXPECT_EQ(value(copy, "x_tenant"), "");

  copy = after("msg:import_x_headers {}");
  EXPECT_EQ(value(copy, "x_tenant"), R"("a")") << "an empty list is none";
}

TEST_F(MessageHeader, removes_fields) {
  EXPECT_EQ(*after("msg:remove_x_headers()").header, "Subject: hello\r\nXtra: no\r\n\r\n");
  EXPECT_EQ(*after("msg:remove_x_headers { 'x-campaign-id', 'XTRA' }").header,
            "Subject: hello\r\nX-Tenant: a\r\n\r\n");
  EXPECT_FALSE(after("msg:remove_x_headers { 'X-None' }").header);
  EXPECT_EQ(*after("msg:remove_x_headers {}").header, "Subject: hello\r\nXtra: no\r\n\r\n");
}

TEST_F(MessageHeader, the_queue_null_takes_what_is_thrown_away) {
  EXPECT_TRUE(after("msg:set_meta('queue', 'null')").to_nobody);
  EXPECT_EQ(verdict_, "pass");
  EXPECT_FALSE(after("msg:set_meta('queue', 'other')").to_nobody);
  EXPECT_FALSE(after("msg:set_meta('queue', 'null') msg:set_meta('queue', nil)").to_nobody);
}

/// A text of this number of octets.
std::string many(std::size_t count, char c = 'a') { return std::string(count, c); }

TEST_F(MessageHeader, adds_a_value_as_it_is_or_encoded) {
  std::string e_42;  // 21 é in base64
  for (int i = 0; i < 7; ++i) e_42 += "w6nDqcOp";
  const struct {
    std::string arguments, field;
  } cases[] = {
      {"'X-A', 'plain'", "X-A: plain"},
      {"'X-A', '  two  blanks '", "X-A:   two  blanks "},
      {"'X-A', 'gr\u{fc}n'", "X-A: grün"},
      {"'X-A', 'gr\u{fc}n', false", "X-A: grün"},
      {"'X-A', 'gr\u{fc}n', nil", "X-A: grün"},
      {"'X-A', 'gr\u{fc}n', true", "X-A: =?utf-8?B?Z3LDvG4=?="},
      {"'X-A', 'one\\r\\n two'", "X-A: one\r\n two"},
      {"'X-A', 'one\\r\\n\\ttwo', true", "X-A: one\ttwo"},
      {"'X-A', kumo.string.wrap(('hello there '):rep(10))",
       "X-A: hello there hello there hello there hello there hello there hello there\r\n"
       "\thello there hello there hello there hello there"},
      {"'X-A', ('hello there '):rep(10), true",
       "X-A: hello there hello there hello there hello there hello there hello there\r\n"
       "\thello there hello there hello there hello there"},
      {"'X-A', ('a'):rep(600) .. ' ' .. ('b'):rep(600)",
       "X-A: " + many(600) + "\r\n " + many(600, 'b')},
      {"'X-A', ('a'):rep(1500), true", "X-A: " + many(900) + "\r\n\t" + many(600)},
      {"'X-A', ('\u{e9}'):rep(43), true",
       "X-A: =?utf-8?B?" + e_42 + "?=\r\n =?utf-8?B?" + e_42 + "w6k=?="},
      {"('X-' .. ('a'):rep(50)), '\u{e9}\u{e9}\u{e9}\u{e9}', true",
       "X-" + many(50) + ": =?utf-8?B?w6nDqcOp?=\r\n =?utf-8?B?w6k=?="},
      {"('X-' .. ('a'):rep(80)), '\u{e9}', true", "X-" + many(80) + ": \r\n =?utf-8?B?w6k=?="},
  };
  for (const auto& one : cases) {
    const auto copy = after("msg:append_header(" + one.arguments + ")");
    ASSERT_TRUE(copy.header) << one.arguments << decision_.steps.back().verdict.detail;
    EXPECT_THAT(*copy.header, ::testing::EndsWith("\r\nXtra: no\r\n" + one.field + "\r\n\r\n"))
        << one.arguments;
    EXPECT_THAT(*after("msg:prepend_header(" + one.arguments + ")").header,
                ::testing::StartsWith(one.field + "\r\nX-Campaign-ID:"))
        << one.arguments;
  }
}

TEST_F(MessageHeader, no_value_ends_its_field) {
  for (const char* value :
       {"'v\\r\\nBcc: x'", "'v\\nBcc: x'", "'v\\rBcc: x'", "'v\\n folded'", "'v\\r folded'",
        "'v\\r\\n'", "'v\\r\\n\\r\\nbody'", "'v\\r\\n \\r\\nbody'", "'v\\r\\n '", "'v\\n'",
        "'\\r\\nBcc: x'", "'v\\r\\r\\n x'", "'v\\0w'", "('a'):rep(1000)"}) {
    for (const char* encode : {"", ", true"}) {
      if (std::string_view(value).starts_with('(') && *encode != '\0') continue;  // gets folded
      for (const char* call : {"msg:append_header('X-A', ", "msg:prepend_header('X-A', "}) {
        after(std::string(call) + value + encode + ")");
        EXPECT_THAT(verdict_, HasSubstr("451 4.3.0")) << call << value << encode;
        EXPECT_THAT(decision_.steps.back().verdict.detail, HasSubstr("of a header field"));
      }
    }
  }
  after("msg:append_header('X-A', '\\xff', true)");
  EXPECT_THAT(decision_.steps.back().verdict.detail, HasSubstr("must be UTF-8"));
}

TEST_F(MessageHeader, white_space_of_a_value_is_one_blank) {
  const struct {
    std::string value, told;
  } cases[] = {
      {"my\\r\\n\\ttenant", "my tenant"},
      {"my\\r\\n   tenant", "my tenant"},
      {"my \\r\\n\\t tenant", "my tenant"},
      {"my\\t\\ttenant", "my tenant"},
      {"my  tenant", "my tenant"},
      {" my tenant\\t", "my tenant"},
      {"mytenant", "mytenant"},
      {"", ""},
  };
  for (const auto& one : cases) {
    after("msg:append_header('X-A', '" + one.value +
          "') kumo.log_info('[' .. msg:get_first_named_header_value 'X-A' .. ']' .. "
          "msg:get_all_named_header_values('X-A')[1] .. '|' .. msg:get_all_headers()[7][2])");
    EXPECT_THAT(said().back(),
                ::testing::EndsWith("[" + one.told + "]" + one.told + "|" + one.told))
        << one.value;
  }
}

TEST_F(MessageHeader, lists_are_lists_of_names) {
  for (const char* call : {"msg:remove_x_headers 'x-tenant'", "msg:remove_x_headers { 1 }",
                           "msg:import_x_headers { a = 1 }"}) {
    after(call);
    EXPECT_THAT(verdict_, HasSubstr("451 4.3.0")) << call;
    EXPECT_THAT(decision_.steps.back().verdict.detail, HasSubstr("a list of names")) << call;
  }
}

}  // namespace
}  // namespace postern::dialect::kumo
