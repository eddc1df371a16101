// What one call of a script may use, and what it used.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "script/world.h"

namespace postern::script {

/// Limits of one call: of a hook, or of loading the script.
struct Limits {
  /// VM instructions; matching and copying count as steps.
  std::uint64_t instructions = 10'000'000;
  std::size_t memory = 32u << 20;          ///< octets above what is held when the call begins
  std::chrono::milliseconds time{10'000};  ///< from its start, waits included
  std::chrono::milliseconds computing = std::chrono::hours(1);  ///< without waits
  /// CPU time without a yield, in places where the script cannot yield (a comparison function of
  /// `table.sort`, a `gsub` callback, `__tostring`). Then the call is stopped. Loading may take
  /// longer, as no session waits for it.
  std::chrono::milliseconds longest_slice{20};
};

/// Memory of one state in octets; a call that exceeds it is stopped, whatever its own limit.
inline constexpr std::size_t state_memory = 512u << 20;
/// A state that holds more octets than this after a call ran out of memory is worn out.
inline constexpr std::size_t worn_state = state_memory / 2;
/// A script that computes yields to others after this time.
inline constexpr std::chrono::microseconds slice{1'000};

/// Which limit stopped a call; `time` covers waits and computing.
enum class Stopped : std::uint8_t { no, instructions, memory, time };

/// What one call has used.
struct Spent {
  std::uint64_t instructions = 0;  ///< in steps of a hundred
  /// Time in which the script ran.
  std::chrono::nanoseconds computing{0};
  /// Time in which it waited for the host.
  std::chrono::nanoseconds waiting{0};
  std::size_t host_calls = 0;     ///< calls of host functions that waited
  Stopped stopped = Stopped::no;  ///< the limit that ended the call
  std::string left_undone;        ///< actions that a simulation skipped, separated by commas
};

/// For traces: "85 us, under 1000 instructions, waited twice, 900 us".
std::string words_of(const Spent& spent);

}  // namespace postern::script
