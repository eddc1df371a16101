#include "telemetry/outage.h"

#include <utility>

namespace postern::telemetry {

namespace {

Outage& outage() {
  static Outage one;
  return one;
}

std::chrono::milliseconds between(Outage::Clock::time_point from, Outage::Clock::time_point to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(to - from);
}

}  // namespace

std::optional<Outage::Told> Outage::failed(Clock::time_point now) {
  const std::lock_guard guard(mutex_);
  if (failed_++ == 0) {
    began_ = now;
  } else if (now - said_ < between) {
    return std::nullopt;
  }
  said_ = now;
  return Told{.lasts = telemetry::between(began_, now), .failed = failed_};
}

std::optional<Outage::Told> Outage::answers(Clock::time_point now) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t failed = std::exchange(failed_, 0);
  if (failed == 0) return std::nullopt;
  return Told{.lasts = telemetry::between(began_, now), .failed = failed};
}

namespace log {

Line store_error(const Error& error) {
  if (error.fault != Fault::unreachable) {
    Line line = log::error("store.error");
    line.field("error", error.message);
    return line;
  }
  const auto told = outage().failed(Outage::Clock::now());
  if (!told) return Logger::nothing();
  Line line = log::error("cluster.away");
  line.field("error", error.message);
  if (told->failed > 1) line.field("duration_ms", told->lasts).field("count", told->failed);
  line.msg("the database does not answer: mail waits, or is deferred");
  return line;
}

void database_answers() {
  if (const auto told = outage().answers(Outage::Clock::now())) {
    log::info("cluster.away")
        .field("duration_ms", told->lasts)
        .field("count", told->failed)
        .msg("the database answers again");
  }
}

}  // namespace log
}  // namespace postern::telemetry
