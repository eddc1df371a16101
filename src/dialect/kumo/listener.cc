#include "dialect/kumo/listener.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/listener_domains.h"
#include "script/duration.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;
using script::Call;
using script::demand;

/// What is read, and what is accepted and has no effect here.
constexpr std::string_view known[] = {"listen",
                                      "hostname",
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
                                      "meta"};
constexpr std::string_view ignored[] = {
    "deferred_spool", "deferred_queue", "data_buffer_size", "data_processing_timeout",
    "trace_headers",  "batch_handling", "max_connections"};
constexpr std::string_view missing[] = {"tls_required_client_ca", "peer", "via", "allow_xclient",
                                        "require_proxy_protocol"};

template <std::size_t n>
bool among(const std::string_view (&list)[n], std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

std::string in_option(std::string_view name, std::string_view sentence) {
  return "start_esmtp_listener: '" + std::string(name) + "' " + std::string(sentence);
}

const std::string text_of(std::string_view name, const json::value& value) {
  demand(value.is_string(), in_option(name, "must be a string"));
  return std::string(value.get_string());
}

std::uint64_t count_of(std::string_view name, const json::value& value) {
  demand(value.is_int64() && value.get_int64() > 0, in_option(name, "must be a positive number"));
  return static_cast<std::uint64_t>(value.get_int64());
}

std::vector<Cidr> networks_of(std::string_view name, const json::value& value) {
  demand(value.is_array() || (value.is_object() && value.get_object().empty()),
         in_option(name, "must be a list of networks"));
  std::vector<Cidr> networks;
  if (!value.is_array()) return networks;
  for (const json::value& one : value.get_array()) {
    demand(one.is_string(), in_option(name, "must be a list of networks"));
    const auto network = Cidr::parse(std::string_view(one.get_string()));
    demand(network.has_value(), in_option(name, network ? "" : network.error().message));
    networks.push_back(*network);
  }
  return networks;
}

/// "192.0.2.1:25", "[2001:db8::1]:25".
void read_address(Listener& listener, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  demand(colon != std::string::npos, in_option("listen", "must be 'ip:port'"));
  std::string_view address = std::string_view(text).substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  const auto ip = IpAddress::parse(address);
  const auto port = parse_number(std::string_view(text).substr(colon + 1));
  demand(ip && port && *port < 65536, in_option("listen", "must be 'ip:port', not '" + text + "'"));
  listener.address = *ip;
  listener.port = static_cast<std::uint16_t>(*port);
}

Listener::KeySource key_of(Call& call, std::string_view name, const json::value& value) {
  if (value.is_string()) return {.file = std::string(value.get_string()), .text = {}};
  const json::value* data =
      value.is_object() ? value.get_object().if_contains("key_data") : nullptr;
  demand(data != nullptr && data->is_string(),
         in_option(name, "must be a file or { key_data = '...' }"));
  call.keep_secret(std::string(data->get_string()));
  return {.file = {}, .text = Secret(std::string(data->get_string()))};
}

Listener::LineEndings line_endings_of(const json::value& value) {
  if (value == "Deny") return Listener::LineEndings::deny;
  if (value == "Allow") return Listener::LineEndings::allow;
  demand(value == "Fix", in_option("invalid_line_endings", "must be 'Deny', 'Allow' or 'Fix'"));
  return Listener::LineEndings::fix;
}

void read_option(Call& call, Listener& listener, std::string_view name, const json::value& value) {
  if (name == "listen") {
    read_address(listener, text_of(name, value));
  } else if (name == "hostname") {
    listener.hostname = text_of(name, value);
  } else if (name == "banner") {
    listener.banner = text_of(name, value);
  } else if (name == "relay_hosts") {
    listener.relay_hosts = networks_of(name, value);
  } else if (name == "tls_certificate") {
    listener.certificate = key_of(call, name, value);
  } else if (name == "tls_private_key") {
    listener.private_key = key_of(call, name, value);
  } else if (name == "client_timeout") {
    listener.client_timeout = script::duration_of(value);
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
    listener.meta = value.get_object();
  }
}

void start_listener(Call& call, json::value options) {
  Handlers& handlers = call.state().user<Handlers>();
  demand(handlers.in_init, "kumo.start_esmtp_listener is only available in the `init` event");
  demand(options.is_object(), "start_esmtp_listener: a table of options is expected");
  Listener listener;
  listener.place = call.state().place();
  listener.relay_hosts = {*Cidr::parse("127.0.0.0/8"), *Cidr::parse("::1/128")};
  for (const auto& [key, value] : options.get_object()) {
    const std::string name(key);
    if (among(ignored, name)) continue;
    if (among(missing, name)) {
      handlers.warnings.push_back(listener.place + ": start_esmtp_listener: Postern has no '" +
                                  name + "'; see [[listener]] in the configuration file");
      continue;
    }
    demand(among(known, name), "start_esmtp_listener: unknown option '" + name + "'");
    read_option(call, listener, name, value);
  }
  demand(listener.port != 0 || options.get_object().contains("listen"),
         "start_esmtp_listener: 'listen' is missing");
  demand(listener.certificate.empty() == listener.private_key.empty(),
         "start_esmtp_listener: 'tls_certificate' and 'tls_private_key' belong together");
  handlers.listeners.push_back(std::move(listener));
}

json::value make_listener_domain(json::value options) {
  static_cast<void>(grant_of(options));
  return options;
}

const script::HostFunction functions[] = {
    {"kumo.start_esmtp_listener", "options: ListenerOptions", "",
     "Listens for SMTP; only in the `init` event.", script::bind<&start_listener>},
    {"kumo.make_listener_domain", "options: ListenerDomain", "ListenerDomain",
     "What `get_listener_domain` returns, checked.", script::bind<&make_listener_domain>},
};

}  // namespace

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
    } else if (name == "log_oob" || name == "log_arf") {
      demand(parse_reports(option).has_value(), where + "'" + std::string(name) +
                                                    "' must be 'Ignore', 'LogThenDrop', "
                                                    "'LogThenRelay', true or false");
    } else {
      demand(false, where + "unknown option '" + std::string(name) + "'");
    }
  }
  return grant;
}

script::HostTable listener_functions() { return functions; }

}  // namespace postern::dialect::kumo
