#include "cli/commands_replay.h"

#include <chrono>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/amount.h"
#include "base/text.h"
#include "cli/commands_store.h"
#include "cli/confine.h"
#include "cli/json_text.h"
#include "cli/live_data.h"
#include "cli/mail_text.h"
#include "cli/progress.h"
#include "cli/recorded_traffic.h"
#include "config/engine.h"
#include "config/room_options.h"
#include "replay/run.h"

namespace postern::app {

namespace {

using Clock = std::chrono::steady_clock;

struct ReplayOptions {
  std::string draft;
  std::optional<store::Time> since;
  std::optional<std::uint64_t> limit;
  std::size_t samples = 5;
};

/// `most` protects the memory from a typing error.
tl::expected<std::optional<std::uint64_t>, UsageError> number_of(const Arguments& arguments,
                                                                 std::string_view option,
                                                                 std::uint64_t least,
                                                                 std::uint64_t most) {
  const auto text = arguments.value(option);
  if (!text) return std::nullopt;
  const auto number = parse_number(*text);
  if (number && *number >= least && *number <= most) return *number;
  return tl::unexpected(UsageError{fmt::format("{}: `{}` is not a number from {} to {}", option,
                                               printable(*text, 64), least, most),
                                   help_of(arguments)});
}

tl::expected<ReplayOptions, UsageError> read_replay_options(const Arguments& arguments) {
  constexpr std::uint64_t most_traces = 1'000'000'000;
  constexpr std::uint64_t most_samples = 1000;
  ReplayOptions options;
  options.draft = config_named(arguments).value_or("");  // that of the service is no draft
  if (options.draft.empty()) {
    return tl::unexpected(
        UsageError{"which draft?", "`postern replay --config draft.toml --since 24h`"});
  }
  const auto since = since_of(arguments, "--since");
  if (!since) return tl::unexpected(since.error());
  options.since = *since;
  const auto limit = number_of(arguments, "--limit", 1, most_traces);
  if (!limit) return tl::unexpected(limit.error());
  options.limit = *limit;
  const auto samples = number_of(arguments, "--samples", 0, most_samples);
  if (!samples) return tl::unexpected(samples.error());
  options.samples = samples->value_or(options.samples);
  return options;
}

int report_trouble(const Error& error, const std::string& data_dir, bool json, Streams& streams) {
  const bool missing = error.fault == Fault::not_found;
  report(error.message,
         missing ? fmt::format("{} has no traces: name the gateway's directory with --data-dir",
                               data_dir)
                 : std::string(),
         json, streams);
  return to_int(missing ? ExitCode::no_input : exit_code_of(error.fault));
}

}  // namespace

int run_replay(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  const auto options = read_replay_options(arguments);
  if (!options) return report_usage(options.error(), json, streams);
  LoadOptions load = without_files(arguments);
  load.load_policy = true;  // scripts of the draft decide, too
  load.adjust = confined(std::move(load.adjust));
  const std::optional<Config> config = load_for(arguments, streams, load);
  if (!config) return to_int(ExitCode::config);

  const std::string data_dir = config->server.data_dir.string();
  LiveData data(config->server.data_dir);
  const auto span = ask_span(data, options->since, options->limit);
  if (!span) return report_trouble(span.error(), data_dir, json, streams);

  const replay::Draft draft{engine_for(*config), authentication_options(*config)};
  const auto began = Clock::now();
  const auto tally = [&] {
    Progress progress(streams.err, arguments, "messages");
    return replay::replay_traces(source_of(data), *span, draft, {.samples = options->samples},
                                 [&](std::uint64_t done) {
                                   progress.show(done, span->count);
                                   return true;
                                 });
  }();
  if (!tally) return report_trouble(tally.error(), data_dir, json, streams);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  if (json) {
    boost::json::object answer{{"draft", options->draft}};
    for (auto& [name, value] : tally->json()) answer[name] = std::move(value);
    answer["seconds"] = seconds;
    streams.out << json_text(answer) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << tally->text(options->draft == "-" ? "<stdin>" : printable(options->draft, 120));
    streams.err << fmt::format("{:.1f} s, {:.0f} decisions a second\n", seconds,
                               static_cast<double>(tally->decisions()) / std::max(seconds, 1e-3));
  }
  if (tally->changes()) return to_int(ExitCode::no);
  return to_int(tally->undecidable() ? ExitCode::not_proved : ExitCode::ok);
}

}  // namespace postern::app
