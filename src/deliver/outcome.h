// Translates an endpoint's HTTP response into an SMTP reply, by the reply table of the webhook
// dialect.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "net/http_client.h"
#include "smtp/reply.h"
#include "store/delivery_log.h"

namespace postern::deliver {

/// An SMTP reply, and what the delivery log records with it.
struct DeliveryOutcome {
  smtp::Reply reply;                 ///< to the SMTP client
  std::string message_id;            ///< msg_…; empty if none was assigned
  std::optional<int> http_status;    ///< nullopt: no response
  std::optional<std::string> error;  ///< why the endpoint did not accept the message, for people
  store::Override override = store::Override::none;   ///< by the endpoint's response
  net::HttpTrouble trouble = net::HttpTrouble::none;  ///< what failed in the HTTP exchange
  /// The check that refused before anything was sent: "inactive", "deleted", "rate_limit",
  /// "inbox_full"; else empty.
  std::string failed_control;
  /// The endpoint's Retry-After, limited to one day.
  std::optional<std::chrono::seconds> retry_after;
  std::chrono::milliseconds duration{0};  ///< of the whole delivery attempt
  std::string log_id;                     ///< log_…; empty if it is not logged
};

/// The outcome of a request. Pure. `message_id` becomes part of a positive reply.
DeliveryOutcome outcome_of(const net::HttpResult& result, const std::string& message_id);

}  // namespace postern::deliver
