#include "serve/sandbox_plan.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class SandboxPlan : public testing::Test {
 protected:
  SandboxPlan() {
    for (const char* name : {"data", "mail", "policy", "db"}) fs::create_directory(root / name);
    config.server.data_dir = root / "data";
  }
  sandbox::Plan plan() const { return sandbox_plan(config, root / "etc/postern.toml"); }

  const tests::TemporaryFolder folder;
  const fs::path root{folder.path()};
  Config config;
};

TEST_F(SandboxPlan, writes_where_the_configuration_says) {
  std::ofstream(root / "db/table.cf")
      << "# users\ndbpath = " << (root / "db/u.sqlite").string() << "\nquery = SELECT 1\n";
  config.routes.resize(1);
  config.routes[0].to = {"maildir:" + (root / "mail/{domain}/new").string()};
  config.vsl.policy = root / "policy/main.vsl";
  config.restrictions.section.parameters["smtpd_client_restrictions"] =
      "check_client_access sqlite:" + (root / "db/table.cf").string() + ", reject";
  EXPECT_THAT(plan().write, testing::UnorderedElementsAre(root / "data", root / "mail/",
                                                          root / "policy", root / "db"));
  EXPECT_TRUE(plan().read.empty()) << "all may be read";
  EXPECT_FALSE(plan().programs);
}

TEST_F(SandboxPlan, reads_what_is_named_once_something_is) {
  config.server.sandbox_read = {root / "policy"};
  config.listeners.resize(1);
  config.listeners[0].certificate = root / "db/chain.pem";
  EXPECT_THAT(plan().read, Contains(root / "policy"));
  EXPECT_THAT(plan().read, Contains(root / "db"));
  EXPECT_THAT(plan().read, Contains(root / "etc"));
  EXPECT_THAT(plan().read, Contains(fs::path("/etc/resolv.conf")));
  EXPECT_THAT(plan().read, Not(Contains(fs::path("/etc"))));
}

TEST_F(SandboxPlan, a_reload_that_needs_more_is_told_what) {
  const sandbox::Plan running = plan();
  EXPECT_FALSE(beyond_sandbox(running, plan()));
  config.vsl.app_dir = root / "data/written";
  EXPECT_FALSE(beyond_sandbox(running, plan())) << "below the data directory";
  config.vsl.app_dir = root / "mail";
  EXPECT_EQ(beyond_sandbox(running, plan()),
            (root / "mail").string() + " is outside of what this process may write");
  config.vsl.app_dir.clear();
  config.vsl.allow_commands = {"/usr/bin/true"};
  EXPECT_THAT(beyond_sandbox(running, plan()).value_or(""), HasSubstr("vsl.allow_commands"));
  const sandbox::Plan with_programs = plan();
  config.vsl.allow_commands.clear();
  config.vsl.app_dir = root / "mail";
  EXPECT_FALSE(beyond_sandbox(with_programs, plan())) << "files are not restricted";
}

}  // namespace
}  // namespace postern::app
