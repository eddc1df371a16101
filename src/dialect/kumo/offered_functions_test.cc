#include "policy/questions/offered.h"

#include "dialect/kumo/hooks_test.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;

using OfferedFunctions = testing::Hooks;

TEST_F(OfferedFunctions, each_question_is_a_function) {
  std::string calls;
  for (const auto& one : policy::questions::offered) {
    calls += "assert(kumo.postern." + std::string(one.name) + "() ~= false) ";
  }
  load("kumo.on('smtp_server_mail_from', function() " + calls + " end)");
  EXPECT_EQ(verdict(policy::Stage::mail), "pass");
}

TEST_F(OfferedFunctions, helo_literal_is_client) {
  load(
      "kumo.on('smtp_server_ehlo', function() "
      "local holds, words = kumo.postern.helo_literal_is_client() "
      "kumo.log_info(tostring(holds), words) end)");
  for (const char* helo : {"mx.example.com", "[203.0.113.10]", "[203.0.113.11]", ""}) {
    evidence_.session.helo = helo;
    EXPECT_EQ(verdict(policy::Stage::helo), "pass");
  }
  EXPECT_THAT(said(), ElementsAre("true HELO is no address literal",
                                  "true HELO is [203.0.113.10], the client 203.0.113.10",
                                  "false HELO is [203.0.113.11], the client 203.0.113.10",
                                  "nil no name was given"));
}

}  // namespace
}  // namespace postern::dialect::kumo
