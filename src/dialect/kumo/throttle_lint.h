// Finds waits for a rate that are longer than a hook may take, without running the code.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/lua_words.h"

namespace postern::dialect::kumo {

/// A call of sleep_if_throttled() that may wait for more than a hook's time.
struct LongWait {
  LuaWords::Word word;  ///< a view into the text
  std::string why;      ///< one sentence
};

/// The waits in a text for a rate that a literal gives and of which an operation is free less often
/// than once in `time`, the time of a hook. In the order of the text.
std::vector<LongWait> long_waits(std::string_view text, std::chrono::milliseconds time);

}  // namespace postern::dialect::kumo
