#include "cli/commands_ptest.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "cli/confine.h"
#include "cli/file_update.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "cli/plan_versions.h"
#include "cli/policy_files.h"
#include "config/input_file.h"
#include "plan/deadline.h"
#include "plan/needs.h"
#include "ptest/coverage.h"
#include "ptest/directory.h"
#include "ptest/report.h"
#include "ptest/run.h"
#include "ptest/update.h"

namespace postern::app {

namespace {

namespace fs = std::filesystem;
using ptest::FileResult;
using ptest::Format;
using ptest::Results;

constexpr std::size_t largest_test_file = std::size_t{16} << 20;
constexpr std::string_view test_suffix = ".ptest";

struct TestOptions {
  std::string filter;
  Format format = Format::human;
  std::optional<std::string> output;
  bool update = false;
  bool sure = false;  ///< --update=yes
  bool coverage = false;
  std::string coverage_file;  ///< empty: it is in the report alone
  std::uint64_t fail_under = 0;
  bool watch = false;
};

tl::expected<TestOptions, UsageError> test_options(const Arguments& arguments,
                                                   const Streams& streams) {
  const std::string help = help_of(arguments);
  if (arguments.words.empty()) {
    return tl::unexpected(UsageError{"which tests?", "`postern test policy.ptest`"});
  }
  TestOptions options;
  options.filter = arguments.value("--filter").value_or("");
  options.output = arguments.value("--output");
  const std::string form =
      arguments.value("--format").value_or(arguments.has("--json") ? "json" : "human");
  const auto format = ptest::format_named(form);
  if (!format) {
    const auto near = nearest(form, {"human", "tap", "junit", "json"});
    return tl::unexpected(
        UsageError{fmt::format("--format: `{}` is no form of a report{}", printable(form, 64),
                               near ? fmt::format("; did you mean `{}`?", *near) : ""),
                   "human, tap, junit or json"});
  }
  options.format = *format;
  if (const auto under = arguments.value("--fail-under")) {
    const auto percent = parse_number(*under);
    if (!percent || *percent > 100) {
      return tl::unexpected(UsageError{
          fmt::format("--fail-under: `{}` is not a number from 0 to 100", printable(*under, 64)),
          help});
    }
    options.fail_under = *percent;
    options.coverage = true;
  }
  if (const auto file = arguments.value("--coverage")) {
    options.coverage = true;
    options.coverage_file = *file;
  }
  options.watch = arguments.has("--watch");
  const bool reads_once =
      arguments.value("--config") == "-" || std::ranges::count(arguments.words, "-") > 0;
  if (options.watch && (arguments.has("--update") || reads_once)) {
    return tl::unexpected(UsageError{"--watch reads files again and again, and changes none",
                                     "without --update, and without - for standard input"});
  }
  if (const auto update = arguments.value("--update")) {
    options.update = true;
    options.sure = *update == "yes";
    if (!options.sure && !update->empty()) {
      return tl::unexpected(
          UsageError{fmt::format("--update: `{}` is not `yes`", printable(*update, 64)), help});
    }
    if (!options.sure && !streams.terminal) {
      return tl::unexpected(UsageError{"--update asks on a terminal, and there is none",
                                       "`--update=yes` writes without asking"});
    }
  }
  return options;
}

/// The files that the words name: a folder means all files of tests below it.
std::vector<std::string> files_of(const std::vector<std::string>& words,
                                  std::vector<std::string>& missing) {
  std::vector<std::string> files;
  for (const std::string& word : words) {
    std::error_code error;
    if (!fs::is_directory(word, error)) {
      files.push_back(word);
      continue;
    }
    std::vector<std::string> found;
    fs::recursive_directory_iterator below(word, fs::directory_options::skip_permission_denied,
                                           error);
    for (const auto end = fs::recursive_directory_iterator(); !error && below != end;
         below.increment(error)) {
      std::error_code unknown;
      if (below->path().extension() == test_suffix && below->is_regular_file(unknown)) {
        found.push_back(below->path().lexically_normal().string());
      }
    }
    std::ranges::sort(found);
    if (found.empty()) missing.push_back(fmt::format("there is no .ptest file below {}", word));
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

/// What tells the versions of a file apart.
struct Stamp {
  fs::file_time_type written = {};
  std::uintmax_t size = 0;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const fs::path& file) {
  std::error_code unknown;  // a file that is not there has a version, too
  Stamp stamp{.written = fs::last_write_time(file, unknown)};
  if (!unknown) stamp.size = fs::file_size(file, unknown);
  return stamp;
}

/// The files that runs have read.
class ReadFiles {
 public:
  /// To be called before it is read, where that can be.
  void add(const fs::path& file) { seen_.try_emplace(file, stamp_of(file)); }
  /// Takes all files as they are now.
  void renew() {
    for (auto& [file, stamp] : seen_) stamp = stamp_of(file);
  }
  bool changed() const {
    return std::ranges::any_of(seen_,
                               [](const auto& one) { return stamp_of(one.first) != one.second; });
  }
  std::size_t count() const { return seen_.size(); }

 private:
  std::map<fs::path, Stamp> seen_;
};

/// Configurations by name. A script may keep values from one decision to the next, so that each
/// test gets a configuration of its own where there is one.
class Configurations {
 public:
  /// The configuration of a file of tests: --config, its own, the one beside it, that of
  /// POSTERN_CONFIG.
  Configurations(const Arguments& arguments, std::istream& in)
      : given_(arguments.value("--config")), environment_(config_named(arguments)) {
    if (given_ == "-") text_.assign(std::istreambuf_iterator<char>(in), {});
  }

  std::string name_for(const ptest::File& file) const {
    return given_ ? *given_ : config_of_tests(file, environment_);
  }

  /// Adds what a configuration needs. Errors are those of load().
  void add_needs(const std::string& name, const Arguments& arguments, FileNeeds& needs) const {
    if (const Result<std::string> found = text(name)) needs.add(*found, arguments);
  }

  /// The text of a configuration.
  Result<std::string> text(const std::string& name) const {
    return given_ == "-" ? Result<std::string>(text_) : read_input(name, std::cin);
  }

  /// Valid until the next call.
  const ConfigResult& load(const std::string& name) {
    const auto found = loaded_.find(name);
    if (found != loaded_.end()) return found->second;
    ConfigResult result = given_ == "-" ? parse_config(text_, "<stdin>", load_options())
                                        : load_config(name, load_options());
    result.config.api.operators = {ptest::account};
    const bool has_scripts = result.config.lua.loaded || result.config.vsl.loaded;
    if (has_scripts) return fresh_ = std::move(result);
    return loaded_.emplace(name, std::move(result)).first->second;
  }

  static LoadOptions load_options() {
    LoadOptions options;
    options.read_files = false;
    options.load_policy = true;
    options.asks_nobody = true;
    options.machine_name = "localhost";
    return options;
  }

 private:
  const std::optional<std::string> given_;
  std::optional<std::string> environment_;
  std::string text_;  ///< with `--config -`
  std::map<std::string, ConfigResult> loaded_;
  ConfigResult fresh_;
};

/// Whether a mistake of the configuration was found.
bool add_errors(const ConfigResult& loaded, FileResult& result) {
  if (loaded.ok()) return false;
  result.config_is_wrong = true;
  for (const Diagnostic& one : loaded.diagnostics.list()) {
    if (one.severity == Severity::error) result.diagnostics.add(one);
  }
  return true;
}

void read_file(const std::string& name, FileResult& result) {
  result.name = name;
  Result<std::string> text = read_input(name, std::cin, largest_test_file);
  if (!text) {
    Diagnostic diagnostic{.code = "U008", .file = name, .message = text.error().message};
    result.diagnostics.add(std::move(diagnostic));
    result.missing = true;
    return;
  }
  ptest::Parsed parsed = ptest::parse_file(std::move(*text), name);
  result.file = std::move(parsed.file);
  result.diagnostics = std::move(parsed.diagnostics);
}

/// Gives up all files that are not changed.
void confine_to(const Results& results, const TestOptions& options, Configurations& configurations,
                const Arguments& arguments) {
  FileNeeds needs;
  std::set<std::string> seen;
  for (const FileResult& one : results.files) {
    if (!one.usable()) continue;
    const std::string config = configurations.name_for(one.file);
    if (seen.insert(config).second) configurations.add_needs(config, arguments, needs);
    if (!options.update) continue;
    needs.add_file(one.name);
    for (const ptest::Test& test : one.file.tests) {
      if (test.golden) needs.add_file(ptest::beside(one.name, test.golden->name));
    }
  }
  if (options.output) needs.add_file(*options.output);
  if (!options.coverage_file.empty()) needs.add_file(options.coverage_file);
  needs.enforce();
}

/// Whether a test names a listener that the configuration does not have; adds an error.
bool add_unknown_listeners(const Config& config, const std::string& name, FileResult& result) {
  std::string names;
  for (const ListenerConfig& one : config.listeners) {
    names += (names.empty() ? "" : ", ") + one.name;
  }
  for (const ptest::Test& test : result.file.tests) {
    if (listener_named(config, test.dialogue.listener) != nullptr) continue;
    Diagnostic unknown = ptest::error_at(
        result.file, test.listener, "U004",
        fmt::format("no listener is called {}", printable(test.dialogue.listener, 64)));
    unknown.hint = fmt::format("the listeners of {} are {}", name, names);
    result.diagnostics.add(std::move(unknown));
  }
  return !result.usable();
}

void run_file(const TestOptions& options, Configurations& configurations, ptest::Coverage& coverage,
              FileResult& result, ReadFiles& files) {
  if (!result.usable()) return;
  for (const ptest::Test& test : result.file.tests) {
    if (test.message) files.add(ptest::beside(result.name, test.message->name));
    if (test.golden) files.add(ptest::beside(result.name, test.golden->name));
  }
  const auto read = [&](const std::string& relative) {
    return read_input(ptest::beside(result.name, relative), std::cin);
  };
  ptest::Player player(result.file, read);
  player.prepare(result.diagnostics);
  if (!result.usable()) return;
  const std::string config = configurations.name_for(result.file);
  std::set<std::string> policies;
  for (const auto& [id, spot] : result.file.policy_spots) policies.insert(id);
  for (const ptest::Test& test : result.file.tests) {
    if (test.name.find(options.filter) == std::string::npos) continue;
    files.add(config);
    const ConfigResult& loaded = configurations.load(config);
    if (result.outcomes.empty()) {
      for (const fs::path& file : policy_files(loaded.config)) files.add(file);
    }
    if (add_errors(loaded, result) || add_unknown_listeners(loaded.config, config, result)) {
      result.outcomes.clear();
      return;
    }
    result.outcomes.push_back(player.play(test, loaded.config));
    if (!options.coverage) continue;
    coverage.begin(config);
    coverage.add_rules(loaded.config);
    coverage.add_rules(player.directory(), policies);
    coverage.add_test(result.outcomes.back().decided);
  }
  if (!options.filter.empty()) return;
  result.unasked = player.unasked();
  result.unasked_answers = player.unasked_answers();
}

ptest::Coverage::Proof::Word word_of_need(plan::Need need) {
  using Word = ptest::Coverage::Proof::Word;
  switch (need) {
    case plan::Need::idle:
      return Word::idle;
    case plan::Need::spare:
      return Word::spare;
    case plan::Need::needed:
      return Word::needed;
    case plan::Need::unknown:
      break;
  }
  return Word::unknown;
}

/// Asks the proof about the rules of lists that no test decided: whether they can, and by which
/// dialogue.
void prove_rules(const Results& results, Configurations& configurations,
                 ptest::Coverage& coverage) {
  constexpr std::chrono::seconds most{20};
  const plan::Deadline deadline(most);
  std::set<std::string> asked;
  for (const FileResult& one : results.files) {
    if (!one.usable() || one.outcomes.empty()) continue;
    const std::string name = configurations.name_for(one.file);
    // Webhooks are the file's own; without them one answer is for all files.
    if (one.file.webhooks.empty() && !asked.insert(name).second) continue;
    const Result<std::string> text = configurations.text(name);
    if (!text) continue;
    plan::Edition now{
        .name = name, .file = name, .config = configurations.load(name).config, .text = *text};
    const auto directory = std::make_shared<policy::Directory>();
    Diagnostics known;  // the tests were played with them
    ptest::fill_directory(one.file, *directory, known);
    put_webhooks(one.file, directory, now);
    const auto without = [&](const plan::ListEdit& edit) {
      return edited(now, edit, Configurations::load_options());
    };
    coverage.begin(name);
    const auto needs = plan::needs_of(now, coverage.undecided(), without, deadline.left());
    for (const auto& [origin, need] : needs) {
      ptest::Coverage::Proof proof{
          .word = word_of_need(need.need), .text = need.why, .witness = {}};
      if (need.witness) {
        proof.text = plan::line_of(*need.witness);
        proof.witness = plan::spoken_json(need.witness->spoken);
      }
      coverage.add_proof(origin, std::move(proof));
    }
  }
}

/// A file that is to be rewritten.
struct Change {
  std::string file;
  std::string before;
  std::string after;
};

std::vector<Change> changes_of(const Results& results, Streams& streams, bool& complete) {
  std::vector<Change> changes;
  std::map<std::string, bool> seen;
  for (const FileResult& result : results.files) {
    ptest::Updated updated = ptest::update(result.file, result.outcomes);
    for (const ptest::Test* test : updated.untouched) {
      complete = false;
      streams.err << fmt::format(
          "{}:{}: nothing would be expected of `{}` any more, and it is left as it is; what the "
          "policy does now is shown without --update\n",
          result.name, test->spot.line, printable(test->name, 200));
    }
    if (updated.text != result.file.text) {
      changes.push_back({result.name, result.file.text, std::move(updated.text)});
    }
    for (const ptest::Outcome& outcome : result.outcomes) {
      const auto& golden = outcome.test->golden;
      const bool differs =
          golden && std::ranges::any_of(outcome.differs, [&](const ptest::Difference& one) {
            return outcome.test->expected[one.index].key == "trace";
          });
      if (!differs) continue;
      const std::string file = ptest::beside(result.name, golden->name);
      if (!seen.emplace(file, true).second) {
        complete = false;
        streams.err << fmt::format("{} is the trace of several tests, which differ\n", file);
        continue;
      }
      const Result<std::string> before = read_input(file, std::cin);
      changes.push_back({file, before ? *before : std::string(), outcome.trace});
    }
  }
  return changes;
}

bool agrees(Streams& streams) {
  streams.err << "write this? [y/N] " << std::flush;
  std::string answer;
  return std::getline(streams.in, answer) && (answer == "y" || answer == "yes");
}

/// Rewrites the files; the exit code.
int write_changes(const Results& results, const TestOptions& options, bool json, Streams& streams) {
  bool complete = true;
  const std::vector<Change> changes = changes_of(results, streams, complete);
  for (const Change& one : changes) {
    streams.out << ptest::difference_of(one.file, one.before, one.after);
  }
  streams.out.flush();
  if (!changes.empty() && !options.sure && !agrees(streams)) return to_int(ExitCode::no);
  for (const Change& one : changes) {
    if (const Result<void> done = replace_file(one.file, one.before, one.after); !done) {
      report(done.error().message, "run it again", json, streams);
      return to_int(done.error().fault == Fault::denied ? ExitCode::cannot_create
                                                        : ExitCode::bad_data);
    }
  }
  return to_int(complete ? ExitCode::ok : ExitCode::no);
}

ExitCode code_of_results(const Results& results, bool any_missing) {
  const auto any = [&](auto condition) { return std::ranges::any_of(results.files, condition); };
  if (any_missing || any([](const FileResult& one) { return one.missing; })) {
    return ExitCode::no_input;
  }
  if (any([](const FileResult& one) { return !one.usable() && !one.config_is_wrong; })) {
    return ExitCode::bad_data;
  }
  if (any([](const FileResult& one) { return one.config_is_wrong; })) return ExitCode::config;
  return results.failed() > 0 ? ExitCode::no : ExitCode::ok;
}

/// Plays all tests, once; the exit code. `read`: the files that were read are added.
int play_all(const TestOptions& given, const Arguments& arguments, Streams& streams,
             ReadFiles& read) {
  const TestOptions* const options = &given;
  const bool json = arguments.has("--json") || arguments.value("--format") == "json";
  std::vector<std::string> missing;
  const std::vector<std::string> files = files_of(arguments.words, missing);
  Results results;
  results.files.resize(files.size());
  Configurations configurations(arguments, streams.in);
  ptest::Coverage coverage;
  for (std::size_t i = 0; i < files.size(); ++i) {
    read.add(files[i]);
    read_file(files[i], results.files[i]);
  }
  confine_to(results, *options, configurations, arguments);
  for (FileResult& one : results.files) {
    run_file(*options, configurations, coverage, one, read);
  }
  if (options->coverage) {
    prove_rules(results, configurations, coverage);
    results.coverage = coverage.json();
    results.coverage_text = coverage.text();
  }
  const std::size_t tests = results.passed() + results.failed();
  if (tests == 0 && missing.empty() && results.unusable() == 0) {
    missing.push_back(fmt::format("no test has `{}` in its name", printable(options->filter, 64)));
  }
  for (const FileResult& one : results.files) {
    if (one.usable()) continue;
    streams.err << (json ? one.diagnostics.json_lines()
                         : one.diagnostics.render(wants_color(arguments)));
  }
  for (const std::string& one : missing) report(one, "", json, streams);
  ExitCode code = code_of_results(results, !missing.empty());
  if (code == ExitCode::ok && coverage.percent() < static_cast<double>(options->fail_under)) {
    code = ExitCode::no;
    report(
        fmt::format("{:.1f} % of the rules are decided by a test, and --fail-under asks for {} %",
                    coverage.percent(), options->fail_under),
        "", json, streams);
  }
  const bool broken = code != ExitCode::ok && code != ExitCode::no;
  if (options->update && !broken) return write_changes(results, *options, json, streams);
  const bool color = wants_color(arguments) && !options->output;
  const bool quiet = arguments.has("--quiet");
  const bool failures = quiet && options->format == Format::human && !options->output;
  const std::string text =
      ptest::report_text(results, failures ? Format::failures : options->format, color);
  if (!options->coverage_file.empty()) {
    const auto written = write_file(options->coverage_file, json_text(results.coverage) + "\n");
    if (!written) {
      report(written.error().message, "", json, streams);
      return to_int(ExitCode::cannot_create);
    }
  }
  if (options->output) {
    const Result<void> written = write_file(*options->output, text);
    if (!written) {
      report(written.error().message, "", json, streams);
      return to_int(ExitCode::cannot_create);
    }
    if (!quiet && options->format != Format::json) {
      streams.out << ptest::report_text(results, Format::human, wants_color(arguments));
    }
  } else if (!failures || code != ExitCode::ok) {
    streams.out << text;
  }
  streams.out.flush();
  return to_int(code);
}

/// Plays again when a file changes that was read, or when there is another file of tests. Ends with
/// the process (Ctrl-C).
[[noreturn]] void watch(const TestOptions& options, const Arguments& arguments, Streams& streams) {
  constexpr std::chrono::milliseconds between{250};
  ReadFiles read;
  for (;;) {
    std::vector<std::string> none;
    const std::vector<std::string> files = files_of(arguments.words, none);
    read.renew();
    const auto began = std::chrono::steady_clock::now();
    play_all(options, arguments, streams, read);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - began);
    streams.err << fmt::format("played in {} ms; waiting for a change of {} files (Ctrl-C ends)\n",
                               took.count(), read.count())
                << std::flush;
    do {
      std::this_thread::sleep_for(between);
      none.clear();
    } while (!read.changed() && files_of(arguments.words, none) == files);
  }
}

}  // namespace

std::string config_of_tests(const ptest::File& file,
                            const std::optional<std::string>& environment) {
  if (file.config) return ptest::beside(file.name, file.config->name);
  std::string near = ptest::beside(file.name, "postern.toml");
  std::error_code error;
  return fs::exists(near, error) || !environment ? near : *environment;
}

int run_test(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json") || arguments.value("--format") == "json";
  const auto options = test_options(arguments, streams);
  if (!options) return report_usage(options.error(), json, streams);
  if (options->watch) watch(*options, arguments, streams);
  ReadFiles read;
  return play_all(*options, arguments, streams, read);
}

}  // namespace postern::app
