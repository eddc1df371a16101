// What the runtime keeps beside each state of a script, and the runtime itself.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/script.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

class Service;

/// State::user() of a script's states.
struct Machine {
  const Sources* sources = nullptr;
  const ScriptLimits* limits = nullptr;
  const script::Files* files = nullptr;
  std::map<std::string, std::shared_ptr<Service>, std::less<>> delegates;  ///< by directive
  const Site* site = nullptr;  ///< null: nothing is configured
  std::vector<int> functions;  ///< of directives, by their index: State::keep()
  const char* exhausted = nullptr;
};
Machine& machine_of(lua_State* L);

/// A value that a script threw.
class ThrownValue final : public script::Thrown {
 public:
  ThrownValue(std::string text, Value value)
      : script::Thrown(std::move(text)), value_(std::move(value)) {}
  const Value& value() const { return value_; }

 private:
  Value value_;
};

/// What keeps a policy from loading and stands in a file that is no script.
class ThrownMistake final : public script::Thrown {
 public:
  explicit ThrownMistake(Mistake mistake)
      : script::Thrown(mistake.to_string()), mistake_(std::move(mistake)) {}
  const Mistake& mistake() const { return mistake_; }

 private:
  Mistake mistake_;
};

/// What errors call the compiled text, "policy:57: ...".
inline constexpr std::string_view chunk_name = "policy";
/// The number behind it in "policy:57: text", and what follows; nullopt: it begins otherwise.
struct ChunkPlace {
  std::size_t line;
  std::string_view rest;
};
std::optional<ChunkPlace> take_place(std::string_view text);

/// Functions of the compiled text in C++, "vsl_machine.NAME".
script::HostTable operator_functions();
script::HostTable value_functions();
script::HostTable method_functions();
script::HostTable array_functions();
script::HostTable declaration_functions();
/// What is Lua, above them; the module "=vsl.runtime".
std::string_view runtime_text();

}  // namespace postern::dialect::vsl
