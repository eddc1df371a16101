// What policies of KumoMTA set with functions and helper modules, and Postern's configuration has
// instead: the calls load, do nothing, and are reported with the place where the operator sets it.
// The functions, the warnings, the manual and the editor's files are made from one table.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "script/bind.h"

namespace postern::dialect::kumo {

struct Elsewhere {
  std::string_view name;  ///< "kumo.define_spool", "policy-extras.shaping:setup"
  std::string_view here;  ///< where it is set: a sentence without its point
  /// How grave it is that the call does nothing.
  enum class Weight : std::uint8_t {
    tuning,   ///< nobody notices: threads, caches, memory
    setting,  ///< things are kept or go elsewhere than the policy says, until it is set there
    refused   ///< mail would evade what the call holds: calling it is an error
  } weight = Weight::setting;
};

/// By name within `kumo`, then the helper modules.
std::span<const Elsewhere> all_elsewhere();
/// Null: a name that has an effect, or that nobody knows.
const Elsewhere* elsewhere_named(std::string_view name);

/// The functions of `kumo` among them, and kumo.postern.elsewhere for modules that are Lua text.
script::HostTable elsewhere_functions();

/// Reports a call: while the policy loads as a finding of Policy::elsewhere(), once for each line
/// of the script; in a hook to the log.
void report_elsewhere(script::Call& call, const std::string& text);
/// The same of a call that was suspended since, whose place is known.
void report_elsewhere(script::Call& call, const std::string& place, const std::string& text);

}  // namespace postern::dialect::kumo
