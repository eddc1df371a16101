// Finds calls of host functions whose arguments they always refuse, without running the code.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/lua_words.h"
#include "dialect/kumo/standard_lint.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

// What a function refuses, by its own rules: it asks these when it runs. Each returns why, as one
// sentence; empty: it is taken.
std::string refused_code(std::int64_t code);            ///< of a refusal
std::string refused_pattern(std::string_view pattern);  ///< of kumo.regex
std::string refused_address(std::string_view text);     ///< of the envelope
/// An option of a DKIM signer; `off`: its value is false.
std::string refused_signer_option(std::string_view name, bool off);
/// The options that a DKIM signer needs.
std::span<const std::string_view> needed_signer_options();

/// A call that fails whenever it is reached.
struct RefusedCall {
  LuaWords::Word word;  ///< the function's name; a view into the text
  std::string why;      ///< "make_throttle: ..."
  /// The load ends with it: it was a mistake of the policy before other such calls were found.
  bool stops_load = false;
  bool may_work = false;  ///< it fails now: a file that is not here may come
};

/// The calls in a text with fewer arguments than the function takes, with a literal of another type
/// than a text or number that it takes, or with a literal that it refuses: a reply code, a mode, a
/// rate, a pattern, an address, an option of a signer, a file that it cannot read according to
/// `unreadable` (null: files are not looked at). In the order of the text, which need not be valid
/// Lua. `class_of`: the class of the object in a variable, such as "Message"; empty: unknown.
std::vector<RefusedCall> refused_calls(
    std::string_view text, const std::vector<script::HostTable>& tables,
    const std::function<std::string_view(std::string_view variable)>& class_of,
    const UnreadableFile& unreadable = nullptr);

}  // namespace postern::dialect::kumo
