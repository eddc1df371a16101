#include "serve/serve.h"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <optional>
#include <utility>

#include <fmt/color.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/text.h"
#include "base/version.h"
#include "config/descriptors.h"
#include "config/dnssec_report.h"
#include "config/exit_code.h"
#include "config/listener_certificate.h"
#include "config/signals.h"
#include "config/words.h"
#include "serve/first_steps.h"
#include "serve/instance.h"
#include "serve/one_time_links.h"
#include "serve/sandbox_plan.h"
#include "telemetry/explain_hint.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace postern::app {

namespace log = telemetry::log;

namespace {

constexpr std::chrono::seconds time_to_answer{10};

void print_table(const Instance& instance, const ServeOptions& options,
                 std::chrono::milliseconds took) {
  const Config& config = instance.config();
  std::ostream& out = std::cerr;
  out << fmt::format("Postern {} is ready in {:.1f} s\n\n", current_version().number,
                     static_cast<double>(took.count()) / 1000);
  for (const ListenerConfig& listener : config.listeners) {
    out << fmt::format(
        "  SMTP    {:<28} {}{}\n", listener.address.to_string(), tls_text(listener.tls),
        source_of(listener, config.server.data_dir.string()).origin == CertificateOrigin::self_made
            ? ", self-made certificate"
            : "");
  }
  out << fmt::format("  API     {:<28} try {}/api/v1/ping\n", config.api.base_url(),
                     config.api.base_url());
  out << fmt::format("  DNSSEC  {}\n", instance.dnssec().brief());
  out << fmt::format("  data    {}\n", config.server.data_dir.string());
  if (options.config_file) {
    out << fmt::format("  config  {}\n\n", options.config_file->string());
  } else {
    out << "  config  none, embedded defaults; write one: postern config example > "
           "postern.toml\n\n";
  }
}

/// The options with which the command in the log finds this gateway's data from the same directory.
std::string options_for_explain(const Config& config, const ServeOptions& options) {
  const auto quoted = [](const std::string& text) {
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
      return is_alnum(c) || std::string_view("/._-+:@%").find(c) != std::string_view::npos;
    });
    if (plain && !text.empty()) return text;
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
  };
  if (options.data_dir) return "--data-dir " + quoted(config.server.data_dir.string()) + " ";
  if (options.config_file) return "--config " + quoted(options.config_file->string()) + " ";
  return {};
}

ServeOptions quiet_if_not_a_terminal(ServeOptions options) {
  // Log collectors need uniform lines; the table is for terminals.
  if (options.json) options.quiet = true;
  return options;
}

/// A user of this terminal may create the first account, from any browser. What is no terminal is a
/// log, which others read: it gets no link. In a cluster one gateway prints it, since a second link
/// would end the first.
void print_owner_link(Instance& instance) {
  if (!instance.leads()) return;
  if (::isatty(STDERR_FILENO) != 1) {
    const auto accounts = instance.store().accounts({.offset = 0, .limit = 1});
    if (!accounts || accounts->total > 0) return;
    std::cerr << fmt::format(
        "There is no account yet. For a link that makes the first one, which operates this "
        "gateway:\n  postern passwd --owner-link --data-dir {}\n\n",
        instance.config().server.data_dir.string());
    return;
  }
  const auto link = make_owner_link(instance.store(), instance.config().api.base_url());
  if (!link) {
    log::warning("server.ready").field("error", link.error().message);
  } else if (*link) {
    std::cerr << fmt::format(
        "There is no account yet. Make the first one, which operates this gateway:\n"
        "  {}\n"
        "The link works once, until the gateway is started again.\n\n",
        (*link)->url);
  }
}

int report_start_error(const StartError& error, const ServeOptions& options) {
  std::cerr << error_text(error.message, error.hint, options.json);
  return to_int(error.code);
}

void note_loaded() {
  telemetry::metrics().config_last_reload_successful.gauge({}).set(1);
  telemetry::metrics().config_last_reload_success_timestamp.gauge({}).set(
      std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

constexpr std::string_view restart_for_sandbox =
    "the sandbox of a running gateway cannot be widened; restart the gateway";

ReloadOutcome reload(Instance& instance, const ServeOptions& options,
                     const std::optional<sandbox::Plan>& confined, admin::ListsOver over) {
  ReloadOutcome outcome;
  const auto failed = [&outcome](std::string_view why) {
    telemetry::metrics().config_last_reload_successful.gauge({}).set(0);
    log::error("reload.failed").msg("the old configuration remains in use").field("error", why);
    return outcome;
  };
  if (!options.config_file) {
    outcome.error = "there is no configuration file to read again";
    outcome.hint = "start the gateway with --config FILE";
    log::warning("reload.failed").msg(outcome.error);
    return outcome;
  }
  LoadOptions load;
  const std::string running = instance.config().server.data_dir;
  std::string data_dir;
  // The loaded configuration keeps the data directory that is in use.
  load.adjust = [&](Config& config) {
    options.apply_to(config);
    data_dir = std::exchange(config.server.data_dir, running);
  };
  ConfigSource source;
  const ConfigResult result = load_config(*options.config_file, load, source);
  outcome.diagnostics = result.diagnostics.render();
  outcome.json_lines = result.diagnostics.json_lines();
  if (confined) {
    // First: a file that cannot be read is a complaint of the loader, too.
    const auto beyond =
        beyond_sandbox(*confined, sandbox_plan(result.config, *options.config_file));
    if (beyond) {
      outcome.error = "needs a restart: " + *beyond;
      outcome.hint = restart_for_sandbox;
      return failed(outcome.error);
    }
  }
  if (!result.ok()) return failed(result.diagnostics.first_error());
  auto done = instance.reload(result.config, over);
  if (!done) {
    outcome.error = done.error().message;
    outcome.hint = done.error().hint;
    return failed(done.error().message);
  }
  instance.note_source(std::move(source));
  for (const Diagnostic& one : result.diagnostics.list()) {
    if (one.severity != Severity::warning) continue;
    log::warning("reload.warning").msg(fmt::format("{} [{}]", on_one_line(one), one.code));
  }
  outcome.reloaded = std::move(*done);
  if (data_dir != running) {
    log::warning("config.needs_restart")
        .msg("server.data_dir was changed; it takes effect at the next start");
    outcome.reloaded.waiting.emplace_back("server.data_dir");
  }
  note_loaded();
  outcome.in_force = true;
  std::string said =
      "decisions use the new configuration at once, limits and certificates in new sessions";
  for (const std::string& note : outcome.reloaded.notes) said += "; " + note;
  log::info("reload.ok").msg(said);
  return outcome;
}

/// What the service manager hears of a start or a reload that is done.
std::string ready_state() {
  return fmt::format("READY=1\nSTATUS=ready, version {}", current_version().number);
}

/// Waits for signals until one ends the process; a second one ends it immediately. Returns the exit
/// code of the process.
ExitCode wait_for_the_end(Instance& instance, const ServeOptions& options, const sigset_t& signals,
                          const std::optional<sandbox::Plan>& confined) {
  for (;;) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    // The kernel delivers the lowest signal number first: constant reloads would otherwise prevent
    // the stop.
    if (signal == SIGHUP && is_end_asked()) continue;
    if (signal == SIGHUP) {
      tell_manager(reloading_state());
      // Who asks from here on waits for the next one: the file may have changed since it was read.
      const auto asked = instance.reloads().take();
      const auto over = ReloadDesk::want_lists_of_file(asked) ? admin::ListsOver::nothing
                                                              : admin::ListsOver::file;
      ReloadDesk::answer(asked, reload(instance, options, confined, over));
      tell_manager(ready_state());
      continue;
    }
    const auto limit = instance.config().server.drain_timeout;
    const ExitCode code = instance.wants_restart() ? ExitCode::try_again : ExitCode::ok;
    if (!options.quiet) {
      std::cerr << fmt::format("stopping: {} sessions in hand, up to {} s (Ctrl-C again to cut)\n",
                               instance.sessions(), limit.count() / 1000);
    }
    tell_manager("STOPPING=1");
    instance.reloads().close();
    log::info("server.stopping").field("count", instance.sessions());
    // From here on, a signal's default action ends the process. SIGHUP is ignored: nothing can be
    // reloaded, and its default action would cut open sessions.
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    sigset_t again = signals;
    sigdelset(&again, SIGHUP);
    ::pthread_sigmask(SIG_UNBLOCK, &again, nullptr);
    const std::size_t cut = instance.stop(limit);
    if (cut > 0) log::warning("server.stopping").msg("sessions were cut").field("count", cut);
    return code;
  }
}

/// Memory contains passwords, keys and mail. A non-dumpable process also cannot be traced, nor its
/// /proc/PID/mem read, by other processes of this user; root still can.
void forbid_core_dumps() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace

void ServeOptions::apply_to(Config& config) const {
  if (data_dir) config.server.data_dir = *data_dir;
  if (smtp) config.listeners.front().address = *smtp;
  if (api) config.api.address = *api;
  if (json) config.log.format = telemetry::LogFormat::json;
  if (no_color) config.log.color = false;
  take_addresses(sockets, config);
}

int serve(const Config& config, const ServeOptions& given) {
  const ServeOptions options = quiet_if_not_a_terminal(given);
  const auto begun = std::chrono::steady_clock::now();
  std::signal(SIGPIPE, SIG_IGN);
  // Blocked in all threads from here on, and in those of a loaded policy (ScriptRuntime::open), so
  // that only wait_for_the_end() receives them.
  const sigset_t signals = awaited_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  telemetry::set_explain_options(options_for_explain(config, options));
  log::start(config.log);
  // The configuration was checked against what can be had.
  raise_descriptor_limit(wanted_descriptors(config));
  if (!config.server.core_dumps) forbid_core_dumps();
  give_back_large_blocks();

  if (const Result<void> matched = match_sockets(options.sockets, config); !matched) {
    log::stop();
    return report_start_error(
        {ExitCode::config, matched.error().message,
         "`FileDescriptorName=NAME` of the socket unit and `address = \"systemd:NAME\"` of a "
         "[[listener]] or [api] belong together; `systemctl start postern.socket` starts both"},
        options);
  }
  std::optional<sandbox::Plan> confined;
  sandbox::Report in_force;
  const auto confine = [&]() -> Instance::Started {
    const sandbox::Plan plan = sandbox_plan(config, options.config_file.value_or(""));
    const auto report = enter_sandbox(config, plan);
    if (!report) return tl::unexpected(report.error());
    if (report->landlock != 0 || report->seccomp) confined = plan;
    in_force = *report;
    return {};
  };
  auto started =
      Instance::start(config, options.config_file ? TestRecipients::off : TestRecipients::on,
                      options.sockets, confine);
  if (!started) {
    if (started.error().code == ExitCode::ok) {
      log::info("server.stopping").msg(started.error().message);
      log::stop();
      return to_int(ExitCode::ok);
    }
    log::stop();
    return report_start_error(started.error(), options);
  }
  Instance& instance = **started;
  instance.note_sandbox(in_force.brief());
  instance.note_source(options.source);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  if (!options.quiet) print_table(instance, options, took);
  if (!options.config_file) {
    const auto steps = first_steps(instance);
    if (steps && !options.quiet) std::cerr << *steps;
  }
  if (!options.quiet) print_owner_link(instance);
  const net::DnssecState dnssec = instance.dnssec();
  log_dnssec(config, dnssec);
  log::info("server.ready")
      .msg(fmt::format("Postern is ready; DNSSEC: {}", dnssec.brief()))
      .field("version", current_version().number)
      .field("duration_ms", took);
  note_loaded();
  if (!instance.answers(time_to_answer)) {
    log::warning("server.ready").msg("an event loop does not answer yet");
  }
  tell_manager(ready_state());
  instance.reloads().open();
  const ExitCode code = wait_for_the_end(instance, options, signals, confined);
  started->reset();
  log::stop();
  return to_int(code);
}

}  // namespace postern::app
