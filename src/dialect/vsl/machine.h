// The data of a Lua state that runs a script, and the runtime's function tables.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/script.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

/// The data of a Lua state; see State::user().
struct Machine {
  const Sources* sources = nullptr;      ///< outlives the state
  const ScriptLimits* limits = nullptr;  ///< outlives the state
  const script::Files* files = nullptr;  ///< outlives the state
  std::vector<int> functions;            ///< of directives, by index; see State::keep()
  /// Of delegations, by the directive's index.
  std::map<std::size_t, std::shared_ptr<const SmtpService>> services;
  const Site* site = nullptr;       ///< null: there is no configuration
  const char* exhausted = nullptr;  ///< why the call is being stopped; see bounded()
  bool watched = false;             ///< ScriptOptions::watched
};
/// The data of this state.
Machine& machine_of(lua_State* L);

/// A value thrown by a script.
class ThrownValue final : public script::Thrown {
 public:
  ThrownValue(std::string text, Value value)
      : script::Thrown(std::move(text)), value_(std::move(value)) {}
  const Value& value() const { return value_; }  ///< what was thrown

 private:
  Value value_;
};

/// A mistake outside of the scripts, for instance in a list file, that prevents the load.
class ThrownMistake final : public script::Thrown {
 public:
  explicit ThrownMistake(Mistake mistake)
      : script::Thrown(mistake.to_string()), mistake_(std::move(mistake)) {}
  const Mistake& mistake() const { return mistake_; }  ///< with its own place

 private:
  Mistake mistake_;
};

/// The name of the compiled text in errors: "policy:57: ...".
inline constexpr std::string_view chunk_name = "policy";
/// The beginning of such an error: "policy:57: ".
struct ChunkPlace {
  std::size_t line;       ///< counted from 1
  std::string_view rest;  ///< what follows
};
/// Splits an error text. nullopt: it begins in another way.
std::optional<ChunkPlace> take_place(std::string_view text);

/// C++ functions that the compiled text calls, "vsl_machine.NAME".
script::HostTable operator_functions();
/// For making, reading and changing values.
script::HostTable value_functions();
/// For methods of strings, numbers and maps.
script::HostTable method_functions();
/// For methods of arrays.
script::HostTable array_functions();
/// For declarations, the load, and errors.
script::HostTable declaration_functions();
/// The part of the runtime that is written in Lua, the module "=vsl.runtime".
std::string_view runtime_text();

}  // namespace postern::dialect::vsl
