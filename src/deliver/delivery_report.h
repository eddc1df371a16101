// Reports a delivery attempt: its log record, its metrics, and a log line if it failed.
#pragma once

#include <chrono>
#include <string>

#include "deliver/outcome.h"
#include "policy/evidence.h"
#include "policy/webhook.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// The facts of a delivery attempt besides its DeliveryOutcome.
struct DeliveryFacts {
  const policy::Evidence& evidence;                   ///< of the message; borrowed
  const policy::Webhook& webhook;                     ///< the destination; borrowed
  std::chrono::system_clock::time_point received_at;  ///< when the message came
  std::uint64_t size = 0;                             ///< of the message, octets
  std::string message_id;                             ///< the Message-ID, "" if there is none
  bool simulated = false;                             ///< from the API, not from SMTP
  std::uint32_t attempt = 1;                          ///< counts from 1
  /// Time of the next attempt, from the queue; nullopt: none.
  std::optional<std::chrono::system_clock::time_point> next_attempt;
  std::string trace_id = {};  ///< of the decision that accepted the message; "" if none
};

/// The log record of an attempt, with the id `outcome.log_id`. Contains no secret and no body.
store::LogRecord log_record(const DeliveryFacts& facts, const DeliveryOutcome& outcome);

/// Counts the attempt in the metrics, and writes a log line if it failed.
void report(const DeliveryFacts& facts, const DeliveryOutcome& outcome);

}  // namespace postern::deliver
