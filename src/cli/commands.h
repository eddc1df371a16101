// The subcommands that need no running gateway. Each returns an ExitCode as int and uses the
// streams that it is given.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"
#include "cli/cli.h"
#include "config/config.h"
#include "config/input_file.h"
#include "config/service_files.h"

namespace postern::app {

/// The standard streams of a command.
struct Streams {
  std::istream& in;       ///< standard input
  std::ostream& out;      ///< results
  std::ostream& err;      ///< errors and progress
  bool terminal = false;  ///< `in` is a terminal: passwords are prompted for without echo
};

/// The configuration that --config or POSTERN_CONFIG names; nullopt: neither does.
std::optional<std::string> config_named(const Arguments& arguments);
/// The configuration that the command reads: the one that is named, else that of the service if it
/// exists; nullopt: the embedded defaults. `serve` does not look for that of the service.
std::optional<std::string> config_in_use(const Arguments& arguments);
/// If no configuration was named, prints which one the command read: without --json and --quiet.
void say_which_config(const Arguments& arguments, Streams& streams, std::string_view name);
/// Loads the configuration of config_in_use(), or the defaults, and prints nothing.
/// `name` becomes the file, as it is named in diagnostics; `source` what was read, null: it is not
/// needed.
ConfigResult load_named(const Arguments& arguments, Streams& streams, const LoadOptions& options,
                        std::string& name, ConfigSource* source = nullptr);
/// Whether `err` is coloured: a terminal, without --no-color and NO_COLOR.
bool wants_color(const Arguments& arguments);

/// Options for a command that serves nothing: no certificate, key or policy is opened, and
/// --data-dir applies. `arguments` must outlive the result.
LoadOptions without_files(const Arguments& arguments);
/// Options for a command that reads the files of the configuration as the service would, outside of
/// it: --credentials applies.
LoadOptions beside_service(const Arguments& arguments);
/// Loads the configuration of config_in_use(), or the defaults. Prints errors, and how many
/// warnings there are; with errors the result is empty.
std::optional<Config> load_for(const Arguments& arguments, Streams& streams,
                               const LoadOptions& options = {});
/// The same for the gateway, with each warning; `source` becomes what was read.
std::optional<Config> load_to_serve(const Arguments& arguments, Streams& streams,
                                    const LoadOptions& options, ConfigSource& source);

/// The data directory of the running gateway. With --data-dir no configuration is read: it may be
/// the one with the mistake that the gateway is to report. nullopt: errors, which are printed.
std::optional<std::filesystem::path> running_directory(const Arguments& arguments,
                                                       Streams& streams);

/// `postern check`.
int run_check(const Arguments& arguments, Streams& streams);
/// `postern doctor`.
int run_doctor(const Arguments& arguments, Streams& streams);
/// `postern reload`.
int run_reload(const Arguments& arguments, Streams& streams);
/// `postern cluster init`.
int run_cluster_init(const Arguments& arguments, Streams& streams);
/// `postern cluster status`.
int run_cluster_status(const Arguments& arguments, Streams& streams);
/// `postern cluster doctor`.
int run_cluster_doctor(const Arguments& arguments, Streams& streams);
/// `postern cluster drain`.
int run_cluster_drain(const Arguments& arguments, Streams& streams);
/// `postern cluster accept-loss`.
int run_cluster_accept_loss(const Arguments& arguments, Streams& streams);
/// `postern cluster migrate`.
int run_cluster_migrate(const Arguments& arguments, Streams& streams);
/// `postern tls install`.
int run_tls_install(const Arguments& arguments, Streams& streams);
/// `postern tls status`.
int run_tls_status(const Arguments& arguments, Streams& streams);
/// `postern backup`.
int run_backup(const Arguments& arguments, Streams& streams);
/// `postern restore`.
int run_restore(const Arguments& arguments, Streams& streams);
/// `postern config`.
int run_config(const Arguments& arguments, Streams& streams);
/// `postern completion`.
int run_completion(const Arguments& arguments, Streams& streams);
/// `postern help`.
int run_help(const Arguments& arguments, Streams& streams);
/// `postern version`.
int run_version(const Arguments& arguments, Streams& streams);
/// `postern inbox`.
int run_inbox(const Arguments& arguments, Streams& streams);
/// `postern passwd`.
int run_passwd(const Arguments& arguments, Streams& streams);

/// Reads the password of --password-stdin: one line, without echo on a terminal. Fault::denied if
/// it is empty or longer than an AUTH line.
Result<Secret> read_given_password(Streams& streams);

/// Prints the error and returns 64, ExitCode::usage.
int report_usage(const UsageError& error, bool json, Streams& streams);
/// Prints `error: message` and the hint, or both as JSON.
void report(std::string_view message, std::string_view hint, bool json, Streams& streams);

}  // namespace postern::app
