#include "deliver/message_identity.h"

#include <gtest/gtest.h>

#include "base/ulid.h"

namespace postern::deliver {
namespace {

policy::Evidence evidence_of(std::vector<std::string> recipients,
                             std::string message_id = "<a@example.com>") {
  policy::Evidence evidence;
  evidence.reverse_path = mail::Mailbox{"alerts", "example.com"};
  for (std::string& local_part : recipients)
    evidence.recipients.push_back(
        {.address = {std::move(local_part), "hooks.example.net"}, .route = {}});
  evidence.message.emplace().message_id = std::move(message_id);
  return evidence;
}

TEST(MessageIdentity, repeats_for_the_same_message) {
  const std::string id =
      message_identity("wh_1", evidence_of({"a"}), "Message-ID: <a@example.com>\r\n\r\nhi\r\n");
  EXPECT_EQ(id, message_identity("wh_1", evidence_of({"a"}),
                                 "Message-ID: <a@example.com>\r\n\r\nhi\r\n"));
  EXPECT_TRUE(id.starts_with("msg_"));
  EXPECT_TRUE(is_ulid(id.substr(4))) << id;
}

TEST(MessageIdentity, differs_with_webhook_envelope_and_content) {
  const policy::Evidence evidence = evidence_of({"a"});
  policy::Evidence null_sender = evidence_of({"a"});
  null_sender.reverse_path.reset();
  const std::string id = message_identity("wh_1", evidence, "text");
  EXPECT_NE(id, message_identity("wh_2", evidence, "text"));
  EXPECT_NE(id, message_identity("wh_1", evidence, "text "));
  EXPECT_NE(id, message_identity("wh_1", null_sender, "text"));
  EXPECT_NE(id, message_identity("wh_1", evidence_of({"b"}), "text"));
  EXPECT_NE(id, message_identity("wh_1", evidence_of({"a", "b"}), "text"));
}

TEST(MessageIdentity, is_new_each_time_without_a_message_id) {
  EXPECT_NE(message_identity("wh_1", evidence_of({"a"}, ""), "text"),
            message_identity("wh_1", evidence_of({"a"}, ""), "text"));
}

}  // namespace
}  // namespace postern::deliver
