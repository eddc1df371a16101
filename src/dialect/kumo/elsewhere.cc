#include "dialect/kumo/elsewhere.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "dialect/kumo/events.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

using script::Call;

constexpr Elsewhere::Weight tuning = Elsewhere::Weight::tuning;
constexpr Elsewhere::Weight refused_call = Elsewhere::Weight::refused;

constexpr std::string_view threads = "event loops are [server] threads";
constexpr std::string_view machines =
    "there is one Lua machine for each thread, [server] threads; what a hook may spend is in [lua]";
constexpr std::string_view memory = "[limits] memory bounds the memory of messages";
constexpr std::string_view resolver = "every lookup asks the name servers in [dns]";
constexpr std::string_view outcomes =
    "the log says what happened to mail: delivery.sent, delivery.deferred, delivery.bounced";
constexpr std::string_view shaping =
    "retries are in [queue], connections and rates towards a destination in [[route]]";
constexpr std::string_view access_control =
    "accounts, teams and tokens define who may use the API; trusted_hosts and ACLs of KumoMTA "
    "protect nothing here";
constexpr std::string_view egress_sources = "source addresses and their pools are [[egress]]";

/// Ignoring these calls bypasses no check of KumoMTA, except for the one that is refused.
constexpr Elsewhere elsewhere_table[] = {
    {"kumo.aaa.configure_acct_log", "the audit log says who did what by the API"},
    {"kumo.aaa.load_acl_map", access_control},
    {"kumo.aaa.make_access_control_list", access_control},
    {"kumo.aaa.make_http_url_resource", access_control},
    // A policy could decide by its answer.
    {"kumo.aaa.query_resource_access", access_control, refused_call},
    {"kumo.aaa.set_acl_cache_ttl", access_control, tuning},
    {"kumo.aaa.set_check_cache_ttl", access_control, tuning},
    {"kumo.aaa.set_fall_back_to_acl_map", access_control},
    {"kumo.configure_accounting_db_path", "counts are kept below [server] data_dir"},
    {"kumo.configure_bounce_classifier",
     "replies of other hosts are kept unchanged, in the log and in `postern queue show`"},
    {"kumo.configure_local_logs",
     "logs are set in [log]; delivery.sent, delivery.deferred and delivery.bounced say what "
     "happened to mail"},
    {"kumo.configure_log_disposition_hook", outcomes},
    {"kumo.configure_log_hook", outcomes},
    {"kumo.configure_redis_throttles", "the counters of kumo.make_throttle are this gateway's own"},
    // If it were ignored, recipients who unsubscribed would still get mail.
    {"kumo.configure_suppression_store",
     "refuse suppressed recipients at `smtp_server_rcpt_to`, for instance from a database",
     refused_call},
    {"kumo.define_egress_pool", egress_sources},
    {"kumo.define_egress_source", egress_sources},
    {"kumo.define_spool", "the queue lies below [server] data_dir"},
    {"kumo.dkim.set_signing_threads", "signatures are made by the threads for blocking work",
     tuning},
    {"kumo.dns.configure_resolver", resolver},
    {"kumo.dns.configure_unbound_resolver", resolver},
    {"kumo.dns.define_resolver", resolver},
    {"kumo.dns.set_mx_concurrency_limit", resolver, tuning},
    {"kumo.dns.set_mx_negative_cache_ttl", resolver, tuning},
    {"kumo.dns.set_mx_timeout", "[dns] timeout bounds one question", tuning},
    {"kumo.set_config_monitor_globs", "SIGHUP reads the policy and its files again"},
    {"kumo.set_diagnostic_log_filter", "[log] level says what is logged"},
    {"kumo.set_httpinject_recipient_rate_limit", "no mail comes in by HTTP"},
    {"kumo.set_httpinject_threads", "no mail comes in by HTTP", tuning},
    {"kumo.set_logging_threads", threads, tuning},
    {"kumo.set_lruttl_cache_capacity", "caches are bounded; `capacity` of kumo.memoize is heeded",
     tuning},
    {"kumo.set_lua_gc_on_put", machines, tuning},
    {"kumo.set_max_lua_context_age", machines, tuning},
    {"kumo.set_max_lua_context_use_count", machines, tuning},
    {"kumo.set_max_spare_lua_contexts", machines, tuning},
    {"kumo.set_memory_hard_limit", memory, tuning},
    {"kumo.set_memory_low_thresh", memory, tuning},
    {"kumo.set_memory_soft_limit", memory, tuning},
    {"kumo.set_qmaint_threads", threads, tuning},
    {"kumo.set_ready_qmaint_threads", threads, tuning},
    {"kumo.set_readyq_threads", threads, tuning},
    {"kumo.set_smtpsrv_threads", threads, tuning},
    {"kumo.set_spoolin_threads", threads, tuning},
    {"kumo.set_timeq_spawn_reinsertion", "KumoMTA does not use it any more either", tuning},
    // Its trusted_hosts and passwords protect HTTP routes that Postern does not have.
    {"kumo.start_http_listener",
     "the HTTP API listens on [api] address, with tokens; no mail comes in by HTTP"},
    {"kumo.start_proxy_listener", egress_sources},
    {"policy-extras.log_hooks:new", outcomes},
    {"policy-extras.log_hooks:new_disposition_hook", outcomes},
    {"policy-extras.log_hooks:new_json", outcomes},
    // Without it, mail for each domain goes to that domain's hosts.
    {"policy-extras.rollup",
     "mail goes to the hosts of its own domain; [[route]] sends domains elsewhere"},
    {"policy-extras.shaping:setup", shaping},
    {"policy-extras.shaping:setup_json", shaping},
    {"policy-extras.shaping:setup_with_automation", shaping},
    {"policy-extras.sources:setup", egress_sources},
    {"policy-extras.warmup:setup",
     "weights of source addresses are in [[egress]], rates in [[route]]"},
};

std::string elsewhere_words(const Elsewhere& one) {
  return fmt::format("{} has no effect here: {}", one.name, one.here);
}

void call_of(Call& call, const Elsewhere& one) {
  script::demand(one.weight != Elsewhere::Weight::refused,
                 fmt::format("{} is not available in Postern: {}", one.name, one.here));
  report_elsewhere(call, elsewhere_words(one));
}

/// Each entry has a host function of its own, because a function does not know the name by which it
/// was called.
template <std::size_t index>
int called(lua_State* L) {
  return script::stack::guarded(L, [](lua_State* inner) {
    call_of(script::stack::current(inner), elsewhere_table[index]);
    return 0;
  });
}

template <std::size_t... indices>
constexpr auto functions_by_index(std::index_sequence<indices...>) {
  return std::array<lua_CFunction, sizeof...(indices)>{&called<indices>...};
}
constexpr auto by_index =
    functions_by_index(std::make_index_sequence<std::size(elsewhere_table)>());

void of_module(Call& call, std::string name) {
  const Elsewhere* one = elsewhere_named(name);
  script::demand(one != nullptr, "kumo.postern.elsewhere: no such name");
  call_of(call, *one);
}

}  // namespace

std::span<const Elsewhere> all_elsewhere() { return elsewhere_table; }

const Elsewhere* elsewhere_named(std::string_view name) {
  const auto* found = std::find_if(std::begin(elsewhere_table), std::end(elsewhere_table),
                                   [&](const Elsewhere& one) { return one.name == name; });
  return found == std::end(elsewhere_table) ? nullptr : found;
}

script::HostTable elsewhere_functions() {
  static const auto rows = [] {
    static std::vector<std::string> texts;
    texts.reserve(std::size(elsewhere_table));
    std::vector<script::HostFunction> all;
    for (std::size_t i = 0; i < std::size(elsewhere_table); ++i) {
      if (!elsewhere_table[i].name.starts_with("kumo.")) continue;
      texts.push_back(fmt::format("{}: {}.",
                                  elsewhere_table[i].weight == Elsewhere::Weight::refused
                                      ? "Not available in Postern"
                                      : "No effect here",
                                  elsewhere_table[i].here));
      all.push_back({elsewhere_table[i].name, "...: any", "", texts.back(), by_index[i]});
    }
    all.push_back({"kumo.postern.elsewhere", "name: string", "",
                   "Reports that a helper module has no effect here.", script::bind<&of_module>});
    return all;
  }();
  return rows;
}

void report_elsewhere(Call& call, const std::string& text) {
  report_elsewhere(call, call.state().place(), text);
}

void report_elsewhere(Call& call, const std::string& place, const std::string& text) {
  if (call.context<void>() != nullptr) {
    call.world().log("warning", place, text);
    return;
  }
  std::vector<std::string>& findings = call.state().user<Handlers>().elsewhere;
  const std::string finding = place + ": " + text;
  if (std::find(findings.begin(), findings.end(), finding) == findings.end()) {
    findings.push_back(finding);
  }
}

}  // namespace postern::dialect::kumo
