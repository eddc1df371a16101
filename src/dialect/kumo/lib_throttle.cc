// kumo.make_throttle: rates that hooks bound.
#include <algorithm>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dialect/kumo/library.h"
#include "dialect/kumo/throttles.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace json = boost::json;
namespace asio = boost::asio;
using script::bind;
using script::Call;
using script::HostFunction;

namespace {
struct Throttle {
  std::string name;
  ThrottleSpec spec;
};
}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::Throttle> {
  static constexpr std::string_view value = "Throttle";
};

namespace postern::dialect::kumo {

namespace {

using AThrottle = std::shared_ptr<Throttle>;

/// Of the process: all threads count together, and a reload does not begin anew.
Throttles& counters() {
  static Throttles all;
  return all;
}

AThrottle make_throttle(std::string name, std::string spec) {
  return std::make_shared<Throttle>(
      Throttle{.name = std::move(name), .spec = value_of(parse_throttle(spec))});
}

/// A simulation counts nothing.
Throttles::Taken take(Call& call, const Throttle& throttle) {
  return counters().take(throttle.name, throttle.spec, Throttles::Clock::now(),
                         !call.world().simulates());
}

double seconds_of(Throttles::Clock::duration span) {
  return std::chrono::duration<double>(span).count();
}

json::value count_one(Call& call, AThrottle throttle) {
  return call.told_by("throttle", [&]() -> json::value {
    const Throttles::Taken taken = take(call, *throttle);
    json::object table{{"throttled", taken.throttled},
                       {"limit", static_cast<std::int64_t>(taken.limit)},
                       {"remaining", static_cast<std::int64_t>(taken.remaining)},
                       {"reset_after", seconds_of(taken.reset_after)}};
    if (taken.retry_after) table["retry_after"] = seconds_of(*taken.retry_after);
    return table;
  });
}

Task<json::value> sleep_if_throttled(Call& call, AThrottle throttle) {
  bool waited = false;
  for (;;) {
    const Throttles::Taken taken = take(call, *throttle);
    if (!taken.throttled) co_return json::value(waited);
    waited = true;
    if (call.world().simulates()) co_return json::value(waited);
    const auto until = std::min(
        Throttles::Clock::now() + taken.retry_after.value_or(Throttles::Clock::duration(0)),
        call.deadline());
    asio::steady_timer timer(co_await asio::this_coro::executor, until);
    co_await timer.async_wait(asio::use_awaitable);
    if (until >= call.deadline()) co_return json::value(waited);  // the call is stopped now
  }
}

constexpr HostFunction throttle_rows[] = {
    {"kumo.make_throttle", "name: string, spec: string", "Throttle",
     "A rate such as `50/minute`, `1,000/hr`, `20/30min` or `60/min,max_burst=1`, for all that use "
     "this name and rate. Without `max_burst` a whole period's operations may follow each other at "
     "once. The counters are this gateway's own: they are shared by all threads, and no other host "
     "sees them.",
     bind<&make_throttle>},
    {"Throttle:throttle", "",
     "{ throttled: boolean, limit: integer, remaining: integer, reset_after: number, retry_after?: "
     "number }",
     "Counts an operation, if it is within the rate; otherwise `throttled` is true and "
     "`retry_after` says when it will be, in seconds.",
     bind<&count_one>},
    {"Throttle:sleep_if_throttled", "", "boolean",
     "Waits until an operation is within the rate, and counts it; whether it had to wait. The time "
     "counts towards the budget of the call: when that is used up, the client gets a temporary "
     "refusal.",
     bind<&sleep_if_throttled>},
};

}  // namespace

script::HostTable throttle_functions() { return throttle_rows; }

}  // namespace postern::dialect::kumo
