#include "dialect/kumo/rewriter.h"

#include <gmock/gmock.h>

#include "dialect/kumo/hooks_test.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Rewriter : public testing::Hooks {
 protected:
  smtp::Reply rewrite(const std::string& body, smtp::Reply reply,
                      std::optional<std::string> command = "MAIL FROM:<>") {
    evidence_.session.script.reset();
    load("kumo.on('smtp_server_rewrite_response', function(status, response, command, conn_meta) " +
         body + " end)");
    const auto rewriter = rewriter_of(policy_);
    policy::Tape tape;
    policy::Inquiry inquiry(evidence_, *gatherer_, tape);
    return script::testing::run(rewriter->rewrite(std::move(reply), std::move(command), inquiry));
  }
  static smtp::Reply refusal() { return {.code = 550, .enhanced = {5, 7, 1}, .text = "not here"}; }
};

TEST_F(Rewriter, is_none_without_a_handler) {
  load("kumo.on('smtp_server_mail_from', function() end)");
  EXPECT_EQ(rewriter_of(policy_), nullptr);
}

TEST_F(Rewriter, the_handler_gets_reply_and_command) {
  rewrite("kumo.log_info(status, response, tostring(command), conn_meta:get_meta 'received_from')",
          refusal());
  rewrite("kumo.log_info(status, response, tostring(command))",
          {.code = 250, .enhanced = {}, .text = "ok"}, std::nullopt);
  EXPECT_THAT(said(), ElementsAre("550 5.7.1 not here MAIL FROM:<> 203.0.113.10:0", "250 ok nil"));
}

TEST_F(Rewriter, words_change_and_decisions_do_not) {
  const std::string same = "550 5.7.1 not here";
  const struct {
    std::string body, reply;
  } cases[] = {
      {"", same},
      {"return nil, nil", same},
      {"return 554", "554 5.7.1 not here"},
      {"return nil, '5.7.0 go away'", "550 5.7.0 go away"},
      {"return 554, 'go away'", "554 5.7.1 go away"},
      {"return nil, '4.7.1 other class'", "550 5.7.1 other class"},
      {"return nil, ''", same},
      {"return nil, 'sorry!\\n' .. response", "550 5.7.1 sorry! not here"},
      {"return nil, response .. '\\n' .. response", "550 5.7.1 not here not here"},
      {"return nil, '5.7.0 sorry!\\n' .. response", "550 5.7.0 sorry! not here"},
      {"return nil, 'a\\r\\n250 ok'", "550 5.7.1 a 250 ok"},
      {"return 250, 'ok'", same},
      {"return 450, 'later'", same},
      {"return 199", same},
      {"return 5500", same},
      {"return 550.5", same},
      {"return '554'", same},
      {"return nil, 5", same},
      {"error('x')", same},
      {"kumo.reject(421, 'bye')", same},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(rewrite(one.body, refusal()).to_string(), one.reply) << one.body;
  }
}

TEST_F(Rewriter, each_line_has_the_code_once) {
  const smtp::Reply queued{.code = 250, .enhanced = {2, 0, 0}, .text = "queued as 1"};
  EXPECT_EQ(rewrite("return 250, 'super fantastic!\\n' .. response", queued).to_wire(),
            "250-2.0.0 super fantastic!\r\n250 2.0.0 queued as 1\r\n");
  const smtp::Reply long_one{.code = 250, .enhanced = {}, .text = "a\nb"};
  EXPECT_EQ(rewrite("return nil, response .. '\\nc'", long_one).to_wire(),
            "250-a\r\n250-b\r\n250 c\r\n");
}

TEST_F(Rewriter, trouble_is_logged) {
  rewrite("return 250", refusal());
  ASSERT_EQ(world_.lines.size(), 1u);
  EXPECT_THAT(world_.lines[0], HasSubstr("550 cannot become 250: the class of a reply stays"));
}

TEST_F(Rewriter, a_last_reply_stays_the_last) {
  const smtp::Reply last{.code = 421, .enhanced = {4, 3, 2}, .text = "shutting down"};
  const smtp::Reply said = rewrite("return 450", last);
  EXPECT_EQ(said.code, 450);
  EXPECT_EQ(said.after, smtp::After::close);
}

}  // namespace
}  // namespace postern::dialect::kumo
