// conn_meta and envelope addresses: what hooks see of a session.
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

/// `conn_meta`. It has no state of its own: the session is that of the running hook.
struct ConnMeta {};
/// The secrets that values hold, by the value's name: records leave them out, and a hook that reads
/// one knows that it is secret. What happens to look like one elsewhere stays as it is.
using SecretValues = std::map<std::string, std::vector<std::string>, std::less<>>;
/// What scripts keep beside their own memory, charged to limits.memory: values of a connection, of
/// the message in hand, and copies of it. For one thread at a time.
class HeldValues final : public policy::ScriptTransaction {
 public:
  /// Null: nothing is charged.
  explicit HeldValues(std::shared_ptr<MemoryBudget> budget)
      : budget_(std::move(budget)), charge_(budget_ ? MemoryCharge(*budget_) : MemoryCharge()) {}

  /// Throws script::MemoryUsedUp when there is no room; `values` is as it was then.
  void set(json::object& values, const std::string& name, json::value value);
  /// Takes a value out and gives back what it was charged.
  void erase(json::object& values, const std::string& name);
  /// Holds so much in all. False: there is no room for what it grew by.
  [[nodiscard]] bool hold(std::size_t octets);
  std::size_t octets() const { return octets_; }
  /// Whether set() has thrown since the last call.
  bool take_refusal() { return std::exchange(refused_, false); }

 private:
  std::shared_ptr<MemoryBudget> budget_;  ///< outlives the charge
  MemoryCharge charge_;
  std::size_t octets_ = 0;
  bool refused_ = false;
};
/// Of conn_meta; null before the first value.
HeldValues* held_values(const policy::ScriptSession& session);

/// Of conn_meta.
const SecretValues& secret_values(const policy::ScriptSession& session);
/// A value is set.
void note_secrets(SecretValues& values, const script::Call& call, const std::string& name,
                  const json::value& value);
/// A value is read.
void know_secrets(const SecretValues& values, script::Call& call, std::string_view name);

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
