#include "serve/relay_report.h"

#include <boost/json.hpp>

#include "policy/json_octets.h"

namespace postern::app {

namespace {

namespace json = boost::json;

std::string_view name_of(smtp::ResultClass klass) {
  switch (klass) {
    case smtp::ResultClass::none:
      return "none";
    case smtp::ResultClass::delivered:
      return "delivered";
    case smtp::ResultClass::temporary:
      return "temporary";
    case smtp::ResultClass::permanent:
      return "permanent";
  }
  return "";
}

std::string_view name_of(relay::Contact contact) {
  switch (contact) {
    case relay::Contact::delivered:
      return "delivered";
    case relay::Contact::answered:
      return "answered";
    case relay::Contact::pushed_back:
      return "pushed-back";
    case relay::Contact::connection_failed:
      return "connection-failed";
  }
  return "";
}

json::object result_json(const smtp::RecipientResult& result) {
  json::object out{{"class", name_of(result.klass)}};
  if (result.code != 0) out["code"] = result.code;
  out["enhanced"] = result.enhanced.to_string();
  out["text"] = policy::octets_json(result.text);
  if (result.uncertain) out["uncertain"] = true;
  return out;
}

json::object connection_json(const relay::ConnectionReport& one) {
  json::object out{{"host", policy::octets_json(one.host)},
                   {"address", one.address.to_string()},
                   {"port", one.port},
                   {"ehlo", one.ehlo_name},
                   {"level", relay::to_string(one.level)}};
  if (!one.pool.empty()) out["pool"] = one.pool;
  if (!one.egress.empty()) out["egress"] = one.egress;
  if (one.without_tls) out["without_tls"] = true;
  if (!one.error.empty()) {
    out["error"] = policy::octets_json(one.error);
    return out;
  }
  out["source"] = one.source;
  out["reused"] = one.reused;
  out["tls"] = nullptr;
  if (!one.tls_version.empty()) {
    out["tls"] = json::object{
        {"version", one.tls_version}, {"cipher", one.tls_cipher}, {"verified", one.verified}};
  }
  out["dsn"] = one.dsn_offered;
  if (one.chunking_failed) out["chunking_failed"] = true;
  out["result"] = result_json(one.result);
  return out;
}

}  // namespace

json::array answers_json(const relay::Answers& answers) {
  std::vector<policy::DnsRecord> records;
  for (const auto& [question, answer] : answers)
    records.push_back({.question = question, .answer = answer});
  return policy::dns_json(records);
}

json::object attempt_json(const relay::AttemptReport& report,
                          const smtp::OutboundMessage& message) {
  json::object out{{"route", policy::or_null(report.route)},
                   {"to", json::array(report.next_hop.begin(), report.next_hop.end())},
                   {"contact", name_of(report.contact)},
                   {"dns", answers_json(report.dns)}};
  if (report.our_fault) out["our_fault"] = true;
  if (report.credentials_refused) out["credentials_refused"] = true;
  json::array skipped;
  for (const relay::Skipped& each : report.skipped)
    skipped.push_back(json::object{{"host", policy::octets_json(each.host)},
                                   {"why", relay::to_string(each.why)}});
  out["skipped"] = std::move(skipped);
  json::array connections;
  for (const relay::ConnectionReport& each : report.connections)
    connections.push_back(connection_json(each));
  out["connections"] = std::move(connections);
  json::array recipients;
  for (std::size_t i = 0; i < message.recipients.size() && i < report.results.size(); ++i) {
    json::object one = result_json(report.results[i]);
    one["address"] = policy::octets_json(message.recipients[i].address);
    one["connection"] = nullptr;
    if (report.connection_of[i] != relay::no_connection)
      one["connection"] = report.connection_of[i];
    recipients.push_back(std::move(one));
  }
  out["recipients"] = std::move(recipients);
  return out;
}

}  // namespace postern::app
