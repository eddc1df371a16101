// conn_meta and envelope addresses: what hooks see of a session.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dialect/kumo/context.h"
#include "mail/address.h"

namespace postern::dialect::kumo {

/// `conn_meta`. It has no state of its own: the session is that of the running hook.
struct ConnMeta {};
/// Values of the connection that hold secrets, by name: no record has them, no message inherits
/// them, and later hooks of the session know that they are secret.
struct SecretValues final : policy::ScriptTransaction {
  std::map<std::string, std::vector<std::string>, std::less<>> secrets;
};
/// Null: there are none.
const SecretValues* secret_values(const policy::ScriptSession& session);

/// A value that Postern knows of the session: "received_from", "authn_id". Null: none of that name.
json::value predefined(const Context& context, std::string_view name);
/// Everything a message inherits: what scripts set, and what is known.
json::object all_of(const Context& context);

/// `EnvelopeAddress`.
struct EnvelopeAddress {
  std::string user;  ///< without quotes
  std::string domain;
  std::string email;  ///< as on the wire; empty: the null reverse-path
  std::optional<mail::Mailbox> mailbox;
};
std::shared_ptr<EnvelopeAddress> address_of(const std::optional<mail::Mailbox>& mailbox);

void push_conn_meta(lua_State* L);
script::HostTable session_functions();

}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::ConnMeta> {
  static constexpr std::string_view value = "ConnMeta";
};
template <>
struct ClassName<dialect::kumo::EnvelopeAddress> {
  static constexpr std::string_view value = "EnvelopeAddress";
};
}  // namespace postern::script
