// The parts of a payload that come from the session and not from the message.
#pragma once

#include <string_view>

#include <boost/json/value.hpp>

#include "deliver/payload.h"

namespace postern::deliver {

/// Distinct envelope recipients in first-seen order.
std::vector<const policy::Recipient*> distinct_recipients(const policy::Evidence& evidence);
boost::json::value envelope_object(const policy::Evidence& evidence);
boost::json::value client_object(const policy::Evidence& evidence);
boost::json::value policy_object(const policy::Evidence& evidence);

}  // namespace postern::deliver
