// The JSON document a webhook receives for one message (docs/payload.md). It is written straight
// into a spool::Body: memory stays a few MiB whatever the message's size.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/error.h"
#include "deliver/mime.h"
#include "policy/evidence.h"
#include "policy/webhook.h"
#include "spool/body.h"

namespace postern::deliver {

/// A file handed out by link.
struct Link {
  std::string url;
  std::chrono::system_clock::time_point expires_at;
};

/// The decoded attachments and the raw message of one message, for receivers to fetch. Who has this
/// owns them: they go with it, unless the message was accepted. Safe from any thread, one at a
/// time.
class LinkedFiles {
 public:
  struct File {
    std::string filename;      ///< for Content-Disposition; never a path on this machine
    std::string content_type;  ///< without parameters
    std::uint64_t size = 0;
  };
  using Sink = std::function<Result<void>(std::string_view)>;
  /// Calls the sink with all octets in order, and returns its first error.
  using Source = std::function<Result<void>(const Sink&)>;
  using Done = std::function<void(Result<void>)>;

  virtual ~LinkedFiles() = default;
  /// Called once a file; `source` is called once. Blocks. An error fails the delivery.
  virtual Result<Link> add(const File& file, const Source& source) = 0;
  /// Once, behind the last file: all are on stable storage then and their links open, for a day.
  /// Blocks.
  virtual Result<void> finish() = 0;
  /// Names what finish() stored, for spool::InboxMessage::links.
  virtual std::string name() const = 0;
  /// The message is accepted: its links hold as long as they say. `done` is called on another
  /// thread, and must not wait.
  virtual void keep(Done done) = 0;
  /// They do not go with this any more. Not kept, they expire within a day: for when nobody knows
  /// whether the receiver has the message.
  virtual void leave() = 0;
  /// The message was refused after all: they go, also those that keep() or leave() was called for.
  /// Does not wait.
  virtual void remove() = 0;
};

class AttachmentStore {
 public:
  virtual ~AttachmentStore() = default;
  /// For the message "msg_..." to the webhook "wh_...", with links that are good for `life` at
  /// least once the message is accepted. The store outlives what it returns.
  virtual std::unique_ptr<LinkedFiles> begin(std::string message_id, std::string webhook_id,
                                             std::chrono::hours life) = 0;
};

/// What identifies a delivery.
struct MessageIdentity {
  std::string id;          ///< "msg_" + ULID
  std::string webhook_id;  ///< "wh_" + ULID
  std::chrono::system_clock::time_point received_at;
  bool simulated = false;  ///< `client` and `policy` are null then
};

struct PayloadOptions {
  policy::AttachmentMode attachments = policy::AttachmentMode::inline_content;
  policy::RawMode include_raw = policy::RawMode::none;
  std::uint64_t inline_limit = 1024 * 1024;            ///< octets of one attachment
  std::uint64_t inline_total_limit = 8 * 1024 * 1024;  ///< octets of all of them
  MimeLimits mime;
  std::chrono::hours link_life{7 * 24};
  /// Null: what would go by link is left out with a warning.
  AttachmentStore* store = nullptr;
  /// Where the payload goes when it is over 64 KiB.
  std::string temporary_directory = "/tmp";
  /// Received Authentication-Results that claim to be ours are left out (RFC 8601 §5), and `raw`
  /// has our own; "" does neither.
  std::string authserv_id;
  /// Domain of the Message-ID made up for a message that has none; "" leaves `message_id` out.
  std::string message_id_domain;
};

/// The settings of a webhook, over `defaults`.
PayloadOptions options_for(const policy::Webhook& webhook, PayloadOptions defaults);

struct Payload {
  spool::Body body;                    ///< application/json
  std::unique_ptr<LinkedFiles> files;  ///< behind its links; null without links
  std::string message_id;              ///< of the message, "" without one
  std::string subject;
  bool ambiguous = false;
  std::string parse_error;
};

/// Builds the payload of the message in `message` (as the client sent it, without our trace
/// fields). Fails only when octets cannot be written or a link cannot be made.
Result<Payload> build_payload(std::string_view message, const policy::Evidence& evidence,
                              const MessageIdentity& identity, const PayloadOptions& options);

/// A payload as payload templates see it: names in CamelCase (`message_id` is `.MessageID`), the
/// keys of `headers` as they are.
boost::json::value template_data(const boost::json::value& payload);

}  // namespace postern::deliver
