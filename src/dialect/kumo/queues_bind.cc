#include "dialect/kumo/queues_bind.h"

#include <fmt/format.h>

#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/listener_domains.h"
#include "dialect/kumo/queue_options.h"
#include "dialect/kumo/queues.h"
#include "dialect/kumo/sources.h"
#include "dialect/kumo/tenant_lint.h"
#include "script/state.h"

namespace postern::script {

template <>
struct ClassName<dialect::kumo::QueuesConfig> {
  static constexpr std::string_view value = "QueuesConfig";
};
template <>
struct ClassName<dialect::kumo::ListenerDomains> {
  static constexpr std::string_view value = "ListenerDomains";
};

}  // namespace postern::script

namespace postern::dialect::kumo {

namespace {

using script::bind;
using script::Call;

using Queues = std::shared_ptr<const QueuesConfig>;
using AListenerDomains = std::shared_ptr<const ListenerDomains>;

template <class T>
std::shared_ptr<const T> shared(Result<T> loaded) {
  if (!loaded) throw script::PlacedError(loaded.error().message);
  return std::make_shared<const T>(std::move(*loaded));
}

void log_findings(Call& call, const QueuesConfig& config) {
  for (const TenantFinding& finding : lint_tenants(config)) {
    const bool warning = finding.severity == TenantFinding::Severity::warning;
    call.world().log(warning ? "warning" : "debug", finding.place, finding.text);
  }
  for (const std::string_view option : queue_options()) {
    const auto set = config.without_effect.find(option);
    if (set == config.without_effect.end()) continue;
    report_elsewhere(
        call, set->second,
        fmt::format("`{}` has no effect here: {}", option, instead_of_queue_option(option)));
  }
}

Task<Queues> load_queues_of(Call& call, json::value sources, std::string place) {
  const std::vector<DataFile> files =
      co_await read_sources(call, std::move(sources), std::move(place));
  Queues config = shared(load_queues(files));
  log_findings(call, *config);
  co_return config;
}
Task<AListenerDomains> load_domains_of(Call& call, json::value sources, std::string place) {
  const std::vector<DataFile> files =
      co_await read_sources(call, std::move(sources), std::move(place));
  co_return shared(load_listener_domains(files, call.state().user<Handlers>().open_relay_is_known));
}

// Not coroutines: a script's place is known only before it is suspended.
Task<Queues> queues_load(Call& call, json::value sources) {
  return load_queues_of(call, std::move(sources), call.state().place());
}
Task<AListenerDomains> listener_domains_load(Call& call, json::value sources) {
  return load_domains_of(call, std::move(sources), call.state().place());
}

std::optional<std::string> tenant_header(Queues config) { return config->tenant_header; }
std::optional<std::string> campaign_header(Queues config) { return config->campaign_header; }

json::value decide_for_script(Queues config, std::optional<std::string> tenant,
                              std::optional<std::string> campaign,
                              std::optional<std::string> authz_id,
                              std::optional<std::string> domain) {
  const TenantDecision decision = decide(*config, {.tenant_header = std::move(tenant),
                                                   .campaign_header = std::move(campaign),
                                                   .authz_id = std::move(authz_id),
                                                   .recipient_domain = domain.value_or("")});
  json::object out;
  json::array& remove = out["remove_headers"].emplace_array();
  for (const std::string& name : decision.remove_headers) remove.emplace_back(name);
  json::object& meta = out["meta"].emplace_object();
  if (decision.campaign) meta["campaign"] = *decision.campaign;
  if (decision.tenant) meta["tenant"] = *decision.tenant;
  if (decision.routing_domain) meta["routing_domain"] = *decision.routing_domain;
  if (!decision.refusal.empty()) out["refusal"] = decision.refusal;
  if (decision.reason != decision.refusal) out["reason"] = decision.reason;
  return out;
}

json::value resolve_for_script(Queues config, std::optional<std::string> domain,
                               std::optional<std::string> tenant,
                               std::optional<std::string> campaign) {
  json::object options =
      resolve(*config, domain.value_or(""), tenant.value_or(""), campaign.value_or(""));
  return options.empty() ? json::value() : json::value(std::move(options));
}

json::value find_for_script(AListenerDomains domains, std::string domain, std::string listener,
                            std::optional<std::string> peer, std::optional<std::string> authz_id) {
  const ListenerDomain* found = find_listener_domain(*domains, domain, listener);
  if (!found) return nullptr;
  return parameters_for(*found, peer.value_or(""), authz_id);
}

constexpr script::HostFunction queues_rows[] = {
    {"kumo.postern.queues_load", "sources: (string|table)[]", "QueuesConfig",
     "Reads and checks the data files of the queues helper. Callable only while the policy loads.",
     bind<&queues_load>},
    {"QueuesConfig.tenant_header", "", "string|nil", "The header that names the tenant.",
     bind<&tenant_header>},
    {"QueuesConfig.campaign_header", "", "string|nil", "The header that names the campaign.",
     bind<&campaign_header>},
    {"QueuesConfig:decide",
     "tenant?: string, campaign?: string, authz_id?: string, domain?: string", "table",
     "What to do with a message: `meta` to set, `remove_headers`, and a `refusal` if it may not "
     "be sent as its tenant.",
     bind<&decide_for_script>},
    {"QueuesConfig:resolve_config", "domain?: string, tenant?: string, campaign?: string",
     "table|nil", "The options of a queue.", bind<&resolve_for_script>},
    {"kumo.postern.listener_domains_load", "sources: (string|table)[]", "ListenerDomains",
     "Reads and checks the data files of the listener_domains helper. Callable only while the "
     "policy loads.",
     bind<&listener_domains_load>},
    {"ListenerDomains:find",
     "domain: string, listener: string, received_from?: string, authz_id?: string", "table|nil",
     "The parameters of kumo.make_listener_domain for a connection.", bind<&find_for_script>},
};

constexpr std::string_view queue_module = R"lua(
local kumo = require 'kumo'
local module = {}
local configured = false

local known_options = { file_names = true, skip_queue_config_hook = true, invalidate_with_epoch = true }

local function apply(queues, msg)
  local function header(name)
    return name and msg:get_first_named_header_value(name)
  end
  local recipient = msg:recipient_list()[1]
  local decision = queues:decide(
    header(queues.tenant_header),
    header(queues.campaign_header),
    msg:get_meta 'authz_id',
    recipient and recipient.domain
  )
  for _, name in ipairs(decision.remove_headers) do
    msg:remove_all_named_headers(name)
  end
  if decision.refusal then
    if decision.reason then
      kumo.log_info(decision.reason)
    end
    kumo.reject(550, '5.7.1 ' .. decision.refusal)
  end
  for key, value in pairs(decision.meta) do
    msg:set_meta(key, value)
  end
end

-- `level`: of the script's line that called, as error() counts from here.
local function set_up(file_names, level)
  if configured then
    error('the queue helper has already been configured; name all files in one setup', level)
  end
  configured = true
  local queues = kumo.postern.queues_load(file_names)
  local helper = {}
  function helper:apply(msg)
    apply(queues, msg)
  end
  function helper:resolve_config(domain, tenant, campaign)
    return queues:resolve_config(domain, tenant, campaign)
  end
  return helper
end

function module:setup(file_names)
  local helper = set_up(file_names, 3)
  return helper
end

function module:setup_with_options(options)
  if type(options) ~= 'table' then
    error('a table of options is expected', 2)
  end
  for name in pairs(options) do
    if not known_options[name] then
      error('setup_with_options has no option `' .. tostring(name) .. '`', 2)
    end
  end
  local helper = set_up(options.file_names, 3)
  return helper
end

return module
)lua";

constexpr std::string_view listener_domains_module = R"lua(
local kumo = require 'kumo'
local module = {}

function module:setup(file_names)
  local domains = kumo.postern.listener_domains_load(file_names)
  return function(domain, listener, conn_meta)
    local parameters = domains:find(
      domain,
      listener,
      conn_meta:get_meta 'received_from',
      conn_meta:get_meta 'authz_id'
    )
    return parameters and kumo.make_listener_domain(parameters)
  end
end

return module
)lua";

}  // namespace

script::HostTable queues_functions() { return queues_rows; }
std::string_view queue_module_text() { return queue_module; }
std::string_view listener_domains_module_text() { return listener_domains_module; }

}  // namespace postern::dialect::kumo
