#include "admin/domains.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "admin/digest.h"
#include "admin/publisher.h"
#include "base/domain_below.h"
#include "base/text.h"
#include "base/ulid.h"
#include "mail/address.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;
using store::Outcome;
constexpr auto& labels = verification_labels;

constexpr std::chrono::seconds dns_limit{5};
constexpr std::chrono::hours check_interval{24};
constexpr std::chrono::hours forgiveness{7 * 24};
constexpr std::uint64_t checks_at_a_time = 50;

boost::json::object to_json(const store::DomainRow& row) {
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
    router.add(
        {method, path, access, body, [this, member](Call& call) { return (this->*member)(call); }});
  };
  add("GET", "/api/v1/domains", Access::read, &Domains::list);
  add("POST", "/api/v1/domains", Access::write, &Domains::claim, Body::json);
  add("GET", "/api/v1/domains/{id}", Access::read, &Domains::show);
  add("DELETE", "/api/v1/domains/{id}", Access::write, &Domains::give_up);
  add("POST", "/api/v1/domains/{id}/verify", Access::write, &Domains::verify);
  add("GET", "/api/v1/domains/{id}/dns", Access::read, &Domains::dns);
}

Task<store::DomainRow> Domains::stored(const Call& call) {
  auto look = [&store = core_.deps.store, account = call.caller.account_id, id = call.ids[0]] {
    return store.domain(account, id);
  };
  std::optional<store::DomainRow> row = co_await core_.disk(call, std::move(look));
  if (!row) throw not_found();
  co_return std::move(*row);
}

Task<net::HttpResponse> Domains::list(Call& call) {
  auto read = [&store = core_.deps.store, account = call.caller.account_id] {
    return store.domains(account);
  };
  const store::Listed<store::DomainRow> rows = co_await core_.disk(call, std::move(read));
  boost::json::array data;
  for (const store::DomainRow& row : rows.rows) data.push_back(to_json(row));
  co_return json_response(200, {{"data", std::move(data)}, {"total", rows.total}});
}

Task<net::HttpResponse> Domains::claim(Call& call) {
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
  auto keep = [&store = core_.deps.store, row,
               audit = core_.audit(call, "domain.claimed", {{"id", row.id}, {"name", row.name}})] {
    return store.create_domain(row, &audit);
  };
  const Outcome kept = co_await core_.disk(call, std::move(keep));
  if (kept == Outcome::taken) throw conflict("domain_taken", "the domain is claimed already");
  if (kept == Outcome::too_many) throw account_limit();
  if (kept != Outcome::done) throw unauthorized("the account is gone");
  co_return json_response(201, to_json(row));
}

Task<net::HttpResponse> Domains::show(Call& call) {
  const store::DomainRow row = co_await stored(call);
  co_return json_response(200, to_json(row));
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
  store::DomainRow row = co_await stored(call);
  const Lookup lookup = co_await look_up(row.name, row.verification_token);
  if (!lookup.found) {
    throw Refusal{422,
                  "verification_failed",
                  "the TXT record with the token was not found; DNS said: " + lookup.said,
                  {{"name", "publish " + std::string(labels[0]) + row.name + " TXT \"" +
                                row.verification_token + "\""}},
                  {}};
  }
  auto keep = [&publisher = core_.deps.publisher, row, now = call.now,
               audit = core_.audit(call, "domain.verified", {{"id", row.id}, {"name", row.name}})] {
    return publisher.verify_domain(row.account_id, row, now, audit);
  };
  const store::DomainVerified verified = co_await core_.disk(call, std::move(keep));
  if (verified.outcome == Outcome::taken)
    throw conflict("domain_taken", "another account has verified this domain");
  if (verified.outcome != Outcome::done) throw not_found();
  row = co_await stored(call);
  co_return json_response(200, to_json(row));
}

Task<net::HttpResponse> Domains::give_up(Call& call) {
  const store::DomainRow row = co_await stored(call);
  auto erase = [&publisher = core_.deps.publisher, row,
                audit = core_.audit(call, "domain.deleted", {{"id", row.id}, {"name", row.name}})] {
    return publisher.delete_domain(row.account_id, row, audit);
  };
  const Outcome erased = co_await core_.disk(call, std::move(erase));
  if (erased == Outcome::in_use)
    throw conflict("conflict", "webhooks have addresses in this domain");
  if (erased != Outcome::done) throw not_found();
  co_return no_content();
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
