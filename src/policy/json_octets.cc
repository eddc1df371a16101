#include "policy/json_octets.h"

#include <stdexcept>
#include <utility>

#include <boost/json.hpp>

#include "base/text.h"

namespace postern::policy {

namespace json = boost::json;

json::value octets_json(std::string_view octets) {
  if (is_utf8(octets)) return json::value(octets);
  return json::object{{"base64", base64_encode(octets)}};
}

std::string octets_of(const json::value& octets) {
  if (const json::string* text = octets.if_string()) return std::string(*text);
  const json::object* object = octets.if_object();
  const json::value* encoded = object != nullptr ? object->if_contains("base64") : nullptr;
  auto decoded = encoded != nullptr && encoded->is_string() ? base64_decode(encoded->get_string())
                                                            : std::nullopt;
  if (!decoded) throw std::invalid_argument("neither a text nor octets in base64");
  return std::move(*decoded);
}

json::value or_null(std::string_view octets) {
  return octets.empty() ? json::value(nullptr) : octets_json(octets);
}

json::array dns_json(const std::vector<DnsRecord>& records) {
  json::array out;
  for (const DnsRecord& one : records) {
    json::array texts;
    for (const std::string& text : one.answer.records) texts.push_back(octets_json(text));
    out.push_back(json::object{{"name", octets_json(one.question.name)},
                               {"type", dns::to_string(one.question.type)},
                               {"status", dns::to_string(one.answer.status)},
                               {"records", std::move(texts)},
                               {"secure", one.answer.secure},
                               {"ttl", one.answer.ttl.count()}});
    // Needed to ask for the answers again.
    if (!one.answer.canonical_name.empty())
      out.back().as_object()["canonical_name"] = octets_json(one.answer.canonical_name);
  }
  return out;
}

}  // namespace postern::policy
