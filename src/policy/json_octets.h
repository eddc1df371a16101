// Octets of messages and DNS answers as values of JSON documents.
#pragma once

#include <string_view>

#include <boost/json/fwd.hpp>

namespace postern::policy {

/// Octets of a message or record as JSON: a text, or an object with base64.
boost::json::value octets_json(std::string_view octets);
/// The same; null for an empty text.
boost::json::value or_null(std::string_view octets);

}  // namespace postern::policy
