#include "dialect/vsl/functions_test.h"

namespace postern::dialect::vsl {
namespace {

using policy::Stage;
using ::testing::HasSubstr;

struct MessageFunctions : testing::Functions {
  MessageFunctions() {
    at(Stage::message);
    outside.text =
        "Received: from x\r\n\tby y\r\nFrom: a@sender.example\r\n"
        "To: \"Doe, Jane\" <jane@doe-family.com>,\r\n jim@doe-family.com\r\n"
        "Subject:  caf\xe9\r\n\r\nHello.\r\n";
  }
  std::string header() const {
    return mail::joined(draft.header).substr(0, mail::joined(draft.header).size() - 2);
  }
};

TEST_F(MessageFunctions, reads_the_header) {
  const Cases cases = {
      {"r(vsl.has_header('subject'), vsl.has_header('X'), vsl.count_header('FROM'))",
       "true false 1"},
      {"r(vsl.get_header('received'), vsl.get_header('X'))", R"("from x	by y" "")"},
      {"r(vsl.get_header('Subject'))", "\"café\""},
      {"r(vsl.get_all_headers('From'))", R"([" a@sender.example"])"},
      {"r(vsl.get_all_headers('X'))", "[]"},
  };
  for (const auto& [text, wanted] : cases) {
    std::string got = answer_twice(text);
    if (const std::size_t tab = got.find("\\t"); tab != std::string::npos)
      got.replace(tab, 2, "\t");
    EXPECT_EQ(got, wanted) << text;
  }
  EXPECT_THAT(answer_twice("r(vsl.get_all_headers())"), HasSubstr("From: a@sender.example"));
  EXPECT_FALSE(draft.header_changed);
}

TEST_F(MessageFunctions, fields_written_early_stand_on_top_of_the_message) {
  at(Stage::mail);
  expect({
      {"vsl.prepend_header('X-Early', '1') r(vsl.has_header('x-early'), vsl.has_header('From'))",
       "true false"},
  });
  at(Stage::message);
  expect({{"r(vsl.has_header('X-Early'), vsl.has_header('From'))", "true true"}});
  EXPECT_TRUE(header().starts_with("X-Early: 1\r\nReceived:")) << header();
  EXPECT_TRUE(draft.header_changed);
}

TEST_F(MessageFunctions, edits_the_header) {
  const std::string text =
      "vsl.append_header('X-Last', 'end') vsl.set_header('Subject', 'changed') "
      "vsl.set_header('X-New', 'n') for i = 1, 3 do vsl.prepend_header('X-Multi', '' .. i) end "
      "vsl.rename_header('x-new', 'X-Renamed') "
      "r(vsl.count_header('x-multi'), vsl.get_header('X-Multi'), vsl.get_all_headers('X-Multi')) "
      "local n = 0 while vsl.remove_header('X-Multi') do n = n + 1 end "
      "r(n, vsl.get_header('X-Renamed'), vsl.has_header('X-New'))";
  EXPECT_EQ(answer_twice(text), R"(3 "3" [" 3", " 2", " 1"] 3 "n" false)");
  EXPECT_THAT(header(), HasSubstr("Subject: changed\r\nX-Last: end\r\nX-Renamed: n\r\n"));
}

TEST_F(MessageFunctions, nothing_is_injected) {
  for (const char* call :
       {"append_header('X: a\\r\\nY', 'v')", "append_header('X', 'a\\r\\nBcc: e@example.com')",
        "prepend_header('X', 'a\\nb')", "set_header('X', 'a\\rb')", "set_header('X', 'a\\0b')",
        "set_header('', 'a')", "rename_header('From', 'X: y')", "rename_header('From', '')",
        "prepend_header('X Y', 'a')", "append_header('X', 'a\\r\\n\\r\\nbody')"}) {
    EXPECT_TRUE(answer("vsl." + std::string(call)).starts_with("error: ")) << call;
  }
  expect({{"vsl.append_header('X', 'a\\r\\n b') r(vsl.get_header('X'))", "\"a b\""}});
}

TEST_F(MessageFunctions, gives_the_whole_message) {
  const std::string got = answer("vsl.set_header('Received', 'gone') r(vsl.mail())");
  EXPECT_THAT(got, HasSubstr("Received: gone"));
  EXPECT_THAT(got, HasSubstr("Hello."));
  at(Stage::rcpt);
  EXPECT_THAT(answer("vsl.mail()"), HasSubstr("available from the `preq` stage"));
  draft = Draft{};
  at(Stage::message);
  outside.text.reset();
  EXPECT_EQ(answer("vsl.mail()"), "error: the message is not there");
}

TEST_F(MessageFunctions, no_record_holds_the_message) {
  script::Call call(world, {}, &context);
  call.record();
  run("r(vsl.mail())", call);
  EXPECT_TRUE(call.told().empty());
  script::Call again(world, {}, &context);
  again.answer_from({});
  EXPECT_THAT(run("r(vsl.mail())", again), HasSubstr("not kept with the record"));
}

TEST_F(MessageFunctions, edits_addresses_in_the_message) {
  EXPECT_EQ(answer_twice("vsl.rewrite_mail_from('b@doe-family.com') r(vsl.mail_from())"),
            "b@doe-family.com");
  EXPECT_THAT(header(), HasSubstr("From: b@doe-family.com\r\n"));
  EXPECT_EQ(answer("vsl.add_rcpt_message('joe@doe-family.com')"), "");
  EXPECT_THAT(header(), HasSubstr(" jim@doe-family.com,\r\n joe@doe-family.com\r\n"));
  EXPECT_EQ(answer("vsl.rewrite_rcpt_message('JANE@doe-family.com', 'x@example.com')"), "");
  EXPECT_THAT(header(), HasSubstr("To: \"Doe, Jane\" <x@example.com>,\r\n jim@"));
  EXPECT_EQ(answer("vsl.remove_rcpt_message('jim@doe-family.com')"), "");
  EXPECT_THAT(header(), HasSubstr("To: \"Doe, Jane\" <x@example.com>,\r\n joe@doe-family.com\r\n"));
  EXPECT_EQ(answer("vsl.remove_rcpt_message('x@example.com') "
                   "vsl.remove_rcpt_message('joe@doe-family.com') r(vsl.has_header('To'))"),
            "false");
  EXPECT_EQ(answer("vsl.add_rcpt_message('jim@doe-family.com') r(vsl.get_header('To'))"),
            "\"jim@doe-family.com\"");
  at(Stage::rcpt);
  draft = Draft{};
  EXPECT_THAT(answer("vsl.add_rcpt_message('a@example.com')"),
              HasSubstr("available from the `preq` stage"));
}

TEST_F(MessageFunctions, mutations_need_no_message_when_a_decision_is_made_again) {
  EXPECT_EQ(answer_twice("vsl.append_header('X', '1') vsl.rename_header('From', 'Z') "
                         "vsl.rewrite_mail_from_message('a@example.com') "
                         "vsl.remove_rcpt_message('jim@doe-family.com') "
                         "vsl.rewrite_rcpt_message('jane@doe-family.com', 'x@example.com') "
                         "vsl.add_rcpt_message('y@example.com') r(vsl.remove_header('Received'))"),
            "true");
}

}  // namespace
}  // namespace postern::dialect::vsl
