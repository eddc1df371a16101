#include "relay/schedule.h"

#include <algorithm>
#include <cmath>

namespace postern::relay {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

namespace {

constexpr milliseconds last_attempt_before = 60s;   ///< expiry
constexpr milliseconds last_attempt_after = 5min;   ///< none if another ended within this time
constexpr milliseconds owed_attempt_waits = 30min;  ///< the longest sleep of a destination
constexpr milliseconds wall_jump = 60s;             ///< smaller steps are not reported

Time later(Time time, milliseconds by) { return time == never ? never : time + by; }

}  // namespace

milliseconds retry_delay(const RetryPolicy& policy, std::uint32_t n, double draw) {
  const double initial = static_cast<double>(milliseconds(policy.initial).count());
  const double longest = static_cast<double>(milliseconds(policy.max).count());
  const double factor = 1 + policy.jitter * std::clamp(draw, -1.0, 1.0);
  if (!policy.delays.empty()) {
    const milliseconds plain = policy.delays[std::min<std::size_t>(n, policy.delays.size()) - 1];
    return milliseconds(std::llround(static_cast<double>(plain.count()) * factor));
  }
  // Beyond 2^40 the maximum is reached whatever the first delay was.
  const double plain =
      std::min(longest, std::ldexp(initial, static_cast<int>(std::min(n, 41u)) - 1));
  return milliseconds(std::llround(plain * factor));
}

Retry::Retry(const RetryPolicy& policy, Time arrival)
    : natural_(arrival),
      expires_(arrival + policy.ttl),
      notice_(policy.delay_notice ? arrival + *policy.delay_notice : never) {}

Retry::Retry(const RetryPolicy& policy, const Stored& stored) : Retry(policy, stored.arrival) {
  natural_ = stored.due;
  expires_ = later(expires_, stored.held);
  notice_ = stored.noticed ? never : later(notice_, stored.held);
  failed_ = stored.attempts;
  tried_ = failed_ > 0;
  // The end of the latest attempt is not stored; it follows from the delay, except for the jitter.
  if (tried_) last_end_ = natural_ - retry_delay(policy, failed_, 0);
}

Time Retry::due() const {
  if (held_since_) return never;
  if (natural_ < expires_) return natural_;
  const Time last = expires_ - last_attempt_before;
  // Compared in this form because last_end_ may be the minimum of Time.
  return last_end_ > last - last_attempt_after ? never : last;
}

Deadline Retry::deadline() const {
  if (held_since_) return {};
  if (owed_until_) return {Deadline::What::expiry, *owed_until_};
  if (tried_ && notice_ < expires_) return {Deadline::What::delay_notice, notice_};
  return {Deadline::What::expiry, expires_};
}

void Retry::begin(Time now, AttemptKind kind) {
  started_ = now;
  extra_ = kind == AttemptKind::extra;
  tried_ = true;
}

void Retry::failed(const RetryPolicy& policy, Time now, double draw) {
  if (!extra_) ++failed_;  // the operator's attempt does not change the count
  extra_ = false;
  started_.reset();
  last_end_ = now;
  natural_ = now + retry_delay(policy, std::max(failed_, 1u), draw);
  if (owed_until_) {
    owed_until_.reset();
    notice_ = never;
  }
}

void Retry::resume(const RetryPolicy& policy, Time now, double draw) {
  if (started_) failed(policy, *started_, draw);
  owed_until_.reset();
  if (!held_since_ && now >= expires_ && due() < expires_) owed_until_ = now + owed_attempt_waits;
}

void Retry::hold(Time now) {
  if (!held_since_) held_since_ = now;
}

void Retry::release(Time now) {
  if (!held_since_) return;
  const milliseconds held = std::max(milliseconds(0), now - *held_since_);
  held_since_.reset();
  expires_ = later(expires_, held);
  notice_ = later(notice_, held);
  if (owed_until_) owed_until_ = later(*owed_until_, held);
}

std::optional<milliseconds> QueueClock::look(Time wall, Time steady) {
  const milliseconds step = wall - steady - offset_;
  offset_ = wall - steady;
  if (std::chrono::abs(step) <= wall_jump) return std::nullopt;
  return step;
}

}  // namespace postern::relay
