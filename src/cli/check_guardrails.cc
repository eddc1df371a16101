#include "cli/check_guardrails.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/amount.h"
#include "base/text.h"
#include "cli/live_data.h"
#include "cli/running_policies.h"
#include "config/words.h"
#include "serve/stored_policies.h"

namespace postern::app {

namespace {

/// The webhooks of the data directory, and its lists in place of those of `config`. A cluster's are
/// those of the gateways, which prove them.
Result<StoredPolicies> load_stored(Config& config, bool& by_api) {
  if (!config.cluster.database.empty()) {
    return fail(Fault::denied, "the database of the cluster is not asked");
  }
  std::error_code unreadable;
  const auto database = config.server.data_dir / "postern.db";
  if (!std::filesystem::exists(database, unreadable)) {
    if (unreadable) return fail(Fault::denied, unreadable.message());
    return no_policies(config.webhooks.public_domain);
  }
  auto control = LiveData(config.server.data_dir).borrow_control();
  if (!control) return tl::unexpected(control.error());
  const Result<bool> over = take_running_lists(config, *control->store);
  if (!over) return tl::unexpected(over.error());
  by_api = *over;
  return stored_policies(*control->store, config.webhooks.public_domain);
}

}  // namespace

plan::GuardBudget ProofBudget::of_guardrails() const {
  plan::GuardBudget budget{.time = time};
  if (nodes) budget.nodes = *nodes;
  return budget;
}

tl::expected<std::optional<ProofBudget>, UsageError> budget_of(const Arguments& arguments) {
  const auto text = arguments.value("--budget");
  if (!text) return std::nullopt;
  const auto parts = split(*text, ',');
  const auto time = parse_duration(trim(parts[0]));
  ProofBudget budget;
  bool good = time.has_value() && time->count() > 0 && parts.size() <= 2;
  if (parts.size() == 2) {
    std::string_view number = trim(parts[1]);
    const bool millions = number.ends_with('M');
    if (millions) number.remove_suffix(1);
    const auto count = parse_number(number);
    good = good && count && *count > 0 && *count <= 1'000'000'000;
    if (good) budget.nodes = *count * (millions ? 1'000'000 : 1);
    good = good && *budget.nodes <= 100'000'000;
  }
  if (!good) {
    return tl::unexpected(
        UsageError{fmt::format("--budget: `{}` is not a time, or a time and a number of nodes",
                               printable(*text, 64)),
                   "--budget 30s, or --budget 30s,4M"});
  }
  budget.time = *time;
  return budget;
}

CheckedGuardrails check_guardrails(const Config& config, const plan::GuardBudget& budget) {
  CheckedGuardrails checked;
  if (!config.guardrails) return checked;
  Config in_force = config;
  Result<StoredPolicies> stored = load_stored(in_force, checked.by_api);
  if (!stored) {
    checked.webhooks_unknown = stored.error().message;
    stored = no_policies(config.webhooks.public_domain);
  }
  checked.results = plan::check_guardrails(
      {.name = "the configuration", .config = &in_force, .directory = stored->directory},
      *config.guardrails, {.webhooks = std::move(stored->webhooks)}, budget);
  return checked;
}

boost::json::array guardrails_json(const CheckedGuardrails& checked) {
  boost::json::array all;
  for (const plan::GuardResult& one : checked.results) all.push_back(plan::guard_json(one));
  return all;
}

std::string guardrails_text(const CheckedGuardrails& checked) {
  const auto broken = static_cast<std::size_t>(std::ranges::count_if(
      checked.results,
      [](const plan::GuardResult& one) { return one.word != plan::GuardResult::Word::holds; }));
  std::string text = broken == 0 ? fmt::format("guardrails: {} proved", checked.results.size())
                                 : fmt::format("guardrails: {} of {} broken or not proved", broken,
                                               checked.results.size());
  if (!checked.webhooks_unknown.empty()) {
    text += fmt::format(", without the webhooks ({})", printable(checked.webhooks_unknown, 300));
  }
  if (checked.by_api) {
    text += ", with the lists that were set through the API: they stay in force over the file's";
  }
  return text + "\n";
}

}  // namespace postern::app
