// The queue as JSON (docs/queue.md): the same in answers of the API and on the command line.
#pragma once

#include <boost/json/object.hpp>

#include "admin/ports.h"

namespace postern::admin {

/// Recipients that a message of a list shows; `recipient_count` has their number.
inline constexpr std::size_t recipients_in_list = 10;

enum class Detail {
  list,   ///< the first recipients
  whole,  ///< all of them, and the evidence
};

boost::json::object to_json(const spool::Message& message, Detail detail);
boost::json::object to_json(const DestinationState& state);
boost::json::object to_json(const spool::Verification& found);
boost::json::object to_json(const BulkResult& result);

}  // namespace postern::admin
