// What the host functions work on while a hook runs.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "policy/evidence.h"
#include "policy/layer.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

namespace json = boost::json;

/// What a policy knows about the listener that accepted the session.
struct ListenerFacts {
  std::string address;   ///< "192.0.2.1:25"
  std::string hostname;  ///< of its greeting
  CidrSet relay_hosts;   ///< clients that may relay to any domain
  json::object meta;     ///< connection values that every session begins with
};

struct MessageDraft;

/// Header text in readable form: functions of the room that decodes words (RFC 2047 §6) and parses
/// addresses (RFC 5322 §3.4).
struct HeaderText {
  /// A mailbox of an address field.
  struct Address {
    std::string name;   ///< its display name, decoded; may be empty
    std::string email;  ///< empty: there is only a name
  };
  /// One address, or the addresses of a group.
  struct Entry {
    std::vector<Address> addresses;    ///< one, unless `group` is set
    std::optional<std::string> group;  ///< the name of the group; nullopt: a single address
  };
  /// Unfolds a value and decodes its encoded words (RFC 2047 §6). Null: values stay as they are.
  std::string (*decode)(std::string_view raw) = nullptr;
  /// The entries of a field's value. Null: no entries.
  std::vector<Entry> (*addresses)(std::string_view raw) = nullptr;
};

/// The state of a running hook; see Call::context(). It is null while the policy loads.
struct Context {
  const policy::Evidence& evidence;         ///< of the decision
  policy::Inquiry& inquiry;                 ///< of the decision
  const ListenerFacts* listener = nullptr;  ///< null: unknown
  MessageDraft* message = nullptr;          ///< in events about a message, else null
  HeaderText header_text;                   ///< how to decode header text
  /// The handler of EHLO is running. The client's name becomes the session's when the handler
  /// accepts it.
  bool greeting = false;
};

/// The context of a function that is only useful inside a hook. Throws outside of one.
inline Context& hook_of(script::Call& call) {
  Context* context = call.context<Context>();
  script::demand(context != nullptr, "only available inside an event handler");
  return *context;
}

}  // namespace postern::dialect::kumo
