// What one call of a script may spend, and what became of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "script/world.h"

namespace postern::script {

/// Of one call: a hook, or the loading of the script.
struct Limits {
  std::uint64_t instructions = 10'000'000;  ///< of the virtual machine; matching counts too
  std::size_t memory = 32u << 20;           ///< octets beyond what is held when the call begins
  std::chrono::milliseconds time{10'000};   ///< from its beginning, waits included
  std::chrono::milliseconds computing = std::chrono::hours(1);  ///< without waits
  /// Where it cannot give way (inside a comparison function of `table.sort`, a `gsub` callback, a
  /// `__tostring`) it may compute for this long, in the thread's own time, then it is stopped. A
  /// loading may take longer: it keeps no session waiting.
  std::chrono::milliseconds longest_slice{20};
};

/// Of all of a state's memory; a call is stopped there whatever it may still spend.
inline constexpr std::size_t state_memory = 512u << 20;
/// A state that keeps more than this when a call has run out of memory is worn out.
inline constexpr std::size_t worn_state = state_memory / 2;
/// A script that computes gives way to others after this time.
inline constexpr std::chrono::microseconds slice{1'000};

enum class Stopped : std::uint8_t { no, instructions, memory, time };

/// What a call has used.
struct Spent {
  std::uint64_t instructions = 0;  ///< to the next hundred
  std::chrono::nanoseconds computing{0};
  std::chrono::nanoseconds waiting{0};
  std::size_t host_calls = 0;  ///< those that waited
  Stopped stopped = Stopped::no;
  std::string left_undone;  ///< what a simulation did not do, by commas
};

/// "85 us, under 1000 instructions, waited twice, 900 us".
std::string words_of(const Spent& spent);

}  // namespace postern::script
