// The events a policy can handle, and the handlers it registered.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/listener.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

struct Event {
  std::string_view name;
  std::string_view arguments;  ///< for the manual, as editors read them
  std::string_view result;
  std::string_view help;  ///< of one that is never fired: where that is set instead
  enum class Kind : std::uint8_t {
    fired,
    never,   ///< known to KumoMTA, never fired here; it may have several handlers
    refused  ///< the same, and what hangs on it would be evaded: no policy loads with it
  } kind = Kind::fired;
  bool several = false;  ///< it may have several handlers

  bool fired() const { return kind == Kind::fired; }
};

namespace events {
inline constexpr std::string_view init = "init";
inline constexpr std::string_view pre_init = "pre_init";
inline constexpr std::string_view connected = "smtp_server_connection_accepted";
inline constexpr std::string_view ehlo = "smtp_server_ehlo";
inline constexpr std::string_view auth_plain = "smtp_server_auth_plain";
inline constexpr std::string_view mail_from = "smtp_server_mail_from";
inline constexpr std::string_view listener_domain = "get_listener_domain";
inline constexpr std::string_view rcpt_to = "smtp_server_rcpt_to";
inline constexpr std::string_view data = "smtp_server_data";
inline constexpr std::string_view received = "smtp_server_message_received";
inline constexpr std::string_view rewrite = "smtp_server_rewrite_response";
}  // namespace events

std::span<const Event> all_events();
/// Null: nobody knows it.
const Event* event_named(std::string_view name);

struct Handler {
  int function = 0;   ///< State::keep()
  std::string place;  ///< "policy.lua:3"
};

/// Of one state: what kumo.on() registered.
struct Handlers {
  std::map<std::string, std::vector<Handler>, std::less<>> by_event;
  bool loading = true;
  /// "policy.lua:3: ...": what was called or handled that has its home in the configuration.
  std::vector<std::string> elsewhere;
  std::vector<Listener> listeners;  ///< that `init` started, checked
  bool in_init = false;
  bool open_relay_is_known = false;  ///< PolicyOptions has it

  const Handler* of(std::string_view event) const {
    const auto found = by_event.find(event);
    return found == by_event.end() ? nullptr : &found->second.front();
  }
};

/// "policy.lua:3: ...": of the events that nobody knows and no key source of the policy names.
std::vector<std::string> lint_events(const Handlers& handlers,
                                     const std::vector<std::string>& of_key_sources);

script::HostTable event_functions();

}  // namespace postern::dialect::kumo
