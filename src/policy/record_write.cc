#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <boost/json.hpp>

#include "base/json_text.h"
#include "base/text.h"
#include "policy/layer.h"
#include "policy/record.h"

namespace postern::policy {

namespace {

/// Signatures that are recorded per message. A rule that depended on a later one replays
/// differently; real messages have fewer.
constexpr std::size_t max_signatures = 100;

/// FNV-1a: an id for an engine definition, not a protection.
std::uint64_t version_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash >> 1;  // fits SQLite's signed integers
}

/// The same for a definition that all decisions share. It may contain whole tables, so it is hashed
/// once.
std::uint64_t version_of(const std::shared_ptr<const std::string>& definition) {
  struct Known {
    std::weak_ptr<const std::string> definition;
    std::uint64_t version = 0;
  };
  thread_local std::array<Known, 4> all;
  thread_local std::size_t next = 0;
  for (const Known& one : all) {
    if (one.definition.lock() == definition) return one.version;
  }
  Known& known = all[next++ % all.size()];
  known = {definition, version_of(std::string_view(*definition))};
  return known.version;
}

/// Writes one trace. Recipients share routes: each is written once and referred to by number.
class Writer {
 public:
  explicit Writer(const Trace& trace) : trace_(trace) { out_.text().reserve(usual_record); }

  std::string write() {
    const Evidence& evidence = trace_.evidence;
    out_.begin_object();
    out_.field("schema", record_schema);
    out_.field("id", trace_.id);
    out_.field("started_us", std::chrono::duration_cast<std::chrono::microseconds>(
                                 trace_.started.time_since_epoch())
                                 .count());
    out_.field("outcome", trace_.outcome);
    if (trace_.reply.code != 0) reply(trace_.reply);
    if (trace_.omitted > 0) out_.field("omitted", trace_.omitted);
    session(evidence.session);
    mail(evidence);
    array("recipients", evidence.recipients, [&](const Recipient& one) { recipient(one); });
    if (evidence.message) message(*evidence.message);
    if (evidence.spf) spf(*evidence.spf);
    if (evidence.author) author(*evidence.author);
    if (evidence.dkim) dkim(*evidence.dkim);
    if (evidence.dmarc) dmarc(*evidence.dmarc);
    if (evidence.arc) arc(*evidence.arc);
    if (!evidence.dns.empty()) {
      array("dns", evidence.dns, [&](const DnsRecord& one) { dns(one); });
    }
    if (!evidence.consulted.empty()) {
      array("consulted", evidence.consulted, [&](const Consultation& one) { consulted(one); });
    }
    if (evidence.discard) bytes("discard", *evidence.discard);
    flag("trusted_client", evidence.trusted_client);
    flag("revoked_meanwhile", evidence.revoked_meanwhile);
    if (!evidence.copies.empty()) {
      array("copies", evidence.copies, [&](const ScriptCopy& one) { copy(one, evidence); });
    }
    array("decisions", trace_.decisions, [&](const Decision& one) { decision(one); });
    array("routes", known_, [&](const Route* one) { route(*one); });
    out_.end_object();
    return std::move(out_.text());
  }

 private:
  static constexpr std::size_t usual_record = 4096;

  template <class List, class Write>
  void array(std::string_view name, const List& list, const Write& write) {
    out_.key(name);
    out_.begin_array();
    for (const auto& one : list) write(one);
    out_.end_array();
  }
  void begin(std::string_view name) {
    out_.key(name);
    out_.begin_object();
  }

  /// Octets from a client: text if they are UTF-8, else base64.
  void bytes(std::string_view text) {
    if (is_utf8(text)) return out_.value(text);
    out_.begin_object();
    out_.field("base64", base64_encode(text));
    out_.end_object();
  }
  void bytes(std::string_view name, std::string_view text) {
    out_.key(name);
    bytes(text);
  }
  /// Left out if it has its usual value: most messages have one plain signature, most rules pass.
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) bytes(name, value);
  }
  template <class T>
  void number(std::string_view name, T value) {
    if (value != T{}) out_.field(name, value);
  }
  void flag(std::string_view name, bool set) {
    if (set) out_.field(name, true);
  }

  void reply(const smtp::Reply& given, std::string_view name = "reply") {
    begin(name);
    out_.field("code", given.code);
    if (given.enhanced.present()) out_.field("enhanced", given.enhanced.to_string());
    bytes("text", given.shown());
    out_.end_object();
  }

  /// A script's copy: its values. A changed text is part of the message, which is not recorded.
  void copy(const ScriptCopy& given, const Evidence& evidence) {
    out_.begin_object();
    array("recipients", given.recipients, [&](std::size_t index) {
      if (index < evidence.recipients.size()) bytes(evidence.recipients[index].address.text());
    });
    out_.key("meta");
    out_.raw(boost::json::serialize(given.meta));
    if (given.reverse_path) mailbox("sender", *given.reverse_path);
    if (!given.forward_paths.empty()) {
      array("sent_to", given.forward_paths, [&](const mail::Mailbox& one) { bytes(one.text()); });
    }
    flag("changed", given.text || given.header);
    flag("null_path", given.null_path);
    flag("results_by_rules", given.results_by_rules);
    flag("to_nobody", given.to_nobody);
    if (!given.transports.empty()) {
      begin("transports");
      for (const auto& [address, transport] : given.transports) {
        out_.field(is_utf8(address) ? address : base64_encode(address), to_string(transport));
      }
      out_.end_object();
    }
    out_.end_object();
  }

  void session(const SessionFacts& facts) {
    begin("session");
    out_.field("id", facts.id);
    out_.field("listener", facts.listener);
    out_.field("client_ip", facts.client_ip.to_string());
    out_.field("client_port", facts.client_port);
    if (facts.server_port != 0) {
      out_.field("server_ip", facts.server_ip.to_string());
      out_.field("server_port", facts.server_port);
    }
    text("server_name", facts.server_name);
    if (facts.connected != std::chrono::system_clock::time_point{}) {
      out_.field("connected", std::chrono::system_clock::to_time_t(facts.connected));
    }
    bytes("helo", facts.helo);
    out_.field("esmtp", facts.esmtp);
    flag("early_talker", facts.early_talker);
    if (facts.tls) {
      begin("tls");
      out_.field("version", facts.tls->version);
      out_.field("cipher", facts.tls->cipher);
      out_.end_object();
    }
    if (facts.auth) identity("auth", *facts.auth);
    if (facts.revoked) identity("revoked", *facts.revoked);
    out_.end_object();
  }

  void identity(std::string_view name, const Authentication& given) {
    begin(name);
    bytes("username", given.username);
    out_.field("mechanism", given.mechanism);
    array("granted", given.granted, [&](const auto& grant) { out_.value(grant.first); });
    if (!given.authz_id.empty() && given.authz_id != given.username)
      bytes("authz_id", given.authz_id);
    if (!given.groups.empty())
      array("groups", given.groups, [&](const std::string& group) { bytes(group); });
    flag("tenant", given.tenant);
    out_.end_object();
  }

  void mail(const Evidence& evidence) {
    begin("mail");
    if (evidence.reverse_path) mailbox("reverse_path", *evidence.reverse_path);
    number("size", evidence.declared_size);
    flag("smtputf8", evidence.smtputf8);
    flag("8bitmime", evidence.body_8bitmime);
    flag("requiretls", evidence.require_tls);
    text("ret", evidence.ret);
    text("envid", evidence.envid);
    out_.end_object();
  }

  void mailbox(std::string_view name, const mail::Mailbox& address) {
    out_.key(name);
    out_.begin_array();
    bytes(address.local_part);
    bytes(address.domain);
    out_.end_array();
  }

  void recipient(const Recipient& given) {
    out_.begin_object();
    mailbox("address", given.address);
    owner(given.route);
    if (given.judged) {
      begin("judged");
      owner(*given.judged);
      out_.end_object();
    }
    text("notify", given.notify);
    text("orcpt", given.orcpt);
    out_.end_object();
  }

  void owner(const Route& given) {
    switch (given.kind) {
      case Route::Kind::none: {
        const bool foreign = given.missing == Route::Missing::foreign_domain;
        out_.field("missing", foreign ? "foreign_domain" : "unknown_address");
        break;
      }
      case Route::Kind::relay:
        out_.field("relay", true);
        break;
      case Route::Kind::webhook:
        out_.field("route", number_of(given));
        if (given.tag) bytes("tag", *given.tag);
        break;
    }
  }

  std::size_t number_of(const Route& given) {
    const auto known = std::find_if(known_.begin(), known_.end(), [&](const Route* other) {
      return other->webhook == given.webhook && other->policy == given.policy;
    });
    if (known != known_.end()) return static_cast<std::size_t>(known - known_.begin());
    known_.push_back(&given);
    return known_.size() - 1;
  }

  void route(const Route& given) {
    const Webhook& webhook = *given.webhook;
    out_.begin_object();
    out_.field("webhook", webhook.id);
    out_.field("account", webhook.account_id);
    bytes("address", webhook.address);
    out_.field("active", webhook.is_active);
    number("rate_limit", webhook.rate_limit_per_minute);
    if (webhook.policy_id) out_.field("policy_id", *webhook.policy_id);
    if (given.policy) policy(*given.policy);
    out_.end_object();
  }

  void policy(const WebhookPolicy& given) {
    begin("policy");
    out_.field("id", given.id);
    out_.field("version", given.version);
    out_.field("credentials_version", given.credentials_version);
    if (signed_in() != nullptr) out_.field("credential", credential_state(given));
    out_.end_object();
  }

  /// The state of the credential that this session authenticated with.
  const char* credential_state(const WebhookPolicy& given) {
    const Authentication& auth = *signed_in();
    const Credential* now = given.credential(auth.username);
    if (now == nullptr) return "absent";
    const auto granted = auth.granted.find(given.id);
    return granted != auth.granted.end() && granted->second == now->stamp ? "current" : "other";
  }

  const Authentication* signed_in() const {
    const SessionFacts& session = trace_.evidence.session;
    return session.auth ? &*session.auth : session.revoked ? &*session.revoked : nullptr;
  }

  void message(const MessageFacts& facts) {
    begin("message");
    out_.field("size", facts.size);
    out_.field("header_fields", facts.header_fields);
    out_.field("header_size", facts.header_size);
    out_.field("received_fields", facts.received_fields);
    out_.field("from_fields", facts.from_fields);
    bytes("message_id", facts.message_id);
    out_.end_object();
  }

  void spf(const mailauth::spf::Result& given) {
    begin("spf");
    out_.field("result", mailauth::spf::to_string(given.status));
    flag("helo", given.identity == mailauth::spf::Identity::helo);
    text("domain", given.domain);
    text("sender", given.sender);
    text("mechanism", given.mechanism);
    if (given.record_domain != given.domain) text("record_domain", given.record_domain);
    text("reason", given.reason);
    number("terms", given.lookup_terms);
    number("void", given.void_terms);
    out_.end_object();
  }

  void author(const mailauth::dmarc::Author& given) {
    begin("author");
    array("domains", given.domains, [&](const std::string& domain) { bytes(domain); });
    number("addresses", given.addresses);
    if (!given.valid) out_.field("fault", static_cast<unsigned>(given.fault));
    flag("obsolete", given.obsolete);
    out_.end_object();
  }

  void signature(const mailauth::dkim::SignatureResult& given) {
    out_.begin_object();
    out_.field("result", mailauth::dkim::to_text(given.status));
    if (given.reason != mailauth::dkim::Reason::ok) {
      out_.field("reason", mailauth::dkim::to_text(given.reason));
    }
    text("domain", given.signature.domain);
    text("selector", given.signature.selector);
    text("identity", given.signature.identity);
    out_.field("algorithm", mailauth::dkim::to_text(given.signature.algorithm));
    number("key_bits", given.key_bits);
    number("unsigned_octets", given.unsigned_octets);
    flag("testing", given.testing);
    flag("uncovered_field", given.uncovered_field);
    flag("from_future", given.from_future);
    flag("header_ambiguous", given.header_ambiguous);
    flag("acceptable", given.acceptable);
    out_.end_object();
  }

  void dkim(const mailauth::dkim::Results& given) {
    begin("dkim");
    out_.field("from_fields", given.from_fields);
    flag("header_too_long", given.header_too_long);
    const std::span all(given.signatures);
    array("signatures", all.first(std::min(all.size(), max_signatures)),
          [&](const mailauth::dkim::SignatureResult& one) { signature(one); });
    out_.end_object();
  }

  void dmarc(const mailauth::dmarc::Result& given) {
    begin("dmarc");
    out_.field("result", mailauth::dmarc::to_string(given.status));
    flag("tree_walk", given.mode == mailauth::dmarc::Mode::tree_walk);
    out_.field("policy", mailauth::dmarc::to_string(given.policy));
    out_.field("disposition", mailauth::dmarc::to_string(given.disposition));
    text("from_domain", given.from_domain);
    text("record_domain", given.record_domain);
    flag("record", given.record.has_value());
    flag("spf_aligned", given.spf_aligned);
    flag("dkim_aligned", given.dkim_aligned);
    text("reason", given.reason);
    out_.end_object();
  }

  void arc(const mailauth::arc::Verdict& given) {
    begin("arc");
    out_.field("result", mailauth::arc::to_text(given.status));
    number("instance", given.instance);
    number("oldest_pass", given.oldest_pass);
    if (given.trouble.reason != mailauth::arc::Reason::ok) {
      out_.field("reason", mailauth::arc::to_text(given.trouble.reason));
    }
    if (!given.sealers.empty()) {
      array("sealers", given.sealers, [&](const std::string& one) { bytes(one); });
    }
    out_.end_object();
  }

  void consulted(const Consultation& given) {
    out_.begin_object();
    bytes("service", given.service);
    bytes("request", given.request);
    bytes("answer", given.answer);
    flag("failed", given.failed);
    out_.end_object();
  }

  void dns(const DnsRecord& given) {
    out_.begin_object();
    bytes("name", given.question.name);
    out_.field("type", static_cast<std::uint16_t>(given.question.type));
    out_.field("status", dns::to_string(given.answer.status));
    array("records", given.answer.records, [&](const std::string& one) { bytes(one); });
    out_.field("secure", given.answer.secure);
    out_.field("ttl", given.answer.ttl.count());
    out_.end_object();
  }

  /// The index among the recipients if it was accepted, else the recipient itself.
  void candidate(const Decision& given) {
    out_.key("recipient");
    const auto& recipients = trace_.evidence.recipients;
    const Recipient& asked = *given.candidate;
    if (!refused(given) && given.accepted < recipients.size()) {
      const Recipient& next = recipients[given.accepted];
      // A recipient that the lists relay had no route when it was judged.
      const Route& route = next.judged ? *next.judged : next.route;
      if (next.address == asked.address && route.kind == asked.route.kind &&
          route.webhook == asked.route.webhook && route.policy == asked.route.policy &&
          route.tag == asked.route.tag) {
        return out_.value(given.accepted);
      }
    }
    recipient(asked);
  }

  void login(const LoginRecord& given) {
    begin("login");
    out_.field("verifier", version_of(given.verifier));
    out_.field("mechanism", given.mechanism);
    text("authz_id", given.authz_id);
    bytes("authn_id", given.authn_id);
    bytes("password", given.password);
    text("script", given.script);
    out_.end_object();
  }

  void decision(const Decision& given) {
    out_.begin_object();
    out_.field("stage", to_string(given.stage));
    if (given.candidate) candidate(given);
    number("accepted", given.accepted);
    flag("discarded", given.discarded);
    flag("before_tls", given.before_tls);
    flag("after_revoked", given.after_revoked);
    if (given.rate_tokens) out_.field("rate_tokens", exact(*given.rate_tokens));
    if (given.engine) out_.field("engine", version_of(given.engine));
    if (refused(given)) reply(given.reply);
    if (given.permit) reply(*given.permit, "permit");
    if (given.quarantine) bytes("quarantine", *given.quarantine);
    out_.field("took_ns", given.took.count());
    text("script", given.script);
    if (given.login) login(*given.login);
    array("steps", given.steps, [&](const Step& one) { step(one, given.stage); });
    if (!given.effects.empty()) {
      array("effects", given.effects, [&](const EffectNote& one) { effect(one); });
    }
    out_.end_object();
  }

  void effect(const EffectNote& given) {
    out_.begin_object();
    out_.field("effect", given.effect);
    out_.field("layer", given.layer);
    text("check", given.check);
    text("place", given.place);
    if (!given.why.empty()) bytes("why", given.why);
    flag("shadow", !given.enforced);
    out_.end_object();
  }

  /// `[layer, check, origin, detail]`, and `{...}` with unusual values.
  void step(const Step& given, Stage stage) {
    out_.begin_array();
    out_.value(given.layer);
    out_.value(given.check);
    bytes(given.origin);
    bytes(given.verdict.detail);
    const bool passed = given.verdict.kind == Verdict::Kind::pass_on;
    if (!passed || given.stage != stage || !given.enforced || !given.spent.empty()) {
      out_.begin_object();
      if (!passed) out_.field("verdict", to_string(given.verdict.kind));
      if (given.verdict.refuses()) reply(given.verdict.reply);
      if (given.stage != stage) out_.field("stage", to_string(given.stage));
      flag("shadow", !given.enforced);
      text("spent", given.spent);
      out_.end_object();
    }
    out_.end_array();
  }

  /// The shortest text that parses to the same number; JSON libraries do not guarantee that.
  static std::string exact(double given) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), given);
    return {digits.data(), end.ptr};
  }

  const Trace& trace_;
  JsonText out_;
  std::vector<const Route*> known_;
};

}  // namespace

std::string write_record(const Trace& trace) { return Writer(trace).write(); }

std::string write_evidence(const Evidence& evidence, const std::string& trace_id) {
  Trace trace;
  trace.id = trace_id;
  trace.started = std::chrono::system_clock::now();
  trace.outcome = "accepted";
  trace.evidence = evidence;
  trace.evidence.dns.clear();
  trace.evidence.consulted.clear();
  return write_record(trace);
}

void each_definition(const Trace& trace, const TakeDefinition& take) {
  static const std::string engine = "engine";
  static const std::string nobody;
  const auto take_policy = [&](const Route& route) {
    const auto& policy = route.policy;
    if (policy) take(policy->id, policy->version, policy->definition, policy->account_id);
  };
  for (const Recipient& recipient : trace.evidence.recipients) {
    take_policy(recipient.route);
    if (recipient.judged) take_policy(*recipient.judged);
  }
  for (const Decision& decision : trace.decisions) {
    if (decision.candidate) take_policy(decision.candidate->route);
    if (decision.engine) take(engine, version_of(decision.engine), *decision.engine, nobody);
    if (decision.login) {
      const auto& verifier = decision.login->verifier;
      take(engine, version_of(verifier), *verifier, nobody);
    }
  }
}

std::vector<Definition> definitions_of(const Trace& trace) {
  std::vector<Definition> found;
  each_definition(trace, [&](const std::string& id, std::uint64_t version, const std::string& text,
                             const std::string& /*account*/) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const Definition& one) {
      return one.id == id && one.version == version;
    });
    if (!known) found.push_back({id, version, text});
  });
  return found;
}

}  // namespace postern::policy
