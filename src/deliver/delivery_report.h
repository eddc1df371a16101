// What a delivery leaves behind: its log record, its metrics, and a line in the log when it failed.
#pragma once

#include <chrono>
#include <string>

#include "deliver/outcome.h"
#include "policy/evidence.h"
#include "policy/webhook.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// Facts of a delivery that its outcome does not have.
struct DeliveryFacts {
  const policy::Evidence& evidence;
  const policy::Webhook& webhook;
  std::chrono::system_clock::time_point received_at;
  std::uint64_t size = 0;
  std::string message_id;  ///< the message's own, "" when it has none
  bool simulated = false;
  std::uint32_t attempt = 1;
  std::optional<std::chrono::system_clock::time_point> next_attempt;  ///< from the queue
  std::string trace_id = {};  ///< of the decision that took the message; "" without one
};

/// The record of an attempt; `outcome.log_id` is its id. No secret and no body is in it.
store::LogRecord log_record(const DeliveryFacts& facts, const Outcome& outcome);

/// Counts the attempt and writes a log line when it failed.
void report(const DeliveryFacts& facts, const Outcome& outcome);

}  // namespace postern::deliver
