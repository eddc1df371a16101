// Functions and helper modules by which KumoMTA policies set what Postern reads from its own
// configuration file. A call of one does nothing, and is reported with the setting to use instead.
// The functions, the warnings, docs/lua-api.md and share/lua are made from one table.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "script/bind.h"

namespace postern::dialect::kumo {

/// A function without effect in Postern.
struct Elsewhere {
  std::string_view name;  ///< "kumo.define_spool", "policy-extras.shaping:setup"
  std::string_view here;  ///< where to set it instead: a sentence without its full stop
  /// What follows from the call doing nothing.
  enum class Weight : std::uint8_t {
    tuning,   ///< nothing that users see: it sets threads, caches, memory
    setting,  ///< mail or data goes elsewhere than the policy says, until the setting is made
    refused   ///< mail would bypass a check that the policy demands, so the call is an error
  } weight = Weight::setting;
};

/// The functions of `kumo` by name, then the helper modules.
std::span<const Elsewhere> all_elsewhere();
/// The entry of a function or module, by its name. Null: it has an effect in Postern, or is
/// unknown.
const Elsewhere* elsewhere_named(std::string_view name);

/// The host functions for the entries in `kumo`, and kumo.postern.elsewhere, by which modules
/// written in Lua report theirs.
script::HostTable elsewhere_functions();

/// Reports a call: while the policy loads, as a finding of LuaPolicy::elsewhere(), once for each
/// line of the script; in a hook, to the log.
void report_elsewhere(script::Call& call, const std::string& text);
/// The same for a call that has yielded since: `place` is its position in the script, which can no
/// longer be found on the stack.
void report_elsewhere(script::Call& call, const std::string& place, const std::string& text);

}  // namespace postern::dialect::kumo
