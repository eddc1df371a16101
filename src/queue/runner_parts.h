// What the files of Runner share.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "queue/runner.h"

namespace postern::queue {

inline constexpr unsigned index_bits = 16;
inline constexpr std::chrono::seconds after_trouble{60};  ///< of our own: the disk, a bug

inline std::uint64_t number_of(spool::Sequence message, std::uint32_t first) {
  return static_cast<std::uint64_t>(message) << index_bits | (first & 0xffff);
}
inline spool::Sequence message_of(std::uint64_t number) {
  return static_cast<spool::Sequence>(number >> index_bits);
}

/// A tarpit costs a socket and the state of a dialogue; more of the text than this is not held
/// before the other side has shown that it takes mail.
inline constexpr std::uint64_t text_kept_open = 16 * 1024;
inline constexpr std::uint64_t octets_per_second = 10'000;  ///< of text, at least

inline relay::Time since_epoch(spool::Time time) {
  return std::chrono::duration_cast<relay::Time>(time.time_since_epoch());
}

/// A result of our own, that no host said.
inline smtp::RecipientResult own_result(smtp::ResultClass klass, smtp::EnhancedCode code,
                                        std::string text) {
  return {.klass = klass, .code = 0, .enhanced = code, .text = std::move(text)};
}

/// A parcel as it is now, for an attempt.
struct Runner::Fetched {
  enum class State : std::uint8_t { there, gone, damaged, trouble };
  State state = State::gone;
  spool::Message message;
  spool::Destination destination;
  relay::Time arrival{0};
  std::vector<std::uint32_t> recipients;  ///< queued ones
  std::optional<Text> text;
  Error error;
};

/// When a parcel is tried next: nullopt, it is given up.
struct Runner::Next {
  std::optional<relay::Scheduler::Times> times;
  spool::Time stored;  ///< for the spool
};

struct Runner::Ended {
  relay::Contact contact = relay::Contact::answered;
  std::optional<relay::Scheduler::Times> times;
};

}  // namespace postern::queue
