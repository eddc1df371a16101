// When one queued message is tried, spoken about and given up (RFC 5321 §4.5.4.1). A value that is
// stored with the message, and functions that move it; every time comes from outside. Which of many
// due messages is tried first is the Scheduler's business.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "smtp/reply.h"

namespace postern::relay {

/// A moment of the queue: milliseconds since the Unix epoch on a clock that never jumps while the
/// process runs (QueueClock).
using Time = std::chrono::milliseconds;

/// Later than every moment.
inline constexpr Time never = Time::max();

/// The status of a message whose time is over (RFC 3463 §3.5: delivery time expired).
inline constexpr smtp::EnhancedCode expired_status{4, 4, 7};

struct RetryPolicy {
  /// The delay after each failed attempt, the last one for all that follow; empty: the next two.
  std::vector<std::chrono::milliseconds> delays;
  std::chrono::seconds initial{300};  ///< delay after the first failed attempt
  std::chrono::seconds max{14400};    ///< longest delay; each is twice the one before
  double jitter = 0.1;                ///< of the delay, either way; 0 to 1
  /// How long a message waits in all; null senders and other automatic mail get two days. Shorter
  /// than an hour is a mistake that the configuration's reader refuses.
  std::chrono::seconds ttl{432000};
  /// After arrival; nullopt: no delay notice (null sender, NOTIFY without DELAY).
  std::optional<std::chrono::seconds> delay_notice = std::chrono::seconds{14400};
};

/// The delay after the n-th failed attempt, n >= 1: min(max, initial * 2^(n-1)), moved by `draw`, a
/// number of [-1, 1] that is drawn once per failed attempt (Q1); or the n-th of `delays`.
std::chrono::milliseconds retry_delay(const RetryPolicy& policy, std::uint32_t n, double draw);

/// Whether an attempt is one of the schedule's or the operator's own (Q9).
enum class AttemptKind : std::uint8_t { regular, extra };

/// What happens next when nobody does anything.
struct Deadline {
  enum class What : std::uint8_t { nothing, delay_notice, expiry };
  What what = What::nothing;
  Time at = never;
};

/// The schedule of one message, as it is stored beside it.
class Retry {
 public:
  /// A message that has just come: its first attempt is due at once.
  Retry(const RetryPolicy& policy, Time arrival);

  /// What is stored beside a message says where it stands.
  struct Stored {
    Time arrival{0};
    Time due{0};                 ///< of the next attempt
    std::uint32_t attempts = 0;  ///< that failed or were cut off
    std::chrono::milliseconds held{0};
    bool noticed = false;
  };
  /// As it was when it was stored; then resume() if the process has started meanwhile.
  Retry(const RetryPolicy& policy, const Stored& stored);

  /// When the next attempt is due: may be past, and is `never` while the message is held and when
  /// only expiry is left. One last attempt precedes expiry by a minute, unless one ended in the
  /// five minutes before that (Q2).
  Time due() const;
  /// The delay notice (after the first attempt, once; Q3) or the expiry, whichever is first.
  Deadline deadline() const;
  /// Attempts that failed, the operator's own not counted.
  std::uint32_t failed() const { return failed_; }
  bool held() const { return held_since_.has_value(); }
  bool in_attempt() const { return started_.has_value(); }

  /// To be stored before the connection is made: a crash must not make the attempt unhappen (Q8).
  void begin(Time now, AttemptKind kind = AttemptKind::regular);
  /// The attempt of begin() ended at `now` and the message stays. The next delay runs from here.
  /// Whether the message is to expire now is seen from deadline().
  void failed(const RetryPolicy& policy, Time now, double draw);
  /// The delay notice was sent or is not wanted any more.
  void noticed() { notice_ = never; }

  /// Once for each stored message when the process starts. An attempt that was cut off counts, its
  /// delay runs from its start. A message whose time ran out meanwhile has its last attempt first
  /// (Q2, Q8): its expiry waits for that, half an hour at most.
  void resume(const RetryPolicy& policy, Time now, double draw);

  /// No attempts, and expiry and notice stand still (Q9). Held twice is held once.
  void hold(Time now);
  void release(Time now);

 private:
  Time natural_;  ///< when the next attempt is due if the message lives that long
  Time expires_;
  Time notice_ = never;
  Time last_end_ = Time::min();  ///< of the latest attempt
  std::optional<Time> started_;
  std::optional<Time> held_since_;
  std::optional<Time> owed_until_;  ///< the last attempt was missed and is still to be made
  std::uint32_t failed_ = 0;
  bool extra_ = false;
  bool tried_ = false;
};

/// Queue time from two clocks (Q8): it runs as the monotonic one does, from where the wall clock
/// stood when the process started. A wall clock that jumps moves no timer: nothing becomes due, and
/// nothing expires, because somebody set the clock.
class QueueClock {
 public:
  /// `wall`: since the epoch; `steady`: of a clock that counts sleep of the machine too.
  QueueClock(Time wall, Time steady) : start_(wall - steady), offset_(start_) {}
  Time now(Time steady) const { return start_ + steady; }
  /// Looks whether the wall clock jumped by more than a minute since the last look; by how much.
  /// Smaller steps are followed in silence.
  std::optional<std::chrono::milliseconds> look(Time wall, Time steady);
  /// What the wall clock says at that queue time, for records and header fields.
  Time wall(Time queue) const { return queue - start_ + offset_; }

 private:
  Time start_;   ///< queue time less steady time
  Time offset_;  ///< wall time less steady time
};

}  // namespace postern::relay
