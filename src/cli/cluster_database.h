// What the commands of `postern cluster` share.
#pragma once

#include <memory>
#include <string>

#include "cli/commands.h"
#include "cluster/database.h"

namespace postern::app {

/// The database of the configuration, as `--owner` if that is given, with the password of
/// `--owner-password-file`. After an error, which is
/// printed, the value is the exit code. `settings` and `data_dir` are set to those of the
/// configuration; may be null.
tl::expected<std::unique_ptr<cluster::Database>, int> cluster_database(
    const Arguments& arguments, Streams& streams, ClusterConfig* settings = nullptr,
    std::string* data_dir = nullptr);
/// Prints the error, and returns the exit code.
int refuse_cluster(const Error& error, const Arguments& arguments, Streams& streams);

}  // namespace postern::app
