#include "policy/json_octets.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/rfc4648.h"
#include "base/text.h"

namespace postern::policy {

namespace json = boost::json;

json::value octets_json(std::string_view octets) {
  if (is_utf8(octets)) return json::value(octets);
  return json::object{{"base64", base64_encode(octets)}};
}

json::value or_null(std::string_view octets) {
  return octets.empty() ? json::value(nullptr) : octets_json(octets);
}

}  // namespace postern::policy
