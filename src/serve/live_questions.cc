#include "serve/live_questions.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "base/ulid.h"
#include "serve/decision_lookup.h"
#include "serve/one_time_links.h"

namespace postern::app {

namespace json = boost::json;

namespace {

using Answer = Result<json::object>;

/// Octets of an answer; replay asks for as many records as fit.
constexpr std::size_t most_octets = std::size_t{8} << 20;

/// The arguments of a question, perhaps from a command line of another version.
class Given {
 public:
  explicit Given(const json::object& object) : object_(object) {}

  std::string text(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  std::uint64_t number(std::string_view name, std::uint64_t otherwise = 0) const {
    return optional_number(name).value_or(otherwise);
  }
  std::optional<std::uint64_t> optional_number(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    boost::system::error_code bad;
    const auto number = value ? value->to_number<std::uint64_t>(bad) : 0;
    return value && !bad ? std::optional(number) : std::nullopt;
  }
  std::optional<store::Time> time(std::string_view name) const {
    const auto millis = optional_number(name);
    if (!millis) return std::nullopt;
    return store::from_millis(static_cast<std::int64_t>(*millis));
  }
  bool flag(std::string_view name) const {
    const json::value* value = object_.if_contains(name);
    return value && value->is_bool() && value->get_bool();
  }

 private:
  const json::object& object_;
};

// The inbox

struct Box {
  std::string id;
  std::string address;
  policy::InboxLimits limits;
};

/// The inboxes that `wanted` names by address or webhook id; empty: all.
Result<std::vector<Box>> find_boxes(store::Store& control, const std::string& wanted) {
  std::vector<Box> boxes;
  bool is_webhook = false;
  const Result<void> read = control.each_webhook([&](const store::WebhookRow& row) {
    const bool named = row.id == wanted || iequals(row.address, wanted);
    is_webhook = is_webhook || named;
    if (row.target_url == "inbox" && (wanted.empty() || named)) {
      boxes.push_back({row.id, row.address, row.inbox});
    }
  });
  if (!read) return tl::unexpected(read.error());
  if (!boxes.empty()) return boxes;
  if (wanted.empty()) return fail(Fault::not_found, "no webhook has the target \"inbox\"");
  return fail(Fault::not_found,
              is_webhook
                  ? fmt::format("webhook `{}` does not deliver to the inbox", printable(wanted, 64))
                  : fmt::format("no webhook has the address or id `{}`", printable(wanted, 64)));
}

struct Shown {
  spool::InboxMessage message;
  std::string address;
};

/// The last `limit` messages of one or all inboxes with numbers above `after`, oldest first, and
/// for full inboxes what their owner should know.
Answer inbox(Databases& databases, const Given& given) {
  const auto control = databases.control();
  if (!control) return tl::unexpected(control.error());
  const auto reader = databases.inbox();
  if (!reader) return tl::unexpected(reader.error());
  const auto boxes = find_boxes(**control, given.text("box"));
  if (!boxes) return tl::unexpected(boxes.error());
  const std::uint64_t limit = given.number("limit", 20);
  const std::uint64_t after = given.number("after");
  std::vector<Shown> found;
  json::array full;
  for (const Box& box : *boxes) {
    auto listed = (*reader)->list(box.id, after, {.offset = 0, .limit = limit});
    if (!listed) return tl::unexpected(listed.error());
    for (spool::InboxMessage& message : listed->rows)
      found.push_back({std::move(message), box.address});
    const auto state = (*reader)->state(box.id);
    if (!state) return tl::unexpected(state.error());
    if (!state->full(box.limits)) continue;
    full.push_back(json::object{{"webhook_id", box.id},
                                {"address", box.address},
                                {"messages", state->messages},
                                {"max_messages", box.limits.messages},
                                {"octets", state->octets},
                                {"max_octets", box.limits.octets},
                                {"refused", state->refused}});
  }
  std::ranges::sort(found, {}, [](const Shown& one) { return one.message.sequence; });
  if (found.size() > limit)
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(limit));
  json::array messages;
  for (const auto& [message, address] : found) {
    messages.push_back(json::object{{"number", message.sequence},
                                    {"id", message.id},
                                    {"webhook_id", message.webhook_id},
                                    {"address", address},
                                    {"received_at", store::to_millis(message.received_at)},
                                    {"sender", message.sender},
                                    {"subject", message.subject},
                                    {"payload_size", message.payload_size}});
  }
  return json::object{{"messages", std::move(messages)}, {"full", std::move(full)}};
}

/// A piece of a payload, which may not fit into memory; empty at its end, and if it was deleted in
/// the meantime.
Answer inbox_payload(Databases& databases, const Given& given) {
  const auto reader = databases.inbox();
  if (!reader) return tl::unexpected(reader.error());
  const auto piece =
      (*reader)->piece(given.text("webhook_id"), given.text("id"), given.number("offset"));
  if (!piece) return tl::unexpected(piece.error());
  if (!*piece) return json::object{{"octets", ""}, {"digest", ""}};
  return json::object{{"octets", base64_encode((*piece)->octets)},
                      {"digest", base64_encode((*piece)->digest)}};
}

// Traces

Answer trace(Databases& databases, const Given& given) {
  const auto traces = databases.traces();
  if (!traces) return tl::unexpected(traces.error());
  const auto record = (*traces)->record(given.text("id"));
  if (!record) return tl::unexpected(record.error());
  return json::object{{"record", *record ? json::value(**record) : json::value(nullptr)}};
}

/// The decisions on what another id than that of a trace names.
Answer decisions(Databases& databases, const Given& given) {
  const auto found = decisions_of(databases, given.text("id"));
  if (!found) return tl::unexpected(found.error());
  json::array rows;
  for (const store::TraceRow& row : found->rows) {
    rows.push_back(json::object{{"id", row.id},
                                {"time", store::to_millis(row.time)},
                                {"outcome", row.outcome},
                                {"mail_from", row.mail_from},
                                {"rcpt", row.rcpt},
                                {"code", row.code}});
  }
  return json::object{{"what", to_text(found->kind)}, {"rows", std::move(rows)}};
}

Answer trace_definition(Databases& databases, const Given& given) {
  const auto traces = databases.traces();
  if (!traces) return tl::unexpected(traces.error());
  const auto text = (*traces)->definition(given.text("id"), given.number("version"));
  if (!text) return tl::unexpected(text.error());
  return json::object{{"text", *text}};
}

Answer trace_span(Databases& databases, const Given& given) {
  const auto traces = databases.traces();
  if (!traces) return tl::unexpected(traces.error());
  const auto span = (*traces)->span(given.time("since"), given.optional_number("limit"));
  if (!span) return tl::unexpected(span.error());
  return json::object{{"after", span->after}, {"last", span->last}, {"count", span->count}};
}

/// The oldest records of a span, as many as fit into an answer.
Answer trace_records(Databases& databases, const Given& given) {
  const auto traces = databases.traces();
  if (!traces) return tl::unexpected(traces.error());
  const store::TraceSpan span{
      .after = given.number("after"), .last = given.number("last"), .since = given.time("since")};
  const auto records =
      (*traces)->records(span, std::min<std::uint64_t>(given.number("most"), 1024));
  if (!records) return tl::unexpected(records.error());
  json::array out;
  std::size_t octets = 0;
  for (const store::NumberedRecord& one : *records) {
    octets += one.text.size();
    if (octets > most_octets && !out.empty()) break;
    out.push_back(json::object{{"number", one.number}, {"text", one.text}});
  }
  return json::object{{"records", std::move(out)}};
}

// Accounts

store::AuditRow audit_of(const std::string& team, bool revoke) {
  store::AuditRow row;
  row.id = new_id("al_");
  row.account_id = team;
  row.action = "account.password_changed";
  row.details = json::serialize(json::object{{"by", "postern passwd"}, {"revoked_tokens", revoke}});
  row.actor = "command line";
  row.created_at = store::now();
  return row;
}

Answer make_account(store::Store& store, const std::string& email, Secret hash) {
  store::AccountRow account;
  account.id = new_id("acc_");
  account.email = email;
  account.password_hash = std::move(hash);
  account.created_at = account.updated_at = store::now();
  const Result<store::WriteOutcome> kept = store.create_account(account, nullptr);
  if (!kept) return tl::unexpected(kept.error());
  if (*kept != store::WriteOutcome::done) {
    return fail(Fault::conflict, "another client has just made the account");
  }
  return json::object{{"account_id", account.id}, {"created", true}};
}

/// The argument is the password's hash; the password itself is never sent.
Answer set_password(Databases& databases, const Given& given) {
  const auto control = databases.control();
  if (!control) return tl::unexpected(control.error());
  store::Store& store = **control;
  const std::string email = given.text("email");
  Secret hash(given.text("hash"));
  const bool revoke = given.flag("revoke_tokens");
  if (email.empty() || !hash.reveal().starts_with("$argon2id$")) {
    return fail(Fault::malformed, "an address and the hash of a password are needed");
  }
  const auto account = store.account_by_email(email);
  if (!account) return tl::unexpected(account.error());
  if (!*account) {
    if (given.flag("create")) return make_account(store, email, std::move(hash));
    return fail(Fault::not_found, fmt::format("there is no account `{}`", printable(email, 254)));
  }
  const store::AuditRow audit = audit_of((*account)->team_id, revoke);
  const Result<store::WriteOutcome> kept = store.set_password(
      (*account)->id, hash, revoke ? store::Tokens::revoke : store::Tokens::keep, "", &audit);
  if (!kept) return tl::unexpected(kept.error());
  if (*kept != store::WriteOutcome::done)
    return fail(Fault::conflict, "the account has just been deleted");
  return json::object{{"account_id", (*account)->id}, {"created", false}};
}

/// Where the pages of a link are: `public_url` is from the configuration; empty: the running
/// gateway's.
std::string pages_of(const Databases& databases, const Given& given) {
  std::string url = given.text("public_url");
  if (url.empty()) url = databases.pages();
  return url.empty() ? given.text("otherwise") : url;
}

Answer owner_link(Databases& databases, const Given& given) {
  constexpr std::chrono::minutes lifetime{15};
  const auto control = databases.control();
  if (!control) return tl::unexpected(control.error());
  const auto link = make_owner_link(**control, pages_of(databases, given), lifetime);
  if (!link) return tl::unexpected(link.error());
  if (!*link) {
    return fail(Fault::conflict, "there is an account already");
  }
  return json::object{{"url", (*link)->url},
                      {"expires_at", store::to_millis(*(*link)->expires_at)}};
}

Answer reset_link(Databases& databases, const Given& given) {
  const auto control = databases.control();
  if (!control) return tl::unexpected(control.error());
  const auto link = make_reset_link(**control, given.text("email"), pages_of(databases, given));
  if (!link) return tl::unexpected(link.error());
  return json::object{{"url", link->url}, {"expires_at", store::to_millis(*link->expires_at)}};
}

/// The keys of all accounts or of `domain`, newest first within a domain, without private keys.
Answer dkim_keys(Databases& databases, const Given& given) {
  const auto control = databases.control();
  if (!control) return tl::unexpected(control.error());
  store::Store& store = **control;
  const std::string wanted = given.text("domain");
  json::array out;
  for (store::Page page;; page.offset += page.limit) {
    const auto accounts = store.accounts(page);
    if (!accounts) return tl::unexpected(accounts.error());
    for (const store::AccountRow& account : accounts->rows) {
      const auto domains = store.domains(account.id);
      if (!domains) return tl::unexpected(domains.error());
      for (const store::DomainRow& domain : domains->rows) {
        if (!wanted.empty() && domain.name != wanted) continue;
        const auto keys = store.dkim_keys(account.id, domain.id);
        if (!keys) return tl::unexpected(keys.error());
        for (const store::DkimKeyRow& key : *keys) {
          out.push_back(json::object{{"domain", key.domain},
                                     {"account_id", key.account_id},
                                     {"verified", domain.verified},
                                     {"selector", key.selector},
                                     {"algorithm", key.algorithm},
                                     {"signing", key.signing},
                                     {"record", key.public_record},
                                     {"updated_at", store::to_millis(key.updated_at)}});
        }
      }
    }
    if (page.offset + page.limit >= accounts->total) break;
  }
  return json::object{{"keys", std::move(out)}};
}

/// The verified domains of all accounts.
Answer verified_domains(Databases& databases, const Given&) {
  const auto control = databases.control();
  if (!control) return tl::unexpected(control.error());
  json::array out;
  for (store::Page page;; page.offset += page.limit) {
    const auto accounts = (*control)->accounts(page);
    if (!accounts) return tl::unexpected(accounts.error());
    for (const store::AccountRow& account : accounts->rows) {
      const auto domains = (*control)->domains(account.id);
      if (!domains) return tl::unexpected(domains.error());
      for (const store::DomainRow& domain : domains->rows) {
        if (domain.verified) out.emplace_back(domain.name);
      }
    }
    if (page.offset + page.limit >= accounts->total) break;
  }
  return json::object{{"domains", std::move(out)}};
}

/// What address verification remembers of an address.
Answer verified(Databases& databases, const Given& given) {
  const auto found = databases.verified(given.text("address"));
  if (!found) return tl::unexpected(found.error());
  if (!*found) return json::object{{"result", nullptr}};
  const store::VerifiedRow& row = **found;
  return json::object{{"result", json::object{{"kind", row.kind},
                                              {"why", row.why},
                                              {"found_at", store::to_millis(row.found)}}}};
}

struct Question {
  std::string_view name;
  Answer (*answer)(Databases&, const Given&);
};

constexpr Question live_questions[] = {
    {"inbox", inbox},
    {"inbox-payload", inbox_payload},
    {"trace", trace},
    {"trace-definition", trace_definition},
    {"decisions", decisions},
    {"trace-span", trace_span},
    {"trace-records", trace_records},
    {"set-password", set_password},
    {"reset-link", reset_link},
    {"owner-link", owner_link},
    {"dkim-keys", dkim_keys},
    {"verified-domains", verified_domains},
    {"verified", verified},
};

}  // namespace

Result<json::object> answer_question(std::string_view question, Databases& databases,
                                     const json::object& given) {
  for (const Question& one : live_questions) {
    if (one.name == question) return one.answer(databases, Given(given));
  }
  return fail(
      Fault::malformed,
      fmt::format("the gateway does not know the question `{}`: it has another version, restart it",
                  printable(question, 64)));
}

}  // namespace postern::app
