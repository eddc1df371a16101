#include "admin/domains.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "admin/digest.h"
#include "admin/guarded_edit.h"
#include "admin/publisher.h"
#include "base/domain_below.h"
#include "base/text.h"
#include "base/ulid.h"
#include "dns/dns.h"
#include "dns/resolver.h"
#include "mail/address.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using store::WriteOutcome;
constexpr auto& labels = verification_labels;

constexpr std::chrono::hours check_interval{24};
constexpr std::chrono::hours forgiveness{7 * 24};
constexpr std::uint64_t checks_at_a_time = 50;

boost::json::object domain_json(const store::DomainRow& row) {
  return {{"id", row.id},
          {"name", row.name},
          {"account_id", row.account_id},
          {"is_public", false},
          {"verified", row.verified},
          {"verification_token", row.verification_token},
          {"verification_record",
           {{"type", "TXT"},
            {"name", std::string(labels[0]) + row.name},
            {"value", row.verification_token}}},
          {"failing_since", admin::to_json(row.failing_since)},
          {"created_at", to_rfc3339(row.created_at)},
          {"updated_at", to_rfc3339(row.updated_at)}};
}

}  // namespace

void Domains::add_routes(Router& router) {
  const auto add = [&](std::string_view method, std::string_view path, Access access, auto member,
                       Body body = Body::none) {
    router.add(*this, method, path, access, body, member);
  };
  add("GET", "/api/v1/domains", Access::read, &Domains::list);
  add("POST", "/api/v1/domains", Access::write, &Domains::claim, Body::json);
  add("GET", "/api/v1/domains/{id}", Access::read, &Domains::show);
  add("DELETE", "/api/v1/domains/{id}", Access::write, &Domains::give_up);
  add("POST", "/api/v1/domains/{id}/verify", Access::write, &Domains::verify);
  add("GET", "/api/v1/domains/{id}/dns", Access::read, &Domains::dns);
}

store::DomainRow Domains::stored(const Call& call) const {
  return found(core_.deps.store.domain(call.caller.account_id, call.ids[0]));
}

net::HttpResponse Domains::list(const Call& call) const {
  const auto rows = unwrap(core_.deps.store.domains(call.caller.account_id));
  boost::json::array data;
  for (const store::DomainRow& row : rows.rows) data.push_back(domain_json(row));
  return json_response(200, {{"data", std::move(data)}, {"total", rows.total}});
}

net::HttpResponse Domains::claim(const Call& call) const {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 1>{"name"}, {}, "domain");
  check(body);
  const std::string given = required_text(body, "name");
  const Result<mail::Domain> domain = mail::Domain::parse(trim(given));
  if (!domain) throw invalid("name", "is not a domain name");
  if (domain->text().find('.') == std::string::npos)
    throw invalid("name", "needs at least two labels");
  if (IpAddress::parse(domain->text())) throw invalid("name", "is an address, not a domain name");
  if (domain_below(domain->text(), lower(core_.options.public_domain))) {
    throw invalid("name", "belongs to this server");
  }
  store::DomainRow row;
  row.id = new_id("dom_");
  row.account_id = call.caller.account_id;
  row.name = domain->text();
  row.verification_token = "conduit-verify-" + hex_encode(random_bytes(16));
  row.created_at = row.updated_at = call.now;
  const store::AuditRow audit =
      core_.audit(call, "domain.claimed", {{"id", row.id}, {"name", row.name}});
  const WriteOutcome kept = unwrap(core_.deps.store.create_domain(row, &audit));
  if (kept == WriteOutcome::taken) throw conflict("domain_taken", "the domain is claimed already");
  if (kept == WriteOutcome::too_many) throw account_limit();
  if (kept != WriteOutcome::done) throw unauthorized("the account is gone");
  return json_response(201, domain_json(row));
}

net::HttpResponse Domains::show(const Call& call) const {
  return json_response(200, domain_json(stored(call)));
}

Task<Domains::Lookup> Domains::look_up(std::string name, std::string token) {
  Lookup lookup;
  for (const std::string_view label : labels) {
    const dns::Question question{std::string(label) + name, dns::Type::txt};
    const dns::Answer answer = co_await core_.deps.resolver.lookup(question, dns_limit);
    // Compares the whole string: a record that merely quotes the token proves nothing.
    if (std::find(answer.records.begin(), answer.records.end(), token) != answer.records.end()) {
      lookup.found = answer.status == dns::Status::found;
    }
    if (lookup.found) co_return lookup;
    lookup.trouble = lookup.trouble || answer.trouble();
    lookup.said += (lookup.said.empty() ? "" : "; ") + question.name + ": " +
                   std::string(to_string(answer.status));
    for (const std::string& record : answer.records)
      lookup.said += " \"" + printable(record, 100) + "\"";
    if (lookup.said.size() > 1000) lookup.said.resize(1000);
  }
  co_return lookup;
}

Task<net::HttpResponse> Domains::verify(Call& call) {
  auto read = [this](const Call& own) { return stored(own); };
  const store::DomainRow row = co_await core_.disk(call, std::move(read));
  // One below it may have been verified before.
  if (iequals(row.name, core_.options.public_domain)) {
    throw invalid("name", "belongs to this server");
  }
  const Lookup lookup = co_await look_up(row.name, row.verification_token);
  if (!lookup.found) {
    throw Refusal{422,
                  "verification_failed",
                  "the TXT record with the token was not found; DNS said: " + lookup.said,
                  {{"name", "publish " + std::string(labels[0]) + row.name + " TXT \"" +
                                row.verification_token + "\""}},
                  {}};
  }
  auto keep = [this, row](const Call& own) {
    const store::AuditRow audit =
        core_.audit(own, "domain.verified", {{"id", row.id}, {"name", row.name}});
    GuardedEdit guarded(core_);
    guarded.domain(own, row.name, true);
    const store::DomainVerified verified =
        unwrap(core_.deps.publisher.verify_domain(row.account_id, row, own.now, audit));
    if (verified.outcome == WriteOutcome::taken)
      throw conflict("domain_taken", "another account has verified this domain");
    if (verified.outcome != WriteOutcome::done) throw not_found();
    return show(own);
  };
  co_return co_await core_.disk(call, std::move(keep));
}

net::HttpResponse Domains::give_up(const Call& call) const {
  // Before the domain is read: what is proved is what is given up, also if it has just been
  // verified.
  GuardedEdit guarded(core_);
  const store::DomainRow row = stored(call);
  const store::AuditRow audit =
      core_.audit(call, "domain.deleted", {{"id", row.id}, {"name", row.name}});
  if (row.verified) guarded.domain(call, row.name, false);
  const WriteOutcome erased =
      unwrap(core_.deps.publisher.delete_domain(row.account_id, row, audit));
  if (erased == WriteOutcome::in_use)
    throw conflict("conflict", "webhooks have addresses in this domain");
  if (erased != WriteOutcome::done) throw not_found();
  return no_content();
}

Task<void> Domains::recheck(store::Time now) {
  auto read = [&store = core_.deps.store, before = now - check_interval] {
    return store.domains_due(before, checks_at_a_time);
  };
  const std::vector<store::DomainRow> due = co_await core_.disk(own_turn(), std::move(read));
  for (const store::DomainRow& row : due) {
    const Lookup lookup = co_await look_up(row.name, row.verification_token);
    std::optional<store::Time> failing = row.failing_since;
    if (lookup.found) failing.reset();
    // Without an answer from a name server, nothing is known about the record.
    if (!lookup.found && !lookup.trouble && !failing) failing = now;
    const bool verified = !failing || now - *failing < forgiveness;
    auto note = [&publisher = core_.deps.publisher, row, now, failing, verified] {
      return publisher.note_domain_check(row, now, failing, verified);
    };
    co_await core_.disk(own_turn(), std::move(note));
  }
}

}  // namespace postern::admin
