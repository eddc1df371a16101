#include "serve/sandbox_plan.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "config/config.h"
#include "config/schema.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class SandboxPlan : public ::testing::Test {
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
  EXPECT_THAT(plan().write, ::testing::UnorderedElementsAre(root / "data", root / "mail/",
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

TEST_F(SandboxPlan, every_key_that_names_a_file_or_a_directory_is_read) {
  for (const Key& key : config_keys()) {
    if (key.kind != Kind::file && key.kind != Kind::secret && key.kind != Kind::folder) continue;
    const fs::path of_key = root / (std::string(key.section) + "." + std::string(key.name));
    Config named;
    if (is_list(key.section)) {
      named = parse_config(fmt::format("{}\n{} = \"{}\"\n", section_header(key.section), key.name,
                                       (of_key / "it").string()),
                           "x", {.read_files = false})
                  .config;
    } else {
      Row none;
      const Slot slot = key.slot(named, none);
      if (const auto* text = std::get_if<std::string*>(&slot)) **text = of_key / "it";
      if (const auto* path = std::get_if<fs::path*>(&slot)) **path = of_key / "it";
    }
    named.server.sandbox_read = {"/usr/share"};
    const sandbox::Plan plan = sandbox_plan(named, root / "etc/postern.toml");
    std::vector<fs::path> open = plan.read;
    open.insert(open.end(), plan.write.begin(), plan.write.end());
    EXPECT_TRUE(sandbox::is_below(of_key / "it", open)) << key.section << "." << key.name;
  }
}

TEST_F(SandboxPlan, tables_of_routes_and_files_of_the_cluster_are_part_of_it) {
  std::ofstream(root / "db/way.cf") << "dbpath = " << (root / "mail/way.sqlite").string() << "\n";
  config.routes.resize(1);
  config.routes[0].tables = {"texthash:" + (root / "policy/transport").string(),
                             "sqlite:" + (root / "db/way.cf").string()};
  config.cluster.database =
      "postgresql://db.example.org/postern?sslrootcert=" + (root / "data/tls/root.pem").string() +
      "&sslmode=verify-full";
  EXPECT_THAT(plan().write, Contains(root / "mail"));
  config.server.sandbox_read = {"/usr/share"};
  EXPECT_THAT(plan().read, ::testing::IsSupersetOf(
                               {root / "policy", root / "db", root / "mail", root / "data/tls"}));
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
