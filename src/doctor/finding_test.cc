#include "doctor/finding.h"

#include <gtest/gtest.h>

namespace postern::doctor {
namespace {

TEST(FindingTest, OneLineEachWithWhatToDo) {
  EXPECT_EQ(text_of({{Level::ok, "mx", "example.org has mx.example.org", ""},
                     {Level::fail, "ptr", "192.0.2.1 has no name", "ask the provider"}}),
            "ok    mx           example.org has mx.example.org\n"
            "fail  ptr          192.0.2.1 has no name. To do: ask the provider\n");
}

TEST(FindingTest, ForeignWordsDoNotMoveTheCursor) {
  const Findings list = {{Level::warn, "ptr", "is \x1b[2Jx", ""}};
  EXPECT_EQ(text_of(list), "warn  ptr          is \\x1b[2Jx\n");
  EXPECT_EQ(json_of(list).find('\x1b'), std::string::npos);
}

TEST(FindingTest, JsonNamesTheWorstLevel) {
  EXPECT_EQ(json_of({}), "{\"level\":\"ok\",\"findings\":[]}\n");
  EXPECT_EQ(json_of({{Level::warn, "mx", "a", "b"}, {Level::note, "wal", "c", ""}}),
            R"({"level":"warn","findings":[{"level":"warn","check":"mx","what":"a","to_do":"b"},)"
            R"({"level":"note","check":"wal","what":"c","to_do":""}]})"
            "\n");
}

TEST(FindingTest, TheExitCodeTellsAFaultFromAServerThatIsAway) {
  const Finding away = {Level::fail, std::string(server_check), "no answer", ""};
  const Finding fault = {Level::fail, "mx", "none", ""};
  EXPECT_EQ(exit_code_of({}), app::ExitCode::ok);
  EXPECT_EQ(exit_code_of({{Level::warn, "mx", "", ""}}), app::ExitCode::ok);
  EXPECT_EQ(exit_code_of({away}), app::ExitCode::unavailable);
  EXPECT_EQ(exit_code_of({fault}), app::ExitCode::no);
  EXPECT_EQ(exit_code_of({away, fault}), app::ExitCode::no);
}

}  // namespace
}  // namespace postern::doctor
