#include "base/growth_test.h"
#include "dialect/vsl/functions_test.h"

namespace postern::dialect::vsl {
namespace {

using policy::Stage;
using ::testing::HasSubstr;

struct EnvelopeFunctions : testing::Functions {
  EnvelopeFunctions() {
    at(Stage::message);
    accept("jane");
    accept("jim");
  }
  std::string transports() const {
    std::string all;
    for (const auto& [address, transport] : draft.transports) {
      all += address + "=" + to_string(transport) + " ";
    }
    return all;
  }
};

TEST_F(EnvelopeFunctions, what_is_no_address_is_refused) {
  for (const char* bad :
       {"'invalid'", "'a@b@c'", "''", "vsl.make_object('fqdn', 'example.com')",
        "vsl.make_object('ip4', '127.0.0.1')", "4", "vsl.predefined('net_10')", "list('a@b.c')"}) {
    for (const char* function : {"bcc", "add_rcpt", "remove_rcpt_envelop", "deliver",
                                 "rewrite_mail_from_envelop", "new_address"}) {
      EXPECT_THAT(answer("vsl." + std::string(function) + "(" + bad + ")"),
                  HasSubstr("invalid type conversion expected: `address`, but got: "))
          << function << bad;
    }
  }
  evidence.reverse_path.reset();
  EXPECT_EQ(answer("vsl.bcc(vsl.mail_from())"),
            "error: invalid type conversion expected: `address`, but got: the null sender");
}

TEST_F(EnvelopeFunctions, recipients_are_added_once) {
  expect({
      {"vsl.bcc('boss@Example.com') vsl.add_rcpt('BOSS@example.com') "
       "vsl.add_rcpt_envelop('JIM@doe-family.com') r(vsl.rcpt_list())",
       "[jane@doe-family.com, jim@doe-family.com, boss@example.com]"},
  });
  EXPECT_EQ(draft.added.size(), 1u);
}

TEST_F(EnvelopeFunctions, recipients_are_removed_and_come_back) {
  expect({
      {"vsl.remove_rcpt_envelop('JANE@doe-family.com') vsl.remove_rcpt('nobody@example.com') "
       "r(vsl.rcpt_list())",
       "[jim@doe-family.com]"},
      {"vsl.add_rcpt_envelop('jane@doe-family.com') r(vsl.rcpt_list())",
       "[jane@doe-family.com, jim@doe-family.com]"},
      {"vsl.bcc('x@example.com') vsl.remove_rcpt('x@example.com') r(vsl.rcpt_list())",
       "[jane@doe-family.com, jim@doe-family.com]"},
  });
  EXPECT_TRUE(draft.added.empty());
  EXPECT_TRUE(draft.removed.empty());
}

TEST_F(EnvelopeFunctions, recipients_are_rewritten_where_they_are) {
  expect({
      {"vsl.rewrite_rcpt_envelop('jane@doe-family.com', 'jane2@doe-family.com') "
       "vsl.rewrite_rcpt('nobody@example.com', 'x@example.com') r(vsl.rcpt_list())",
       "[jim@doe-family.com, jane2@doe-family.com]"},
      {"vsl.rewrite_rcpt_envelop('jane2@doe-family.com', 'jim@doe-family.com') "
       "r(vsl.rcpt_list())",
       "[jim@doe-family.com]"},
      {"vsl.rewrite_rcpt_envelop('jim@doe-family.com', 'JIM@doe-family.com') "
       "r(vsl.rcpt_list())",
       "[jim@doe-family.com]"},
  });
  at(Stage::mail);
  EXPECT_THAT(answer("vsl.rewrite_rcpt_envelop('a@example.com', 'b@example.com')"),
              HasSubstr("available from the `rcpt` stage"));
}

TEST_F(EnvelopeFunctions, the_one_in_hand_can_be_removed) {
  at(Stage::rcpt);
  evidence.candidate = policy::Recipient{.address = {"joe", "doe-family.com"}, .route = {}};
  expect({{"vsl.remove_rcpt(vsl.rcpt()) r(vsl.rcpt_list())",
           "[jane@doe-family.com, jim@doe-family.com]"}});
  EXPECT_TRUE(draft.removed.contains("joe@doe-family.com"));
}

TEST_F(EnvelopeFunctions, the_sender_is_rewritten) {
  expect({{"vsl.rewrite_mail_from_envelop('bounce@doe-family.com') r(vsl.mail_from())",
           "bounce@doe-family.com"}});
  EXPECT_TRUE(draft.sender_changed);
  at(Stage::helo);
  EXPECT_THAT(answer("vsl.rewrite_mail_from_envelop('a@example.com')"),
              HasSubstr("available from the `mail` stage"));
}

TEST_F(EnvelopeFunctions, the_last_transport_holds) {
  EXPECT_EQ(answer("vsl.deliver_all() vsl.maildir('JANE@doe-family.com') "
                   "vsl.forward('jim@doe-family.com', '192.0.2.77:2525')"),
            "");
  EXPECT_EQ(transports(),
            "jane@doe-family.com=maildir jim@doe-family.com=forward:192.0.2.77:2525 ");
  EXPECT_EQ(answer("vsl.forward_all('mx.example') vsl.disable_delivery('jane@doe-family.com')"),
            "");
  EXPECT_EQ(transports(), "jane@doe-family.com=none jim@doe-family.com=forward:mx.example ");
  EXPECT_EQ(answer("vsl.mbox_all() vsl.deliver('jim@doe-family.com')"), "");
  EXPECT_EQ(transports(), "jane@doe-family.com=mbox jim@doe-family.com=deliver ");
  EXPECT_EQ(answer("vsl.maildir_all() vsl.mbox('jim@doe-family.com')"), "");
  EXPECT_EQ(transports(), "jane@doe-family.com=maildir jim@doe-family.com=mbox ");
  EXPECT_EQ(answer("vsl.disable_delivery_all()"), "");
  EXPECT_EQ(transports(), "jane@doe-family.com=none jim@doe-family.com=none ");
  EXPECT_EQ(answer("vsl.mbox('Nobody@doe-family.com')"),
            "error: could not find rcpt 'nobody@doe-family.com'");
}

TEST_F(EnvelopeFunctions, targets_are_hosts) {
  for (const char* target :
       {"'192.0.2.1'", "'192.0.2.1:25'", "'2001:db8::1'", "'[2001:db8::1]'", "'[2001:db8::1]:25'",
        "'mx.example'", "'localhost'", "'mx.example:2525'", "vsl.make_object('fqdn', 'mx.example')",
        "vsl.make_object('ip6', '2001:db8::1')"}) {
    EXPECT_EQ(answer("vsl.forward_all(" + std::string(target) + ")"), "") << target;
  }
  for (const char* target :
       {"''", "'192.0.2.1:0'", "'192.0.2.1:65536'", "'192.0.2.1:'", "'192.0.2.1:x'",
        "'[192.0.2.1]:25'", "'[2001:db8::1'", "'a b'", "'mx.example\\r\\n'", "'user@mx.example'",
        "'mx.example/x'", "':25'", "'999.0.2.1'", "vsl.predefined('net_10')"}) {
    EXPECT_THAT(answer("vsl.forward_all(" + std::string(target) + ")"), HasSubstr("is no target"))
        << target;
  }
  EXPECT_EQ(answer("vsl.forward_all('smtp://mx.example:2525/')"), "");
  EXPECT_THAT(transports(), HasSubstr("=forward:mx.example:2525 "));
  for (const char* url : {"smtp://user:secret@mx.example", "smtp://mx.example?tls=none",
                          "smtps://mx.example"}) {
    EXPECT_THAT(answer("vsl.forward_all('" + std::string(url) + "')"),
                ::testing::AllOf(HasSubstr("a login, TLS and other options"),
                                 ::testing::Not(HasSubstr("secret"))));
  }
  EXPECT_EQ(answer("vsl.forward_all(25)"),
            "error: a string or an object expected, not a value of type i64");
}

TEST_F(EnvelopeFunctions, a_thousand_recipients_are_within_the_budget) {
  for (int i = 0; i < 1000; ++i) accept("user" + std::to_string(1000 + i));
  const double seconds = tests::cpu_seconds([&] {
    EXPECT_EQ(answer("for i = 1000, 1999 do vsl.maildir('user' .. i .. '@doe-family.com') end"),
              "");
  });
  EXPECT_EQ(draft.transports.size(), 1000u);
  EXPECT_LT(seconds, 2);
}

}  // namespace
}  // namespace postern::dialect::vsl
