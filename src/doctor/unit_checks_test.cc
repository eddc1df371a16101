#include "doctor/unit_checks.h"

#include <gmock/gmock.h>

namespace postern::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// systemctl and systemd-analyze that say this.
RunProgram saying(std::string unit, std::string table) {
  return [=](const std::vector<std::string>& words) -> Result<std::string> {
    return words.front() == "systemctl" ? unit : table;
  };
}

constexpr const char* usual =
    "FragmentPath=/lib/systemd/system/postern.service\nDropInPaths=\nNeedDaemonReload=no\n";
constexpr const char* table =
    "  NAME  DESCRIPTION\n\xE2\x9C\x93 User=  ...\n\n\xE2\x86\x92 Overall exposure level for "
    "postern.service: 1.4 OK :-)\n";

TEST(Unit, of_the_package_is_right) {
  const Findings found = check_unit(look_at_unit(saying(usual, table)));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].level, Level::ok);
  EXPECT_EQ(found[0].what, "postern.service has exposure 1.4");
}

TEST(Unit, names_drop_ins_and_judges_what_they_open) {
  const UnitFacts facts = look_at_unit(
      saying("FragmentPath=/lib/systemd/system/postern.service\nDropInPaths=/etc/systemd/system/"
             "postern.service.d/a.conf "
             "/run/systemd/system/postern.service.d/b.conf\nNeedDaemonReload=no\n",
             "\xE2\x86\x92 Overall exposure level for postern.service: 9.2 UNSAFE\n"));
  EXPECT_THAT(facts.drop_ins, ElementsAre("/etc/systemd/system/postern.service.d/a.conf",
                                          "/run/systemd/system/postern.service.d/b.conf"));
  EXPECT_EQ(facts.exposure, 92);
  const Findings found = check_unit(facts);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].level, Level::warn);
  EXPECT_THAT(found[0].what, HasSubstr("a.conf, /run"));
  EXPECT_THAT(found[0].what, HasSubstr("has exposure 9.2"));
}

TEST(Unit, of_the_operator_or_not_read_again) {
  UnitFacts facts = look_at_unit(saying(
      "FragmentPath=/etc/systemd/system/postern.service\nDropInPaths=\nNeedDaemonReload=yes\n",
      table));
  facts.packaged = "/usr/lib/systemd/system/postern.service";
  const Findings found = check_unit(facts);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].to_do, "systemctl daemon-reload");
  EXPECT_THAT(found[1].what, HasSubstr("replaces /usr/lib/systemd/system/postern.service, the"));
}

TEST(Unit, that_is_the_only_one_replaces_none) {
  UnitFacts facts = look_at_unit(saying(
      "FragmentPath=/etc/systemd/system/postern.service\nDropInPaths=\nNeedDaemonReload=no\n",
      table));
  facts.packaged.clear();
  const Findings found = check_unit(facts);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].level, Level::ok);
}

TEST(Unit, that_is_not_there_is_a_note) {
  const auto note = [](const RunProgram& run) {
    const Findings found = check_unit(look_at_unit(run));
    EXPECT_EQ(found.size(), 1u);
    EXPECT_EQ(found.front().level, Level::note);
    return found.front().what;
  };
  EXPECT_EQ(note(saying("FragmentPath=\nDropInPaths=\nNeedDaemonReload=no\n", table)),
            "there is no postern.service");
  EXPECT_EQ(note([](const auto&) { return fail(Fault::permanent, "no bus"); }),
            "not looked at: systemd does not run here");
  EXPECT_THAT(note(saying(usual, "who knows")), HasSubstr("gives no exposure"));
}

}  // namespace
}  // namespace postern::doctor
