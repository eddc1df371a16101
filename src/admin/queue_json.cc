#include "admin/queue_json.h"

#include <algorithm>

#include <boost/json.hpp>

#include "admin/json_value.h"
#include "admin/time_text.h"
#include "spool/words.h"

namespace postern::admin {
namespace {

namespace json = boost::json;
using spool::to_string;

json::object recipient_json(const spool::Recipient& recipient) {
  const bool queued = recipient.state == spool::State::queued;
  json::object out{{"address", recipient.address},
                   {"state", to_string(recipient.state)},
                   {"destination", to_string(recipient.destination)},
                   {"attempts", recipient.attempts},
                   {"under_way", recipient.claimed}};
  out["next_attempt_at"] = queued && !recipient.claimed
                               ? json::value(to_rfc3339(recipient.next_attempt))
                               : json::value(nullptr);
  out["last_reply"] = text_or_null(recipient.last_reply);
  out["quarantine"] = text_or_null(recipient.quarantine);
  out["notify"] = text_or_null(recipient.notify);
  out["orcpt"] = text_or_null(recipient.orcpt);
  return out;
}

}  // namespace

json::object to_json(const spool::Message& message, Detail detail) {
  const spool::Envelope& envelope = message.envelope;
  json::object out{{"id", message.id},
                   {"received_at", to_rfc3339(envelope.received)},
                   {"sender", envelope.reverse_path},
                   {"size", message.size},
                   {"damage", text_or_null(message.damage)},
                   {"account", text_or_null(envelope.account)},
                   {"authn_id", text_or_null(envelope.authn_id)},
                   {"trace_id", text_or_null(envelope.trace_id)},
                   {"eight_bit", (envelope.header_8bit || envelope.body_8bit)},
                   {"smtputf8", envelope.smtputf8},
                   {"require_tls", envelope.require_tls},
                   {"ret", text_or_null(envelope.ret)},
                   {"envid", text_or_null(envelope.envid)},
                   {"recipient_count", envelope.recipients.size()}};
  json::array recipients;
  for (const spool::Recipient& recipient : envelope.recipients) {
    if (detail == Detail::list && recipients.size() == recipients_in_list) break;
    recipients.push_back(recipient_json(recipient));
  }
  out["recipients"] = std::move(recipients);
  if (detail == Detail::whole) {
    boost::system::error_code bad;
    json::value evidence = json::parse(envelope.evidence, bad);
    out["evidence"] = bad ? text_or_null(envelope.evidence) : std::move(evidence);
  }
  return out;
}

json::object to_json(const DestinationState& state) {
  return {{"destination", to_string(state.destination)},
          {"route", to_string(state.destination.kind)},
          {"key", state.destination.key},
          {"queued", state.queued},
          {"held", state.held},
          {"dead", state.dead},
          {"quarantined", state.quarantined},
          {"oldest_at", to_rfc3339(state.oldest)},
          {"next_attempt_at", to_json(state.due)},
          {"sleeping_until", to_json(state.sleeping_until)}};
}

json::object to_json(const spool::Verification& found) {
  json::array findings;
  for (const auto& one : found.findings) {
    findings.push_back(json::object{{"message", text_or_null(one.message)}, {"what", one.what}});
  }
  return {{"messages", found.messages}, {"recipients", found.recipients},
          {"octets", found.octets},     {"loose_files", found.loose_files},
          {"wrong", found.wrong},       {"findings", std::move(findings)}};
}

json::object to_json(const BulkResult& result) {
  return {{"changed", result.changed},
          {"skipped", result.skipped},
          {"next", text_or_null(result.next)}};
}

}  // namespace postern::admin
