#include "policy/memory.h"
#include "mail/header_fields.h"
#include "policy/trace.h"

namespace postern::policy {

namespace {

/// Overhead of an allocation.
constexpr std::size_t overhead = 16;

/// Heap memory of a string.
std::size_t held(const std::string& text) {
  static const std::size_t inside = std::string().capacity();
  return text.capacity() > inside ? text.capacity() + overhead : 0;
}

std::size_t held(const std::optional<std::string>& text) { return text ? held(*text) : 0; }

std::size_t held(const mail::Mailbox& address) {
  return held(address.local_part) + held(address.domain);
}

std::size_t held(const smtp::Reply& reply) { return held(reply.text); }

std::size_t held(const Recipient& recipient) {
  return held(recipient.address) + held(recipient.route.tag) + held(recipient.notify) +
         held(recipient.orcpt) + (recipient.transport ? held(recipient.transport->target) : 0);
}

}  // namespace

// Twice their own size: they are in vectors, which grow by doubling.

std::size_t memory_of(const mail::Mailbox& address) { return 2 * sizeof address + held(address); }

std::size_t memory_of(const mail::HeaderField& field) {
  return 2 * sizeof field + held(field.name) + held(field.text);
}

std::size_t memory_of(const Recipient& recipient) {
  return 2 * sizeof(Recipient) + held(recipient);
}

std::size_t memory_of(const DnsRecord& record) {
  std::size_t octets = 2 * sizeof(DnsRecord) + held(record.question.name) +
                       held(record.answer.canonical_name) +
                       record.answer.records.capacity() * sizeof(std::string) + overhead;
  for (const std::string& one : record.answer.records) octets += held(one);
  return octets;
}

std::size_t memory_of(const Consultation& consultation) {
  // In the index of Consultations: a node and its bucket; for an address also its own list.
  constexpr std::size_t by_request = 48 + overhead;
  const std::size_t by_address =
      is_verification(consultation.service) ? 160 + held(consultation.request) : 0;
  return 2 * sizeof(Consultation) + held(consultation.service) + held(consultation.request) +
         held(consultation.answer) + by_request + by_address;
}

std::size_t memory_of(const Decision& decision) {
  std::size_t octets = 2 * sizeof(Decision) + held(decision.recipient) + held(decision.reply) +
                       held(decision.quarantine) + held(decision.script) +
                       decision.steps.capacity() * sizeof(Step) + overhead;
  for (const Step& step : decision.steps) {
    octets += held(step.origin) + held(step.verdict.reply) + held(step.verdict.detail) +
              held(step.spent) + held(step.key);
  }
  octets += decision.effects.capacity() * sizeof(EffectNote);
  for (const EffectNote& effect : decision.effects) octets += held(effect.place) + held(effect.why);
  if (decision.permit) octets += held(*decision.permit);
  if (decision.candidate) octets += held(*decision.candidate);
  if (decision.login) {
    octets += held(decision.login->authz_id) + held(decision.login->authn_id) +
              held(decision.login->script);
  }
  return octets;
}

std::size_t memory_of(const boost::json::value& value) {
  std::size_t octets = sizeof value;
  if (const auto* text = value.if_string()) {
    octets += text->capacity() + overhead;
  } else if (const auto* list = value.if_array()) {
    for (const auto& one : *list) octets += memory_of(one);
  } else if (const auto* members = value.if_object()) {
    for (const auto& one : *members) {
      octets += sizeof one + one.key().size() + overhead + memory_of(one.value());
    }
  }
  return octets;
}

std::size_t memory_of(const ScriptCopy& copy) {
  std::size_t octets = 2 * sizeof(ScriptCopy) + held(copy.text) + held(copy.header) +
                       copy.recipients.capacity() * sizeof(std::size_t);
  for (const auto& value : copy.meta) {
    octets += value.key().size() + 2 * overhead + memory_of(value.value());
  }
  for (const mail::Mailbox& address : copy.forward_paths) octets += sizeof address + held(address);
  return octets;
}

}  // namespace postern::policy
