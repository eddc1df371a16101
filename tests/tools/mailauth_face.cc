// A face for the mailauth library: one JSON request a line on stdin, one JSON answer a line on
// stdout. tests/conformance plays the mailauth suite through it; members are those of the suite's
// cases (tests/suites/mailauth/README.md), `kind` says which.
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include <boost/json.hpp>

#include "base/text.h"
#include "mailauth/ar/strip.h"
#include "mailauth/ar/write.h"
#include "mailauth/arc/seal.h"
#include "mailauth/arc/validate.h"
#include "mailauth/dkim/sign.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/dmarc/from_header.h"
#include "mailauth/spf/check_host.h"
#include "mailauth/testing/zone.h"

namespace {

namespace json = boost::json;
using namespace mailauth;
using mailauth::testing::drive;
using mailauth::testing::SuiteZone;

/// Reports an error to the caller; answer_to() catches it.
[[noreturn]] void refuse(std::string message) { throw std::runtime_error(std::move(message)); }

std::string text(const json::object& from, std::string_view member) {
  return std::string(from.at(member).as_string());
}

std::string octets(const json::object& from, std::string_view member) {
  auto decoded = postern::base64_decode(text(from, member));
  if (!decoded) refuse(std::string(member) + " is no base64");
  return std::move(*decoded);
}

std::vector<std::string> texts(const json::object& from, std::string_view member) {
  std::vector<std::string> out;
  for (const json::value& item : from.at(member).as_array()) out.emplace_back(item.as_string());
  return out;
}

template <class Number>
std::optional<Number> number(const json::object& from, std::string_view member) {
  const json::value* found = from.if_contains(member);
  if (found == nullptr || found->is_null()) return std::nullopt;
  return found->to_number<Number>();
}

SuiteZone zone_of(const json::object& request) {
  const json::value* dns = request.if_contains("dns");
  return dns == nullptr ? SuiteZone() : SuiteZone(dns->as_object());
}

std::string base64(const dkim::Digest& digest) {
  return postern::base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

json::object spf_answer(const json::object& request) {
  const auto client = postern::IpAddress::parse(text(request, "ip"));
  if (!client) refuse("ip is no address");
  const spf::Result result = drive(
      spf::check_host(
          {.client = *client,
           .helo = text(request, "helo"),
           .mail_from = text(request, "mailfrom")},
          {.receiver = "mx.example.org", .now = number<std::int64_t>(request, "now").value_or(0)}),
      zone_of(request));
  return {{"result", spf::to_string(result.status)},
          {"explanation", result.explanation},
          {"domain", result.domain},
          {"mechanism", result.mechanism},
          {"reason", result.reason},
          {"queries", result.queries}};
}

json::object dkim_answer(const json::object& request) {
  const dkim::Results results =
      drive(dkim::verify_message(octets(request, "message_b64"),
                                 number<std::int64_t>(request, "now").value_or(0)),
            zone_of(request));
  json::array signatures;
  for (const dkim::SignatureResult& result : results.signatures) {
    signatures.push_back(json::object{{"result", dkim::to_text(result.status)},
                                      {"reason", dkim::to_text(result.reason)},
                                      {"domain", result.signature.domain},
                                      {"selector", result.signature.selector},
                                      {"bh", postern::base64_encode(result.signature.body_hash)},
                                      {"unsigned_octets", result.unsigned_octets},
                                      {"acceptable", result.acceptable}});
  }
  return {{"overall", dkim::to_text(results.overall())}, {"signatures", std::move(signatures)}};
}

json::object canonical_answer(const json::object& request) {
  const std::string input = octets(request, "input_b64");
  const bool is_body = text(request, "part") == "body";
  json::object out;
  for (const auto& [form, name] :
       {std::pair{dkim::Canonicalization::simple, std::string("simple")},
        std::pair{dkim::Canonicalization::relaxed, std::string("relaxed")}}) {
    if (is_body) {
      dkim::BodyHasher hasher(form);
      hasher.feed(input);
      hasher.finish();
      out[name + "_b64"] = postern::base64_encode(dkim::canonical_body(form, input));
      out[name + "_sha256"] = base64(hasher.digest());
      continue;
    }
    std::string fields;
    const HeaderView header = HeaderView::parse(input);
    for (const FieldView& field : header.fields()) {
      dkim::append_field(form, field, fields);
    }
    out[name + "_b64"] = postern::base64_encode(fields);
  }
  return out;
}

dkim::SigningKey key_of(const std::string& pem) {
  auto key = dkim::SigningKey::from_pem(postern::Secret(pem));
  if (!key) refuse(key.error().message);
  return std::move(*key);
}

json::object sign_answer(const json::object& request) {
  dkim::SignOptions options;
  const auto forms = dkim::parse_forms(text(request, "canonicalization"));
  if (!forms) refuse("canonicalization is unknown");
  options.forms = *forms;
  options.signed_at = number<std::int64_t>(request, "timestamp");
  options.length = number<std::uint64_t>(request, "body_length");
  options.fields = texts(request, "headers");
  std::string fields;
  const std::string message = octets(request, "message_b64");
  for (const json::value& item : request.at("keys").as_array()) {
    const json::object& one = item.as_object();
    const dkim::SigningKey key = key_of(text(one, "pem"));
    options.domain = text(one, "domain");
    const auto added = dkim::sign_message({{&key, text(one, "selector")}}, options, message);
    if (!added) refuse(added.error().message);
    fields += *added;
  }
  return {{"fields", fields}};
}

json::object arc_validate_answer(const json::object& request) {
  const std::string message = octets(request, "message_b64");
  const arc::Verdict verdict = drive(
      arc::validate(message, {.now = number<std::int64_t>(request, "now")}), zone_of(request));
  json::array sealers;
  for (const std::string& domain : verdict.sealers) sealers.emplace_back(domain);
  return {{"result", arc::to_text(verdict.status)},
          {"reason", arc::to_text(verdict.trouble.reason)},
          {"detail", dkim::to_text(verdict.trouble.detail)},
          {"instance", verdict.instance},
          {"oldest_pass", verdict.oldest_pass},
          {"sealers", std::move(sealers)}};
}

json::object arc_sign_answer(const json::object& request) {
  const std::string message = octets(request, "message_b64");
  arc::Validator validator({.now = number<std::int64_t>(request, "now")});
  HeaderCollector collector;
  dkim::BodyHasher body(dkim::Canonicalization::relaxed);
  validator.feed(message);
  validator.finish();
  body.feed(std::string_view(message).substr(collector.feed(message)));
  body.finish();
  const arc::Verdict verdict = drive(validator.evaluate(), zone_of(request));
  const std::string id = text(request, "authserv_id");
  const auto added = arc::seal(key_of(text(request, "private_key")),
                               {.domain = text(request, "domain"),
                                .selector = text(request, "selector"),
                                .time = number<std::int64_t>(request, "timestamp").value_or(0),
                                .fields = texts(request, "headers")},
                               validator.header(), body, verdict,
                               arc::gathered_results(validator.header(), ar::OwnIds({id}), id));
  if (!added) refuse(added.error().message);
  const arc::SealFields fields = added->value_or(arc::SealFields{});
  const auto body_of = [](const std::string& field) { return field.substr(field.find(':') + 1); };
  return {{"arc_seal", body_of(fields.seal)},
          {"arc_message_signature", body_of(fields.message_signature)},
          {"arc_authentication_results", body_of(fields.authentication_results)}};
}

dmarc::Identifier identifier(const json::object& said) {
  dmarc::Identifier out{.domain = text(said, "domain")};
  const std::string result = text(said, "result");
  if (result == "pass") out.outcome = dmarc::Identifier::Outcome::pass;
  if (result == "temperror") out.outcome = dmarc::Identifier::Outcome::temperror;
  return out;
}

json::object dmarc_answer(const json::object& request) {
  dmarc::Request about{.from_domain = text(request, "from_domain")};
  const json::object& said = request.at("spf").as_object();
  // RFC 7489 §3.1.2: a HELO identity does not count.
  if (text(said, "identity") == "mailfrom") about.spf = identifier(said);
  for (const json::value& item : request.at("dkim").as_array()) {
    about.dkim.push_back(identifier(item.as_object()));
  }
  std::string rules;
  for (const std::string& rule : texts(request, "public_suffix_rules")) rules += rule + '\n';
  const SuffixList suffixes = SuffixList::from_rules(rules);
  std::vector<Question> asked;
  const bool walk = text(request, "mode") == "rfc9989";
  const dmarc::Result result = drive(
      dmarc::evaluate(about, {.mode = walk ? dmarc::Mode::tree_walk : dmarc::Mode::public_suffix,
                              .draw = number<unsigned>(request, "random"),
                              .suffixes = &suffixes}),
      zone_of(request), &asked);
  json::array queries;
  for (const Question& question : asked) {
    if (question.name.starts_with("_dmarc.")) queries.emplace_back(question.name);
  }
  return {{"result", dmarc::to_string(result.status)},
          {"policy", dmarc::to_string(result.policy)},
          {"disposition", dmarc::to_string(result.disposition)},
          {"record_domain", result.record_domain},
          {"org_domain", result.org_domain},
          {"spf_aligned", result.spf_aligned},
          {"dkim_aligned", result.dkim_aligned},
          {"queries", std::move(queries)},
          {"reason", result.reason}};
}

json::object from_answer(const json::object& request) {
  const std::vector<std::string> fields = texts(request, "headers");
  const dmarc::Author author =
      dmarc::author_of(std::vector<std::string_view>(fields.begin(), fields.end()));
  json::array domains;
  for (const std::string& domain : author.domains) domains.emplace_back(domain);
  return {{"domains", std::move(domains)},
          {"valid", author.valid},
          {"fault", dmarc::to_string(author.fault)}};
}

json::object parse_answer(const json::object& request) {
  const auto parsed = ar::parse(text(request, "header"));
  if (!parsed) return {{"valid", false}, {"reason", parsed.error().message}};
  json::array results;
  for (const ar::MethodResult& result : parsed->results) {
    json::array properties;
    for (const ar::Property& property : result.properties) {
      properties.push_back(json::object{
          {"ptype", property.ptype}, {"property", property.property}, {"value", property.value}});
    }
    results.push_back(
        json::object{{"method", result.method},
                     {"version", result.version},
                     {"result", result.result},
                     {"reason", result.reason ? json::value(*result.reason) : json::value(nullptr)},
                     {"properties", std::move(properties)}});
  }
  return {{"valid", true},
          {"authserv_id", parsed->authserv_id},
          {"version", parsed->version},
          {"results", std::move(results)}};
}

json::object strip_answer(const json::object& request) {
  const ar::OwnIds own(texts(request, "own_authserv_ids"));
  return {{"remove", ar::must_remove(text(request, "header"), own)}};
}

json::object write_answer(const json::object& request) {
  ar::AuthenticationResults results{.authserv_id = text(request, "authserv_id")};
  for (const json::value& item : request.at("results").as_array()) {
    const json::object& from = item.as_object();
    ar::MethodResult& result = results.results.emplace_back();
    result.method = text(from, "method");
    result.version = number<std::uint32_t>(from, "version").value_or(1);
    result.result = text(from, "result");
    if (from.contains("reason") && from.at("reason").is_string()) {
      result.reason = text(from, "reason");
    }
    for (const json::value& property : from.at("properties").as_array()) {
      const json::object& one = property.as_object();
      result.properties.push_back({.ptype = text(one, "ptype"),
                                   .property = text(one, "property"),
                                   .value = text(one, "value")});
    }
  }
  return {{"text", ar::write(results)}};
}

const std::map<std::string, json::object (*)(const json::object&), std::less<>> kinds = {
    {"spf", spf_answer},
    {"dkim", dkim_answer},
    {"dkim-canon", canonical_answer},
    {"dkim-sign", sign_answer},
    {"arc-validate", arc_validate_answer},
    {"arc-sign", arc_sign_answer},
    {"dmarc", dmarc_answer},
    {"from", from_answer},
    {"ar-parse", parse_answer},
    {"ar-strip", strip_answer},
    {"ar-write", write_answer},
};

json::object answer_to(const std::string& line) {
  try {
    const json::value request = json::parse(line);
    const auto kind = kinds.find(text(request.as_object(), "kind"));
    if (kind == kinds.end()) return {{"error", "unknown kind"}};
    return kind->second(request.as_object());
  } catch (const std::exception& trouble) {
    return {{"error", trouble.what()}};
  }
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << json::serialize(answer_to(line)) << std::endl;
  }
}
