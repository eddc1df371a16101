// The members of a payload that describe the SMTP session.
#pragma once

#include <string_view>

#include <boost/json/value.hpp>

#include "deliver/payload.h"

namespace postern::deliver {

/// The envelope recipients without duplicates, in the order of their first RCPT. Addresses are
/// compared ignoring case.
std::vector<const policy::Recipient*> distinct_recipients(const policy::Evidence& evidence);
/// The `envelope` object.
boost::json::value envelope_object(const policy::Evidence& evidence);
/// The `client` object.
boost::json::value client_object(const policy::Evidence& evidence);
/// The `policy` object; null if the recipient has no policy.
boost::json::value policy_object(const policy::Evidence& evidence);

}  // namespace postern::deliver
