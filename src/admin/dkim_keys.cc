#include "admin/dkim_keys.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>
#include <openssl/evp.h>
#include <boost/json.hpp>

#include "admin/domains.h"
#include "admin/publisher.h"
#include "base/text.h"
#include "dns/dns.h"
#include "dns/resolver.h"
#include "mailauth/dkim/key_record.h"
#include "mailauth/dkim/sign.h"
#include "mailauth/names.h"
#include "store/store.h"

namespace postern::admin {
namespace {

namespace dkim = mailauth::dkim;
using dialect::webhook::BodyReader;
using store::WriteOutcome;

/// Two algorithms with an old and a new key each, and a reserve.
constexpr std::uint64_t max_keys = 10;
constexpr std::size_t max_pem = std::size_t{16} * 1024;
constexpr std::array<std::string_view, 2> dkim_algorithms = {"rsa-sha256", "ed25519-sha256"};
constexpr std::array<std::string_view, 2> key_states = {"published", "signing"};

boost::json::object key_json(const store::DkimKeyRow& row) {
  return {{"selector", row.selector},
          {"algorithm", row.algorithm},
          {"state", key_states[row.signing ? 1 : 0]},
          {"record", {{"type", "TXT"}, {"name", record_name(row)}, {"value", row.public_record}}},
          {"created_at", to_rfc3339(row.created_at)},
          {"updated_at", to_rfc3339(row.updated_at)}};
}

/// Selectors are one or more labels (RFC 6376 §3.1), which must fit in front of the domain.
std::string checked_selector(std::string_view given, const std::string& domain) {
  const auto name = mailauth::normalize_domain(given);
  if (!name || !is_ascii(given)) throw invalid("selector", "is not a name of DNS labels");
  if (name->size() + domain.size() + std::string_view("._domainkey.").size() > 253)
    throw invalid("selector", "is too long for this domain");
  return *name;
}

/// What a request asks for. The key is made on a worker thread, because RSA takes long.
struct WantedKey {
  std::string algorithm;
  std::optional<Secret> pem;
};

Result<dkim::SigningKey> make_key(const WantedKey& wanted) {
  if (wanted.pem) return dkim::SigningKey::from_pem(*wanted.pem);
  return wanted.algorithm == dkim_algorithms[1] ? dkim::SigningKey::generate_ed25519()
                                                : dkim::SigningKey::generate_rsa();
}

WantedKey wanted_key(BodyReader& body) {
  WantedKey wanted;
  const auto algorithm = body.word("algorithm", dkim_algorithms);
  auto pem = body.text("private_key");
  if (pem && algorithm) body.error("algorithm", "follows from private_key; give only one of them");
  if (pem && pem->size() > max_pem) body.error("private_key", "is too long for a key");
  wanted.algorithm = algorithm.value_or(std::string(dkim_algorithms[0]));
  if (pem) wanted.pem = Secret(std::move(*pem));
  return wanted;
}

}  // namespace

std::string record_name(const store::DkimKeyRow& row) {
  return row.selector + "._domainkey." + row.domain;
}

bool is_record_of(const store::DkimKeyRow& key, std::string_view record) {
  const auto ours = dkim::parse_key_record(key.public_record);
  const auto theirs = dkim::parse_key_record(record);
  const auto algorithm = dkim::parse_algorithm(key.algorithm);
  return ours && theirs && algorithm && EVP_PKEY_eq(ours->key.get(), theirs->key.get()) == 1 &&
         dkim::key_trouble(*theirs, *algorithm) == dkim::Reason::ok;
}

void DkimKeys::add_routes(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, auto member,
                       Body body = Body::none) {
    router.add(*this, method, path, access, body, member);
  };
  constexpr std::string_view all = "/api/v1/domains/{id}/dkim-keys";
  constexpr std::string_view one = "/api/v1/domains/{id}/dkim-keys/{selector}";
  add("GET", all, Access::read, &DkimKeys::list);
  add("POST", all, Access::write, &DkimKeys::add, Body::json);
  add("PUT", one, Access::write, &DkimKeys::change, Body::json);
  add("DELETE", one, Access::write, &DkimKeys::remove);
}

store::DomainRow DkimKeys::domain_of(const Call& call) const {
  return found(core_.deps.store.domain(call.caller.account_id, call.ids[0]));
}

store::DkimKeyRow DkimKeys::stored(const Call& call) const {
  const auto keys = unwrap(core_.deps.store.dkim_keys(call.caller.account_id, call.ids[0]));
  const auto key = std::ranges::find(keys, lower(call.ids[1]), &store::DkimKeyRow::selector);
  if (key == keys.end()) throw not_found();
  return *key;
}

net::HttpResponse DkimKeys::list(const Call& call) const {
  const store::DomainRow domain = domain_of(call);
  const auto keys = unwrap(core_.deps.store.dkim_keys(domain.account_id, domain.id));
  boost::json::array data;
  for (const store::DkimKeyRow& key : keys) data.push_back(key_json(key));
  return json_response(200, {{"data", std::move(data)}, {"total", keys.size()}});
}

Task<net::HttpResponse> DkimKeys::add(Call& call) {
  auto look = [this](const Call& own) { return domain_of(own); };
  const store::DomainRow domain = co_await core_.disk(call, std::move(look));
  if (!domain.verified) throw conflict("domain_not_verified", "verify the domain first");
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 3>{"selector", "algorithm", "private_key"}, {},
                      "DKIM key");
  const std::string given = required_text(body, "selector");
  WantedKey wanted = wanted_key(body);
  check(body);
  store::DkimKeyRow row;
  row.selector = checked_selector(given, domain.name);
  const bool uploaded = wanted.pem.has_value();
  auto work = [wanted = std::move(wanted)] { return make_key(wanted); };
  auto made = co_await core_.hash(turn_of(call), std::move(work));
  if (!made) throw busy();
  if (!*made && uploaded)
    throw invalid("private_key",
                  "is not an unencrypted PEM key: RSA of 1024 to 4096 bits, or "
                  "Ed25519");
  if (!*made) throw unavailable("no key could be made");

  row.domain_id = domain.id;
  row.domain = domain.name;
  row.account_id = domain.account_id;
  row.algorithm = dkim::to_text((**made).algorithm());
  row.private_key = (**made).private_pem();
  row.public_record = (**made).public_record();
  row.created_at = row.updated_at = call.now;
  auto keep = [this, row](const Call& own) {
    const store::AuditRow audit =
        core_.audit(own, "dkim_key.added", {{"domain", row.domain}, {"selector", row.selector}});
    return core_.deps.store.create_dkim_key(row, max_keys, &audit);
  };
  const WriteOutcome kept = co_await core_.disk(call, std::move(keep));
  if (kept == WriteOutcome::taken)
    throw conflict("conflict", "the domain has a key under this selector");
  if (kept == WriteOutcome::in_use)
    throw conflict("conflict", fmt::format("a domain has at most {} keys", max_keys));
  if (kept != WriteOutcome::done) throw not_found();
  co_return json_response(201, key_json(row));
}

Task<void> DkimKeys::require_record(store::DkimKeyRow key) {
  const dns::Question question{record_name(key), dns::Type::txt};
  const dns::Answer answer = co_await core_.deps.resolver.lookup(question, dns_limit);
  for (const std::string& record : answer.records) {
    if (is_record_of(key, record)) co_return;
  }
  std::string said(to_string(answer.status));
  for (const std::string& record : answer.records) said += " \"" + printable(record, 100) + "\"";
  throw Refusal{422,
                "dkim_record_missing",
                "the key's TXT record was not found; DNS said: " + said,
                {{"state", "publish " + question.name + " TXT \"" + key.public_record + "\""}},
                {}};
}

Task<net::HttpResponse> DkimKeys::change(Call& call) {
  auto look = [this](const Call& own) { return std::pair{domain_of(own), stored(own)}; };
  auto [domain, row] = co_await core_.disk(call, std::move(look));
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 2>{"state", "skip_dns_check"}, {}, "DKIM key");
  const auto state = body.word("state", key_states);
  const bool unchecked = body.boolean("skip_dns_check").value_or(false);
  if (!state && body.find("state") == nullptr) body.missing("state", "is needed");
  check(body);
  row.signing = *state == key_states[1];
  if (row.signing) {
    if (!domain.verified) throw conflict("domain_not_verified", "verify the domain first");
    if (!unchecked) co_await require_record(row);
  }
  row.updated_at = call.now;
  auto keep = [&publisher = core_.deps.publisher, domain, row,
               audit = core_.audit(
                   call, "dkim_key.changed",
                   {{"domain", row.domain}, {"selector", row.selector}, {"state", *state}})] {
    return publisher.set_dkim_key_signing(domain, row.selector, row.signing, row.updated_at, audit);
  };
  if (co_await core_.disk(call, std::move(keep)) != WriteOutcome::done) throw not_found();
  co_return json_response(200, key_json(row));
}

net::HttpResponse DkimKeys::remove(const Call& call) const {
  const store::DkimKeyRow row = stored(call);
  const store::AuditRow audit =
      core_.audit(call, "dkim_key.deleted", {{"domain", row.domain}, {"selector", row.selector}});
  const WriteOutcome erased =
      unwrap(core_.deps.store.delete_dkim_key(row.account_id, row.domain_id, row.selector, &audit));
  if (erased == WriteOutcome::in_use)
    throw conflict("conflict", "the key signs; set its state to published first");
  if (erased != WriteOutcome::done) throw not_found();
  return no_content();
}

}  // namespace postern::admin
