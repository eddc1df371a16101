// When one queued message is tried, reported as delayed, and expired (RFC 5321 §4.5.4.1). A value
// that is stored with the message; all times come from the caller. The Scheduler decides which of
// many due messages is tried first.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "smtp/reply.h"

namespace postern::relay {

/// Queue time: milliseconds since the Unix epoch, on a clock that never jumps while the process
/// runs (QueueClock).
using Time = std::chrono::milliseconds;

/// Later than every other time.
inline constexpr Time never = Time::max();

/// The status of an expired message (RFC 3463 §3.5: delivery time expired).
inline constexpr smtp::EnhancedCode expired_status{4, 4, 7};

/// The schedule of retries (RFC 5321 §4.5.4.1).
struct RetryPolicy {
  /// Delays after the failed attempts; the last one repeats. Empty: `initial` and `max` apply.
  std::vector<std::chrono::milliseconds> delays;
  std::chrono::seconds initial{300};  ///< delay after the first failed attempt
  std::chrono::seconds max{14400};    ///< the longest delay; each is twice the one before
  double jitter = 0.1;                ///< fraction of the delay, added or subtracted; 0 to 1
  /// How long a message stays in the queue; two days for null senders and other automatic mail. The
  /// configuration reader refuses less than an hour.
  std::chrono::seconds ttl{432000};
  /// Time from arrival to the delay notice; nullopt: none (null sender, NOTIFY without DELAY).
  std::optional<std::chrono::seconds> delay_notice = std::chrono::seconds{14400};
};

/// The delay after the n-th failed attempt, n >= 1: min(max, initial * 2^(n-1)), or the n-th of
/// `delays`. `draw`, a number in [-1, 1], sets the jitter; draw it once for each failed attempt.
/// RFC 5321 §4.5.4.1.
std::chrono::milliseconds retry_delay(const RetryPolicy& policy, std::uint32_t n, double draw);

/// Whether an attempt belongs to the schedule or was requested by the operator.
enum class AttemptKind : std::uint8_t { regular, extra };

/// The next event if no attempt succeeds before.
struct Deadline {
  /// The kinds of event.
  enum class What : std::uint8_t { nothing, delay_notice, expiry };
  What what = What::nothing;  ///< the event
  Time at = never;            ///< its time
};

/// The schedule of one message. Not thread-safe.
class Retry {
 public:
  /// A new message: its first attempt is due at once.
  Retry(const RetryPolicy& policy, Time arrival);

  /// The stored state of a message.
  struct Stored {
    Time arrival{0};                    ///< when the message was accepted
    Time due{0};                        ///< when the next attempt is due
    std::uint32_t attempts = 0;         ///< attempts that failed or were interrupted
    std::chrono::milliseconds held{0};  ///< how long it was on hold
    bool noticed = false;               ///< the delay notice was sent
  };
  /// Restores a stored state. Call resume() if the process has restarted since.
  Retry(const RetryPolicy& policy, const Stored& stored);

  /// When the next attempt is due. It may be in the past; it is `never` while the message is on
  /// hold and when only expiry remains. The last attempt is one minute before expiry, unless
  /// another ended within the five minutes before it.
  Time due() const;
  /// The delay notice (once, after the first attempt) or the expiry, whichever is first.
  Deadline deadline() const;
  /// Number of failed attempts, without those that the operator requested.
  std::uint32_t failed() const { return failed_; }
  /// Whether the message is on hold.
  bool held() const { return held_since_.has_value(); }
  /// Whether an attempt is running.
  bool in_attempt() const { return started_.has_value(); }

  /// Begins an attempt. Store the state before connecting, so that a crash does not lose the
  /// attempt.
  void begin(Time now, AttemptKind kind = AttemptKind::regular);
  /// Ends the attempt at `now`; the message stays in the queue. The next delay starts here.
  /// deadline() tells whether the message expires now.
  void failed(const RetryPolicy& policy, Time now, double draw);
  /// The delay notice was sent, or is not wanted any more.
  void noticed() { notice_ = never; }

  /// Call it once for each stored message when the process starts. An interrupted attempt counts,
  /// and its delay runs from its start. A message that expired in the meantime gets its last
  /// attempt first; its expiry waits for that, at most half an hour.
  void resume(const RetryPolicy& policy, Time now, double draw);

  /// Puts the message on hold: no attempts, and expiry and notice are suspended. Idempotent.
  void hold(Time now);
  /// Ends the hold; expiry and notice move by its duration.
  void release(Time now);

 private:
  Time natural_;  ///< when the next attempt is due, if that is before expiry
  Time expires_;
  Time notice_ = never;
  Time last_end_ = Time::min();  ///< end of the latest attempt
  std::optional<Time> started_;
  std::optional<Time> held_since_;
  std::optional<Time> owed_until_;  ///< the last attempt was missed and is still due
  std::uint32_t failed_ = 0;
  bool extra_ = false;
  bool tried_ = false;
};

/// Queue time from two clocks: it starts at the wall clock's time and advances with the
/// monotonic clock. If the wall clock is set, no message becomes due or expires for that reason.
class QueueClock {
 public:
  /// `wall`: since the epoch. `steady`: a monotonic clock that also counts suspended time.
  QueueClock(Time wall, Time steady) : start_(wall - steady), offset_(start_) {}
  /// The queue time at `steady`.
  Time now(Time steady) const { return start_ + steady; }
  /// Returns by how much the wall clock jumped since the last call, if by more than a minute.
  /// Smaller steps are accepted silently.
  std::optional<std::chrono::milliseconds> look(Time wall, Time steady);
  /// The wall clock's time at a queue time, for records and header fields.
  Time wall(Time queue) const { return queue - start_ + offset_; }

 private:
  Time start_;   ///< queue time less steady time
  Time offset_;  ///< wall time less steady time
};

}  // namespace postern::relay
