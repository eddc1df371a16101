#include "cli/plan_versions.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/running_lists.h"
#include "base/amount.h"
#include "base/text.h"
#include "cli/commands_ptest.h"
#include "cli/confine.h"
#include "cli/mail_text.h"
#include "cli/policy_files.h"
#include "config/engine.h"
#include "config/input_file.h"
#include "config/room_options.h"
#include "dialect/restrictions/layer.h"
#include "ptest/directory.h"
#include "ptest/file.h"
#include "store/operators.h"

namespace postern::app {

namespace restrictions = dialect::restrictions;

namespace {

constexpr std::string_view revision_prefix = "revision:";
constexpr std::string_view tests_suffix = ".ptest";

/// The text of each layer in the definition of an engine, with its mode.
std::map<std::string, std::string> layers_in(const std::string& engine) {
  std::map<std::string, std::string> layers;
  boost::system::error_code bad;
  const boost::json::value parsed = boost::json::parse(engine, bad);
  if (bad || !parsed.is_array()) return layers;
  for (const boost::json::value& one : parsed.get_array()) {
    if (one.is_object()) {
      layers[text_of(one.get_object(), "layer")] = boost::json::serialize(one);
    }
  }
  return layers;
}

/// The lists in force, as the gateway has told them, with the tables as it has read them.
Result<RestrictionsConfig> told_lists(const boost::json::object& told) {
  RestrictionsConfig lists{.present = true, .section = {}, .judged = {}};
  auto section = restrictions::section_from_json(text_of(told, "section"));
  if (!section) return tl::unexpected(section.error());
  lists.section = std::move(*section);
  auto loaded = restrictions::loaded_from_definition(text_of(told, "definition"));
  if (!loaded) return tl::unexpected(loaded.error());
  restrictions::Judged judged;
  judged.loaded = std::make_shared<const restrictions::Loaded>(std::move(*loaded));
  lists.judged = std::make_shared<const restrictions::Judged>(std::move(judged));
  return lists;
}

/// Whether a version with these errors cannot be compared. An open relay would not be served; it
/// can be compared.
bool cannot_load(const Diagnostics& diagnostics) {
  return std::ranges::any_of(diagnostics.list(), [](const Diagnostic& one) {
    return one.severity == Severity::error && one.code != "R110" && one.code != "R113";
  });
}

/// Of a configuration's file; standard input is in the working folder.
std::filesystem::path folder_of(const std::string& file) {
  return std::filesystem::absolute(file).lexically_normal().parent_path();
}

/// Whether the folder has a file of this name that is not the one of the working folder.
bool has_another(const std::filesystem::path& folder, const std::string& name) {
  const std::filesystem::path beside = folder / name;
  std::error_code error;
  const bool is_file = std::filesystem::is_regular_file(beside, error);
  if (error || !is_file || std::filesystem::equivalent(beside, name, error)) return false;
  const auto one = read_input(beside.string(), std::cin);
  const auto other = read_input(name, std::cin);
  return !one || !other || *one != *other;
}

/// The names of policies, accounts and tables that are no whole paths.
std::set<std::string> relative_files(const Config& config) {
  std::set<std::string> names;
  for (const std::filesystem::path& path : policy_files(config)) {
    if (path.is_relative()) names.insert(path.lexically_normal().string());
  }
  return names;
}

}  // namespace

std::set<std::string> read_once(const plan::Edition& before, const plan::Edition& after) {
  if (is_of_gateway(before.name) || is_of_gateway(after.name)) return {};
  if (folder_of(before.file) == folder_of(after.file)) return {};
  std::set<std::string> both;
  std::ranges::set_intersection(relative_files(before.config), relative_files(after.config),
                                std::inserter(both, both.end()));
  return both;
}

void put_webhooks(const ptest::File& file, const std::shared_ptr<policy::Directory>& directory,
                  plan::Edition& edition) {
  policy::Change change;
  change.put_domains.emplace_back(edition.config.webhooks.public_domain);
  directory->apply(std::move(change));
  edition.directory = directory;
  edition.config.api.operators = {ptest::account};
  for (const auto& [address, body] : file.webhooks) {
    edition.compared.insert(lower(address));
    const auto mailbox = mail::parse_mailbox(lower(address), mail::Utf8::allowed);
    if (!mailbox) continue;
    if (auto webhook = edition.directory->resolve(*mailbox).webhook) {
      edition.webhooks.push_back(std::move(webhook));
    }
  }
}

bool is_of_gateway(std::string_view word) {
  return word == "running" || word.starts_with(revision_prefix);
}

tl::unexpected<ExitCode> PlanVersions::report_version(const Diagnostics& diagnostics,
                                                      const std::string& word,
                                                      const std::string& advice, ExitCode code) {
  streams_.err << (arguments_.has("--json") ? diagnostics.json_lines()
                                            : diagnostics.render(wants_color(arguments_)));
  return report_error(fmt::format("{} does not load", word), advice, code);
}

tl::unexpected<ExitCode> PlanVersions::report_error(const std::string& message,
                                                    const std::string& advice, ExitCode code) {
  report(message, advice, arguments_.has("--json"), streams_);
  return tl::unexpected<ExitCode>(code);
}

const Result<std::string>& PlanVersions::read(const std::string& word) {
  constexpr std::size_t largest_file = std::size_t{16} << 20;
  const auto found = texts_.find(word);
  if (found != texts_.end()) return found->second;
  return texts_
      .emplace(word, word.ends_with(tests_suffix) ? read_input(word, streams_.in, largest_file)
                                                  : read_input(word, streams_.in))
      .first->second;
}

void PlanVersions::confine(const std::string& before, const std::string& after) {
  FileNeeds needs;
  const auto add = [&](const std::string& word) {
    if (const auto& text = read(word)) needs.add(*text, arguments_);
  };
  for (const std::string& word : {before, after}) {
    if (is_of_gateway(word)) continue;
    if (!word.ends_with(tests_suffix)) {
      add(word);
    } else if (const auto& text = read(word)) {
      add(config_of_tests(ptest::parse_file(*text, word).file, environment()));
    }
  }
  if (is_of_gateway(before) && is_of_gateway(after)) {
    if (const auto named = config_in_use(arguments_)) {
      add(*named);
    } else {
      needs.add("", arguments_);
    }
  }
  if (const auto tests = arguments_.value("--as-test")) needs.add_file(*tests);
  needs.enforce();
}

PlanVersions::Loaded PlanVersions::file_of_tests(const std::string& word) {
  const Result<std::string>& text = read(word);
  if (!text) {
    return report_error(text.error().message, "name a file of tests (docs/policy-tests.md)",
                        ExitCode::no_input);
  }
  ptest::Parsed parsed = ptest::parse_file(*text, word);
  Diagnostics diagnostics;
  for (const Diagnostic& one : parsed.diagnostics.list()) {
    if (one.code != "U003") diagnostics.add(one);  // that there is no test
  }
  const auto directory = std::make_shared<policy::Directory>();
  if (diagnostics.errors() == 0) ptest::fill_directory(parsed.file, *directory, diagnostics);
  if (diagnostics.errors() > 0) {
    return report_version(diagnostics, word, "docs/policy-tests.md says what a file of tests has",
                          ExitCode::bad_data);
  }
  Loaded edition = file(config_of_tests(parsed.file, environment()));
  if (!edition) return edition;
  edition->name = word;
  put_webhooks(parsed.file, directory, *edition);
  return edition;
}

std::optional<plan::Edition> edited(const plan::Edition& edition, const plan::ListEdit& edit,
                                    const LoadOptions& load) {
  const auto text = plan::with_parameters(edition.text, edit);
  if (!text) return std::nullopt;
  ConfigResult result = parse_config(*text, edition.file, load);
  if (cannot_load(result.diagnostics)) return std::nullopt;
  plan::Edition made = edition;
  result.config.api.operators = edition.config.api.operators;
  made.config = std::move(result.config);
  made.text = *text;
  return made;
}

LoadOptions PlanVersions::load_options(const Arguments& arguments) {
  LoadOptions load = without_files(arguments);
  load.load_policy = true;
  return load;
}

std::optional<std::string> PlanVersions::environment() const {
  // --config is one of the two versions.
  return arguments_.value("--config") ? std::nullopt : config_named(arguments_);
}

PlanVersions::Loaded PlanVersions::file(const std::string& word) {
  const LoadOptions load = load_options(arguments_);
  plan::Edition edition{.name = word, .file = word, .config = {}, .text = {}};
  const Result<std::string>& text = read(word);  // the sections are compared by the same text
  ConfigResult result = text ? parse_config(*text, word, load) : load_config(word, load);
  if (cannot_load(result.diagnostics)) {
    const bool missing = std::ranges::any_of(result.diagnostics.list(), [](const Diagnostic& one) {
      return one.code == "C002" && one.severity == Severity::error;
    });
    return report_version(result.diagnostics, word, "`postern check --config " + word + "`",
                          missing ? ExitCode::no_input : ExitCode::config);
  }
  if (!text) return report_error(text.error().message, "try again", ExitCode::no_input);
  edition.config = std::move(result.config);
  edition.text = *text;
  edition.directory = no_policies(edition.config.webhooks.public_domain).directory;
  return edition;
}

tl::expected<void, ExitCode> PlanVersions::open_gateway(const std::filesystem::path& data_dir) {
  const auto answer = LiveData(data_dir).ask_gateway("running", {});
  if (!answer) {
    return report_error(
        fmt::format("no gateway runs with the data directory {}", data_dir.string()),
        "name its directory with --data-dir, or compare two files", ExitCode::unavailable);
  }
  if (!*answer) {
    return report_error(answer->error().message, "", exit_code_of(answer->error().fault));
  }
  const boost::json::object& told = **answer;
  const std::string file = text_of(told, "file");
  plan::Edition edition{
      .name = "running", .file = file, .config = {}, .text = text_of(told, "text")};
  LoadOptions load = without_files(arguments_);
  load.load_policy = true;
  load.adjust = [&](Config& config) { config.server.data_dir = data_dir; };
  ConfigResult result = file.empty()
                            ? default_config(load)
                            : parse_config(edition.text, file == "-" ? "<stdin>" : file, load);
  // Its lists are told, and those of its file may be wrong by now.
  result.config.restrictions = {};
  if (const boost::json::value* lists = told.if_contains("lists"); lists && lists->is_object()) {
    auto restrictions = told_lists(lists->get_object());
    if (!restrictions) {
      return report_error("running does not load: " + restrictions.error().message,
                          "the gateway has another version: restart it", ExitCode::config);
    }
    if (!restrictions->loaded()->changed.empty()) edition.unloaded.emplace("restrictions");
    result.config.restrictions = std::move(*restrictions);
  } else if (cannot_load(result.diagnostics)) {
    return report_version(result.diagnostics, "running",
                          "files that it names have changed since the gateway has read them",
                          ExitCode::config);
  }
  edition.config = std::move(result.config);
  const auto in_force = layers_in(text_of(told, "engine"));
  const auto here = layers_in(engine_for(edition.config).definition());
  for (const std::string_view layer : {"vsl", "lua"}) {
    const auto one = in_force.find(std::string(layer));
    const auto other = here.find(std::string(layer));
    const bool same = (one == in_force.end()) == (other == here.end()) &&
                      (one == in_force.end() || one->second == other->second);
    if (!same) edition.unloaded.emplace(layer);
  }
  auto control = open_control(edition.config);
  if (!control)
    return report_error(control.error().message, "", exit_code_of(control.error().fault));
  auto stored = stored_policies(*control->store, edition.config.webhooks.public_domain);
  if (!stored) return report_error(stored.error().message, "", exit_code_of(stored.error().fault));
  gateway_.emplace(Gateway{
      .edition = std::move(edition), .stored = std::move(*stored), .control = std::move(*control)});
  return put_in_its_place(gateway_->edition);
}

/// With the webhooks of the gateway, and the accounts that operate it.
tl::expected<void, ExitCode> PlanVersions::put_in_its_place(plan::Edition& edition) {
  edition.directory = gateway_->stored.directory;
  edition.webhooks = gateway_->stored.webhooks;
  auto operators =
      store::Operators(*gateway_->control.store, edition.config.api.operators).accounts();
  if (!operators) {
    return report_error(operators.error().message, "", exit_code_of(operators.error().fault));
  }
  edition.config.api.operators = std::move(*operators);
  return {};
}

PlanVersions::Loaded PlanVersions::of_gateway(const std::string& word) {
  plan::Edition edition = gateway_->edition;
  edition.name = word;
  if (word == "running") return edition;
  const auto number = parse_number(std::string_view(word).substr(revision_prefix.size()));
  auto row = number ? gateway_->control.store->list_revision(*number)
                    : Result<std::optional<store::ListRevisionRow>>(std::nullopt);
  if (!row) return report_error(row.error().message, "", exit_code_of(row.error().fault));
  if (!*row) {
    return report_error(
        fmt::format("there is no {} of the lists", printable(word, 64)),
        "the page Connection policies and GET /api/v1/connection-policies/revisions "
        "show those that are kept",
        ExitCode::no_input);
  }
  auto lists = admin::judged_again(std::move(**row), edition.config.server.hostname,
                                   request_files(edition.config, edition.config.server.data_dir));
  if (!lists) {
    return report_error(fmt::format("{} does not load: {}", word, lists.error().message), "",
                        ExitCode::config);
  }
  if (lists->judged && lists->judged->loaded->compiled.policy == nullptr) {
    return report_error(fmt::format("{} does not load: its lists do not compile any more", word),
                        "what they name may be gone", ExitCode::config);
  }
  edition.config.restrictions = restrictions_of(*lists);
  return edition;
}

void PlanVersions::note_replaced(const std::string& word) {
  if (arguments_.has("--quiet") || arguments_.has("--json")) return;
  streams_.err << fmt::format(
      "note: [restrictions] of {} is what the lists set through the API have replaced: they would "
      "stay in force\n",
      word);
}

void PlanVersions::note_lists_in_force(const std::string& word, const Config& config) {
  if (!LiveData(config.server.data_dir).ask_gateway("running", {})) return;
  const auto control = open_control(config);
  if (!control) return;
  Config running = config;
  const Result<bool> over = take_running_lists(running, *control->store);
  if (over && *over) note_replaced(word);
}

tl::expected<std::pair<plan::Edition, plan::Edition>, ExitCode> PlanVersions::load(
    const std::string& before, const std::string& after) {
  confine(before, after);
  std::optional<plan::Edition> one;
  std::optional<plan::Edition> other;
  const auto load_file = [&](const std::string& word,
                             std::optional<plan::Edition>& into) -> tl::expected<void, ExitCode> {
    if (is_of_gateway(word)) return {};
    Loaded loaded = word.ends_with(tests_suffix) ? file_of_tests(word) : file(word);
    if (!loaded) return tl::unexpected(loaded.error());
    into = std::move(*loaded);
    return {};
  };
  if (auto done = load_file(before, one); !done) return tl::unexpected(done.error());
  if (auto done = load_file(after, other); !done) return tl::unexpected(done.error());
  if (!one || !other) {
    const plan::Edition* beside = one ? &*one : other ? &*other : nullptr;
    std::filesystem::path data_dir;
    if (beside != nullptr) {
      data_dir = beside->config.server.data_dir;
    } else {
      const auto config = load_for(arguments_, streams_, without_files(arguments_));
      if (!config) return tl::unexpected(ExitCode::config);
      data_dir = config->server.data_dir;
    }
    if (auto done = open_gateway(data_dir); !done) return tl::unexpected(done.error());
  }
  const auto take = [&](const std::string& word,
                        std::optional<plan::Edition>& into) -> tl::expected<void, ExitCode> {
    if (!into) {
      Loaded loaded = of_gateway(word);
      if (!loaded) return tl::unexpected(loaded.error());
      into = std::move(*loaded);
    } else if (gateway_ && into->compared.empty() && !word.ends_with(tests_suffix)) {
      const Result<bool> over = take_running_lists(into->config, *gateway_->control.store);
      if (!over) {
        return report_error(fmt::format("{} does not load: {}", word, over.error().message), "",
                            ExitCode::config);
      }
      if (*over) note_replaced(word);
      return put_in_its_place(*into);
    } else if (gateway_) {
      for (const auto& webhook : gateway_->stored.webhooks) {
        into->compared.insert(lower(webhook->address));
      }
    }
    return {};
  };
  if (auto done = take(before, one); !done) return tl::unexpected(done.error());
  if (auto done = take(after, other); !done) return tl::unexpected(done.error());
  for (const std::string& name : read_once(*one, *other)) {
    for (plan::Edition* edition : {&*one, &*other}) {
      if (has_another(folder_of(edition->file), name)) edition->passed_over.insert(name);
    }
  }
  gateway_.reset();  // from here on files may be written, with the rights of the caller
  return std::pair(std::move(*one), std::move(*other));
}

}  // namespace postern::app
