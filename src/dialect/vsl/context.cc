#include "dialect/vsl/context.h"

#include "base/text.h"
#include "dialect/vsl/machine.h"
#include "mailauth/ar/strip.h"
#include "policy/memory.h"
#include "script/runtime.h"

namespace postern::dialect::vsl {

namespace {

using Mailboxes = std::vector<mail::Mailbox>;

/// Appends the message's fields to those that rules added before it arrived.
void read_header(Draft& draft, std::string_view message) {
  std::size_t body = 0;
  std::vector<Draft::Field> fields = mail::fields_of(message, body);
  erase_results(fields, draft.results_of);
  std::size_t octets = 0;
  for (const Draft::Field& field : fields) octets += policy::memory_of(field);
  draft.take(octets);
  draft.header.insert(draft.header.end(), std::make_move_iterator(fields.begin()),
                      std::make_move_iterator(fields.end()));
}

}  // namespace

std::string mailbox_key(const mail::Mailbox& mailbox) { return lower(mailbox.text()); }

void Draft::charge_to(std::shared_ptr<MemoryBudget> budget) {
  if (budget_ || !budget) return;
  budget_ = std::move(budget);
  charge_ = MemoryCharge(*budget_);
}

void Draft::take(std::size_t octets) {
  if (charge_.set(octets_ + octets)) {
    octets_ += octets;
    return;
  }
  (void)charge_.set(octets_);
  throw script::MemoryUsedUp();
}

void Draft::recount() {
  octets_ = 0;
  for (const Field& field : header) octets_ += policy::memory_of(field);
  for (const mail::Mailbox& one : added) octets_ += policy::memory_of(one);
  if (base) {
    for (const mail::Mailbox& one : *base) octets_ += policy::memory_of(one);
  }
  for (const auto* copy : {&base_copy, &published}) {
    if (*copy) octets_ += policy::memory_of(**copy);
  }
  (void)charge_.set(octets_);  // the values exist: they count even without room
}

bool Site::is_local(std::string_view domain_name) const {
  const auto normal = mail::Domain::parse(domain_name);
  const std::string name = normal ? normal->text() : lower(domain_name);
  return !name.empty() && (iequals(name, domain) || virtual_domains.contains(name));
}

const Site& site_of(script::Call& call) {
  if (const Context* context = call.context<Context>()) return context->site;
  const Site* site = call.state().user<Machine>().site;
  script::demand(site != nullptr, "only available inside a rule or an action");
  return *site;
}

const std::string& message_id_of(const Context& context) {
  return context.draft.id.empty() ? context.evidence.session.id : context.draft.id;
}

std::optional<mail::Mailbox> sender_of(const Context& context) {
  if (context.stage < policy::Stage::mail) too_early("mail_from", "mail");
  return context.draft.sender_changed ? context.draft.sender : context.evidence.reverse_path;
}

Mailboxes recipients_before(const Draft& draft, const policy::Evidence& evidence) {
  if (draft.base) return *draft.base;
  Mailboxes all;
  for (const policy::Recipient& one : evidence.recipients) all.push_back(one.address);
  return all;
}

Mailboxes recipients_after(const Draft& draft, const policy::Evidence& evidence) {
  Mailboxes left;
  std::set<std::string> seen;
  const auto add = [&](const mail::Mailbox& one, bool may_be_removed) {
    std::string key = mailbox_key(one);
    if (may_be_removed && draft.removed.contains(key)) return;
    if (seen.insert(std::move(key)).second) left.push_back(one);
  };
  for (const mail::Mailbox& one : recipients_before(draft, evidence)) add(one, true);
  for (const mail::Mailbox& one : draft.added) add(one, false);
  return left;
}

Mailboxes recipients_of(const Context& context) {
  Mailboxes all = recipients_after(context.draft, context.evidence);
  const auto& candidate = context.evidence.candidate;
  if (context.stage != policy::Stage::rcpt || !candidate) return all;
  const std::string key = mailbox_key(candidate->address);
  if (context.draft.removed.contains(key)) return all;
  std::erase_if(all, [&](const mail::Mailbox& one) { return mailbox_key(one) == key; });
  all.push_back(candidate->address);
  return all;
}

Draft& draft_with_message(Context& context) {
  Draft& draft = context.draft;
  if (context.stage < policy::Stage::message) too_early("mail", "preq");
  if (draft.has_message) return draft;
  const auto message = context.inquiry.message();
  // A replay has no message, but the record has what was read of it.
  if (message) {
    read_header(draft, *message);
  } else if (!context.inquiry.tape.playing) {
    throw std::runtime_error("the message is not there");
  }
  draft.has_message = true;
  return draft;
}

void prepend_field(Draft& draft, std::string_view name, std::string_view value) {
  Result<Draft::Field> field = mail::header_field(name, value);
  if (!field) throw std::runtime_error(field.error().message);
  insert_field(draft, draft.header.begin(), std::move(*field));
}

void insert_field(Draft& draft, std::vector<Draft::Field>::iterator where, Draft::Field field) {
  draft.take(policy::memory_of(field));
  draft.header.insert(where, std::move(field));
  draft.header_changed = true;
}

void erase_results(std::vector<Draft::Field>& fields, const std::set<std::string>& names) {
  if (names.empty()) return;
  const mailauth::ar::OwnIds own(std::vector<std::string>(names.begin(), names.end()));
  std::erase_if(fields, [&](const Draft::Field& field) {
    return iequals(field.name, "Authentication-Results") &&
           mailauth::ar::must_remove(field.raw_value(), own);
  });
}

void too_early(std::string_view field, std::string_view stage) {
  throw std::runtime_error("the field: `" + std::string(field) +
                           "` is not defined yet, it only is available from the `" +
                           std::string(stage) + "` stage");
}

}  // namespace postern::dialect::vsl
