#include "config/cluster_options.h"

#include "config/password_file.h"

namespace postern::app {

Result<cluster::DatabaseOptions> cluster_options(const ClusterConfig& config, bool read_files) {
  cluster::DatabaseOptions options{
      .postgres = config.database, .password = {}, .allow_one_copy = config.allow_one_copy};
  if (const auto made = cluster::Database::make(options); !made) {
    return tl::unexpected(made.error());
  }
  if (read_files && !config.password_file.empty()) {
    Result<Secret> password = password_in(config.password_file);
    if (!password) return tl::unexpected(password.error());
    options.password = std::move(*password);
  }
  return options;
}

}  // namespace postern::app
