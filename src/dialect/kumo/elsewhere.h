// Functions and helper modules with which KumoMTA policies configure things that Postern reads from
// its own configuration. The calls load, do nothing, and are reported together with the setting to
// use instead. The functions, the warnings, the manual and the editor's files come from one table.
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
  /// What it means that the call does nothing.
  enum class Weight : std::uint8_t {
    tuning,   ///< no visible effect: threads, caches, memory
    setting,  ///< until it is set there, things are stored or sent elsewhere than the policy says
    refused   ///< mail would bypass what the call demands: calling it is an error
  } weight = Weight::setting;
};

/// The functions of `kumo` by name, then the helper modules.
std::span<const Elsewhere> all_elsewhere();
/// Null: the name has an effect in Postern, or is unknown.
const Elsewhere* elsewhere_named(std::string_view name);

/// Those of the functions that are in `kumo`, and kumo.postern.elsewhere for modules written in
/// Lua.
script::HostTable elsewhere_functions();

/// Reports a call: while the policy loads as a finding of LuaPolicy::elsewhere(), once for each
/// line of the script; in a hook to the log.
void report_elsewhere(script::Call& call, const std::string& text);
/// The same for a call that has been suspended since, whose place is therefore given.
void report_elsewhere(script::Call& call, const std::string& place, const std::string& text);

}  // namespace postern::dialect::kumo
