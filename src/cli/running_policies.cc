#include "cli/running_policies.h"

#include "admin/running_lists.h"
#include "config/cluster_options.h"
#include "config/room_options.h"
#include "serve/cluster_member.h"
#include "store/pgsql_store.h"

namespace postern::app {

Result<LiveData::Control> open_control(const Config& config) {
  if (config.cluster.database.empty()) return LiveData(config.server.data_dir).borrow_control();
  auto options = cluster_options(config.cluster, true);
  if (!options) return tl::unexpected(options.error());
  LiveData::Control control;
  auto database = cluster::Database::make(std::move(*options));
  if (!database) return tl::unexpected(database.error());
  control.database = std::move(*database);
  auto seal = seal_of(config.cluster);
  if (!seal) return tl::unexpected(seal.error());
  auto store = store::PgsqlStore::open(*control.database, {.seal = std::move(*seal)});
  if (!store) return tl::unexpected(store.error());
  control.store = std::move(*store);
  return control;
}

Result<bool> take_running_lists(Config& config, store::Store& store) {
  RestrictionsConfig& lists = config.restrictions;
  auto over =
      admin::revision_over_file(store, lists.present ? std::optional(lists.section) : std::nullopt,
                                shared_revisions(config, config.server.data_dir));
  if (!over) return tl::unexpected(over.error());
  if (!*over) return false;
  auto running = admin::judged_again(std::move(**over), config.server.hostname,
                                     request_files(config, config.server.data_dir));
  if (!running) return tl::unexpected(running.error());
  lists = restrictions_of(*running);
  if (lists.judged && !lists.judged->ok()) {
    return fail(
        Fault::malformed,
        "the lists that were set through the API cannot be read; see the log of the gateway");
  }
  return true;
}

}  // namespace postern::app
