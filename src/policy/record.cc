#include "policy/record.h"

#include <limits>

#include "policy/layer.h"
#include "policy/record_archive.h"
#include "policy/trace.h"
#include "policy/webhook.h"

namespace postern::policy {

namespace {

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

}  // namespace

namespace records {

namespace json = boost::json;

/// Signatures that are recorded per message. A rule that depended on a later one replays
/// differently; real messages have fewer.
constexpr std::size_t max_signatures = 100;

/// The year 2262 in microseconds since 1970: the maximum of the clock's nanoseconds.
constexpr std::int64_t latest_start = std::numeric_limits<std::int64_t>::max() / 1000;

template <>
inline constexpr std::size_t words<Stage> = stage_count;
template <>
inline constexpr std::size_t words<Verdict::Kind> = 5;
template <>
inline constexpr std::size_t words<dns::Status> = 6;
template <>
inline constexpr std::size_t words<mailauth::spf::Status> = 7;
template <>
inline constexpr std::size_t words<mailauth::dkim::Status> = 7;
template <>
inline constexpr std::size_t words<mailauth::dkim::Reason> =
    static_cast<std::size_t>(mailauth::dkim::Reason::value_mismatch) + 1;
template <>
inline constexpr std::size_t words<mailauth::dmarc::Status> = 5;
template <>
inline constexpr std::size_t words<mailauth::dmarc::Policy> = 3;
template <>
inline constexpr std::size_t words<mailauth::arc::Status> = 4;
template <>
inline constexpr std::size_t words<mailauth::arc::Reason> =
    static_cast<std::size_t>(mailauth::arc::Reason::key_unavailable) + 1;

// Values with a form of their own.

static void put(Writer& writer, const IpAddress& address) { writer.out.value(address.to_string()); }
static void get(Reader& /*reader*/, const json::value& from, IpAddress& address) {
  address = take(IpAddress::parse_client(from.as_string()));
}

static void put(Writer& writer, const mail::Mailbox& address) {
  writer.out.begin_array();
  put(writer, address.local_part);
  put(writer, address.domain);
  writer.out.end_array();
}
static void get(Reader& reader, const json::value& from, mail::Mailbox& address) {
  get(reader, from.at(0), address.local_part);
  get(reader, from.at(1), address.domain);
}

// The paths of a script's copy, as text.
static void put(Writer& writer, const std::vector<mail::Mailbox>& paths) {
  writer.out.begin_array();
  for (const mail::Mailbox& path : paths) put(writer, path.text());
  writer.out.end_array();
}
static void get(Reader& reader, const json::value& from, std::vector<mail::Mailbox>& paths) {
  std::vector<std::string> texts;
  get(reader, from, texts);
  for (const std::string& text : texts) {
    paths.push_back(take(mail::parse_mailbox(text, mail::Utf8::allowed)));
  }
}

static void put(Writer& writer, const smtp::EnhancedCode& code) {
  writer.out.value(code.to_string());
}
static void get(Reader& /*reader*/, const json::value& from, smtp::EnhancedCode& code) {
  std::string_view text = from.as_string();
  const auto found = smtp::take_enhanced(text);
  if (!found || !text.empty()) bad("enhanced code");
  code = *found;
}

// An algorithm that this version does not know is left as it is.
static void put(Writer& writer, const mailauth::dkim::Algorithm& algorithm) {
  writer.out.value(mailauth::dkim::to_text(algorithm));
}
static void get(Reader& /*reader*/, const json::value& from, mailauth::dkim::Algorithm& algorithm) {
  const std::string_view word = from.as_string();
  algorithm = mailauth::dkim::parse_algorithm(word).value_or(algorithm);
}

// The ids of the policies that a login opens. Stamps of credentials are not recorded: 1 stands for
// the granted one.
static void put(Writer& writer, const std::map<std::string, std::uint64_t>& granted) {
  writer.out.begin_array();
  for (const auto& [policy, stamp] : granted) put(writer, policy);
  writer.out.end_array();
}
static void get(Reader& reader, const json::value& from,
                std::map<std::string, std::uint64_t>& granted) {
  std::vector<std::string> policies;
  get(reader, from, policies);
  for (std::string& policy : policies) granted.emplace(std::move(policy), 1);
}

// A definition that many traces share, by its version.
static void put(Writer& writer, const std::shared_ptr<const std::string>& definition) {
  writer.out.value(version_of(definition));
}
static void get(Reader& reader, const json::value& from,
                std::shared_ptr<const std::string>& definition) {
  const auto version = from.to_number<std::uint64_t>();
  auto& known = reader.engines[version];
  if (!known) known = std::make_shared<const std::string>(take(reader.source.engine(version)));
  definition = known;
}

static void put(Writer& writer, const json::object& values) {
  writer.out.raw(json::serialize(values));
}
static void get(Reader& /*reader*/, const json::value& from, json::object& values) {
  values = from.as_object();
}

static void put(Writer& writer, const std::map<std::string, Transport>& transports) {
  writer.inside([&] {
    for (const auto& [address, transport] : transports) {
      writer.out.field(is_utf8(address) ? address : base64_encode(address), to_string(transport));
    }
  });
}
static void get(Reader& reader, const json::value& from,
                std::map<std::string, Transport>& transports) {
  for (const auto& [address, value] : from.as_object()) {
    std::string word;
    get(reader, value, word);
    transports[std::string(address)] = take(transport_of(word));
  }
}

// The session.

template <class Archive>
void describe(Archive& archive, Of<Archive, smtp::Reply>& reply) {
  archive.required("code", reply.code);
  archive.written_if(reply.enhanced.present(), "enhanced", reply.enhanced);
  if constexpr (Archive::reading) {
    archive.required("text", reply.text);
  } else {
    archive.required("text", reply.shown());
  }
}

template <class Archive>
void describe(Archive& archive, Of<Archive, ClientCertificate>& certificate) {
  archive.optional("name", certificate.name);
  archive.required("fingerprint", certificate.fingerprint);
  archive.required("key_fingerprint", certificate.key_fingerprint);
  archive.optional("trusted", certificate.trusted);
  archive.optional("issuer", certificate.issuer);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Tls>& tls) {
  archive.required("version", tls.version);
  archive.required("cipher", tls.cipher);
  archive.optional("client", tls.client);
  archive.optional("key_bits", tls.key_bits);
  archive.optional("starttls", tls.starttls);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Authentication>& auth) {
  archive.required("username", auth.username);
  archive.required("mechanism", auth.mechanism);
  archive.required("granted", auth.granted);
  archive.written_if(!auth.authz_id.empty() && auth.authz_id != auth.username, "authz_id",
                     auth.authz_id);
  if constexpr (Archive::reading) {
    if (archive.find("authz_id") == nullptr) auth.authz_id = auth.username;
  }
  archive.optional("groups", auth.groups);
  archive.optional("tenant", auth.tenant);  // 0.1.0 had none: all identities counted alike
}

template <class Archive>
void describe(Archive& archive, Of<Archive, SessionFacts>& session) {
  archive.required("id", session.id);
  archive.required("listener", session.listener);
  archive.required("client_ip", session.client_ip);
  archive.required("client_port", session.client_port);
  archive.written_if(session.server_port != 0, "server_ip", session.server_ip);
  archive.optional("server_port", session.server_port);
  archive.optional("proxy_from", session.proxy_from);
  archive.optional("proxy_via", session.proxy_via);
  archive.optional("server_name", session.server_name);
  using Clock = std::chrono::system_clock;
  std::int64_t connected = Clock::to_time_t(session.connected);
  archive.optional("connected", connected);
  if constexpr (Archive::reading) {
    if (connected < 0 || connected > latest_start / 1'000'000) bad("connected");
    session.connected = Clock::from_time_t(connected);
  }
  archive.required("helo", session.helo);
  archive.required("esmtp", session.esmtp);
  archive.optional("early_talker", session.early_talker);
  archive.optional("tls", session.tls);
  archive.optional("auth", session.auth);
  archive.optional("revoked", session.revoked);
}

// Routes. A webhook's is recorded once and referred to by its number.

static std::size_t number_of(Writer& writer, const Route& route) {
  const auto known = std::ranges::find_if(writer.routes, [&](const Route* other) {
    return other->webhook == route.webhook && other->policy == route.policy;
  });
  if (known != writer.routes.end()) return static_cast<std::size_t>(known - writer.routes.begin());
  writer.routes.push_back(&route);
  return writer.routes.size() - 1;
}

static void describe(Writer& writer, const Route& route) {
  switch (route.kind) {
    case Route::Kind::none: {
      const bool foreign = route.missing == Route::Missing::foreign_domain;
      writer.out.field("missing", foreign ? "foreign_domain" : "unknown_address");
      break;
    }
    case Route::Kind::relay:
      writer.out.field("relay", true);
      break;
    case Route::Kind::webhook:
      writer.out.field("route", number_of(writer, route));
      writer.optional("tag", route.tag);
      break;
  }
}
static void describe(Reader& reader, Route& route) {
  if (const json::value* missing = reader.find("missing")) {
    route.missing = missing->as_string() == "foreign_domain" ? Route::Missing::foreign_domain
                                                             : Route::Missing::unknown_address;
    return;
  }
  reader.flag("relay", route.kind, Route::Kind::relay);
  if (route.kind == Route::Kind::relay) return;
  std::size_t at = 0;
  reader.required("route", at);
  if (at >= reader.routes.size()) bad("route");
  route = reader.routes[at];
  reader.optional("tag", route.tag);
}

/// The login that this session had when it was judged. Null: none.
static const Authentication* signed_in(const Trace& trace) {
  const SessionFacts& session = trace.evidence.session;
  return session.auth ? &*session.auth : session.revoked ? &*session.revoked : nullptr;
}

static void put(Writer& writer, const std::shared_ptr<const WebhookPolicy>& policy) {
  writer.inside([&] {
    writer.required("id", policy->id);
    writer.required("version", policy->version);
    writer.required("credentials_version", policy->credentials_version);
    const Authentication* login = signed_in(writer.trace);
    if (login == nullptr) return;
    // The state of the credential that this session authenticated with.
    const Credential* now = policy->credential(login->username);
    const auto granted = login->granted.find(policy->id);
    const bool same =
        now != nullptr && granted != login->granted.end() && granted->second == now->stamp;
    writer.out.field("credential", now == nullptr ? "absent" : same ? "current" : "other");
  });
}
static void get(Reader& reader, const json::value& from,
                std::shared_ptr<const WebhookPolicy>& policy) {
  reader.inside(from, [&] {
    std::string id;
    std::uint64_t version = 0;
    std::string credential = "absent";
    reader.required("id", id);
    reader.required("version", version);
    const auto found = take(reader.source.policy(id, version));
    policy = found;
    reader.required("credentials_version", found->credentials_version);
    reader.optional("credential", credential);
    if (credential == "absent") return;
    const Authentication* login = signed_in(reader.trace);
    if (login == nullptr) bad("a credential of nobody");
    const std::uint64_t stamp = credential == "current" ? 1 : 2;
    found->credentials = {{.username = login->username, .hash = {}, .stamp = stamp}};
  });
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Webhook>& webhook) {
  archive.required("webhook", webhook.id);
  archive.required("account", webhook.account_id);
  archive.required("address", webhook.address);
  archive.required("active", webhook.is_active);
  archive.optional("rate_limit", webhook.rate_limit_per_minute);
  archive.optional("policy_id", webhook.policy_id);
  archive.optional("unreadable", webhook.is_unreadable);
}

static void put(Writer& writer, const Route* const& route) {
  writer.inside([&] {
    describe(writer, *route->webhook);
    writer.optional("policy", route->policy);
  });
}
static void get_route(Reader& reader, const json::value& from) {
  reader.inside(from, [&] {
    auto webhook = std::make_shared<Webhook>();
    describe(reader, *webhook);
    Route route{.kind = Route::Kind::webhook, .webhook = std::move(webhook)};
    reader.optional("policy", route.policy);
    reader.routes.push_back(std::move(route));
  });
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Recipient>& recipient) {
  archive.required("address", recipient.address);
  describe(archive, recipient.route);
  archive.optional("judged", recipient.judged);
  archive.optional("notify", recipient.notify);
  archive.optional("orcpt", recipient.orcpt);
}

// The message and what was found out about it.

template <class Archive>
void describe(Archive& archive, Of<Archive, MessageFacts>& message) {
  archive.required("size", message.size);
  archive.required("header_fields", message.header_fields);
  archive.required("header_size", message.header_size);
  archive.required("received_fields", message.received_fields);
  archive.required("from_fields", message.from_fields);
  archive.required("message_id", message.message_id);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, mailauth::spf::Result>& spf) {
  archive.required("result", spf.status);
  archive.flag("helo", spf.identity, mailauth::spf::Identity::helo);
  archive.optional("domain", spf.domain);
  archive.optional("sender", spf.sender);
  archive.optional("mechanism", spf.mechanism);
  archive.written_if(!spf.record_domain.empty() && spf.record_domain != spf.domain, "record_domain",
                     spf.record_domain);
  if constexpr (Archive::reading) {
    if (spf.record_domain.empty() && !spf.mechanism.empty()) spf.record_domain = spf.domain;
  }
  archive.optional("reason", spf.reason);
  archive.optional("terms", spf.lookup_terms);
  archive.optional("void", spf.void_terms);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, mailauth::dmarc::Author>& author) {
  archive.required("domains", author.domains);
  archive.optional("addresses", author.addresses);
  archive.written_if(!author.valid, "fault", author.fault);
  if constexpr (Archive::reading) author.valid = archive.find("fault") == nullptr;
  archive.optional("obsolete", author.obsolete);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, mailauth::dkim::SignatureResult>& result) {
  archive.required("result", result.status);
  archive.optional("reason", result.reason);
  archive.optional("domain", result.signature.domain);
  archive.optional("selector", result.signature.selector);
  archive.optional("identity", result.signature.identity);
  archive.required("algorithm", result.signature.algorithm);
  archive.optional("key_bits", result.key_bits);
  archive.optional("unsigned_octets", result.unsigned_octets);
  archive.optional("testing", result.testing);
  archive.optional("uncovered_field", result.uncovered_field);
  archive.optional("from_future", result.from_future);
  archive.optional("header_ambiguous", result.header_ambiguous);
  archive.optional("acceptable", result.acceptable);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, mailauth::dkim::Results>& dkim) {
  archive.required("from_fields", dkim.from_fields);
  archive.optional("header_too_long", dkim.header_too_long);
  archive.first(max_signatures, "signatures", dkim.signatures);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, mailauth::dmarc::Result>& dmarc) {
  archive.required("result", dmarc.status);
  archive.flag("tree_walk", dmarc.mode, mailauth::dmarc::Mode::tree_walk);
  archive.required("policy", dmarc.policy);
  archive.required("disposition", dmarc.disposition);
  archive.optional("from_domain", dmarc.from_domain);
  archive.optional("record_domain", dmarc.record_domain);
  bool has_record = dmarc.record.has_value();
  archive.optional("record", has_record);
  if constexpr (Archive::reading) {
    if (has_record) dmarc.record.emplace();
  }
  archive.optional("spf_aligned", dmarc.spf_aligned);
  archive.optional("dkim_aligned", dmarc.dkim_aligned);
  archive.optional("reason", dmarc.reason);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, mailauth::arc::Verdict>& arc) {
  archive.required("result", arc.status);
  archive.optional("instance", arc.instance);
  archive.optional("oldest_pass", arc.oldest_pass);
  archive.optional("reason", arc.trouble.reason);
  archive.optional("sealers", arc.sealers);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, DnsRecord>& dns) {
  archive.required("name", dns.question.name);
  archive.required("type", dns.question.type);
  archive.required("status", dns.answer.status);
  archive.required("records", dns.answer.records);
  archive.required("secure", dns.answer.secure);
  archive.required("ttl", dns.answer.ttl);
  archive.optional("shadow", dns.in_shadow);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Consultation>& consulted) {
  archive.required("service", consulted.service);
  archive.required("request", consulted.request);
  archive.required("answer", consulted.answer);
  archive.optional("failed", consulted.failed);
  archive.optional("shadow", consulted.in_shadow);
}

static void put(Writer& writer, const Consultations& consulted) { writer.items(consulted); }
static void get(Reader& reader, const json::value& from, Consultations& consulted) {
  std::vector<Consultation> items;
  get(reader, from, items);
  consulted = Consultations(std::move(items));
}

// Recipients of a script's copy, by their addresses.
static void describe_recipients(Writer& writer, const ScriptCopy& copy) {
  const auto& all = writer.trace.evidence.recipients;
  writer.out.key("recipients");
  writer.out.begin_array();
  for (const std::size_t index : copy.recipients) {
    if (index < all.size()) put(writer, all[index].address.text());
  }
  writer.out.end_array();
}
static void describe_recipients(Reader& reader, ScriptCopy& copy) {
  const auto& all = reader.trace.evidence.recipients;
  std::vector<std::string> texts;
  reader.required("recipients", texts);
  for (const std::string& text : texts) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].address.text() == text) copy.recipients.push_back(i);
    }
  }
}

/// A script's copy: its values. A changed text is part of the message, which is not recorded.
template <class Archive>
void describe(Archive& archive, Of<Archive, ScriptCopy>& copy) {
  describe_recipients(archive, copy);
  archive.required("meta", copy.meta);
  archive.optional("sender", copy.reverse_path);
  archive.optional("sent_to", copy.forward_paths);
  bool changed = copy.text || copy.header;
  archive.optional("changed", changed);
  if constexpr (Archive::reading) {
    if (changed) copy.header.emplace();
  }
  archive.optional("null_path", copy.null_path);
  archive.optional("results_by_rules", copy.results_by_rules);
  archive.optional("to_nobody", copy.to_nobody);
  archive.optional("transports", copy.transports);
}

// Decisions.

template <class Archive>
void describe(Archive& archive, Of<Archive, LoginRecord>& login) {
  archive.required("verifier", login.verifier);
  archive.required("mechanism", login.mechanism);
  archive.optional("authz_id", login.authz_id);
  archive.required("authn_id", login.authn_id);
  archive.required("password", login.password);
  archive.optional("script", login.script);
}

template <class Archive>
void describe(Archive& archive, Of<Archive, EffectNote>& effect) {
  archive.required("effect", effect.effect);
  archive.required("layer", effect.layer);
  archive.optional("check", effect.check);
  archive.optional("place", effect.place);
  archive.optional("why", effect.why);
  archive.flag("shadow", effect.enforced, false);
}

/// The members of a step that most do not have.
template <class Archive>
void describe_unusual(Archive& archive, Of<Archive, Step>& step) {
  archive.optional("verdict", step.verdict.kind);
  archive.written_if(step.verdict.refuses(), "reply", step.verdict.reply);
  archive.written_if(step.stage != archive.stage, "stage", step.stage);
  archive.flag("shadow", step.enforced, false);
  archive.optional("spent", step.spent);
  archive.optional("key", step.key);
}

// `[layer, check, origin, detail]`, and `{...}` with unusual members.
static void put(Writer& writer, const Step& step) {
  writer.out.begin_array();
  put(writer, step.layer);
  put(writer, step.check);
  put(writer, step.origin);
  put(writer, step.verdict.detail);
  const bool passed = step.verdict.kind == Verdict::Kind::pass_on;
  if (!passed || step.stage != writer.stage || !step.enforced || !step.spent.empty() ||
      !step.key.empty()) {
    writer.inside([&] { describe_unusual(writer, step); });
  }
  writer.out.end_array();
}
static void get(Reader& reader, const json::value& from, Step& step) {
  const json::array& parts = from.as_array();
  step.stage = reader.stage;
  get(reader, parts.at(0), step.layer);
  get(reader, parts.at(1), step.check);
  get(reader, parts.at(2), step.origin);
  get(reader, parts.at(3), step.verdict.detail);
  if (parts.size() > 4) reader.inside(parts[4], [&] { describe_unusual(reader, step); });
}

/// The index among the recipients if it was accepted, else the recipient itself.
static void describe_candidate(Writer& writer, const Decision& decision) {
  if (!decision.candidate) return;
  const auto& recipients = writer.trace.evidence.recipients;
  const Recipient& asked = *decision.candidate;
  if (!refused(decision) && decision.accepted < recipients.size()) {
    const Recipient& next = recipients[decision.accepted];
    // A recipient that the lists relay had no route when it was judged.
    const Route& route = next.judged ? *next.judged : next.route;
    if (next.address == asked.address && route.kind == asked.route.kind &&
        route.webhook == asked.route.webhook && route.policy == asked.route.policy &&
        route.tag == asked.route.tag) {
      return writer.required("recipient", decision.accepted);
    }
  }
  writer.required("recipient", asked);
}
static void describe_candidate(Reader& reader, Decision& decision) {
  const json::value* value = reader.find("recipient");
  if (value == nullptr) return;
  if (value->is_object()) {
    get(reader, *value, decision.candidate);
  } else {
    const auto& recipients = reader.trace.evidence.recipients;
    const auto at = value->to_number<std::size_t>();
    if (at >= recipients.size()) bad("recipient");
    decision.candidate = as_judged(recipients[at]);
  }
  decision.recipient = decision.candidate->address.text();
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Decision>& decision) {
  archive.required("stage", decision.stage);
  archive.stage = decision.stage;
  describe_candidate(archive, decision);
  archive.optional("accepted", decision.accepted);
  archive.optional("discarded", decision.discarded);
  archive.optional("before_tls", decision.before_tls);
  // Records before version 0.3.0 have one flag for the session.
  const bool early_at_end = archive.trace.evidence.session.early_talker;
  if constexpr (Archive::reading) decision.early = early_at_end;
  archive.written_if(early_at_end, "early", decision.early);
  archive.optional("after_revoked", decision.after_revoked);
  archive.optional("rate_tokens", decision.rate_tokens);
  archive.optional("engine", decision.engine);
  if constexpr (Archive::reading) decision.reply.code = 0;
  archive.written_if(refused(decision), "reply", decision.reply);
  archive.optional("permit", decision.permit);
  archive.optional("quarantine", decision.quarantine);
  archive.required("took_ns", decision.took);
  archive.optional("script", decision.script);
  archive.optional("login", decision.login);
  archive.required("steps", decision.steps);
  archive.optional("effects", decision.effects);
  if constexpr (Archive::reading) {
    // Version 0.1.0 recorded only this effect, with its layer.
    const json::value* layer = archive.find("granted");
    if (layer == nullptr || archive.find("effects") != nullptr) return;
    EffectNote& effect = decision.effects.emplace_back();
    effect.effect = "grant_relay";
    get(archive, *layer, effect.layer);
  }
}

template <class Archive>
void describe(Archive& archive, Of<Archive, Trace>& trace) {
  auto& evidence = trace.evidence;
  int schema = record_schema;
  archive.required("schema", schema);
  if (schema != record_schema) bad("written by another version");
  archive.required("id", trace.id);
  using std::chrono::microseconds;
  auto started = std::chrono::duration_cast<microseconds>(trace.started.time_since_epoch());
  archive.required("started_us", started);
  if constexpr (Archive::reading) {
    if (started.count() < 0 || started.count() > latest_start) bad("started_us");
    trace.started = std::chrono::system_clock::time_point(started);
  }
  archive.required("outcome", trace.outcome);
  archive.written_if(trace.reply.code != 0, "reply", trace.reply);
  archive.optional("omitted", trace.omitted);
  archive.required("session", evidence.session);
  archive.object("mail", [&] {
    archive.optional("reverse_path", evidence.reverse_path);
    archive.optional("size", evidence.declared_size);
    archive.optional("smtputf8", evidence.smtputf8);
    archive.optional("8bitmime", evidence.body_8bitmime);
    archive.optional("requiretls", evidence.require_tls);
    archive.optional("ret", evidence.ret);
    archive.optional("envid", evidence.envid);
  });
  if constexpr (Archive::reading) {
    const json::value* routes = archive.find("routes");
    if (routes == nullptr) bad("routes");
    for (const json::value& route : routes->as_array()) get_route(archive, route);
  }
  archive.required("recipients", evidence.recipients);
  archive.optional("message", evidence.message);
  archive.optional("spf", evidence.spf);
  archive.optional("author", evidence.author);
  archive.optional("dkim", evidence.dkim);
  archive.optional("dmarc", evidence.dmarc);
  archive.optional("arc", evidence.arc);
  archive.optional("dns", evidence.dns);
  archive.optional("consulted", evidence.consulted);
  archive.optional("discard", evidence.discard);
  archive.optional("trusted_client", evidence.trusted_client);
  archive.optional("revoked_meanwhile", evidence.revoked_meanwhile);
  archive.optional("copies", evidence.copies);
  archive.required("decisions", trace.decisions);
  // Written last, when all have a number.
  if constexpr (!Archive::reading) archive.required("routes", archive.routes);
}

}  // namespace records

std::string write_record(const Trace& trace) {
  records::Writer writer(trace);
  put(writer, trace);
  return std::move(writer.out.text());
}

Result<Trace> read_record(std::string_view text, const DefinitionSource& source) {
  boost::system::error_code wrong;
  const boost::json::value parsed = boost::json::parse({text.data(), text.size()}, wrong);
  if (wrong) return fail(Fault::malformed, "bad trace record: " + wrong.message());
  try {
    records::Reader reader(parsed.as_object(), source);
    describe(reader, reader.trace);
    reader.trace.evidence.message_id = reader.trace.id;
    return std::move(reader.trace);
  } catch (const records::BadRecord& found) {
    return tl::unexpected(found.error);
  } catch (const boost::system::system_error& error) {
    // what() has files and lines of the library.
    return fail(Fault::malformed, "bad trace record: " + error.code().message());
  } catch (const std::exception&) {
    return fail(Fault::malformed, "bad trace record: a value is missing or of another kind");
  }
}

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

Result<Evidence> read_evidence(std::string_view text) {
  const DefinitionSource names{
      .policy = [](const std::string& id,
                   std::uint64_t version) -> Result<std::shared_ptr<WebhookPolicy>> {
        auto policy = std::make_shared<WebhookPolicy>();
        policy->id = id;
        policy->version = version;
        return policy;
      },
      .engine = [](std::uint64_t) -> Result<std::string> { return std::string(); }};
  Result<Trace> trace = read_record(text, names);
  if (!trace) return tl::unexpected(trace.error());
  return std::move(trace->evidence);
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
