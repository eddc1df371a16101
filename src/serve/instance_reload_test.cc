// What a reload changes, and what stays.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include <sodium.h>

#include "base/temporary_folder_test.h"
#include "serve/instance.h"

namespace postern::app {
namespace {

TEST(Reload, keeps_what_the_api_reads_out_of_the_running_data_directory) {
  ASSERT_GE(sodium_init(), 0);
  const tests::TemporaryFolder folder;
  const std::string table = folder.file("clients");
  const std::string plain = folder.write("plain", "192.0.2.1 REJECT\n");
  std::filesystem::create_symlink(plain, table);
  Config config = default_config().config;
  config.server.data_dir = folder.file("data");
  config.api.address = *Endpoint::parse("127.0.0.1:0");
  config.api.table_folders = {folder.path()};
  for (auto& listener : config.listeners) listener.address = *Endpoint::parse("127.0.0.1:0");
  const auto started = Instance::start(config);
  ASSERT_TRUE(started) << started.error().message;
  Instance& gateway = **started;
  dialect::restrictions::Section section;
  section.parameters["smtpd_client_restrictions"] = "check_client_access cidr:" + table;
  store::ListRevisionRow row{.source = store::ListRevisionRow::Source::api,
                             .definition = dialect::restrictions::to_json(section),
                             .created_at = store::now()};
  ASSERT_EQ(gateway.store().add_list_revision(row, 0, nullptr).value(), store::WriteOutcome::done);
  Config next = config;
  next.listeners = gateway.config().listeners;
  next.server.data_dir = folder.file("next");  // prepared for a restart
  next.cluster.node = "mx9";
  const auto followed = gateway.reload(next);
  ASSERT_TRUE(followed) << followed.error().message;
  EXPECT_EQ(std::ranges::count(followed->waiting, "cluster.node"), 1);
  ASSERT_EQ(followed->notes.size(), 1u);
  EXPECT_NE(followed->notes.front().find("revision 1, set through the API"), std::string::npos);
  std::filesystem::remove(table);
  std::filesystem::create_symlink(folder.write("data/secret", "192.0.2.1 REJECT\n"), table);
  EXPECT_FALSE(gateway.reload(next)) << "the running directory stays closed";
  next.server.data_dir = config.server.data_dir;
  EXPECT_FALSE(gateway.reload(next));
}

}  // namespace
}  // namespace postern::app
