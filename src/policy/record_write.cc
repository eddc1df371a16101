#include <algorithm>
#include <array>
#include <charconv>

#include <boost/json.hpp>

#include "base/text.h"
#include "policy/layer.h"
#include "policy/record.h"

namespace postern::policy {

namespace {

namespace json = boost::json;

/// FNV-1a: names an engine definition; it protects nothing.
std::uint64_t version_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash >> 1;  // fits SQLite's signed integers
}

/// Writes one trace. Routes are written once and referred to by number: recipients share them.
class Writer {
 public:
  explicit Writer(const Trace& trace)
      : trace_(trace), memory_(buffer_.data(), buffer_.size()), routes_(&memory_) {}

  std::string write() {
    const Evidence& evidence = trace_.evidence;
    json::object record(&memory_);
    record["schema"] = record_schema;
    record["id"] = trace_.id;
    record["started_us"] =
        std::chrono::duration_cast<std::chrono::microseconds>(trace_.started.time_since_epoch())
            .count();
    record["outcome"] = trace_.outcome;
    if (trace_.reply.code != 0) record["reply"] = reply(trace_.reply);
    if (trace_.omitted > 0) record["omitted"] = trace_.omitted;
    record["session"] = session(evidence.session);
    record["mail"] = mail(evidence);
    json::array recipients(&memory_);
    for (const Recipient& one : evidence.recipients) recipients.push_back(recipient(one));
    record["recipients"] = std::move(recipients);
    if (evidence.message) record["message"] = message(*evidence.message);
    if (!evidence.dns.empty()) record["dns"] = dns(evidence.dns);
    json::array decisions(&memory_);
    for (const Decision& one : trace_.decisions) decisions.push_back(decision(one));
    record["decisions"] = std::move(decisions);
    record["routes"] = std::move(routes_);
    return json::serialize(record);
  }

 private:
  json::object object() { return json::object(&memory_); }

  /// Text of a client is kept as its octets: those that are no UTF-8 as base64.
  json::value bytes(std::string_view text) {
    if (is_utf8(text)) return json::value(text, &memory_);
    return json::value({{"base64", base64_encode(text)}}, &memory_);
  }

  json::object reply(const smtp::Reply& given) {
    json::object out = object();
    out["code"] = given.code;
    if (given.enhanced.present()) out["enhanced"] = given.enhanced.to_string();
    out["text"] = bytes(given.text);
    return out;
  }

  json::object session(const SessionFacts& facts) {
    json::object out = object();
    out["id"] = facts.id;
    out["listener"] = facts.listener;
    out["client_ip"] = facts.client_ip.to_string();
    out["client_port"] = facts.client_port;
    out["helo"] = bytes(facts.helo);
    out["esmtp"] = facts.esmtp;
    if (facts.tls) out["tls"] = {{"version", facts.tls->version}, {"cipher", facts.tls->cipher}};
    if (facts.auth) {
      json::array granted(&memory_);
      for (const auto& [policy_id, stamp] : facts.auth->granted) granted.emplace_back(policy_id);
      json::object auth = object();
      auth["username"] = bytes(facts.auth->username);
      auth["mechanism"] = facts.auth->mechanism;
      auth["granted"] = std::move(granted);
      out["auth"] = std::move(auth);
    }
    return out;
  }

  json::object mail(const Evidence& evidence) {
    json::object out = object();
    if (evidence.reverse_path) out["reverse_path"] = mailbox(*evidence.reverse_path);
    if (evidence.declared_size != 0) out["size"] = evidence.declared_size;
    if (evidence.smtputf8) out["smtputf8"] = true;
    if (evidence.body_8bitmime) out["8bitmime"] = true;
    return out;
  }

  json::array mailbox(const mail::Mailbox& address) {
    json::array out(&memory_);
    out.push_back(bytes(address.local_part));
    out.push_back(bytes(address.domain));
    return out;
  }

  json::object recipient(const Recipient& given) {
    json::object out = object();
    out["address"] = mailbox(given.address);
    if (given.route.kind == Route::Kind::none) {
      const bool foreign = given.route.missing == Route::Missing::foreign_domain;
      out["missing"] = foreign ? "foreign_domain" : "unknown_address";
      return out;
    }
    out["route"] = route(given.route);
    if (given.route.tag) out["tag"] = bytes(*given.route.tag);
    return out;
  }

  std::size_t route(const Route& given) {
    const auto known = std::find_if(known_.begin(), known_.end(), [&](const Route* other) {
      return other->webhook == given.webhook && other->policy == given.policy;
    });
    if (known != known_.end()) return static_cast<std::size_t>(known - known_.begin());
    known_.push_back(&given);
    json::object out = object();
    out["webhook"] = given.webhook->id;
    out["account"] = given.webhook->account_id;
    out["address"] = bytes(given.webhook->address);
    out["active"] = given.webhook->is_active;
    if (given.webhook->rate_limit_per_minute != 0) {
      out["rate_limit"] = given.webhook->rate_limit_per_minute;
    }
    if (given.webhook->policy_id) out["policy_id"] = *given.webhook->policy_id;
    if (given.policy) out["policy"] = policy(*given.policy);
    routes_.push_back(std::move(out));
    return known_.size() - 1;
  }

  json::object policy(const WebhookPolicy& given) {
    json::object out = object();
    out["id"] = given.id;
    out["version"] = given.version;
    out["credentials_version"] = given.credentials_version;
    if (trace_.evidence.session.auth) out["credential"] = credential_state(given);
    return out;
  }

  /// What has become of the credential with which this session authenticated.
  const char* credential_state(const WebhookPolicy& given) {
    const Authentication& auth = *trace_.evidence.session.auth;
    const Credential* now = given.credential(auth.username);
    if (now == nullptr) return "absent";
    const auto granted = auth.granted.find(given.id);
    return granted != auth.granted.end() && granted->second == now->stamp ? "current" : "other";
  }

  json::object message(const MessageFacts& facts) {
    json::object out = object();
    out["size"] = facts.size;
    out["header_fields"] = facts.header_fields;
    out["header_size"] = facts.header_size;
    out["received_fields"] = facts.received_fields;
    out["from_fields"] = facts.from_fields;
    out["message_id"] = bytes(facts.message_id);
    return out;
  }

  json::array dns(const std::vector<DnsRecord>& answers) {
    json::array out(&memory_);
    for (const DnsRecord& one : answers) {
      json::array records(&memory_);
      for (const std::string& text : one.answer.records) records.push_back(bytes(text));
      json::object entry = object();
      entry["name"] = bytes(one.question.name);
      entry["type"] = static_cast<std::uint16_t>(one.question.type);
      entry["status"] = dns::to_string(one.answer.status);
      entry["records"] = std::move(records);
      entry["secure"] = one.answer.secure;
      entry["ttl"] = one.answer.ttl.count();
      out.push_back(std::move(entry));
    }
    return out;
  }

  /// The place among the recipients of one that was accepted then, else the recipient itself.
  json::value candidate(const Decision& given) {
    const auto& recipients = trace_.evidence.recipients;
    const Recipient& asked = *given.candidate;
    if (!refused(given) && given.accepted < recipients.size()) {
      const Recipient& next = recipients[given.accepted];
      if (next.address == asked.address && next.route.webhook == asked.route.webhook &&
          next.route.policy == asked.route.policy && next.route.tag == asked.route.tag) {
        return given.accepted;
      }
    }
    return recipient(asked);
  }

  json::object decision(const Decision& given) {
    json::object out = object();
    out["stage"] = to_string(given.stage);
    if (given.candidate) out["recipient"] = candidate(given);
    if (given.accepted > 0) out["accepted"] = given.accepted;
    if (given.rate_tokens) out["rate_tokens"] = exact(*given.rate_tokens);
    if (given.engine) out["engine"] = version_of(*given.engine);
    if (refused(given)) out["reply"] = reply(given.reply);
    if (given.quarantine) out["quarantine"] = bytes(*given.quarantine);
    out["took_ns"] = given.took.count();
    json::array steps(&memory_);
    for (const Step& one : given.steps) steps.push_back(step(one, given.stage));
    out["steps"] = std::move(steps);
    return out;
  }

  /// `[layer, check, origin, detail]`, and `{...}` with whatever is not usual: most rules pass.
  json::array step(const Step& given, Stage stage) {
    json::array out(&memory_);
    out.reserve(5);
    out.emplace_back(given.layer);
    out.emplace_back(given.check);
    out.push_back(bytes(given.origin));
    out.push_back(bytes(given.verdict.detail));
    json::object more = object();
    if (given.verdict.kind != Verdict::Kind::pass_on) {
      more["verdict"] = to_string(given.verdict.kind);
    }
    if (given.verdict.refuses()) more["reply"] = reply(given.verdict.reply);
    if (given.stage != stage) more["stage"] = to_string(given.stage);
    if (!given.enforced) more["shadow"] = true;
    if (!more.empty()) out.push_back(std::move(more));
    return out;
  }

  /// The shortest text that reads back as the same number, which JSON readers do not promise.
  static std::string exact(double number) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
    return {text.data(), end.ptr};
  }

  const Trace& trace_;
  std::array<unsigned char, 16384> buffer_;
  json::monotonic_resource memory_;
  std::vector<const Route*> known_;
  json::array routes_;
};

}  // namespace

std::string write_record(const Trace& trace) { return Writer(trace).write(); }

std::vector<Definition> definitions_of(const Trace& trace) {
  std::vector<Definition> found;
  const auto add = [&](const std::string& id, std::uint64_t version, const std::string& text) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const Definition& one) {
      return one.id == id && one.version == version;
    });
    if (!known) found.push_back({id, version, text});
  };
  const auto add_policy = [&](const Recipient& recipient) {
    const auto& policy = recipient.route.policy;
    if (policy) add(policy->id, policy->version, policy->definition);
  };
  for (const Recipient& recipient : trace.evidence.recipients) add_policy(recipient);
  for (const Decision& decision : trace.decisions) {
    if (decision.candidate) add_policy(*decision.candidate);
    if (decision.engine) add("engine", version_of(*decision.engine), *decision.engine);
  }
  return found;
}

}  // namespace postern::policy
