// What the host functions of a hook work on.
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

/// What a policy knows of the listener that a session came in by.
struct ListenerFacts {
  std::string address;  ///< "192.0.2.1:25"
  std::string hostname;
  CidrSet relay_hosts;  ///< whose mail is passed on anywhere
  json::object meta;    ///< connection values that every session begins with
};

struct MessageDraft;

/// Header text as people read it: what another room knows of RFC 2047 and RFC 5322.
struct HeaderText {
  struct Address {
    std::string name;
    std::string email;  ///< empty: there is only a name
  };
  /// One address, or those of a group.
  struct Entry {
    std::vector<Address> addresses;
    std::optional<std::string> group;  ///< its name
  };
  /// An unfolded value, encoded words decoded. Null: as it is.
  std::string (*decode)(std::string_view raw) = nullptr;
  /// The entries of a field's value. Null: none.
  std::vector<Entry> (*addresses)(std::string_view raw) = nullptr;
};

/// While a hook runs; Call::context(). Null while the policy loads.
struct Context {
  policy::Evidence& evidence;
  policy::Gatherer& gatherer;
  const ListenerFacts* listener = nullptr;  ///< null: unknown
  MessageDraft* message = nullptr;          ///< of the events about a message
  HeaderText header_text;
  /// The handler of EHLO runs: the name is the session's when it has said yes.
  bool greeting = false;
};

/// The context of a function that only makes sense inside a hook. Throws where there is none.
inline Context& hook_of(script::Call& call) {
  Context* context = call.context<Context>();
  script::demand(context != nullptr, "only available inside an event handler");
  return *context;
}

}  // namespace postern::dialect::kumo
