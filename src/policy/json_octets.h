// Octets of messages, and DNS answers, as values of JSON documents.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "policy/evidence.h"

namespace postern::policy {

/// Octets of a message or record as JSON: a text, or an object with base64.
boost::json::value octets_json(std::string_view octets);
/// The octets of octets_json(). Throws std::invalid_argument for another value.
std::string octets_of(const boost::json::value& octets);
/// As octets_json(); null for an empty text.
boost::json::value or_null(std::string_view octets);
/// In the form that --dns reads.
boost::json::array dns_json(const std::vector<DnsRecord>& records);

}  // namespace postern::policy
