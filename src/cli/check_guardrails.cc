#include "cli/check_guardrails.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/publisher.h"
#include "base/text.h"
#include "cli/live_data.h"
#include "config/words.h"

namespace postern::app {

namespace {

/// The webhooks of the data directory. A cluster's are those of the gateways, which prove them.
Result<plan::Webhooks> load_webhooks(const Config& config, policy::Directory& directory) {
  plan::Webhooks webhooks;
  if (!config.cluster.database.empty()) {
    return fail(Fault::denied, "the database of the cluster is not asked");
  }
  std::error_code unreadable;
  const auto database = config.server.data_dir / "postern.db";
  if (!std::filesystem::exists(database, unreadable)) {
    if (unreadable) return fail(Fault::denied, unreadable.message());
    return webhooks;
  }
  auto control = LiveData(config.server.data_dir).borrow_control();
  if (!control) return tl::unexpected(control.error());
  admin::Publisher publisher(*control->store, directory, config.webhooks.public_domain);
  if (Result<void> loaded = publisher.load(); !loaded) return tl::unexpected(loaded.error());
  const Result<void> read = control->store->each_webhook(
      [&](const store::WebhookRow& row) { webhooks.push_back(admin::to_webhook(row, Secret())); });
  if (!read) return tl::unexpected(read.error());
  return webhooks;
}

}  // namespace

CheckedGuardrails check_guardrails(const Config& config) {
  CheckedGuardrails checked;
  if (!config.guardrails) return checked;
  const auto directory = std::make_shared<policy::Directory>();
  Result<plan::Webhooks> webhooks = load_webhooks(config, *directory);
  if (!webhooks) {
    checked.webhooks_unknown = webhooks.error().message;
    webhooks = plan::Webhooks();
  }
  checked.results = plan::check_guardrails(
      {.name = "the configuration", .config = &config, .directory = directory}, *config.guardrails,
      {.webhooks = std::move(*webhooks)});
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
  return text + "\n";
}

}  // namespace postern::app
