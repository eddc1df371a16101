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

/// Signatures kept of one message. A rule that let the message pass by a later one is made again
/// differently; no real message has as many.
constexpr std::size_t max_signatures = 100;

/// FNV-1a: names an engine definition; it protects nothing.
std::uint64_t version_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash >> 1;  // fits SQLite's signed integers
}

/// The same of an engine that all decisions share: its text may hold tables, so it is read once.
std::uint64_t version_of(const std::shared_ptr<const std::string>& engine) {
  thread_local std::weak_ptr<const std::string> last;
  thread_local std::uint64_t version = 0;
  if (last.lock() != engine) {
    version = version_of(std::string_view(*engine));
    last = engine;
  }
  return version;
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
    if (evidence.spf) record["spf"] = spf(*evidence.spf);
    if (evidence.author) record["author"] = author(*evidence.author);
    if (evidence.dkim) record["dkim"] = dkim(*evidence.dkim);
    if (evidence.dmarc) record["dmarc"] = dmarc(*evidence.dmarc);
    if (evidence.arc) record["arc"] = arc(*evidence.arc);
    if (!evidence.dns.empty()) record["dns"] = dns(evidence.dns);
    if (!evidence.consulted.empty()) record["consulted"] = consulted(evidence.consulted);
    if (evidence.discard) record["discard"] = bytes(*evidence.discard);
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
    if (facts.early_talker) out["early_talker"] = true;
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
    if (given.route.kind == Route::Kind::relay) {
      out["relay"] = true;
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

  /// What of a verdict is not its usual value: most messages have one plain signature.
  void text(json::object& out, std::string_view name, std::string_view value) {
    if (!value.empty()) out[name] = bytes(value);
  }
  template <class T>
  static void number(json::object& out, std::string_view name, T value) {
    if (value != T{}) out[name] = value;
  }

  json::object spf(const mailauth::spf::Result& given) {
    json::object out = object();
    out["result"] = mailauth::spf::to_string(given.status);
    if (given.identity == mailauth::spf::Identity::helo) out["helo"] = true;
    text(out, "domain", given.domain);
    text(out, "sender", given.sender);
    text(out, "mechanism", given.mechanism);
    if (given.record_domain != given.domain) text(out, "record_domain", given.record_domain);
    text(out, "reason", given.reason);
    number(out, "terms", given.lookup_terms);
    number(out, "void", given.void_terms);
    return out;
  }

  json::object author(const mailauth::dmarc::Author& given) {
    json::object out = object();
    json::array domains(&memory_);
    for (const std::string& domain : given.domains) domains.push_back(bytes(domain));
    out["domains"] = std::move(domains);
    number(out, "addresses", given.addresses);
    if (!given.valid) out["fault"] = static_cast<unsigned>(given.fault);
    if (given.obsolete) out["obsolete"] = true;
    return out;
  }

  json::object signature(const mailauth::dkim::SignatureResult& given) {
    json::object out = object();
    out["result"] = mailauth::dkim::to_text(given.status);
    if (given.reason != mailauth::dkim::Reason::ok) {
      out["reason"] = mailauth::dkim::to_text(given.reason);
    }
    text(out, "domain", given.signature.domain);
    text(out, "selector", given.signature.selector);
    text(out, "identity", given.signature.identity);
    out["algorithm"] = mailauth::dkim::to_text(given.signature.algorithm);
    number(out, "key_bits", given.key_bits);
    number(out, "unsigned_octets", given.unsigned_octets);
    if (given.testing) out["testing"] = true;
    if (given.uncovered_field) out["uncovered_field"] = true;
    if (given.from_future) out["from_future"] = true;
    if (given.acceptable) out["acceptable"] = true;
    return out;
  }

  json::object dkim(const mailauth::dkim::Results& given) {
    json::object out = object();
    out["from_fields"] = given.from_fields;
    if (given.header_too_long) out["header_too_long"] = true;
    json::array signatures(&memory_);
    for (const auto& one : given.signatures) {
      if (signatures.size() == max_signatures) break;
      signatures.push_back(signature(one));
    }
    out["signatures"] = std::move(signatures);
    return out;
  }

  json::object dmarc(const mailauth::dmarc::Result& given) {
    json::object out = object();
    out["result"] = mailauth::dmarc::to_string(given.status);
    if (given.mode == mailauth::dmarc::Mode::tree_walk) out["tree_walk"] = true;
    out["policy"] = mailauth::dmarc::to_string(given.policy);
    out["disposition"] = mailauth::dmarc::to_string(given.disposition);
    text(out, "from_domain", given.from_domain);
    text(out, "record_domain", given.record_domain);
    if (given.record) out["record"] = true;
    if (given.spf_aligned) out["spf_aligned"] = true;
    if (given.dkim_aligned) out["dkim_aligned"] = true;
    text(out, "reason", given.reason);
    return out;
  }

  json::object arc(const mailauth::arc::Verdict& given) {
    json::object out = object();
    out["result"] = mailauth::arc::to_text(given.status);
    number(out, "instance", given.instance);
    number(out, "oldest_pass", given.oldest_pass);
    if (given.trouble.reason != mailauth::arc::Reason::ok) {
      out["reason"] = mailauth::arc::to_text(given.trouble.reason);
    }
    if (!given.sealers.empty()) {
      json::array sealers(&memory_);
      for (const std::string& one : given.sealers) sealers.push_back(bytes(one));
      out["sealers"] = std::move(sealers);
    }
    return out;
  }

  json::array consulted(const std::vector<Consultation>& list) {
    json::array out(&memory_);
    for (const Consultation& one : list) {
      json::object entry = object();
      entry["service"] = bytes(one.service);
      entry["request"] = bytes(one.request);
      entry["answer"] = bytes(one.answer);
      if (one.failed) entry["failed"] = true;
      out.push_back(std::move(entry));
    }
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
      // One that the lists let through was nobody's when it was asked about.
      if (next.address == asked.address && next.route.kind == asked.route.kind &&
          next.route.webhook == asked.route.webhook && next.route.policy == asked.route.policy &&
          next.route.tag == asked.route.tag) {
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
    if (given.discarded) out["discarded"] = true;
    if (given.rate_tokens) out["rate_tokens"] = exact(*given.rate_tokens);
    if (given.engine) out["engine"] = version_of(given.engine);
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
  static std::string exact(double given) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), given);
    return {digits.data(), end.ptr};
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
    if (decision.engine) add("engine", version_of(decision.engine), *decision.engine);
  }
  return found;
}

}  // namespace postern::policy
