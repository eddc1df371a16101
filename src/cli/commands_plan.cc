#include "cli/commands_plan.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/amount.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/toml.h"
#include "cli/mail_text.h"
#include "config/engine.h"
#include "config/guardrails.h"
#include "config/input_file.h"
#include "dialect/restrictions/layer.h"
#include "dialect/restrictions/lint.h"
#include "plan/guard.h"
#include "plan/report.h"
#include "plan/webhooks.h"
#include "ptest/directory.h"
#include "ptest/file.h"

namespace postern::app {

namespace {

/// What the command line asks for.
struct Options {
  plan::CompareOptions compare;
  std::vector<plan::Answer> allowed;  ///< --allow
  bool has_allowed = false;
  bool replies = false;
  std::optional<plan::Group> only;
};

tl::expected<Options, UsageError> read_options(const Arguments& arguments) {
  Options options;
  options.replies = arguments.has("--replies");
  if (arguments.words.size() != 2) {
    return tl::unexpected(UsageError{"which two versions?", "`postern plan old.toml new.toml`"});
  }
  if (const auto text = arguments.value("--allow")) {
    options.has_allowed = true;
    for (std::string_view word : split(*text, ',')) {
      word = trim(word);
      constexpr plan::Answer all[] = {plan::Answer::same, plan::Answer::refuses_more,
                                      plan::Answer::accepts_more, plan::Answer::both};
      const auto found = std::ranges::find_if(all, [&](plan::Answer one) {
        std::string written(plan::to_string(one));
        std::ranges::replace(written, '_', '-');
        return word == written;
      });
      if (found == std::end(all)) {
        return tl::unexpected(
            UsageError{fmt::format("--allow: `{}` is no answer", printable(word, 64)),
                       "same, refuses-more, accepts-more, both"});
      }
      options.allowed.push_back(*found);
    }
  }
  if (const auto text = arguments.value("--budget")) {
    const auto parts = split(*text, ',');
    const auto time = parse_duration(trim(parts[0]));
    std::uint64_t nodes = options.compare.nodes;
    bool good = time.has_value() && time->count() > 0 && parts.size() <= 2;
    if (parts.size() == 2) {
      std::string_view number = trim(parts[1]);
      const bool millions = number.ends_with('M');
      if (millions) number.remove_suffix(1);
      const auto count = parse_number(number);
      good = good && count && *count > 0 && *count <= 1'000'000'000;
      if (good) nodes = *count * (millions ? 1'000'000 : 1);
      good = good && nodes <= 100'000'000;
    }
    if (!good) {
      return tl::unexpected(
          UsageError{fmt::format("--budget: `{}` is not a time, or a time and a number of nodes",
                                 printable(*text, 64)),
                     "--budget 30s, or --budget 30s,4M"});
    }
    options.compare.time = *time;
    options.compare.nodes = nodes;
  }
  if (const auto text = arguments.value("--only")) {
    for (const plan::Group group : {plan::Group::ours, plan::Group::relay, plan::Group::foreign}) {
      if (*text == plan::to_string(group)) options.only = group;
    }
    if (!options.only) {
      return tl::unexpected(
          UsageError{fmt::format("--only: `{}` is no group of destinations", printable(*text, 64)),
                     "ours, relay or foreign"});
    }
  }
  return options;
}

/// A version, loaded. Lists that are an open relay load, too: the comparison says so.
struct LoadedVersion {
  Config config;
  std::string file;  ///< of the configuration
  std::string text;  ///< of that file
  std::string digest;
  std::string open_relay;
  std::shared_ptr<policy::Directory> directory = std::make_shared<policy::Directory>();
  std::set<std::string> webhooks;  ///< their addresses
};

/// Reports what is wrong with a version.
void report_version(const Diagnostics& diagnostics, const std::string& word,
                    const std::string& advice, const Arguments& arguments, Streams& streams) {
  streams.err << (arguments.has("--json") ? diagnostics.json_lines()
                                          : diagnostics.render(wants_color(arguments)));
  report(fmt::format("{} does not load", word), advice, arguments.has("--json"), streams);
}

/// The webhooks and policies of a file of tests, and the name of its configuration. Its tests are
/// not asked.
bool add_webhooks(const std::string& file, LoadedVersion& version, const Arguments& arguments,
                  Streams& streams, ExitCode& code) {
  constexpr std::size_t largest_file = std::size_t{16} << 20;
  Result<std::string> text = read_input(file, std::cin, largest_file);
  if (!text) {
    report(text.error().message, "name a file of tests (docs/policy-tests.md)",
           arguments.has("--json"), streams);
    code = ExitCode::no_input;
    return false;
  }
  ptest::Parsed parsed = ptest::parse_file(std::move(*text), file);
  Diagnostics diagnostics;
  for (const Diagnostic& one : parsed.diagnostics.list()) {
    if (one.code != "U003") diagnostics.add(one);  // that there is no test
  }
  if (diagnostics.errors() == 0) {
    ptest::fill_directory(parsed.file, *version.directory, diagnostics);
  }
  if (diagnostics.errors() > 0) {
    report_version(diagnostics, file, "docs/policy-tests.md says what a file of tests has",
                   arguments, streams);
    code = ExitCode::bad_data;
    return false;
  }
  for (const auto& [address, body] : parsed.file.webhooks) version.webhooks.insert(lower(address));
  const auto& config = parsed.file.config;
  version.file = ptest::beside(file, config ? config->name : "postern.toml");
  return true;
}

std::optional<LoadedVersion> load_version(const std::string& word, const Arguments& arguments,
                                          Streams& streams, ExitCode& code) {
  LoadedVersion version;
  version.file = word;
  const bool has_webhooks = word.ends_with(".ptest");
  if (has_webhooks && !add_webhooks(word, version, arguments, streams, code)) return std::nullopt;
  const std::string& file = version.file;
  LoadOptions load = without_files(arguments);
  load.load_policy = true;
  // Read once: the sections are compared by the same text.
  const Result<std::string> text = read_input(file, streams.in);
  ConfigResult result = text ? parse_config(*text, file, load) : load_config(file, load);
  const auto& errors = result.diagnostics.list();
  const bool missing = std::ranges::any_of(errors, [](const Diagnostic& one) {
    return one.code == "C002" && one.severity == Severity::error;
  });
  const dialect::restrictions::Judged* judged = result.config.restrictions.judged.get();
  const auto counts = [&](const Diagnostic& one) {
    // An open relay would not be served; it can be compared.
    return one.severity == Severity::error && one.code != "R110" && one.code != "R113";
  };
  if (std::ranges::any_of(errors, counts)) {
    report_version(result.diagnostics, file, "`postern check --config " + file + "`", arguments,
                   streams);
    code = missing ? ExitCode::no_input : ExitCode::config;
    return std::nullopt;
  }
  version.config = std::move(result.config);
  version.text = *text;
  if (has_webhooks) version.config.api.operators = {ptest::account};
  version.digest = "sha256:" + hex_encode(sha256(engine_for(version.config).definition()));
  if (judged != nullptr && judged->lint) {
    version.open_relay = dialect::restrictions::to_string(judged->lint->open_relay);
  }
  return version;
}

/// Sections that decide nothing about mail as it comes in, or that are compared.
constexpr std::string_view not_asked[] = {"restrictions", "guardrails", "log",   "traces",
                                          "delivery_log", "inbox",      "api",   "queue",
                                          "cluster",      "timeouts",   "egress"};

/// What the texts of two files have differently, apart from these.
std::vector<plan::Elsewhere> elsewhere(const std::string& before, const std::string& after) {
  std::vector<plan::Elsewhere> found;
  const auto add = [&](std::string_view section) {
    const bool lua = section == "lua";
    found.push_back({.what = std::string(section), .reason = lua ? "lua" : "other_layers"});
  };
  const auto old_file = parse_toml(before);
  const auto new_file = parse_toml(after);
  if (!old_file || !new_file) return found;
  std::set<std::string, std::less<>> sections;
  for (const auto& [name, node] : *old_file) sections.emplace(name.str());
  for (const auto& [name, node] : *new_file) sections.emplace(name.str());
  for (const std::string& section : sections) {
    if (std::ranges::find(not_asked, section) != std::end(not_asked)) continue;
    const toml::node* one = old_file->get(section);
    const toml::node* other = new_file->get(section);
    if (section == "server") {  // only the name is told to clients
      one = one != nullptr && one->is_table() ? one->as_table()->get("hostname") : nullptr;
      other = other != nullptr && other->is_table() ? other->as_table()->get("hostname") : nullptr;
    }
    const auto text = [](const toml::node* node) {
      std::ostringstream out;
      if (node != nullptr) out << toml::node_view<const toml::node>(node);
      return out.str();
    };
    if (text(one) != text(other)) add(section);
  }
  return found;
}

/// What decides in the lists of a version: their parameters and tables.
std::string lists_of(const Config& config) {
  const auto* loaded = config.restrictions.loaded();
  if (loaded == nullptr) return "none";
  boost::json::value definition = boost::json::parse(loaded->definition);
  definition.as_object().erase("places");  // they name the file
  return fmt::format("{} {}", config.restrictions.section.shadow,
                     boost::json::serialize(definition));
}

/// Compares the webhooks of both versions. If something else differs, too, nothing is proved to be
/// the same for them.
void compare_directories(const plan::Version& before, const plan::Version& after,
                         std::set<std::string> addresses, const plan::CompareOptions& options,
                         plan::Player::Clock::time_point deadline, plan::Comparison& found) {
  if (addresses.empty()) return;
  plan::WebhookComparison webhooks =
      plan::compare_webhooks(before, after, {addresses.begin(), addresses.end()}, deadline);
  if (!options.lists_are_equal || !options.elsewhere.empty()) {
    const auto open = [](plan::Known& known) {
      if (known == plan::Known::no) known = plan::Known::unknown;
    };
    for (plan::WebhookAnswer& one : webhooks.addresses) {
      open(one.answer.refuses_more);
      open(one.answer.accepts_more);
    }
    webhooks.not_proved.push_back(
        {.group = "",
         .direction = "",
         .layer = "webhook",
         .place = "",
         .reason = "other_layers",
         .text = "more than webhooks and their policies differs, and that is compared without "
                 "webhooks"});
  }
  found.webhooks = std::move(webhooks.addresses);
  found.played += webhooks.played;
  std::ranges::move(webhooks.witnesses, std::back_inserter(found.witnesses));
  std::ranges::move(webhooks.not_proved, std::back_inserter(found.not_proved));
}

/// The webhooks of a version.
plan::Webhooks webhooks_of(const LoadedVersion& version) {
  plan::Webhooks webhooks;
  for (const std::string& address : version.webhooks) {
    const auto mailbox = mail::parse_mailbox(address, mail::Utf8::allowed);
    if (!mailbox) continue;
    if (auto webhook = version.directory->resolve(*mailbox).webhook) {
      webhooks.push_back(std::move(webhook));
    }
  }
  return webhooks;
}

ExitCode code_of(const plan::Comparison& found, const Options& options) {
  const plan::Answer answer = found.answer();
  if (options.has_allowed) {
    const bool allowed = std::ranges::find(options.allowed, answer) != options.allowed.end();
    return allowed ? ExitCode::ok : ExitCode::no;
  }
  if (answer == plan::Answer::not_proved || found.handling == plan::Known::unknown) {
    return ExitCode::not_proved;
  }
  const bool differs =
      answer != plan::Answer::same || found.winding.answer() != plan::Answer::same ||
      found.handling == plan::Known::yes || (options.replies && found.replies == plan::Known::yes);
  return differs ? ExitCode::differs : ExitCode::ok;
}

}  // namespace

int run_plan(const Arguments& arguments, Streams& streams) {
  auto options = read_options(arguments);
  const bool json = arguments.has("--json");
  if (!options) return report_usage(options.error(), json, streams);
  ExitCode code = ExitCode::ok;
  auto before = load_version(arguments.words[0], arguments, streams, code);
  if (!before) return to_int(code);
  auto after = load_version(arguments.words[1], arguments, streams, code);
  if (!after) return to_int(code);
  options->compare.elsewhere = elsewhere(before->text, after->text);
  options->compare.lists_are_equal = lists_of(before->config) == lists_of(after->config);
  const plan::Version old_version{
      .name = before->file, .config = &before->config, .directory = before->directory};
  const plan::Version new_version{
      .name = after->file, .config = &after->config, .directory = after->directory};
  const auto deadline = plan::Player::Clock::now() + options->compare.time;
  plan::Report found;
  found.comparison = plan::compare(old_version, new_version, options->compare);
  std::set<std::string> addresses = before->webhooks;
  addresses.insert(after->webhooks.begin(), after->webhooks.end());
  compare_directories(old_version, new_version, std::move(addresses), options->compare, deadline,
                      found.comparison);
  if (options->only) {
    for (const plan::Group group : {plan::Group::ours, plan::Group::relay, plan::Group::foreign}) {
      if (group == *options->only) continue;
      found.comparison.groups[static_cast<std::size_t>(group)] = {};
    }
    std::erase_if(found.comparison.witnesses,
                  [&](const plan::Witness& one) { return one.group != *options->only; });
    if (*options->only != plan::Group::ours) found.comparison.webhooks.clear();
  }
  found.before = arguments.words[0];
  found.after = arguments.words[1];
  found.before_digest = before->digest;
  found.after_digest = after->digest;
  found.open_relay = after->open_relay;
  found.after_is_open =
      after->open_relay == "yes" && !after->config.restrictions.section.open_relay_is_known;
  found.weakened = plan::weakened(before->config.guardrails.get(), after->config.guardrails.get());
  bool broken = false;  // as `check` finds it
  if (const auto& guardrails = after->config.guardrails) {
    found.guardrails =
        plan::check_guardrails(new_version, *guardrails, {.webhooks = webhooks_of(*after)});
    for (std::size_t at = 0; at < found.guardrails.size(); ++at) {
      broken = broken || plan::refuses(found.guardrails[at], guardrails->sentences[at]);
    }
  }
  if (json) {
    streams.out << boost::json::serialize(plan::report_json(found)) << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << plan::report_text(found);
  }
  if (broken) return to_int(ExitCode::config);
  const ExitCode compared = code_of(found.comparison, *options);
  return to_int(compared == ExitCode::ok && !found.weakened.empty() && !options->has_allowed
                    ? ExitCode::differs
                    : compared);
}

}  // namespace postern::app
