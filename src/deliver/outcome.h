// What the webhook's answer means to the SMTP client, as the reply table of the webhook dialect
// says.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "net/http_client.h"
#include "smtp/reply.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// A reply and what the delivery log keeps about it.
struct Outcome {
  smtp::Reply reply;
  std::string message_id;  ///< msg_…, empty when none was given
  std::optional<int> http_status;
  std::optional<std::string> error;  ///< in words, when the endpoint did not take the message
  store::Override override = store::Override::none;
  net::HttpTrouble trouble = net::HttpTrouble::none;
  /// Which control of ours refused before anything was sent: "inactive", "rate_limit",
  /// "inbox_full", else empty.
  std::string failed_control;
  /// The endpoint's Retry-After, a day at most.
  std::optional<std::chrono::seconds> retry_after;
  std::chrono::milliseconds duration{0};  ///< of the whole delivery
  std::string log_id;                     ///< log_…, empty when nothing is logged
};

/// Pure. `message_id` goes into the positive reply.
Outcome outcome_of(const net::HttpResult& result, const std::string& message_id);

}  // namespace postern::deliver
