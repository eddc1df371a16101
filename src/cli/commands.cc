#include "cli/commands.h"

#include <cerrno>
#include <cstdlib>
#include <istream>
#include <iterator>
#include <ostream>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/version.h"
#include "cli/check_guardrails.h"
#include "cli/commands_plan.h"
#include "cli/confine.h"
#include "cli/help.h"
#include "cli/json_text.h"
#include "cli/plan_versions.h"
#include "cli/progress.h"
#include "config/dnssec_report.h"
#include "config/failing_calls.h"
#include "config/handbook.h"
#include "config/schema.h"
#include "config/words.h"
#include "dialect/restrictions/lint_report.h"
#include "prove/relay_proof.h"
#include "store/traces.h"

namespace postern::app {

bool wants_color(const Arguments& arguments) {
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  if (no_color && *no_color) return false;
  return !arguments.has("--no-color") && isatty(STDERR_FILENO) == 1;
}

void report(std::string_view message, std::string_view hint, bool json, Streams& streams) {
  streams.err << error_text(message, hint, json);
}

int report_usage(const UsageError& error, bool json, Streams& streams) {
  report(error.message, error.hint, json, streams);
  return to_int(ExitCode::usage);
}

std::optional<std::string> config_named(const Arguments& arguments) {
  const char* environment = std::getenv("POSTERN_CONFIG");
  std::string name = arguments.value("--config").value_or(environment ? environment : "");
  return name.empty() ? std::nullopt : std::optional(std::move(name));
}

std::optional<std::string> config_in_use(const Arguments& arguments) {
  if (auto named = config_named(arguments)) return named;
  // The unit names its file. Without one, `serve` is a trial in the current directory.
  if (arguments.command->name == "serve") return std::nullopt;
  // A file that this user may not read is an error: the defaults are another gateway's.
  struct stat about{};
  const bool there = ::stat(std::string(service_config).c_str(), &about) == 0 || errno == EACCES;
  return there ? std::optional(std::string(service_config)) : std::nullopt;
}

ConfigResult load_named(const Arguments& arguments, Streams& streams, const LoadOptions& options,
                        std::string& name, ConfigSource* source) {
  ConfigSource own;
  ConfigSource& read = source != nullptr ? *source : own;
  name = config_in_use(arguments).value_or("");
  if (name.empty()) {
    name = "embedded defaults";
    return default_config(options);
  }
  if (name == "-") {
    name = "<stdin>";
    read = {.file = "-", .text = std::string(std::istreambuf_iterator<char>(streams.in), {})};
    return parse_config(read.text, name, options);
  }
  return load_config(name, options, read);
}

void say_which_config(const Arguments& arguments, Streams& streams, std::string_view name) {
  if (config_named(arguments) || arguments.has("--json") || arguments.has("--quiet")) return;
  streams.err << fmt::format("configuration: {}; --config or POSTERN_CONFIG names another\n", name);
}

namespace {

void print_diagnostics(const Diagnostics& diagnostics, const Arguments& arguments,
                       std::ostream& out) {
  out << (arguments.has("--json") ? diagnostics.json_lines()
                                  : diagnostics.render(wants_color(arguments)));
}

std::string counted(std::size_t n, std::string_view word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

/// Prints a text, with --json as the only member of an object.
void print_text(std::string_view text, std::string_view member, const Arguments& arguments,
                Streams& streams) {
  const std::string shown = with_pages(text);
  if (!arguments.has("--json")) {
    streams.out << shown;
    return;
  }
  streams.out << json_text(boost::json::object{{member, shown}}) << '\n';
}

/// "2 listeners (smtp 127.0.0.1:25 STARTTLS, ...), API 127.0.0.1:8025, data in ./postern-data"
std::string summary(const Config& config) {
  std::string list;
  for (const ListenerConfig& listener : config.listeners) {
    if (!list.empty()) list += ", ";
    const std::string address = listener.address.to_string();
    list += listener.name;
    // The name of a listener from a Lua policy contains its address.
    if (!listener.name.ends_with(address)) list += " " + address;
    list += fmt::format(" {}", tls_text(listener.tls));
  }
  return fmt::format("{} ({}), API {}, data in {}", counted(config.listeners.size(), "listener"),
                     list, config.api.address.to_string(), config.server.data_dir.string());
}

/// What `check` finds besides the file's diagnostics. Each has a member in the output of --json.
struct OfTheMachine {
  std::string dnssec;  ///< in full; empty: name servers were not asked
  std::string brief_dnssec;
  std::optional<std::string> dane;
  std::optional<std::string> traces_key;

  std::size_t warnings() const { return (dane ? 1u : 0u) + (traces_key ? 1u : 0u); }
};

OfTheMachine look_at_machine(const Config& config, bool asks_dns) {
  OfTheMachine found;
  found.traces_key = store::trace_key_trouble((config.server.data_dir / "traces.db").string());
  if (!asks_dns) return found;
  const Result<net::DnssecState> state = probe_dnssec(config);
  found.dnssec = state ? state->text() : state.error().message;
  found.brief_dnssec = state ? state->brief() : state.error().message;
  if (state) found.dane = dane_warning(config, *state);
  return found;
}

}  // namespace

LoadOptions beside_service(const Arguments& arguments) {
  LoadOptions load;
  load.outside_service = true;
  for (const std::string& given : arguments.values("--credentials")) {
    const std::size_t colon = given.find(':');
    const bool has_id = colon != std::string::npos && given.find('/') > colon;
    load.credentials.push_back({has_id ? given.substr(0, colon) : std::string(),
                                has_id ? given.substr(colon + 1) : given});
  }
  return load;
}

LoadOptions without_files(const Arguments& arguments) {
  LoadOptions load;
  load.read_files = false;
  load.adjust = [&arguments](Config& config) {
    if (const auto directory = arguments.value("--data-dir")) config.server.data_dir = *directory;
  };
  return load;
}

std::optional<Config> load_for(const Arguments& arguments, Streams& streams,
                               const LoadOptions& options) {
  std::string name;
  ConfigResult result = load_named(arguments, streams, options, name);
  if (!result.ok()) {
    print_diagnostics(result.diagnostics, arguments, streams.err);
    return std::nullopt;
  }
  // `check` and `serve` show them; here they would bury the answer.
  const std::size_t warnings = result.diagnostics.warnings();
  if (warnings > 0 && !arguments.has("--quiet") && !arguments.has("--json")) {
    streams.err << fmt::format("{} in {}: `postern check` shows {}\n", counted(warnings, "warning"),
                               name, warnings == 1 ? "it" : "them");
  }
  return std::move(result.config);
}

std::optional<Config> load_to_serve(const Arguments& arguments, Streams& streams,
                                    const LoadOptions& options, ConfigSource& source) {
  std::string name;
  ConfigResult result = load_named(arguments, streams, options, name, &source);
  if (!arguments.has("--quiet") || !result.ok())
    print_diagnostics(result.diagnostics, arguments, streams.err);
  if (!result.ok()) return std::nullopt;
  return std::move(result.config);
}

int run_check(const Arguments& arguments, Streams& streams) {
  const auto against = arguments.value("--against");
  const auto budget = budget_of(arguments);
  if (!budget) return report_usage(budget.error(), arguments.has("--json"), streams);
  std::string name;
  LoadOptions load = beside_service(arguments);
  const auto in_use = config_in_use(arguments);
  if (against && (!in_use || *in_use == "-")) {
    return report_usage({"--against compares a file",
                         "`postern check --against running --config "
                         "new.toml`"},
                        arguments.has("--json"), streams);
  }
  if (against) {
    PlanVersions(arguments, streams).confine(*against, *in_use);
  } else {
    load.adjust = confined(std::move(load.adjust));
  }
  ConfigResult result = load_named(arguments, streams, load, name);
  say_which_config(arguments, streams, name);
  result.diagnostics = refuse_failing_calls(result.diagnostics);
  if (result.ok()) {
    if (auto warning = open_relay_warning(result.config)) {
      result.diagnostics.add(std::move(*warning));
    }
  }
  CheckedGuardrails guarded;
  if (result.ok()) {
    plan::GuardBudget limits = *budget ? (*budget)->of_guardrails() : plan::GuardBudget();
    Progress progress(streams.err, arguments, "webhooks");
    limits.progress = [&](std::size_t done, std::size_t all) { progress.show(done, all); };
    guarded = check_guardrails(result.config, limits);
    if (result.config.guardrails) {
      for (Diagnostic& one : plan::diagnostics_of(guarded.results, *result.config.guardrails)) {
        result.diagnostics.add(std::move(one));
      }
    }
  }
  const Diagnostics& found = result.diagnostics;
  const bool json = arguments.has("--json");
  const bool quiet = arguments.has("--quiet");
  const bool strict = arguments.has("--strict");
  OfTheMachine machine;
  if (result.ok()) {
    // With --quiet the name servers are not asked.
    machine = look_at_machine(result.config, json || strict || !quiet);
  }
  const std::size_t warnings = found.warnings() + machine.warnings();
  // With --strict, warnings count as errors.
  const bool ok = result.ok() && (warnings == 0 || !strict);
  if (!ok || !quiet) print_diagnostics(found, arguments, json ? streams.out : streams.err);
  const auto& judged = result.config.restrictions.judged;
  const auto* lint = judged ? judged->lint.get() : nullptr;
  const bool in_shadow = result.config.restrictions.section.shadow;
  if (lint && !json && !quiet) {
    using Level = dialect::restrictions::Finding::Severity;
    // With an error in a list, only a dialogue that gets through says something about the lists.
    const bool is_proof =
        judged->compiles() || lint->open_relay == dialect::restrictions::OpenRelay::yes;
    streams.err << dialect::restrictions::findings_text(*lint, Level::note)
                << (in_shadow
                        ? "restriction lists (in shadow mode: they refuse and permit nothing): "
                        : "restriction lists: ")
                << (is_proof ? dialect::restrictions::conclusion_text(*lint)
                             : "not proved: correct the errors above, then check again\n");
  }
  if (!guarded.results.empty() && !json && !quiet) streams.err << guardrails_text(guarded);
  if (!json && (!ok || !quiet)) {
    for (const auto& warning : {machine.traces_key, machine.dane})
      if (warning) streams.err << "warning: " << with_pages(*warning) << "\n";
  }
  if (json) {
    boost::json::object answer{{"ok", ok}, {"file", name}};
    if (!ok) answer["errors"] = found.errors();
    answer["warnings"] = warnings;
    if (!machine.dnssec.empty()) answer["dnssec"] = machine.dnssec;
    if (machine.dane) answer["dane"] = *machine.dane;
    if (machine.traces_key) answer["traces_key"] = *machine.traces_key;
    if (!guarded.results.empty()) {
      answer["guardrails"] = guardrails_json(guarded);
      answer["guardrails_lists"] = guarded.by_api ? "api" : "file";
    }
    if (lint) {
      boost::json::object lists = dialect::restrictions::to_json(*lint);
      lists["mode"] = in_shadow ? "shadow" : "enforce";
      answer["restrictions"] = std::move(lists);
    }
    streams.out << json_text(answer) << '\n';
  } else if (!ok) {
    streams.err << fmt::format("\n{}: {}, {}\n", name, counted(found.errors(), "error"),
                               counted(warnings, "warning"));
  } else if (!quiet) {
    streams.out << fmt::format(
        "{}: ok{}: {}, DNSSEC {}\n", name,
        warnings > 0 ? " with " + counted(warnings, "warning") : std::string(),
        summary(result.config), machine.brief_dnssec);
  }
  if (!ok || !against) return to_int(ok ? ExitCode::ok : ExitCode::config);
  return run_check_against(*against, name, arguments, streams);
}

int run_config(const Arguments& arguments, Streams& streams) {
  if (arguments.words.empty() || arguments.words.front() != "example") {
    return report_usage(
        {"`postern config` takes one word: example", "`postern config example > postern.toml`"},
        arguments.has("--json"), streams);
  }
  print_text(example_config(), "toml", arguments, streams);
  return to_int(ExitCode::ok);
}

int run_completion(const Arguments& arguments, Streams& streams) {
  const std::string shell = arguments.words.empty() ? "" : arguments.words.front();
  const auto script = completion_script(shell);
  if (!script) {
    return report_usage(
        {shell.empty() ? "which shell?"
                       : fmt::format("no completions for `{}`", printable(shell, 64)),
         "`postern completion bash`, `zsh` or `fish`"},
        arguments.has("--json"), streams);
  }
  streams.out << *script;
  return to_int(ExitCode::ok);
}

namespace {

int run_manual(const Arguments& arguments, Streams& streams) {
  std::string name;
  for (const std::string& word : arguments.words) name += (name.empty() ? "" : "-") + word;
  if (name.empty()) {
    for (const std::string& page : manual_pages()) streams.out << page << '\n';
    return to_int(ExitCode::ok);
  }
  const auto page = manual_page(name);
  if (!page) {
    return report_usage({fmt::format("there is no manual page `{}`", printable(name, 64)),
                         "`postern help --man` lists them"},
                        arguments.has("--json"), streams);
  }
  print_text(*page, "text", arguments, streams);
  return to_int(ExitCode::ok);
}

}  // namespace

int run_help(const Arguments& arguments, Streams& streams) {
  if (arguments.has("--man")) return run_manual(arguments, streams);
  if (arguments.words.empty()) {
    print_text(short_help(), "text", arguments, streams);
    return to_int(ExitCode::ok);
  }
  std::string subject;
  for (const std::string& word : arguments.words) subject += (subject.empty() ? "" : " ") + word;
  if (const auto text = help_on(subject)) {
    print_text(*text, "text", arguments, streams);
    return to_int(ExitCode::ok);
  }
  const auto near = nearest(subject, help_subjects());
  return report_usage({fmt::format("no help on `{}`{}", printable(subject, 64),
                                   near ? fmt::format("; did you mean `{}`?", *near) : ""),
                       "`postern --help` lists the commands, `postern help help` the topics"},
                      arguments.has("--json"), streams);
}

int run_version(const Arguments& arguments, Streams& streams) {
  const Version version = current_version();
  const bool with_parts = arguments.has("--sbom");
  if (arguments.has("--json")) {
    boost::json::object object{{"version", version.number},
                               {"revision", version.revision},
                               {"compiler", version.compiler},
                               {"suite", build_suite()},
                               {"sbom_sha256", compiled_in_digest()}};
    if (with_parts) {
      boost::json::array& parts = object["compiled_in"].emplace_array();
      for (const Component& part : compiled_in()) {
        parts.push_back(boost::json::object{
            {"name", part.name}, {"version", part.version}, {"origin", part.origin}});
      }
      boost::json::array& loaded = object["loaded"].emplace_array();
      for (const std::string& file : loaded_libraries()) loaded.emplace_back(file);
    }
    streams.out << json_text(object) << '\n';
    return to_int(ExitCode::ok);
  }
  streams.out << fmt::format("postern {} ({}, {})\n", version.number, version.revision,
                             version.compiler);
  if (with_parts) {
    for (const Component& part : compiled_in()) {
      streams.out << fmt::format("compiled in  {} {} ({})\n", part.name, part.version, part.origin);
    }
    for (const std::string& file : loaded_libraries()) {
      streams.out << fmt::format("loaded       {}\n", file);
    }
  }
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
