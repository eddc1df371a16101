// The events that a policy can handle, and the handlers that it registered.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "dialect/kumo/listener.h"
#include "dns/dns.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

/// An event of KumoMTA.
struct Event {
  std::string_view name;       ///< as kumo.on() takes it
  std::string_view arguments;  ///< for the manual, in the editors' notation
  std::string_view result;     ///< what its handler returns, likewise
  std::string_view help;       ///< for an event that is never fired: where to set it instead
  /// Whether Postern fires the event.
  enum class Kind : std::uint8_t {
    fired,   ///< it does
    never,   ///< KumoMTA has the event, Postern never fires it; several handlers are allowed
    refused  ///< likewise, but mail would bypass its handler: the policy does not load
  } kind = Kind::fired;
  bool several = false;  ///< several handlers are allowed

  bool fired() const { return kind == Kind::fired; }  ///< whether Postern fires it
};

namespace events {
inline constexpr std::string_view init = "init";          ///< once, to start listeners
inline constexpr std::string_view pre_init = "pre_init";  ///< KumoMTA's event before `init`
inline constexpr std::string_view connected = "smtp_server_connection_accepted";  ///< at connect
inline constexpr std::string_view ehlo = "smtp_server_ehlo";  ///< at EHLO and HELO
/// At AUTH PLAIN and LOGIN.
inline constexpr std::string_view auth_plain = "smtp_server_auth_plain";
inline constexpr std::string_view mail_from = "smtp_server_mail_from";  ///< at MAIL
/// Asks who may relay for a domain.
inline constexpr std::string_view listener_domain = "get_listener_domain";
inline constexpr std::string_view rcpt_to = "smtp_server_rcpt_to";  ///< at RCPT
/// At the end of the data, once per message.
inline constexpr std::string_view data = "smtp_server_data";
/// Likewise, once per recipient.
inline constexpr std::string_view received = "smtp_server_message_received";
/// Returns further options of a listener; when the policy loads, once for each listener.
inline constexpr std::string_view dynamic = "smtp_server_get_dynamic_parameters";
inline constexpr std::string_view rewrite = "smtp_server_rewrite_response";  ///< before each reply
}  // namespace events

/// Every event, those that are never fired too.
std::span<const Event> all_events();
/// Null: the event is unknown.
const Event* event_named(std::string_view name);

/// A registered handler.
struct Handler {
  int function = 0;   ///< its reference; see State::keep()
  std::string place;  ///< "policy.lua:3"
};

/// What kumo.on() registered in one Lua state.
struct Handlers {
  /// In the order of registration.
  std::map<std::string, std::vector<Handler>, std::less<>> by_event;
  bool loading = true;  ///< false after the script has run
  /// "policy.lua:3: ...": calls and events that belong in the configuration.
  std::vector<std::string> elsewhere;
  std::vector<Listener> listeners;   ///< started by `init`, checked
  bool in_init = false;              ///< the handler of `init` is running
  bool open_relay_is_known = false;  ///< from LuaPolicyOptions
  /// From LuaPolicyOptions; null: the policy runs from its record.
  std::function<Task<dns::Answer>(dns::Question)> dns;
  /// The options of `listeners`, in their order; see apply_dynamic().
  std::vector<std::shared_ptr<const ListenerOptions>> listener_options;

  /// The first handler of the event; null: there is none. Valid until a handler is registered.
  const Handler* of(std::string_view event) const {
    const auto found = by_event.find(event);
    return found == by_event.end() ? nullptr : &found->second.front();
  }
};

/// Warnings, "policy.lua:3: ...", about handled events that are unknown and that no key source of
/// the policy names.
std::vector<std::string> lint_events(const Handlers& handlers,
                                     const std::vector<std::string>& of_key_sources);

/// kumo.on().
script::HostTable event_functions();

}  // namespace postern::dialect::kumo
