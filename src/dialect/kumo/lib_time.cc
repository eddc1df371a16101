// kumo.time: points in time, durations, sleeping.
#include <cmath>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include "dialect/kumo/library.h"
#include "dialect/kumo/time_text.h"
#include "script/duration.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace asio = boost::asio;
namespace json = boost::json;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {
struct Time {
  Instant at;
};
struct TimeDelta {
  Span span;
};
struct Timer {
  std::string label;
  script::Clock::time_point began = script::Clock::now();
  bool done = false;
};
}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::Time> {
  static constexpr std::string_view value = "Time";
};
template <>
struct postern::script::ClassName<postern::dialect::kumo::TimeDelta> {
  static constexpr std::string_view value = "TimeDelta";
};
template <>
struct postern::script::ClassName<postern::dialect::kumo::Timer> {
  static constexpr std::string_view value = "Timer";
};

namespace postern::dialect::kumo {

namespace {

using namespace std::chrono;
using ATime = std::shared_ptr<Time>;
using ADelta = std::shared_ptr<TimeDelta>;
template <class T>
using Other = std::variant<std::shared_ptr<T>, std::monostate>;

/// Short enough that the sum of two spans does not overflow.
constexpr Span longest_span = last_instant - first_instant;

ATime time_at(Instant at) {
  demand(in_range(at), "the time is outside of the years 1 to 9999");
  return std::make_shared<Time>(Time{at});
}
ADelta delta_of(Span span) {
  demand(span >= -longest_span && span <= longest_span, "the span is longer than 9999 years");
  return std::make_shared<TimeDelta>(TimeDelta{span});
}

/// The span of a number of seconds, which may have a fraction.
Span span_of(double seconds) {
  const double micro = std::round(seconds * 1e6);
  demand(std::abs(micro) <= static_cast<double>(longest_span.count()),  // false for NaN
         "the number of seconds is too large");
  return Span(static_cast<std::int64_t>(micro));
}

/// The current time; during a replay, the recorded time.
Instant clock(Call& call, std::string_view function) {
  const auto read = [] { return floor<Span>(system_clock::now()).time_since_epoch().count(); };
  return Instant(
      Span(call.told_by(function, read, script::Source::facts).to_number<std::int64_t>()));
}
ATime now(Call& call) { return time_at(clock(call, "now")); }
ATime from_unix_timestamp(double seconds) { return time_at(Instant(span_of(seconds))); }
ATime from_rfc2822(std::string_view text) { return time_at(value_of(parse_rfc2822(text))); }
ATime from_rfc3339(std::string_view text) { return time_at(value_of(parse_rfc3339(text))); }
ATime with_ymd_hms(std::int64_t year, std::int64_t month, std::int64_t day, std::int64_t hour,
                   std::int64_t minute, std::int64_t second) {
  const auto small = [](std::int64_t number) {
    demand(number >= 0 && number <= 9999, "there is no such date or time");
    return static_cast<int>(number);
  };
  demand(second < 60, "there is no such date or time");
  return time_at(value_of(instant_of(small(year), static_cast<unsigned>(small(month)),
                                     static_cast<unsigned>(small(day)), small(hour), small(minute),
                                     small(second))));
}
ADelta duration(json::value value) {
  if (value.is_string()) return delta_of(value_of(script::parse_span(value.get_string())));
  demand(value.is_number(), "a number of seconds or a text like '5 minutes' expected");
  return delta_of(span_of(value.to_number<double>()));
}

Task<void> sleep(Call& call, double seconds) {
  demand(seconds >= 0, "the number of seconds is negative");
  const std::chrono::duration<double> left = call.deadline() - script::Clock::now();
  const bool in_time = seconds < left.count();
  asio::steady_timer timer(co_await asio::this_coro::executor, call.deadline());
  if (in_time) timer.expires_after(span_of(seconds));
  co_await timer.async_wait(asio::use_awaitable);
  demand(in_time, "the time of this call is over");
}

std::int64_t epoch_millis(Call& call) {
  return floor<milliseconds>(clock(call, "epoch_millis")).time_since_epoch().count();
}
std::int64_t since_millis(Call& call, double milliseconds) {
  const double ago = static_cast<double>(epoch_millis(call)) - milliseconds;
  demand(std::abs(ago) < 1e15, "the number of milliseconds is too large");  // false for NaN
  return static_cast<std::int64_t>(ago);
}

std::shared_ptr<Timer> start_timer(std::string label) {
  return std::make_shared<Timer>(Timer{std::move(label)});
}
/// Only the first call counts: a script may call `done` on a `<close>` variable.
std::optional<double> timer_done(Call& call, std::shared_ptr<Timer> timer) {
  if (timer->done) return std::nullopt;
  timer->done = true;
  const auto passed = [&] {
    return std::chrono::duration<double>(script::Clock::now() - timer->began).count();
  };
  const double seconds = call.told_by("done", passed, script::Source::facts).to_number<double>();
  call.world().log("debug", call.state().place(),
                   call.redacted(fmt::format("{} took {:.6f} s", timer->label, seconds)));
  return seconds;
}

year_month_day date(const ATime& time) { return {floor<days>(time->at)}; }
std::int64_t year(ATime time) { return int(date(time).year()); }
std::int64_t month(ATime time) { return unsigned(date(time).month()); }
std::int64_t day(ATime time) { return unsigned(date(time).day()); }
std::int64_t since_midnight(const ATime& time) {
  return floor<seconds>(time->at - floor<days>(time->at)).count();
}
std::int64_t hour(ATime time) { return since_midnight(time) / 3600; }
std::int64_t minute(ATime time) { return since_midnight(time) / 60 % 60; }
std::int64_t second(ATime time) { return since_midnight(time) % 60; }
std::int64_t unix_seconds(ATime time) {
  return floor<seconds>(time->at).time_since_epoch().count();
}
std::int64_t unix_millis(ATime time) {
  return floor<milliseconds>(time->at).time_since_epoch().count();
}
std::string as_rfc2822(ATime time) { return rfc5322_date(time->at); }
std::string as_rfc3339(ATime time) { return rfc3339_text(time->at); }
std::string as_text(ATime time) { return utc_text(time->at); }
ADelta elapsed(Call& call, ATime time) { return delta_of(clock(call, "elapsed") - time->at); }
std::string format(ATime time, std::string_view wanted) {
  return value_of(formatted(time->at, wanted));
}
/// `time + delta` and `delta + time`.
ATime later(const Time& time, const TimeDelta& delta) { return time_at(time.at + delta.span); }
ATime add_to_time(ATime time, ADelta delta) { return later(*time, *delta); }
std::variant<ADelta, ATime> subtract(ATime time, std::variant<ATime, ADelta> other) {
  if (other.index() == 0) return delta_of(time->at - std::get<0>(other)->at);
  return time_at(time->at - std::get<1>(other)->span);
}
bool same_time(ATime a, Other<Time> b) { return b.index() == 0 && a->at == std::get<0>(b)->at; }
bool earlier(ATime a, ATime b) { return a->at < b->at; }
bool not_later(ATime a, ATime b) { return a->at <= b->at; }

double in_seconds(ADelta delta) {
  return duration_cast<std::chrono::duration<double>>(delta->span).count();
}
std::int64_t in_millis(ADelta delta) { return duration_cast<milliseconds>(delta->span).count(); }
std::int64_t in_micros(ADelta delta) { return delta->span.count(); }
std::optional<std::int64_t> in_nanos(ADelta delta) {
  if (abs(delta->span) > duration_cast<Span>(nanoseconds::max())) return std::nullopt;
  return delta->span.count() * 1000;
}
std::string human(ADelta delta) { return span_text(delta->span); }
std::variant<ADelta, ATime> sum(ADelta a, std::variant<ADelta, ATime> b) {
  if (b.index() == 1) return later(*std::get<1>(b), *a);
  return delta_of(a->span + std::get<0>(b)->span);
}
ADelta difference(ADelta a, ADelta b) { return delta_of(a->span - b->span); }
bool same_delta(ADelta a, Other<TimeDelta> b) {
  return b.index() == 0 && a->span == std::get<0>(b)->span;
}
bool shorter(ADelta a, ADelta b) { return a->span < b->span; }
bool not_longer(ADelta a, ADelta b) { return a->span <= b->span; }

constexpr HostFunction time_rows[] = {
    {"kumo.time.now", "", "Time", "The time now, to the microsecond.", bind<&now>},
    {"kumo.time.from_unix_timestamp", "seconds: number", "Time",
     "The time that many seconds after the start of 1970 UTC; fractions are allowed.",
     bind<&from_unix_timestamp>},
    {"kumo.time.parse_rfc2822", "text: string", "Time",
     "A time as in mail: `Sun, 2 Jan 2000 04:04:05 +0100`.", bind<&from_rfc2822>},
    {"kumo.time.parse_rfc3339", "text: string", "Time",
     "A time as in `2000-01-02T03:04:05Z` or `2000-01-02T04:04:05.5+01:00`.", bind<&from_rfc3339>},
    {"kumo.time.with_ymd_hms",
     "year: integer, month: integer, day: integer, hour: integer, minute: integer, second: integer",
     "Time", "A time in UTC.", bind<&with_ymd_hms>},
    {"kumo.time.parse_duration", "value: number|string", "TimeDelta",
     "A span: a number of seconds, or a text as `5 minutes`, `1h 30m`.", bind<&duration>},
    {"kumo.time.sleep", "seconds: number", "",
     "Waits; other sessions are served meanwhile. The time counts towards the budget of the call.",
     bind<&sleep>},
    {"kumo.sleep", "seconds: number", "", "The same as kumo.time.sleep.", bind<&sleep>},
    {"kumo.time.epoch_millis", "", "integer", "Whole milliseconds since the start of 1970.",
     bind<&epoch_millis>},
    {"kumo.time.since_millis", "milliseconds: integer", "integer",
     "The milliseconds since a time that epoch_millis returned.", bind<&since_millis>},
    {"kumo.time.start_timer", "label: string", "Timer",
     "Measures time until `done` is called, or until its variable goes out of scope if it is "
     "declared `<close>`.",
     bind<&start_timer>},
    {"Timer:done", "", "number|nil",
     "The seconds since the timer began; logged at level debug, with its label. Nil if `done` was "
     "called before.",
     bind<&timer_done>},
    {"Timer.__close", "", "", "The same as `done`.", bind<&timer_done>},
    {"Time.year", "", "integer", "The year, 1 to 9999. All fields are of UTC.", bind<&year>},
    {"Time.month", "", "integer", "1 to 12.", bind<&month>},
    {"Time.day", "", "integer", "1 to 31.", bind<&day>},
    {"Time.hour", "", "integer", "0 to 23.", bind<&hour>},
    {"Time.minute", "", "integer", "0 to 59.", bind<&minute>},
    {"Time.second", "", "integer", "0 to 59.", bind<&second>},
    {"Time.unix_timestamp", "", "integer", "Whole seconds since the start of 1970.",
     bind<&unix_seconds>},
    {"Time.unix_timestamp_millis", "", "integer", "Whole milliseconds since the start of 1970.",
     bind<&unix_millis>},
    {"Time.rfc2822", "", "string", "As in `Sun, 2 Jan 2000 03:04:05 +0000`.", bind<&as_rfc2822>},
    {"Time.rfc3339", "", "string", "As in `2000-01-02T03:04:05+00:00`.", bind<&as_rfc3339>},
    {"Time.elapsed", "", "TimeDelta", "The time from then until now; negative for a future time.",
     bind<&elapsed>},
    {"Time:format", "format: string", "string",
     "The time in strftime's format, with `%f` for nanoseconds, `%3f` for milliseconds, `%.3f` "
     "with a leading dot, `%:z` for an offset with a colon.",
     bind<&format>},
    {"Time.__tostring", "", "string", "As in `2000-01-02 03:04:05 UTC`.", bind<&as_text>},
    {"Time.__add", "delta: TimeDelta", "Time", "The time that much later.", bind<&add_to_time>},
    {"Time.__sub", "other: Time|TimeDelta", "TimeDelta|Time",
     "The span between two times, or the time that much earlier.", bind<&subtract>},
    {"Time.__eq", "other: any", "boolean", "Whether both are the same time.", bind<&same_time>},
    {"Time.__lt", "other: Time", "boolean", "Whether it is earlier.", bind<&earlier>},
    {"Time.__le", "other: Time", "boolean", "Whether it is not later.", bind<&not_later>},
    {"TimeDelta.seconds", "", "number", "In seconds, with a fraction.", bind<&in_seconds>},
    {"TimeDelta.milliseconds", "", "integer", "In whole milliseconds.", bind<&in_millis>},
    {"TimeDelta.microseconds", "", "integer", "In microseconds.", bind<&in_micros>},
    {"TimeDelta.nanoseconds", "", "integer|nil",
     "In nanoseconds; nil beyond 292 years. Spans are kept to the microsecond.", bind<&in_nanos>},
    {"TimeDelta.human", "", "string", "As in `1h 30m`.", bind<&human>},
    {"TimeDelta.__tostring", "", "string", "The same as `human`.", bind<&human>},
    {"TimeDelta.__add", "other: TimeDelta|Time", "TimeDelta|Time", "The sum.", bind<&sum>},
    {"TimeDelta.__sub", "other: TimeDelta", "TimeDelta", "The difference.", bind<&difference>},
    {"TimeDelta.__eq", "other: any", "boolean", "Whether both are equally long.",
     bind<&same_delta>},
    {"TimeDelta.__lt", "other: TimeDelta", "boolean", "Whether it is shorter.", bind<&shorter>},
    {"TimeDelta.__le", "other: TimeDelta", "boolean", "Whether it is not longer.",
     bind<&not_longer>},
};

}  // namespace

script::HostTable time_functions() { return time_rows; }

}  // namespace postern::dialect::kumo
