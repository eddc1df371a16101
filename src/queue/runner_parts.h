// Shared by the files of Runner.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "queue/runner.h"

namespace postern::queue {

/// Bits of a scheduler number for the recipient's index.
inline constexpr unsigned index_bits = 16;
/// Delay after an error of this host, such as the disk or a bug.
inline constexpr std::chrono::seconds after_trouble{60};

/// The scheduler number of a parcel: the message, and the index of its first recipient.
inline std::uint64_t number_of(spool::Sequence message, std::uint32_t first) {
  return static_cast<std::uint64_t>(message) << index_bits | (first & 0xffff);
}
/// The message of a scheduler number.
inline spool::Sequence message_of(std::uint64_t number) {
  return static_cast<spool::Sequence>(number >> index_bits);
}

/// Octets of a message that are held open while an attempt waits; a larger one is opened again when
/// the other side accepts it. This bounds the cost of a tarpit to a socket and a session.
inline constexpr std::uint64_t text_kept_open = 16 * 1024;
inline constexpr std::uint64_t octets_per_second = 10'000;  ///< slowest transfer allowed for

/// Queue time of a wall-clock time.
inline relay::Time since_epoch(spool::Time time) {
  return std::chrono::duration_cast<relay::Time>(time.time_since_epoch());
}

/// A result of this host's own, without a reply.
inline smtp::RecipientResult own_result(smtp::ResultClass klass, smtp::EnhancedCode code,
                                        std::string text) {
  return {.klass = klass, .code = 0, .enhanced = code, .text = std::move(text)};
}

/// The current state of a parcel, for an attempt.
struct Runner::Fetched {
  /// Whether the parcel can be tried; `trouble` is temporary.
  enum class State : std::uint8_t { there, gone, damaged, trouble };
  State state = State::gone;              ///< whether it can be tried
  spool::Message message;                 ///< set unless gone
  spool::Destination destination;         ///< of the parcel
  relay::Time arrival{0};                 ///< in queue time
  std::vector<std::uint32_t> recipients;  ///< indexes of the queued recipients
  std::optional<Text> text;               ///< set when `there`
  Error error;                            ///< set when damaged or in trouble
};

/// When a parcel is tried next.
struct Runner::Next {
  std::optional<relay::Scheduler::Times> times;  ///< nullopt: it is given up
  spool::Time stored;                            ///< the same for the spool, as wall-clock time
};

/// The end of an attempt.
struct Runner::Ended {
  relay::Contact contact = relay::Contact::answered;  ///< what the scheduler learns
  std::optional<relay::Scheduler::Times> times;       ///< nullopt: it leaves the scheduler
};

}  // namespace postern::queue
