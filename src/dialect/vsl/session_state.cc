#include "dialect/vsl/session_state.h"

#include <algorithm>

#include "base/json_text.h"
#include "base/text.h"
#include "mail/header_section.h"
#include "policy/inquiry.h"

namespace postern::dialect::vsl {

namespace {

json::value skip_json(const std::optional<Status>& skip) {
  if (!skip) return nullptr;
  return skip->kind == Status::Kind::quarantine ? json::value(skip->queue) : json::value(true);
}

std::optional<Status> skip_of(const json::object& state, std::string_view key) {
  const json::value* given = state.if_contains(key);
  if (given == nullptr || given->is_null()) return std::nullopt;
  Status status;
  status.kind = given->is_string() ? Status::Kind::quarantine : Status::Kind::faccept;
  if (given->is_string()) status.queue = given->get_string();
  return status;
}

mail::Mailbox mailbox_of(const json::value& value) {
  return {std::string(value.at(0).as_string()), std::string(value.at(1).as_string())};
}

json::value mailbox_json(const mail::Mailbox& mailbox) {
  return json::array{json::value(mailbox.local_part), json::value(mailbox.domain)};
}

}  // namespace

Held held_of(policy::Inquiry& inquiry, const std::shared_ptr<const VslPolicy>& current) {
  static_assert(std::copy_constructible<Session>, "a refused HELO must change only a copy");
  auto& session = inquiry.session().kept.of<Session>();
  if (!session.program) session.program = current;
  const auto& policy = *static_cast<const VslPolicy*>(session.program.get());
  auto& draft = inquiry.memory().of<Draft>();
  draft.charge_to(policy.world().memory());
  return {session, draft, policy};
}

std::string state_line(const Session& session, const Draft& draft) {
  JsonText line;
  line.begin_object();
  const auto note = [&](std::string_view key, const json::value& value) {
    if (value.is_null()) return;
    line.key(key);
    line.raw(json::serialize(value));
  };
  note("connect", skip_json(session.skip));
  note("helo", skip_json(session.skip_from_helo));
  note("skip", skip_json(draft.skip));
  if (draft.resumed) note("resumed", json_of(*draft.resumed));
  if (draft.sender_changed) {
    note("sender", draft.sender ? mailbox_json(*draft.sender) : json::value(json::array{}));
  }
  if (!draft.id.empty()) line.field("id", draft.id);
  if (!draft.added.empty()) {
    json::array added;
    for (const mail::Mailbox& one : draft.added) added.push_back(mailbox_json(one));
    note("added", added);
  }
  if (!draft.removed.empty()) {
    json::array removed;
    for (const std::string& one : draft.removed) removed.push_back(json::value(one));
    note("removed", removed);
  }
  line.end_object();
  std::string& text = line.text();
  if (text == "{}") text.clear();
  text += '\n';
  return std::move(text);
}

void restore_state(std::string_view line, Session& session, Draft& draft) {
  if (line.empty()) return;
  const json::value parsed = json::parse({line.data(), line.size()});
  const json::object& state = parsed.as_object();
  session.skip = skip_of(state, "connect");
  session.skip_from_helo = skip_of(state, "helo");
  draft.skip = skip_of(state, "skip");
  if (const json::value* id = state.if_contains("id")) draft.id = id->as_string();
  if (const json::value* resumed = state.if_contains("resumed")) {
    draft.resumed = delegation_of(*resumed);
  }
  if (const json::value* sender = state.if_contains("sender")) {
    draft.sender_changed = true;
    if (!sender->as_array().empty()) draft.sender = mailbox_of(*sender);
  }
  if (const json::value* added = state.if_contains("added")) {
    for (const json::value& one : added->as_array()) draft.added.push_back(mailbox_of(one));
  }
  if (const json::value* removed = state.if_contains("removed")) {
    for (const json::value& one : removed->as_array()) draft.removed.emplace(one.as_string());
  }
}

namespace {

/// The header as rules left it, with its blank line. A header that rules only added fields to is
/// read where it is.
std::string header_text_of(const Draft& draft, policy::Inquiry& inquiry) {
  if (draft.has_message) return mail::joined(draft.header);
  const auto message = inquiry.message();
  script::demand(message.has_value(), "the message is not there");
  std::string text;
  for (const Draft::Field& field : draft.header) text += field.text;
  std::string_view rest = *message;
  while (const auto field = mail::take_field(rest)) {
    if (iequals(mail::name_of(*field), "Authentication-Results")) {
      std::vector<Draft::Field> results{{std::string(mail::name_of(*field)), std::string(*field)}};
      erase_results(results, draft.results_of);
      if (results.empty()) continue;
    }
    text += *field;
  }
  return text += "\r\n";
}

/// Whether the recipients may differ from those that the client named, or it named one twice.
bool may_differ_in_recipients(const Draft& draft, const policy::Evidence& evidence) {
  return draft.base || !draft.added.empty() || !draft.removed.empty() ||
         evidence.recipients.size() != 1;
}

}  // namespace

policy::ScriptCopy copy_of(const Draft& draft, policy::Inquiry& inquiry) {
  const policy::Evidence& evidence = inquiry.evidence;
  policy::ScriptCopy copy;
  if (draft.base_copy) copy = *draft.base_copy;
  if (copy.recipients.empty()) {
    for (std::size_t i = 0; i < evidence.recipients.size(); ++i) copy.recipients.push_back(i);
  }
  if (draft.sender_changed) {
    copy.reverse_path = draft.sender;
    copy.null_path = !draft.sender;
  }
  if (may_differ_in_recipients(draft, evidence)) {
    const std::vector<mail::Mailbox> said = recipients_before(draft, evidence);
    std::vector<mail::Mailbox> left = recipients_after(draft, evidence);
    if (left.empty()) {
      copy.to_nobody = true;
    } else if (left != said) {
      copy.forward_paths = std::move(left);
    }
  }
  if (draft.header_changed && (draft.has_message || !draft.header.empty())) {
    std::string header = header_text_of(draft, inquiry);
    if (copy.text) {
      copy.text = header + copy.text->substr(mail::body_of(*copy.text));
    } else {
      copy.header = std::move(header);
    }
  }
  for (const auto& [address, transport] : draft.transports) copy.transports[address] = transport;
  for (const std::string& id : draft.results_of) {
    if (std::ranges::find(copy.results_of, id) == copy.results_of.end()) {
      copy.results_of.push_back(id);
    }
  }
  copy.results_by_rules = true;
  return copy;
}

}  // namespace postern::dialect::vsl
