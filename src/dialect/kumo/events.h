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
  std::string_view help;
  bool fired = true;     ///< false: known to KumoMTA, never fired here
  bool several = false;  ///< it may have several handlers
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
  std::vector<std::string> warnings;  ///< "policy.lua:3: ..."
  std::vector<Listener> listeners;    ///< that `init` started, checked
  bool in_init = false;

  const Handler* of(std::string_view event) const {
    const auto found = by_event.find(event);
    return found == by_event.end() ? nullptr : &found->second.front();
  }
};

script::HostTable event_functions();

}  // namespace postern::dialect::kumo
