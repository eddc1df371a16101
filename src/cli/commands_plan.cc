#include "cli/commands_plan.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/check_guardrails.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "cli/plan_suggest.h"
#include "cli/plan_versions.h"
#include "cli/recorded_traffic.h"
#include "cli/witness_tests.h"
#include "config/engine.h"
#include "config/room_options.h"
#include "plan/edit.h"
#include "plan/report.h"

namespace postern::app {

namespace {

/// What the command line asks for.
struct PlanOptions {
  std::string before;  ///< OLD
  std::string after;   ///< NEW
  plan::EditOptions edit;
  std::vector<plan::Answer> allowed;  ///< --allow
  bool has_allowed = false;
  bool replies = false;
  std::optional<std::string> replayed;   ///< --replay, as written
  std::optional<store::Time> since;      ///< the same as a time
  std::optional<std::string> tests;      ///< --as-test
  std::optional<std::string> suggested;  ///< --suggest
};

/// NEW is the last word, or --config; OLD the word before it, or --against, or what runs.
std::optional<UsageError> read_versions(const Arguments& arguments, PlanOptions& options) {
  std::vector<std::string> words = arguments.words;
  if (const auto config = arguments.value("--config")) words.push_back(*config);
  if (const auto against = arguments.value("--against")) words.insert(words.begin(), *against);
  options.suggested = arguments.value("--suggest");
  if (options.suggested && words.empty()) words.push_back(*options.suggested);
  if (options.suggested && words.size() > 1) {
    return UsageError{"--suggest is about one version",
                      "`postern plan postern.toml --suggest FILE`"};
  }
  if (words.empty() || words.size() > 2) {
    return UsageError{"which two versions?",
                      "`postern plan old.toml new.toml`, or `postern plan new.toml` for what runs"};
  }
  if (words.size() == 2 && words.front() == "-" && words.back() == "-") {
    return UsageError{"one version alone can be on standard input",
                      "`postern plan old.toml - < new.toml`"};
  }
  options.before = words.size() == 2 ? words.front() : "running";
  options.after = words.back();
  return std::nullopt;
}

/// As --allow has it: "refuses-more".
std::string word_of(plan::Answer answer) {
  std::string word(plan::to_string(answer));
  std::ranges::replace(word, '_', '-');
  return word;
}

/// What `check --against` has, too: --allow and --budget.
tl::expected<PlanOptions, UsageError> read_answers(const Arguments& arguments) {
  PlanOptions options;
  if (const auto text = arguments.value("--allow")) {
    options.has_allowed = true;
    for (std::string_view word : split(*text, ',')) {
      word = trim(word);
      constexpr plan::Answer all[] = {plan::Answer::same, plan::Answer::refuses_more,
                                      plan::Answer::accepts_more, plan::Answer::both};
      const auto found =
          std::ranges::find_if(all, [&](plan::Answer one) { return word == word_of(one); });
      if (found == std::end(all)) {
        return tl::unexpected(
            UsageError{fmt::format("--allow: `{}` is no answer", printable(word, 64)),
                       "same, refuses-more, accepts-more, both"});
      }
      options.allowed.push_back(*found);
    }
  }
  const auto budget = budget_of(arguments);
  if (!budget) return tl::unexpected(budget.error());
  if (*budget) {
    options.edit.guards = (*budget)->of_guardrails();
    options.edit.compare.time = (*budget)->time;
    if ((*budget)->nodes) options.edit.compare.nodes = *(*budget)->nodes;
  }
  return options;
}

tl::expected<PlanOptions, UsageError> read_plan_options(const Arguments& arguments) {
  auto read = read_answers(arguments);
  if (!read) return read;
  PlanOptions& options = *read;
  options.replies = arguments.has("--replies");
  options.edit.compare.routes = arguments.has("--routes");
  if (auto error = read_versions(arguments, options)) return tl::unexpected(*error);
  options.tests = arguments.value("--as-test");
  if (options.tests && options.after == "-") {
    return tl::unexpected(UsageError{
        "--as-test: tests name the file of NEW, and standard input has none",
        fmt::format("postern plan {} FILE --as-test {}", options.before, *options.tests)});
  }
  options.replayed = arguments.value("--replay");
  const auto since = since_of(arguments, "--replay");
  if (!since) return tl::unexpected(since.error());
  options.since = *since;
  if (const auto text = arguments.value("--only")) {
    for (const plan::Group group : {plan::Group::ours, plan::Group::relay, plan::Group::foreign}) {
      if (*text == plan::to_string(group)) options.edit.compare.only = group;
    }
    if (!options.edit.compare.only) {
      return tl::unexpected(
          UsageError{fmt::format("--only: `{}` is no group of destinations", printable(*text, 64)),
                     "ours, relay or foreign"});
    }
  }
  return read;
}

/// What --allow has no words for, and has to be the same whatever it allows.
plan::Known differs_besides(const plan::Report& report, const PlanOptions& options) {
  const plan::Comparison& found = report.comparison;
  const plan::Known replies = options.replies ? found.replies : plan::Known::no;
  const plan::Known routes = found.routes.value_or(plan::Known::no);
  for (const plan::Known known : {plan::Known::yes, plan::Known::unknown}) {
    if (found.handling == known || replies == known || routes == known) return known;
  }
  return report.weakened.empty() ? plan::Known::no : plan::Known::yes;
}

/// Why --allow is not met; empty: it is.
std::string not_allowed(const plan::Report& report, const PlanOptions& options) {
  const plan::Answer verdicts = report.comparison.verdicts();
  if (std::ranges::find(options.allowed, verdicts) == options.allowed.end()) {
    return "the answer is " + word_of(verdicts);
  }
  if (report.after_is_open) return "new is an open relay";
  if (!report.weakened.empty()) return "a guardrail is gone or says less";
  if (differs_besides(report, options) == plan::Known::no) return "";
  const plan::Comparison& found = report.comparison;
  const bool by_replies = options.replies && found.replies != plan::Known::no;
  return fmt::format("{} may differ, and no word of --allow is about that",
                     by_replies                          ? "replies"
                     : found.handling != plan::Known::no ? "the handling of mail that both take"
                                                         : "routes");
}

ExitCode code_of_report(const plan::Report& report, const PlanOptions& options) {
  if (options.has_allowed) {
    return not_allowed(report, options).empty() ? ExitCode::ok : ExitCode::no;
  }
  const plan::Answer verdicts = report.comparison.verdicts();
  const plan::Known besides = differs_besides(report, options);
  // What is not known besides takes nothing back of a difference that is.
  if (verdicts == plan::Answer::not_proved) return ExitCode::not_proved;
  if (verdicts != plan::Answer::same || besides == plan::Known::yes) return ExitCode::differs;
  return besides == plan::Known::unknown ? ExitCode::not_proved : ExitCode::ok;
}

/// What the recorded traffic of the data directory would have got from NEW.
Result<replay::ReplayTally> replayed(const PlanOptions& options, const plan::Edition& after) {
  LiveData data(after.config.server.data_dir);
  const auto span = ask_span(data, options.since, std::nullopt);
  if (!span) return tl::unexpected(span.error());
  const replay::Draft draft{engine_for(after.config), authentication_options(after.config)};
  return replay::replay_traces(source_of(data), *span, draft, {.samples = 0},
                               [](std::uint64_t) { return true; });
}

boost::json::object counts_of(const replay::ReplayTally& tally) {
  boost::json::object all = tally.json();
  return {{"decisions", all["decisions"]}, {"counts", all["counts"]}};
}

std::string replay_counts(const replay::ReplayTally& tally, const std::string& since) {
  using replay::Change;
  return fmt::format(
      "  last {} of traces (--replay {}): {} decisions the same, {} newly accepted, {} newly "
      "refused, {} not decidable\n",
      since, since, tally.count(Change::same) + tally.count(Change::changed),
      tally.count(Change::newly_accepted), tally.count(Change::newly_refused),
      tally.count(Change::undecidable));
}

int plan_versions(const PlanOptions& options, const Arguments& arguments, Streams& streams) {
  auto versions = PlanVersions(arguments, streams).load(options.before, options.after);
  if (!versions) return to_int(versions.error());
  plan::Report found = plan::judge_edit(versions->first, versions->second, options.edit);
  found.asks_replies = options.replies;
  found.read_once = read_once(versions->first, versions->second);
  if (options.tests) {
    const plan::Edition& after = versions->second;
    const auto kept = keep_as_tests(found.comparison.witnesses, *options.tests,
                                    is_of_gateway(after.name) ? std::string() : after.file,
                                    config_named(arguments));
    if (!kept) {
      report(kept.error().message, "", arguments.has("--json"), streams);
      return to_int(ExitCode::cannot_create);
    }
  }
  std::optional<Result<replay::ReplayTally>> tally;
  if (options.replayed) tally = replayed(options, versions->second);
  if (arguments.has("--json")) {
    boost::json::object answer = plan::report_json(found);
    if (tally && *tally) answer["replay"] = counts_of(**tally);
    if (options.has_allowed) {
      const std::string why = not_allowed(found, options);
      answer["allow"] = {{"met", why.empty()}, {"why", why}};
    }
    streams.out << json_text(answer) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << plan::report_text(found);
    if (tally && *tally) streams.out << replay_counts(**tally, printable(*options.replayed, 64));
    if (const std::string why = options.has_allowed ? not_allowed(found, options) : "";
        !why.empty()) {
      streams.out << fmt::format("  --allow is not met: {}\n", why);
    }
  }
  if (tally && !*tally) {
    report("the traces were not decided again: " + tally->error().message,
           "--data-dir names the gateway's directory", arguments.has("--json"), streams);
    const Fault fault = tally->error().fault;
    return to_int(fault == Fault::not_found ? ExitCode::no_input : exit_code_of(fault));
  }
  if (arguments.has("--quiet") && !arguments.has("--json")) {
    for (const auto& [at, before] : found.broken) {
      const plan::GuardResult& one = found.guardrails[at];
      const bool violated = one.word == plan::GuardResult::Word::violated;
      report(fmt::format("the guardrail `{}` is {}", one.name, violated ? "broken" : "not proved"),
             violated ? "without --quiet a dialogue shows it"
                      : "a larger --budget may prove it, or a sentence about less",
             false, streams);
    }
    for (const plan::Weakened& one : found.weakened) {
      report(fmt::format("the guardrail `{}` {}", one.name,
                         one.only_warns ? "only warns in new" : "is gone or says less"),
             "without --quiet the report says whether new keeps to it", false, streams);
    }
  }
  return to_int(found.broken.empty() ? code_of_report(found, options) : ExitCode::config);
}

}  // namespace

int run_plan(const Arguments& arguments, Streams& streams) {
  const auto options = read_plan_options(arguments);
  if (!options) return report_usage(options.error(), arguments.has("--json"), streams);
  if (options->suggested) {
    return suggest_edits(options->after, *options->suggested, options->edit, arguments, streams);
  }
  return plan_versions(*options, arguments, streams);
}

int run_check_against(const std::string& before, const std::string& after,
                      const Arguments& arguments, Streams& streams) {
  auto options = read_answers(arguments);
  if (!options) return report_usage(options.error(), arguments.has("--json"), streams);
  options->before = before;
  options->after = after;
  return plan_versions(*options, arguments, streams);
}

}  // namespace postern::app
