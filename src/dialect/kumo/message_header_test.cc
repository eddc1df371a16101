#include <gmock/gmock.h>

#include "dialect/kumo/hooks_test.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;

class MessageHeader : public testing::Hooks {
 protected:
  /// The decision of a handler that does this with a message of these fields.
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
