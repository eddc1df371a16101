// `Message`: how hooks read and change a message.
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

/// A message, for some of its recipients, while hooks work on it.
struct MessageDraft {
  using Field = mail::HeaderField;  ///< a header field

  std::vector<std::size_t> recipients;  ///< indexes into Evidence::recipients
  json::object meta;                    ///< values that scripts set
  SecretValues secrets;                 ///< secrets in those values
  /// Charges them; shared by the drafts of one message, which follow one another.
  std::shared_ptr<HeldValues> held;
  std::optional<mail::Mailbox> sender;        ///< the new sender, if it was changed
  bool null_sender = false;                   ///< the sender was changed to the null reverse-path
  std::vector<mail::Mailbox> new_recipients;  ///< the new recipients, if they were changed
  std::vector<Field> header;                  ///< read on first use, see read_header()
  bool header_read = false;                   ///< `header` is filled
  bool header_changed = false;                ///< `header` differs from the message's
  std::optional<std::string> body;            ///< the new body, if the whole message was replaced
  std::vector<std::string> results_of;        ///< ScriptCopy::results_of
  policy::ScriptCopy before;                  ///< what earlier layers made of the message
  /// From smtp_server_message_received on, `header` shows the Received field that the message will
  /// get.
  bool shows_trace = false;
  std::string trace;  ///< that field; it is in `header`, but not in finished()

  /// Starts from what an earlier layer made of the message.
  void begin_with(const policy::ScriptCopy& copy);
  /// The current sender; nullopt: the null reverse-path (RFC 5321 §4.5.5).
  const std::optional<mail::Mailbox>& sender_in(const policy::Evidence& evidence) const;
  /// The changes, for Evidence::copies, without the values.
  policy::ScriptCopy finished() const;
  /// `header` as text, without `trace`.
  std::string own_header() const;
};

/// `Message` in scripts. It has no state: its draft is that of the running hook.
struct Message {};
/// Pushes a Message.
void push_message(lua_State* L);
/// Methods for metadata and envelope.
script::HostTable message_functions();
/// Methods for header and body.
script::HostTable message_header_functions();
/// check_fix_conformance(), and methods that do nothing.
script::HostTable message_fix_functions();

/// Implements msg:set_meta(); null erases the value. Throws a sentence for a wrong type and after
/// 1000 values, and script::MemoryUsedUp.
void set_meta_of(script::Call& call, const std::string& name, json::value value);

/// The draft of the running hook. Throws a sentence if there is none.
MessageDraft& draft_of(script::Call& call);
/// The same, with its header read.
MessageDraft& draft_with_header(script::Call& call);
/// Reads the header unless that is done. During a replay it stays empty: the tape has what scripts
/// read.
void read_header(const Context& context, MessageDraft& draft);
/// The message as received. Throws a sentence if it is not there yet.
std::string_view original_of(const Context& context);
/// The whole message as the draft has it, without `trace`. The header must have been read.
std::string whole_text(const Context& context, const MessageDraft& draft);
}  // namespace postern::dialect::kumo

namespace postern::script {
/// Registers `Message` as a class of scripts.
template <>
struct ClassName<dialect::kumo::Message> {
  static constexpr std::string_view value = "Message";  ///< its name there
};
}  // namespace postern::script
