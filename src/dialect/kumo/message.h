// `Message`: what hooks see of a message, and what they make of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/kumo/context.h"
#include "dialect/kumo/session.h"
#include "mail/header_fields.h"
#include "policy/script_facts.h"

namespace postern::dialect::kumo {

/// A message for some of its recipients while hooks look at it.
struct MessageDraft {
  using Field = mail::HeaderField;

  std::vector<std::size_t> recipients;  ///< of Evidence::recipients
  json::object meta;
  SecretValues secrets;
  std::shared_ptr<HeldValues> held;  ///< shared by the drafts of a message, one after another
  std::optional<mail::Mailbox> sender;        ///< when it was changed
  bool null_sender = false;                   ///< when it was changed to the null one
  std::vector<mail::Mailbox> new_recipients;  ///< when they were changed
  std::vector<Field> header;                  ///< read on first use
  bool header_read = false;
  bool header_changed = false;
  std::optional<std::string> body;      ///< when the whole was replaced: what follows the header
  std::vector<std::string> results_of;  ///< ScriptCopy::results_of
  policy::ScriptCopy before;            ///< what other layers made of it
  /// The Received field is shown that the message will get, from smtp_server_message_received on.
  bool shows_trace = false;
  std::string trace;  ///< that field; it stands in `header`, and is no part of what is handed on

  /// As other layers left it.
  void begin_with(const policy::ScriptCopy& copy);
  /// The reverse-path as it is now.
  const std::optional<mail::Mailbox>& sender_in(const policy::Evidence& evidence) const;
  /// What becomes of it.
  policy::ScriptCopy finished() const;
  /// `header` without the field that is only shown.
  std::string own_header() const;
};

/// `Message`. The draft is that of the running hook.
struct Message {};
void push_message(lua_State* L);
script::HostTable message_functions();
/// Those of its header and text.
script::HostTable message_header_functions();

/// msg:set_meta().
void set_meta_of(script::Call& call, const std::string& name, json::value value);

/// The message of the running hook; throws where there is none.
MessageDraft& draft_of(script::Call& call);
/// The same with its header read.
MessageDraft& draft_with_header(script::Call& call);
/// The header is read, where it was not; nothing of it when a decision is made again.
void read_header(const Context& context, MessageDraft& draft);
/// The message as it came; throws where it is not there.
std::string_view original_of(const Context& context);
/// The message as the draft has it, without the field that is only shown. Its header was read.
std::string whole_text(const Context& context, const MessageDraft& draft);
}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::Message> {
  static constexpr std::string_view value = "Message";
};
}  // namespace postern::script
