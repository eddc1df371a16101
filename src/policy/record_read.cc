#include <charconv>
#include <limits>
#include <mutex>
#include <set>

#include <boost/json.hpp>

#include "base/text.h"
#include "policy/layer.h"
#include "policy/record.h"

namespace postern::policy {

namespace {

namespace json = boost::json;

/// The year 2262 in microseconds since 1970: the maximum of the clock's nanoseconds.
constexpr std::int64_t latest_start = std::numeric_limits<std::int64_t>::max() / 1000;

/// Thrown by the reader; read_record() makes an Error of it. Boost.JSON throws its own.
struct BadRecord {
  Error error;
};

[[noreturn]] void bad(std::string what) {
  throw BadRecord{{Fault::malformed, "bad trace record: " + std::move(what)}};
}

template <class T>
T take(Result<T> result) {
  if (!result) throw BadRecord{result.error()};
  return std::move(*result);
}

std::string bytes(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  auto decoded = base64_decode(value.at("base64").as_string());
  if (!decoded) bad("base64");
  return std::move(*decoded);
}

template <class T>
T number(const json::value& value) {
  return value.to_number<T>();
}

template <class Enum, class ToString>
Enum enumerator(const json::value& value, std::size_t count, ToString to_text) {
  const std::string_view text = value.as_string();
  for (std::size_t i = 0; i < count; ++i) {
    if (to_text(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  }
  bad("unknown word " + printable(text));
}

Stage stage_of(const json::value& value) {
  return enumerator<Stage>(value, stage_count, [](Stage stage) { return to_string(stage); });
}

bool flag(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->as_bool();
}

std::string text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? std::string() : bytes(*value);
}

template <class T>
T optional_number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? T{} : number<T>(*value);
}

smtp::Reply reply_of(const json::value& value) {
  const json::object& object = value.as_object();
  smtp::Reply reply{.code = number<std::uint16_t>(object.at("code")),
                    .enhanced = {},
                    .text = bytes(object.at("text"))};
  if (const json::value* enhanced = object.if_contains("enhanced")) {
    std::string_view text = enhanced->as_string();
    const auto code = smtp::take_enhanced(text);
    if (!code || !text.empty()) bad("enhanced code");
    reply.enhanced = *code;
  }
  return reply;
}

mail::Mailbox mailbox(const json::value& value) { return {bytes(value.at(0)), bytes(value.at(1))}; }

Authentication identity_of(const json::object& object) {
  Authentication identity{bytes(object.at("username")), bytes(object.at("mechanism")), {}};
  for (const json::value& id : object.at("granted").as_array()) {
    identity.granted.emplace(bytes(id), 1);
  }
  const json::value* authz_id = object.if_contains("authz_id");
  identity.authz_id = authz_id != nullptr ? bytes(*authz_id) : identity.username;
  if (const json::value* groups = object.if_contains("groups")) {
    for (const json::value& group : groups->as_array()) identity.groups.push_back(bytes(group));
  }
  // Absent in records of 0.1.0, where all identities counted alike.
  if (const json::value* tenant = object.if_contains("tenant")) identity.tenant = tenant->as_bool();
  return identity;
}

SessionFacts session_of(const json::object& object) {
  SessionFacts facts;
  facts.id = bytes(object.at("id"));
  facts.listener = bytes(object.at("listener"));
  facts.client_ip = take(IpAddress::parse_client(object.at("client_ip").as_string()));
  facts.client_port = number<std::uint16_t>(object.at("client_port"));
  if (const json::value* ip = object.if_contains("server_ip")) {
    facts.server_ip = take(IpAddress::parse(bytes(*ip)));
    facts.server_port = number<std::uint16_t>(object.at("server_port"));
  }
  if (const json::value* name = object.if_contains("server_name")) facts.server_name = bytes(*name);
  if (const json::value* time = object.if_contains("connected")) {
    const auto connected = number<std::int64_t>(*time);
    if (connected < 0 || connected > latest_start / 1'000'000) bad("connected");
    facts.connected = std::chrono::system_clock::from_time_t(connected);
  }
  facts.helo = bytes(object.at("helo"));
  facts.esmtp = object.at("esmtp").as_bool();
  facts.early_talker = flag(object, "early_talker");
  if (const json::value* tls = object.if_contains("tls")) {
    facts.tls = Tls{bytes(tls->at("version")), bytes(tls->at("cipher"))};
  }
  if (const json::value* auth = object.if_contains("auth")) {
    facts.auth = identity_of(auth->as_object());
  }
  if (const json::value* revoked = object.if_contains("revoked")) {
    facts.revoked = identity_of(revoked->as_object());
  }
  return facts;
}

/// A script's changes to a message; its text is not recorded.
ScriptCopy copy(const json::object& object, const Evidence& evidence) {
  ScriptCopy copy;
  for (const json::value& address : object.at("recipients").as_array()) {
    const std::string text = bytes(address);
    for (std::size_t i = 0; i < evidence.recipients.size(); ++i) {
      if (evidence.recipients[i].address.text() == text) copy.recipients.push_back(i);
    }
  }
  copy.meta = object.at("meta").as_object();
  if (const json::value* sender = object.if_contains("sender")) {
    copy.reverse_path = mailbox(*sender);
  }
  const auto said = [&](std::string_view name) { return object.if_contains(name) != nullptr; };
  copy.null_path = said("null_path");
  copy.to_nobody = said("to_nobody");
  copy.results_by_rules = said("results_by_rules");
  if (said("changed")) copy.header.emplace();
  if (const json::value* paths = object.if_contains("sent_to")) {
    for (const json::value& path : paths->as_array()) {
      copy.forward_paths.push_back(take(mail::parse_mailbox(bytes(path), mail::Utf8::allowed)));
    }
  }
  if (const json::value* transports = object.if_contains("transports")) {
    for (const auto& [address, word] : transports->as_object()) {
      copy.transports[std::string(address)] = take(transport_of(bytes(word)));
    }
  }
  return copy;
}

/// Reads one trace. Stamps of credentials are not recorded: 1 stands for the granted one.
class Reader {
 public:
  explicit Reader(const DefinitionSource& source) : source_(source) {}

  Trace read(const json::object& record) {
    if (number<int>(record.at("schema")) != record_schema) bad("written by another version");
    trace_.id = bytes(record.at("id"));
    const auto started = number<std::int64_t>(record.at("started_us"));
    if (started < 0 || started > latest_start) bad("started_us");
    trace_.started = std::chrono::system_clock::time_point(std::chrono::microseconds(started));
    trace_.outcome = bytes(record.at("outcome"));
    if (const json::value* reply = record.if_contains("reply")) trace_.reply = reply_of(*reply);
    if (const json::value* omitted = record.if_contains("omitted")) {
      trace_.omitted = number<std::size_t>(*omitted);
    }
    Evidence& evidence = trace_.evidence;
    evidence.session = session_of(record.at("session").as_object());
    mail(record.at("mail").as_object());
    for (const json::value& route : record.at("routes").as_array()) {
      routes_.push_back(route_of(route.as_object()));
    }
    for (const json::value& one : record.at("recipients").as_array()) {
      evidence.recipients.push_back(recipient(one.as_object()));
    }
    if (const json::value* message = record.if_contains("message")) {
      evidence.message = message_of(message->as_object());
    }
    authentication(record);
    if (const json::value* dns = record.if_contains("dns")) {
      for (const json::value& one : dns->as_array())
        evidence.dns.push_back(dns_of(one.as_object()));
    }
    if (const json::value* consulted = record.if_contains("consulted")) {
      for (const json::value& one : consulted->as_array()) {
        evidence.consulted.push_back({.service = bytes(one.at("service")),
                                      .request = bytes(one.at("request")),
                                      .answer = bytes(one.at("answer")),
                                      .failed = flag(one.as_object(), "failed")});
      }
    }
    if (const json::value* why = record.if_contains("discard")) evidence.discard = bytes(*why);
    evidence.trusted_client = flag(record, "trusted_client");
    evidence.revoked_meanwhile = flag(record, "revoked_meanwhile");
    if (const json::value* copies = record.if_contains("copies")) {
      for (const json::value& one : copies->as_array()) {
        evidence.copies.push_back(copy(one.as_object(), evidence));
      }
    }
    for (const json::value& one : record.at("decisions").as_array()) {
      trace_.decisions.push_back(decision(one.as_object()));
    }
    return std::move(trace_);
  }

 private:
  void mail(const json::object& object) {
    Evidence& evidence = trace_.evidence;
    if (const json::value* path = object.if_contains("reverse_path")) {
      evidence.reverse_path = mailbox(*path);
    }
    if (const json::value* size = object.if_contains("size")) {
      evidence.declared_size = number<std::uint64_t>(*size);
    }
    evidence.smtputf8 = flag(object, "smtputf8");
    evidence.body_8bitmime = flag(object, "8bitmime");
    evidence.require_tls = flag(object, "requiretls");
    if (const json::value* ret = object.if_contains("ret")) evidence.ret = bytes(*ret);
    if (const json::value* envid = object.if_contains("envid")) evidence.envid = bytes(*envid);
  }

  Route route_of(const json::object& object) {
    auto webhook = std::make_shared<Webhook>();
    webhook->id = bytes(object.at("webhook"));
    webhook->account_id = bytes(object.at("account"));
    webhook->address = bytes(object.at("address"));
    webhook->is_active = object.at("active").as_bool();
    if (const json::value* limit = object.if_contains("rate_limit")) {
      webhook->rate_limit_per_minute = number<std::uint32_t>(*limit);
    }
    if (const json::value* id = object.if_contains("policy_id")) webhook->policy_id = bytes(*id);
    Route route{.kind = Route::Kind::webhook, .webhook = std::move(webhook)};
    if (const json::value* policy = object.if_contains("policy")) {
      route.policy = policy_of(policy->as_object());
    }
    return route;
  }

  std::shared_ptr<const WebhookPolicy> policy_of(const json::object& object) {
    const auto version = number<std::uint64_t>(object.at("version"));
    auto policy = take(source_.policy(bytes(object.at("id")), version));
    policy->credentials_version = number<std::uint64_t>(object.at("credentials_version"));
    const json::value* state = object.if_contains("credential");
    if (state == nullptr || state->as_string() == "absent") return policy;
    const std::uint64_t stamp = state->as_string() == "current" ? 1 : 2;
    const SessionFacts& session = trace_.evidence.session;
    const auto& identity = session.auth ? session.auth : session.revoked;
    if (!identity) bad("a credential of nobody");
    policy->credentials = {{.username = identity->username, .hash = {}, .stamp = stamp}};
    return policy;
  }

  Recipient recipient(const json::object& object) {
    Recipient recipient{.address = mailbox(object.at("address"))};
    if (const json::value* notify = object.if_contains("notify")) recipient.notify = bytes(*notify);
    if (const json::value* orcpt = object.if_contains("orcpt")) recipient.orcpt = bytes(*orcpt);
    recipient.route = owner(object);
    if (const json::value* judged = object.if_contains("judged"))
      recipient.judged = owner(judged->as_object());
    return recipient;
  }

  Route owner(const json::object& object) {
    Route route;
    if (const json::value* missing = object.if_contains("missing")) {
      route.missing = missing->as_string() == "foreign_domain" ? Route::Missing::foreign_domain
                                                               : Route::Missing::unknown_address;
      return route;
    }
    if (flag(object, "relay")) {
      route.kind = Route::Kind::relay;
      return route;
    }
    const auto at = number<std::size_t>(object.at("route"));
    if (at >= routes_.size()) bad("route");
    route = routes_[at];
    if (const json::value* tag = object.if_contains("tag")) route.tag = bytes(*tag);
    return route;
  }

  Recipient candidate(const json::value& value) {
    if (value.is_object()) return recipient(value.get_object());
    const auto at = number<std::size_t>(value);
    if (at >= trace_.evidence.recipients.size()) bad("recipient");
    return as_judged(trace_.evidence.recipients[at]);
  }

  static MessageFacts message_of(const json::object& object) {
    return {.size = number<std::uint64_t>(object.at("size")),
            .header_fields = number<std::size_t>(object.at("header_fields")),
            .header_size = number<std::size_t>(object.at("header_size")),
            .received_fields = number<std::size_t>(object.at("received_fields")),
            .from_fields = number<std::size_t>(object.at("from_fields")),
            .message_id = bytes(object.at("message_id"))};
  }

  void authentication(const json::object& record) {
    Evidence& evidence = trace_.evidence;
    if (const json::value* one = record.if_contains("spf")) evidence.spf = spf_of(one->as_object());
    if (const json::value* one = record.if_contains("author")) {
      evidence.author = author_of(one->as_object());
    }
    if (const json::value* one = record.if_contains("dkim")) {
      evidence.dkim = dkim_of(one->as_object());
    }
    if (const json::value* one = record.if_contains("dmarc")) {
      evidence.dmarc = dmarc_of(one->as_object());
    }
    if (const json::value* one = record.if_contains("arc")) evidence.arc = arc_of(one->as_object());
  }

  static mailauth::spf::Result spf_of(const json::object& object) {
    using mailauth::spf::Status;
    mailauth::spf::Result result;
    result.status = enumerator<Status>(object.at("result"), 7,
                                       [](Status one) { return mailauth::spf::to_string(one); });
    if (flag(object, "helo")) result.identity = mailauth::spf::Identity::helo;
    result.domain = text(object, "domain");
    result.sender = text(object, "sender");
    result.mechanism = text(object, "mechanism");
    result.record_domain = text(object, "record_domain");
    if (result.record_domain.empty() && !result.mechanism.empty()) {
      result.record_domain = result.domain;
    }
    result.reason = text(object, "reason");
    result.lookup_terms = optional_number<int>(object, "terms");
    result.void_terms = optional_number<int>(object, "void");
    return result;
  }

  static mailauth::dmarc::Author author_of(const json::object& object) {
    using mailauth::dmarc::AuthorFault;
    mailauth::dmarc::Author author;
    for (const json::value& domain : object.at("domains").as_array()) {
      author.domains.push_back(bytes(domain));
    }
    author.addresses = optional_number<std::size_t>(object, "addresses");
    author.valid = object.if_contains("fault") == nullptr;
    author.fault = static_cast<AuthorFault>(optional_number<std::uint8_t>(object, "fault"));
    author.obsolete = flag(object, "obsolete");
    return author;
  }

  static mailauth::dkim::SignatureResult signature_of(const json::object& object) {
    using mailauth::dkim::Reason;
    using mailauth::dkim::Status;
    mailauth::dkim::SignatureResult result;
    result.status = enumerator<Status>(object.at("result"), 7,
                                       [](Status one) { return mailauth::dkim::to_text(one); });
    if (const json::value* reason = object.if_contains("reason")) {
      constexpr auto reasons = static_cast<std::size_t>(Reason::value_mismatch) + 1;
      result.reason = enumerator<Reason>(*reason, reasons,
                                         [](Reason one) { return mailauth::dkim::to_text(one); });
    }
    result.signature.domain = text(object, "domain");
    result.signature.selector = text(object, "selector");
    result.signature.identity = text(object, "identity");
    if (const auto algorithm =
            mailauth::dkim::parse_algorithm(std::string_view(object.at("algorithm").as_string()))) {
      result.signature.algorithm = *algorithm;
    }
    result.key_bits = optional_number<unsigned>(object, "key_bits");
    result.unsigned_octets = optional_number<std::uint64_t>(object, "unsigned_octets");
    result.testing = flag(object, "testing");
    result.uncovered_field = flag(object, "uncovered_field");
    result.from_future = flag(object, "from_future");
    result.header_ambiguous = flag(object, "header_ambiguous");
    result.acceptable = flag(object, "acceptable");
    return result;
  }

  static mailauth::dkim::Results dkim_of(const json::object& object) {
    mailauth::dkim::Results results;
    results.from_fields = number<std::size_t>(object.at("from_fields"));
    results.header_too_long = flag(object, "header_too_long");
    for (const json::value& one : object.at("signatures").as_array()) {
      results.signatures.push_back(signature_of(one.as_object()));
    }
    return results;
  }

  static mailauth::dmarc::Result dmarc_of(const json::object& object) {
    using mailauth::dmarc::Policy;
    using mailauth::dmarc::Status;
    const auto policy = [&](std::string_view name) {
      return enumerator<Policy>(object.at(name), 3,
                                [](Policy one) { return mailauth::dmarc::to_string(one); });
    };
    mailauth::dmarc::Result result;
    result.status = enumerator<Status>(object.at("result"), 5,
                                       [](Status one) { return mailauth::dmarc::to_string(one); });
    if (flag(object, "tree_walk")) result.mode = mailauth::dmarc::Mode::tree_walk;
    result.policy = policy("policy");
    result.disposition = policy("disposition");
    result.from_domain = text(object, "from_domain");
    result.record_domain = text(object, "record_domain");
    if (flag(object, "record")) result.record.emplace();
    result.spf_aligned = flag(object, "spf_aligned");
    result.dkim_aligned = flag(object, "dkim_aligned");
    result.reason = text(object, "reason");
    return result;
  }

  static mailauth::arc::Verdict arc_of(const json::object& object) {
    using mailauth::arc::Reason;
    using mailauth::arc::Status;
    mailauth::arc::Verdict verdict;
    verdict.status = enumerator<Status>(object.at("result"), 4,
                                        [](Status one) { return mailauth::arc::to_text(one); });
    verdict.instance = optional_number<std::uint32_t>(object, "instance");
    verdict.oldest_pass = optional_number<std::uint32_t>(object, "oldest_pass");
    if (const json::value* reason = object.if_contains("reason")) {
      constexpr auto reasons = static_cast<std::size_t>(Reason::key_unavailable) + 1;
      verdict.trouble.reason = enumerator<Reason>(
          *reason, reasons, [](Reason one) { return mailauth::arc::to_text(one); });
    }
    if (const json::value* sealers = object.if_contains("sealers")) {
      for (const json::value& one : sealers->as_array()) verdict.sealers.push_back(bytes(one));
    }
    return verdict;
  }

  static DnsRecord dns_of(const json::object& object) {
    constexpr std::size_t statuses = 6;
    DnsRecord record;
    record.question = {bytes(object.at("name")),
                       static_cast<dns::Type>(number<std::uint16_t>(object.at("type")))};
    record.answer.status = enumerator<dns::Status>(
        object.at("status"), statuses, [](dns::Status status) { return dns::to_string(status); });
    for (const json::value& text : object.at("records").as_array()) {
      record.answer.records.push_back(bytes(text));
    }
    record.answer.secure = object.at("secure").as_bool();
    record.answer.ttl = std::chrono::seconds(number<std::int64_t>(object.at("ttl")));
    return record;
  }

  LoginRecord login(const json::object& object) {
    return {.verifier = std::make_shared<const std::string>(
                take(source_.engine(number<std::uint64_t>(object.at("verifier"))))),
            .mechanism = bytes(object.at("mechanism")),
            .authz_id = text(object, "authz_id"),
            .authn_id = bytes(object.at("authn_id")),
            .password = bytes(object.at("password")),
            .script = text(object, "script")};
  }

  static EffectNote effect(const json::object& object) {
    return {.effect = interned(bytes(object.at("effect"))),
            .layer = interned(bytes(object.at("layer"))),
            .check = interned(text(object, "check")),
            .place = text(object, "place"),
            .why = text(object, "why"),
            .enforced = !flag(object, "shadow")};
  }

  Decision decision(const json::object& object) {
    Decision decision{.stage = stage_of(object.at("stage"))};
    decision.reply.code = 0;
    if (const json::value* one = object.if_contains("recipient")) {
      decision.candidate = candidate(*one);
      decision.recipient = decision.candidate->address.text();
    }
    if (const json::value* accepted = object.if_contains("accepted")) {
      decision.accepted = number<std::size_t>(*accepted);
    }
    if (const json::value* effects = object.if_contains("effects")) {
      for (const json::value& one : effects->as_array()) {
        decision.effects.push_back(effect(one.as_object()));
      }
    } else if (const json::value* layer = object.if_contains("granted")) {
      // Version 0.1.0 recorded only this effect, with its layer.
      decision.effects.push_back({.effect = "grant_relay",
                                  .layer = interned(bytes(*layer)),
                                  .check = {},
                                  .place = {},
                                  .why = {}});
    }
    decision.discarded = flag(object, "discarded");
    decision.before_tls = flag(object, "before_tls");
    decision.after_revoked = flag(object, "after_revoked");
    if (const json::value* tokens = object.if_contains("rate_tokens")) {
      decision.rate_tokens = exact(tokens->as_string());
    }
    if (const json::value* engine = object.if_contains("engine")) {
      decision.engine = engine_of(number<std::uint64_t>(*engine));
    }
    if (const json::value* reply = object.if_contains("reply")) decision.reply = reply_of(*reply);
    if (const json::value* permit = object.if_contains("permit")) {
      decision.permit = reply_of(*permit);
    }
    if (const json::value* why = object.if_contains("quarantine"))
      decision.quarantine = bytes(*why);
    if (const json::value* script = object.if_contains("script")) decision.script = bytes(*script);
    if (const json::value* one = object.if_contains("login")) {
      decision.login = login(one->as_object());
    }
    decision.took = std::chrono::nanoseconds(number<std::int64_t>(object.at("took_ns")));
    for (const json::value& one : object.at("steps").as_array()) {
      decision.steps.push_back(step(one.as_array(), decision.stage));
    }
    return decision;
  }

  static Step step(const json::array& given, Stage stage) {
    Step step{.stage = stage,
              .layer = interned(given.at(0).as_string()),
              .check = interned(given.at(1).as_string()),
              .origin = bytes(given.at(2)),
              .verdict = pass_on(bytes(given.at(3)))};
    if (given.size() < 5) return step;
    const json::object& more = given[4].as_object();
    if (const json::value* kind = more.if_contains("verdict")) {
      step.verdict.kind =
          enumerator<Verdict::Kind>(*kind, 5, [](Verdict::Kind one) { return to_string(one); });
    }
    if (const json::value* reply = more.if_contains("reply")) {
      step.verdict.reply = reply_of(*reply);
    }
    if (const json::value* other = more.if_contains("stage")) step.stage = stage_of(*other);
    step.enforced = !flag(more, "shadow");
    if (const json::value* spent = more.if_contains("spent")) step.spent = bytes(*spent);
    return step;
  }

  std::shared_ptr<const std::string> engine_of(std::uint64_t version) {
    if (!engine_ || version != engine_version_) {
      engine_ = std::make_shared<const std::string>(take(source_.engine(version)));
      engine_version_ = version;
    }
    return engine_;
  }

  static double exact(std::string_view text) {
    double number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size()) bad("rate_tokens");
    return number;
  }

  const DefinitionSource& source_;
  Trace trace_;
  std::vector<Route> routes_;
  std::shared_ptr<const std::string> engine_;
  std::uint64_t engine_version_ = 0;
};

}  // namespace

Result<Trace> read_record(std::string_view text, const DefinitionSource& source) {
  boost::system::error_code wrong;
  const json::value parsed = json::parse({text.data(), text.size()}, wrong);
  if (wrong) return fail(Fault::malformed, "bad trace record: " + wrong.message());
  try {
    return Reader(source).read(parsed.as_object());
  } catch (const BadRecord& found) {
    return tl::unexpected(found.error);
  } catch (const boost::system::system_error& error) {
    // what() has files and lines of the library.
    return fail(Fault::malformed, "bad trace record: " + error.code().message());
  } catch (const std::exception&) {
    return fail(Fault::malformed, "bad trace record: a value is missing or of another kind");
  }
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

}  // namespace postern::policy
