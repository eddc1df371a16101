// The queue as JSON (docs/queue.md), for the API and for the command line.
#pragma once

#include <boost/json/object.hpp>

#include "admin/ports.h"

namespace postern::admin {

/// Recipients per message in a list; `recipient_count` has the total.
inline constexpr std::size_t recipients_in_list = 10;

/// How much of a message is shown.
enum class Detail {
  list,   ///< the first recipients
  whole,  ///< all recipients and the evidence
};

/// A message.
boost::json::object to_json(const spool::Message& message, Detail detail);
/// A destination.
boost::json::object to_json(const DestinationState& state);
/// The result of a check of all messages.
boost::json::object to_json(const spool::Verification& found);
/// The result of a bulk action.
boost::json::object to_json(const BulkResult& result);

}  // namespace postern::admin
