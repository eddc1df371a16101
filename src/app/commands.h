// The subcommands that need no running gateway. Each returns an ExitCode as int and writes to the
// streams it is given.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "app/cli.h"
#include "app/config.h"
#include "base/error.h"
#include "base/secret.h"

namespace postern::app {

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  ///< a person types on `in`: passwords are asked for, unseen
};

/// True when `err` should be coloured: a terminal, no --no-color, no NO_COLOR.
bool wants_color(const Arguments& arguments);

/// For a command that serves nothing: no certificate, key or policy is opened, and --data-dir
/// counts. `arguments` must outlive the result.
LoadOptions without_files(const Arguments& arguments);
/// The configuration that --config, POSTERN_CONFIG or neither name. When it has errors they are
/// printed and the result is empty.
std::optional<Config> load_for(const Arguments& arguments, Streams& streams,
                               const LoadOptions& options = {});

int run_check(const Arguments& arguments, Streams& streams);
int run_config(const Arguments& arguments, Streams& streams);
int run_completion(const Arguments& arguments, Streams& streams);
int run_help(const Arguments& arguments, Streams& streams);
int run_version(const Arguments& arguments, Streams& streams);
int run_inbox(const Arguments& arguments, Streams& streams);
int run_passwd(const Arguments& arguments, Streams& streams);

/// The password of --password-stdin: a line, unseen where somebody types it. Fault::denied for an
/// empty one, and for more octets than an AUTH line has.
Result<Secret> read_given_password(Streams& streams);

/// Prints the mistake and returns 64.
int report_usage(const UsageError& error, bool json, Streams& streams);
/// `error: message` and what to do; or the same as JSON.
void report(std::string_view message, std::string_view hint, bool json, Streams& streams);

}  // namespace postern::app
