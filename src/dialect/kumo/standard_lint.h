// Finds calls of Lua's standard library that must fail in the sandbox, without running the code:
// names that scripts do not have (script/standard_names.h), names that Lua does not have, and files
// that a policy cannot open.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dialect/kumo/lua_words.h"

namespace postern::dialect::kumo {

/// Why the policy cannot read a file; nullopt: it can. Fault::denied: it never can, wherever the
/// file is; others: the file may come, or be on the gateway's machine.
using UnreadableFile = std::function<std::optional<Error>(std::string_view path)>;

/// A call that fails when it is reached.
struct StandardCall {
  LuaWords::Word word;      ///< a view into the text
  std::string why;          ///< "os.execute is not available in Postern: ..."
  bool is_certain = false;  ///< else it may also work: a file may come, or a test may prevent it
};

/// The calls in a text, in its order. `texts`: all of the policy's; names that one of them defines
/// are its own. `unreadable`: null: files are not looked at.
std::vector<StandardCall> failing_standard_calls(std::string_view text,
                                                 const std::vector<std::string_view>& texts,
                                                 const UnreadableFile& unreadable);

}  // namespace postern::dialect::kumo
