#include "cli/run.h"

#include <exception>
#include <iostream>
#include <stdexcept>

#include <fmt/format.h>
#include <sodium.h>
#include <sys/resource.h>
#include <unistd.h>
#include <boost/json.hpp>
#include <boost/system/system_error.hpp>

#include "base/terminal.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/commands_explain.h"
#include "cli/commands_import.h"
#include "cli/commands_mail.h"
#include "cli/commands_plan.h"
#include "cli/commands_ptest.h"
#include "cli/commands_queue.h"
#include "cli/commands_replay.h"
#include "cli/commands_setup.h"
#include "cli/confine.h"
#include "cli/help.h"
#include "cluster/database.h"
#include "net/tls_memory.h"
#include "serve/serve.h"

namespace postern::app {

namespace {

std::optional<std::filesystem::path> path_option(const Arguments& arguments,
                                                 std::string_view name) {
  const auto text = arguments.value(name);
  return text ? std::optional<std::filesystem::path>(*text) : std::nullopt;
}

/// Reads an option whose value is an address and port, if it was given.
bool read_endpoint(const Arguments& arguments, std::string_view name, std::optional<Endpoint>& into,
                   std::optional<UsageError>& error) {
  const auto text = arguments.value(name);
  if (!text) return true;
  const Result<Endpoint> endpoint = Endpoint::parse(*text);
  if (endpoint) {
    into = *endpoint;
    return true;
  }
  error = UsageError{fmt::format("{}: {}", name, endpoint.error().message),
                     fmt::format("`postern {} --help`", arguments.command->name)};
  return false;
}

int run_serve(const Arguments& arguments, Streams& streams) {
  ServeOptions options;
  std::optional<UsageError> error;
  options.config_file = config_in_use(arguments);
  options.data_dir = path_option(arguments, "--data-dir");
  options.quiet = arguments.has("--quiet");
  options.json = arguments.has("--json");
  options.no_color = !wants_color(arguments);
  if (!read_endpoint(arguments, "--smtp", options.smtp, error) ||
      !read_endpoint(arguments, "--api", options.api, error)) {
    return report_usage(*error, options.json, streams);
  }
  auto sockets = passed_sockets();
  if (!sockets) {
    report(sockets.error().message, "see sd_listen_fds(3)", options.json, streams);
    return to_int(ExitCode::config);
  }
  options.sockets = std::move(*sockets);
  LoadOptions load;
  load.adjust = [&](Config& config) { options.apply_to(config); };
  const std::optional<Config> config = load_to_serve(arguments, streams, load, options.source);
  if (!config) return to_int(ExitCode::config);
  return serve(*config, options);
}

std::optional<UsageError> read_explain(const Arguments& arguments, ExplainOptions& options) {
  const auto hint = "`postern explain --help`";
  if (!arguments.words.empty()) options.id = arguments.words.front();
  options.message = arguments.value("--message");
  options.mail_from = arguments.value("--from");
  options.recipients = arguments.values("--to");
  options.helo = arguments.value("--helo");
  options.listener = arguments.value("--listener").value_or("");
  options.tls = arguments.has("--tls");
  options.no_tls = arguments.has("--no-tls");
  options.auth = arguments.value("--auth");
  options.dns = path_option(arguments, "--dns");
  options.answers = arguments.values("--answer");
  options.config_file = config_in_use(arguments);
  options.as_test = arguments.has("--as-test");
  options.with_message = arguments.has("--with-message");
  options.redact = arguments.has("--redact");
  options.json = arguments.has("--json");
  options.exit_code = arguments.has("--exit-code");
  options.no_color = !wants_color(arguments);
  if (const auto text = arguments.value("--client-ip")) {
    const Result<IpAddress> address = IpAddress::parse(*text);
    if (!address) return UsageError{fmt::format("--client-ip: {}", address.error().message), hint};
    options.client_ip = *address;
  }
  if (!options.as_test && (options.with_message || options.redact)) {
    return UsageError{"--with-message and --redact are for --as-test", hint};
  }
  if (options.with_message && (!options.message || *options.message == "-")) {
    return UsageError{"--with-message needs --message FILE: no record has the text of a message",
                      hint};
  }
  if (options.tls && options.no_tls)
    return UsageError{"--tls and --no-tls exclude each other", hint};
  if (options.id && (options.message || !options.recipients.empty())) {
    return UsageError{"an ID and a described message exclude each other", hint};
  }
  if (!options.id && arguments.has("--password-stdin")) {
    return UsageError{"--password-stdin is for a recorded decision: its ID is missing", hint};
  }
  if (!options.id && options.recipients.empty()) {
    return UsageError{"nothing to explain: give the ID of a decision, or an envelope with --to",
                      hint};
  }
  return std::nullopt;
}

int run_explain(const Arguments& arguments, Streams& streams) {
  ExplainOptions options;
  if (const auto error = read_explain(arguments, options)) {
    return report_usage(*error, arguments.has("--json"), streams);
  }
  if (arguments.has("--password-stdin")) {
    auto password = read_given_password(streams);
    if (!password) {
      return report_usage({password.error().message, "`postern explain --help`"}, options.json,
                          streams);
    }
    options.password = std::move(*password);
  }
  LoadOptions load = without_files(arguments);
  load.load_policy = !options.id;  // a recorded decision contains its policy
  load.adjust = confined(std::move(load.adjust));
  const std::optional<Config> config = load_for(arguments, streams, load);
  if (!config) return to_int(ExitCode::config);
  return explain(*config, options);
}

int dispatch(const Arguments& arguments, Streams& streams) {
  using Runner = int (*)(const Arguments&, Streams&);
  static constexpr std::pair<std::string_view, Runner> runners[] = {
      {"serve", run_serve},
      {"reload", run_reload},
      {"cluster init", run_cluster_init},
      {"cluster status", run_cluster_status},
      {"cluster doctor", run_cluster_doctor},
      {"cluster drain", run_cluster_drain},
      {"cluster accept-loss", run_cluster_accept_loss},
      {"cluster migrate", run_cluster_migrate},
      {"tls install", run_tls_install},
      {"tls status", run_tls_status},
      {"backup", run_backup},
      {"restore", run_restore},
      {"check", run_check},
      {"doctor", run_doctor},
      {"explain", run_explain},
      {"inbox", run_inbox},
      {"config", run_config},
      {"passwd", run_passwd},
      {"help", run_help},
      {"completion", run_completion},
      {"setup", run_setup},
      {"version", run_version},
      {"dkim keygen", run_dkim_keygen},
      {"dkim keys", run_dkim_keys},
      {"dkim sign", run_dkim_sign},
      {"dkim verify", run_dkim_verify},
      {"dkim check", run_dkim_check},
      {"spf check", run_spf_check},
      {"dmarc check", run_dmarc_check},
      {"route", run_route},
      {"import postfix", run_import_postfix},
      {"import vsmtp", run_import_vsmtp},
      {"replay", run_replay},
      {"plan", run_plan},
      {"test", run_test},
      {"queue list", run_queue_list},
      {"queue show", run_queue_show},
      {"queue retry", run_queue_retry},
      {"queue hold", run_queue_hold},
      {"queue release", run_queue_release},
      {"queue drop", run_queue_drop},
      {"queue verify", run_queue_verify},
      {"queue destinations", run_queue_destinations},
      {"queue simulate", run_queue_simulate},
  };
  for (const auto& [name, runner] : runners) {
    if (name == arguments.command->name) return runner(arguments, streams);
  }
  return to_int(ExitCode::bug);
}

// Members of an answer are read as the questions promise them (serve/live_questions.h). Another
// program on the port of a gateway, or one of another version, may answer anything: Boost.JSON then
// throws one of these, by its version.

bool is_of_json(const boost::system::system_error& error) {
  return error.code().category() ==
         boost::json::make_error_code(boost::json::error::not_array).category();
}

/// Texts such as "array required"; those of the C++ library name a function.
bool is_of_json(const std::logic_error& error) {
  const std::string_view text = error.what();
  return text.find("::") == text.npos && text.find(' ') != text.npos;
}

/// Commands read passwords, keys and mail, too. `serve` does as `server.core_dumps` says.
void limit_core_dumps(std::string_view command) {
  rlimit limit{};
  if (command == "serve" || ::getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = 0;
  ::setrlimit(RLIMIT_CORE, &limit);
}

}  // namespace

int run_line(const std::vector<std::string>& words, Streams& streams, bool own_process) {
  const auto parsed = parse_command_line(words);
  if (const auto* error = std::get_if<UsageError>(&parsed)) {
    const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
    return report_usage(*error, json, streams);
  }
  if (const auto* none = std::get_if<NoCommand>(&parsed)) {
    streams.err << (none->family ? family_help(*none->family) : short_help());
    return to_int(ExitCode::usage);
  }
  const auto& arguments = std::get<Arguments>(parsed);
  std::string odd;
  try {
    if (own_process) {
      limit_core_dumps(arguments.command->name);
      confine(arguments);
    }
    return dispatch(arguments, streams);
  } catch (const CannotConfine& error) {
    report(error.what(), "POSTERN_SANDBOX=off in the environment goes on without it",
           arguments.has("--json"), streams);
    return to_int(ExitCode::os);
  } catch (const boost::system::system_error& error) {
    if (!is_of_json(error)) throw;
    odd = error.code().message();
  } catch (const std::logic_error& error) {
    if (!is_of_json(error)) throw;
    odd = error.what();
  }
  report(fmt::format("an answer of the gateway does not have the expected form: {}", odd),
         "restart the gateway if it is of another version: `postern doctor --check version`",
         arguments.has("--json"), streams);
  return to_int(ExitCode::bad_data);
}

int run(int argc, char** argv) {
  (void)net::separate_tls_buffers();
  // Before there are threads: it exchanges implementations that another one may be using.
  if (sodium_init() < 0) return to_int(ExitCode::bug);
  cluster::forget_environment();
  // Output may contain text from clients, files or arguments: terminal control sequences are
  // filtered.
  const TerminalBuffer out(std::cout, isatty(STDOUT_FILENO) == 1);
  const TerminalBuffer err(std::cerr, isatty(STDERR_FILENO) == 1);
  Streams streams{std::cin, std::cout, std::cerr, isatty(STDIN_FILENO) == 1};
  try {
    return run_line({argv + (argc > 0 ? 1 : 0), argv + argc}, streams, true);
  } catch (const std::exception& error) {
    report(fmt::format("unexpected: {}", error.what()),
           "this is our fault: please report it with the command line (`postern version`)", false,
           streams);
    return to_int(ExitCode::bug);
  }
}

}  // namespace postern::app
