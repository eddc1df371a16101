// conn_meta and envelope addresses: how hooks see a session.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_budget.h"
#include "dialect/kumo/context.h"
#include "mail/address.h"

namespace postern::dialect::kumo {

/// `conn_meta` in scripts. It has no state: the session is that of the running hook.
struct ConnMeta {};
/// The secrets in values, by the value's name. Records mask them, and a hook that reads such a
/// value masks them in its logs. Other values that contain the same text are not masked.
using SecretValues = std::map<std::string, std::vector<std::string>, std::less<>>;
/// Values of a connection, of its current message, and of copies of that message. They are outside
/// of the Lua memory and are charged to limits.memory. For one thread at a time.
class HeldValues {
 public:
  /// Null: nothing is charged.
  explicit HeldValues(std::shared_ptr<MemoryBudget> budget)
      : budget_(std::move(budget)), charge_(budget_ ? MemoryCharge(*budget_) : MemoryCharge()) {}
  /// For a copy of the values, which is charged too.
  HeldValues(const HeldValues& other) : HeldValues(other.budget_) { (void)hold(other.octets_); }
  HeldValues& operator=(const HeldValues&) = delete;

  /// Sets a value. Throws script::MemoryUsedUp if there is no room; `values` is then unchanged.
  void set(json::object& values, const std::string& name, json::value value);
  /// Removes a value and releases its memory.
  void erase(json::object& values, const std::string& name);
  /// Sets the total to `octets`. False: there is no room for the increase.
  [[nodiscard]] bool hold(std::size_t octets);
  std::size_t octets() const { return octets_; }  ///< the total
  /// Whether set() has thrown since the last call.
  bool take_refusal() { return std::exchange(refused_, false); }

 private:
  std::shared_ptr<MemoryBudget> budget_;  ///< outlives the charge
  MemoryCharge charge_;
  std::size_t octets_ = 0;
  bool refused_ = false;
};
/// Those of conn_meta; null before the first value is set.
HeldValues* held_values(policy::ScriptSession& session);

/// The secrets in conn_meta.
const SecretValues& secret_values(const policy::ScriptSession& session);
/// Notes the secrets of a value that is being set.
void note_secrets(SecretValues& values, const script::Call& call, const std::string& name,
                  const json::value& value);
/// Makes the secrets of a value that is being read known to the call.
void know_secrets(const SecretValues& values, script::Call& call, std::string_view name);

/// A value that Postern provides: "received_from", "authn_id". Null: there is none of that name.
json::value predefined(const Context& context, std::string_view name);
/// Everything that a message inherits: the values set by scripts, and those of predefined().
json::object all_of(const Context& context);

/// `EnvelopeAddress` in scripts.
struct EnvelopeAddress {
  std::optional<mail::Mailbox> mailbox;  ///< nullopt: the null reverse-path

  /// As in SMTP; empty: the null reverse-path (RFC 5321 §4.5.5).
  std::string email() const { return mailbox ? mailbox->text() : std::string(); }
};
/// The address of a mailbox; nullopt: the null reverse-path.
std::shared_ptr<EnvelopeAddress> address_of(std::optional<mail::Mailbox> mailbox);

/// Pushes a ConnMeta.
void push_conn_meta(lua_State* L);
/// The methods of both classes.
script::HostTable session_functions();

}  // namespace postern::dialect::kumo

namespace postern::script {
/// Registers `ConnMeta` as a class of scripts.
template <>
struct ClassName<dialect::kumo::ConnMeta> {
  static constexpr std::string_view value = "ConnMeta";  ///< its name there
};
/// Registers `EnvelopeAddress` as a class of scripts.
template <>
struct ClassName<dialect::kumo::EnvelopeAddress> {
  static constexpr std::string_view value = "EnvelopeAddress";  ///< its name there
};
}  // namespace postern::script
