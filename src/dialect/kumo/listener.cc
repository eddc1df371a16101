#include "dialect/kumo/listener.h"

#include <algorithm>
#include <span>

#include "base/text.h"
#include "dialect/kumo/cidr_map.h"
#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/lib_secrets.h"
#include "dialect/kumo/listener_values.h"
#include "script/state.h"

namespace postern::dialect::kumo {

struct ListenerOptions {
  boost::json::object values;
  Listener::KeySource certificate;
  Listener::KeySource private_key;
  CidrMap<ListenerOptions> peer;
  CidrMap<ListenerOptions> via;
  std::shared_ptr<const ListenerOptions> later;  ///< applied after all others; null: none
};

namespace {

using Options = ListenerOptions;

namespace json = boost::json;
using script::Call;
using script::demand;

/// Options that are read, and options that are accepted without effect.
constexpr std::string_view listener_options[] = {"hostname",
                                                 "banner",
                                                 "relay_hosts",
                                                 "tls_certificate",
                                                 "tls_private_key",
                                                 "client_timeout",
                                                 "max_recipients_per_message",
                                                 "max_messages_per_connection",
                                                 "max_message_size",
                                                 "line_length_hard_limit",
                                                 "invalid_line_endings",
                                                 "meta",
                                                 "peer",
                                                 "via"};
/// Options of the socket, which `peer` and `via` must not have.
constexpr std::string_view of_socket[] = {"listen", "max_connections"};
constexpr std::string_view ignored_listener_options[] = {
    "deferred_spool",          "deferred_queue", "data_buffer_size",
    "data_processing_timeout", "trace_headers",  "batch_handling"};
/// Options that are valid only in `peer`: they let a trusted client declare another address.
constexpr std::string_view of_peer[] = {"allow_xclient"};
/// Options that keep clients out, or determine the address that is checked against relay_hosts.
/// They are never ignored.
constexpr std::pair<std::string_view, std::string_view> refused_listener_options[] = {
    {"tls_required_client_ca",
     "client_certificate and client_ca in [[listener]] ask clients for certificates"},
    {"require_proxy_protocol", "proxy_protocol in [[listener]] has that"},
    // Of KumoMTA until 2023: it says who may relay.
    {"domains",
     "KumoMTA has it no more either; `policy-extras.listener_domains` reads the same tables: "
     "kumo.on('get_listener_domain', listener_domains:setup { { ['example.com'] = { relay_to = "
     "true } } })"}};
/// The most pairs of networks in `peer` and `via`.
constexpr std::size_t most_variants = 1000;
constexpr int deepest_options = 4;

std::string unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto list : {std::span<const std::string_view>(listener_options),
                          std::span<const std::string_view>(of_socket),
                          std::span<const std::string_view>(ignored_listener_options),
                          std::span<const std::string_view>(of_peer)}) {
    names.insert(names.end(), list.begin(), list.end());
  }
  const auto near = nearest(name, names);
  return "start_esmtp_listener: unknown option '" + printable(name, 64) + "'" +
         (near ? "; did you mean '" + std::string(*near) + "'?" : std::string());
}

/// Reads "192.0.2.1:25" or "[2001:db8::1]:25"; "0:25" means every address, as with inet_aton().
void read_address(Listener& listener, const std::string& text) {
  const auto parsed = parse_address_and_port(text.starts_with("0:") ? "0.0.0." + text : text);
  demand(parsed.has_value(), in_option("listen", "must be 'ip:port', not '" + text + "'"));
  listener.address = parsed->address;
  listener.port = parsed->port;
}

void read_option(Listener& listener, std::string_view name, const json::value& value) {
  if (name == "hostname") {
    listener.hostname = hostname_of(name, value);
  } else if (name == "banner") {
    listener.banner = text_of(name, value);
  } else if (name == "relay_hosts") {
    listener.relay_hosts = networks_of(name, value);
  } else if (name == "client_timeout") {
    listener.client_timeout = duration_of(name, value);
  } else if (name == "max_recipients_per_message") {
    listener.recipients = count_of(name, value);
  } else if (name == "max_messages_per_connection") {
    listener.messages = count_of(name, value);
  } else if (name == "max_message_size") {
    listener.message_size = count_of(name, value);
  } else if (name == "line_length_hard_limit") {
    listener.line_length = count_of(name, value);
  } else if (name == "invalid_line_endings") {
    listener.line_endings = line_endings_of(value);
  } else if (name == "meta") {
    demand(value.is_object(), in_option(name, "must be a table"));
    for (const auto& [key, one] : value.get_object()) listener.meta.insert_or_assign(key, one);
  } else if (name == "listen") {
    read_address(listener, text_of(name, value));
  } else if (name == "max_connections") {
    listener.connections = count_of(name, value);
  }
}

const Options* closest(const CidrMap<Options>& map, const std::optional<Cidr>& place) {
  return place ? map.find(*place) : nullptr;
}

/// Applies `via` after `peer`, and a nested table after the one around it.
void apply(const Options& options, const std::optional<Cidr>& peer, const std::optional<Cidr>& via,
           Listener& listener) {
  for (const auto& [name, value] : options.values) read_option(listener, name, value);
  if (!options.certificate.empty()) listener.certificate = options.certificate;
  if (!options.private_key.empty()) listener.private_key = options.private_key;
  if (const Options* more = closest(options.peer, peer)) apply(*more, peer, via, listener);
  if (const Options* more = closest(options.via, via)) apply(*more, peer, via, listener);
  if (options.later) apply(*options.later, peer, via, listener);
}

/// Every network that the options name for one end of a connection; nullopt stands for no network.
using NetworkVariants = std::vector<std::optional<Cidr>>;
void collect(const Options& options, NetworkVariants& peers, NetworkVariants& vias) {
  for (const auto* map : {&options.peer, &options.via}) {
    NetworkVariants& networks = map == &options.peer ? peers : vias;
    for (const auto& [network, inside] : map->entries()) {
      if (std::find(networks.begin(), networks.end(), network) == networks.end()) {
        networks.push_back(network);
      }
      collect(inside, peers, vias);
    }
  }
  if (options.later) collect(*options.later, peers, vias);
}

void check_keys(const Listener& listener) {
  demand(listener.certificate.empty() == listener.private_key.empty(),
         "start_esmtp_listener: 'tls_certificate' and 'tls_private_key' belong together");
}

void add_variants(const Options& options, const Listener& plain, Listener& listener) {
  NetworkVariants peers{std::nullopt};
  NetworkVariants vias{std::nullopt};
  collect(options, peers, vias);
  demand(peers.size() * vias.size() <= most_variants, "start_esmtp_listener: too many networks");
  for (const auto& peer : peers) {
    for (const auto& via : vias) {
      if (!peer && !via) continue;
      auto one = std::make_shared<Listener>(plain);
      apply(options, peer, via, *one);
      check_keys(*one);
      one->name = listener.name;
      if (peer) one->name += " peer " + peer->to_string();
      if (via) one->name += " via " + via->to_string();
      listener.variants.push_back({.peer = peer, .via = via, .as = std::move(one)});
    }
  }
}

/// Keeps the name of a file, which is read at each reload; reads other sources now.
Task<Listener::KeySource> key_of(Call& call, std::string name, json::value value) {
  if (value.is_string()) {
    co_return Listener::KeySource{.file = std::string(value.get_string()), .text = {}};
  }
  demand(value.is_object(), in_option(name, "must be a key source: a file or a table"));
  std::string pem;
  try {
    pem = co_await load_key(call, std::move(value));
  } catch (const script::Throw&) {
    throw std::runtime_error(in_option(name, "names a secret that does not exist"));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(in_option(name, error.what()));
  }
  // The record of the policy masks the lines of this text.
  co_return Listener::KeySource{.file = {}, .text = Secret(std::move(pem))};
}

/// What a table of options may hold, by its position.
struct Scope {
  std::string place;
  bool of_socket = true;  ///< not inside `peer` or `via`
  bool of_peer = false;   ///< inside `peer`
  int depth = 0;
};

Task<Options> listener_options_of(Call& call, json::object given, Scope scope) {
  Options options;
  for (auto& [key, value] : given) {
    const std::string name(key);
    if (is_one_of(name, ignored_listener_options)) {
      const std::string instead = without_effect(name, value);
      if (!instead.empty()) {
        report_elsewhere(call, scope.place, in_option(name, "has no effect here: " + instead));
      }
      continue;
    }
    for (const auto& [one, why] : refused_listener_options) {
      demand(name != one, in_option(name, "is not available in Postern: " + std::string(why)));
    }
    if (is_one_of(name, of_peer)) {
      demand(scope.of_peer, in_option(name, "belongs in `peer`, for trusted clients"));
      if (flag_of(name, value)) {
        report_elsewhere(call, scope.place,
                         in_option(name, "has no effect here: see [[listener]] xclient_from"));
      }
    } else if (name == "tls_certificate" || name == "tls_private_key") {
      Listener::KeySource source = co_await key_of(call, name, value);
      (name == "tls_certificate" ? options.certificate : options.private_key) = std::move(source);
    } else if (name == "peer" || name == "via") {
      demand(value.is_object() && scope.depth < deepest_options,
             in_option(name, "must be a table of options by network"));
      for (auto& [text, inside] : value.get_object()) {
        const auto network = Cidr::parse(std::string_view(text));
        demand(network.has_value(), in_option(name, network ? "" : network.error().message));
        demand(inside.is_object(), in_option(name, "must be a table of options by network"));
        Scope deeper{.place = scope.place,
                     .of_socket = false,
                     .of_peer = scope.of_peer || name == "peer",
                     .depth = scope.depth + 1};
        Options more = co_await listener_options_of(call, inside.get_object(), std::move(deeper));
        (name == "peer" ? options.peer : options.via)[*network] = std::move(more);
      }
    } else {
      demand(is_one_of(name, listener_options) || (scope.of_socket && is_one_of(name, of_socket)),
             unknown(name));
      Listener scratch;
      read_option(scratch, name, value);
      options.values[key] = value;
    }
  }
  co_return options;
}

Listener made_of(const Options& options, std::string place) {
  Listener listener;
  listener.place = std::move(place);
  listener.relay_hosts = {*Cidr::parse("127.0.0.0/8"), *Cidr::parse("::1/128")};
  const Listener plain = listener;
  apply(options, std::nullopt, std::nullopt, listener);
  check_keys(listener);
  listener.name = "lua " + with_port(listener.address, listener.port);
  add_variants(options, plain, listener);
  return listener;
}

Task<void> start(Call& call, json::object given, std::string place) {
  auto options = std::make_shared<Options>(
      co_await listener_options_of(call, std::move(given), {.place = place}));
  demand(options->values.contains("listen"), "start_esmtp_listener: 'listen' is missing");
  Handlers& handlers = call.state().user<Handlers>();
  handlers.listeners.push_back(made_of(*options, std::move(place)));
  handlers.listener_options.push_back(std::move(options));
}

// Not a coroutine: a script's place is known only before it is suspended.
Task<void> start_listener(Call& call, json::value options) {
  demand(call.state().user<Handlers>().in_init,
         "kumo.start_esmtp_listener is only available in the `init` event: write "
         "`kumo.on('init', function() ... end)` around it");
  demand(options.is_object(), "start_esmtp_listener: a table of options is expected");
  return start(call, std::move(options.get_object()), call.state().place());
}

json::value make_listener_domain(json::value options) {
  static_cast<void>(grant_of(options));
  return options;
}

const script::HostFunction listener_rows[] = {
    {"kumo.start_esmtp_listener", "options: ListenerOptions", "",
     "Listens for SMTP; only in the `init` event.", script::bind<&start_listener>},
    {"kumo.make_listener_domain", "options: ListenerDomain", "ListenerDomain",
     "Checks the options; the result is for `get_listener_domain` to return.",
     script::bind<&make_listener_domain>},
};

}  // namespace

Task<void> apply_dynamic(Call& call, std::size_t listener, json::value options, std::string place) {
  if (options.is_null() || (options.is_array() && options.get_array().empty())) co_return;
  demand(options.is_object(), "smtp_server_get_dynamic_parameters must return a table of options");
  Options later = co_await listener_options_of(call, std::move(options.get_object()),
                                               {.place = std::move(place), .of_socket = false});
  Handlers& handlers = call.state().user<Handlers>();
  auto changed = std::make_shared<Options>(*handlers.listener_options.at(listener));
  changed->later = std::make_shared<const Options>(std::move(later));
  Listener& changed_listener = handlers.listeners.at(listener);
  changed_listener = made_of(*changed, changed_listener.place);
  handlers.listener_options.at(listener) = std::move(changed);
}

DomainGrant grant_of(const json::value& value) {
  DomainGrant grant;
  if (value.is_null()) return grant;
  const std::string where = "make_listener_domain: ";
  demand(value.is_object() || (value.is_array() && value.get_array().empty()),
         where + "a table is expected");
  if (!value.is_object()) return grant;
  for (const auto& [name, option] : value.get_object()) {
    if (name == "relay_to") {
      demand(option.is_bool(), where + "'relay_to' must be true or false");
      grant.relay_to = option.get_bool();
    } else if (name == "relay_from") {
      grant.relay_from = networks_of(name, option);
    } else if (name == "relay_from_authz") {
      demand(option.is_string(), where + "'relay_from_authz' must be a string");
      grant.relay_from_authz = option.get_string();
    } else if (name == "log_oob" || name == "log_arf") {
      const std::optional<Reports> reports = parse_reports(option);
      demand(reports.has_value(), where + "'" + std::string(name) +
                                      "' must be 'Ignore', 'LogThenDrop', 'LogThenRelay', true or "
                                      "false");
      (name == "log_oob" ? grant.log_oob : grant.log_arf) = *reports;
    } else {
      demand(false, where + "unknown option '" + std::string(name) + "'");
    }
  }
  return grant;
}

script::HostTable listener_functions() { return listener_rows; }

}  // namespace postern::dialect::kumo
