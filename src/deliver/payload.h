// The JSON document that a webhook receives for a message (docs/payload.md). It is written directly
// into a spool::Body, so memory stays at a few MiB whatever the size of the message.
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

/// A link to a file.
struct Link {
  std::string url;  ///< absolute, with its token
  /// When the link stops working, once the message is accepted.
  std::chrono::system_clock::time_point expires_at;
};

/// The files behind the links of one message: decoded attachments and the raw message. The
/// destructor removes them unless keep() or leave() was called. May be used from any thread, by one
/// at a time.
class LinkedFiles {
 public:
  /// A file to add.
  struct File {
    std::string filename;      ///< for Content-Disposition; not a path on this machine
    std::string content_type;  ///< media type without parameters
    std::uint64_t size = 0;    ///< octets
  };
  /// Receives octets; an error stops the source.
  using Sink = std::function<Result<void>(std::string_view)>;
  /// Calls the sink with all octets in order, and returns its first error.
  using Source = std::function<Result<void>(const Sink&)>;
  /// Receives the result of keep().
  using Done = std::function<void(Result<void>)>;

  virtual ~LinkedFiles() = default;
  /// Adds a file; calls `source` once. Blocks on the disk. On an error the delivery fails.
  virtual Result<Link> add(const File& file, const Source& source) = 0;
  /// Call it once, after the last file. Returns when all files are on stable storage; their links
  /// then work for a day. Blocks on the disk.
  virtual Result<void> finish() = 0;
  /// The name of what finish() stored, for spool::InboxMessage::links.
  virtual std::string name() const = 0;
  /// The message was accepted: the links work until they expire. `done` is called on another thread
  /// and must not block.
  virtual void keep(Done done) = 0;
  /// The destructor no longer removes the files. Without keep() they expire within a day. For use
  /// when it is unknown whether the receiver has the message.
  virtual void leave() = 0;
  /// The message was refused: removes the files, even after keep() or leave(). Does not wait.
  virtual void remove() = 0;
};

/// Creates LinkedFiles. Safe from any thread.
class AttachmentStore {
 public:
  virtual ~AttachmentStore() = default;
  /// For the message "msg_..." to the webhook "wh_...". Once the message is accepted, its links
  /// work for at least `life`. The store must outlive the result.
  virtual std::unique_ptr<LinkedFiles> begin(std::string message_id, std::string webhook_id,
                                             std::chrono::hours life) = 0;
};

/// Identifies a delivery in the payload.
struct MessageIdentity {
  std::string id;                                     ///< the webhook-id
  std::string webhook_id;                             ///< wh_
  std::chrono::system_clock::time_point received_at;  ///< when the message came
  bool simulated = false;  ///< from the API: `client` and `policy` are null
};

/// What the payload contains, and its limits.
struct PayloadOptions {
  /// How attachments are included.
  policy::AttachmentMode attachments = policy::AttachmentMode::inline_content;
  policy::RawMode include_raw = policy::RawMode::none;  ///< how the raw message is included
  std::uint64_t inline_limit = 1024 * 1024;  ///< octets of one attachment; larger ones are linked
  std::uint64_t inline_total_limit = 8 * 1024 * 1024;  ///< octets of all inline attachments
  MimeLimits mime;                                     ///< of the parser
  std::chrono::hours link_life{7 * 24};                ///< from acceptance
  /// Null: what would be linked is left out with a warning. Borrowed.
  AttachmentStore* store = nullptr;
  /// Directory for payloads over 64 KiB.
  std::string temporary_directory = "/tmp";
  /// Received Authentication-Results with this authserv-id are left out (RFC 8601 §5), and `raw`
  /// gets our own; "": neither.
  std::string authserv_id;
  /// Domain of the Message-ID made for a message without one; "": none is made.
  std::string message_id_domain;
};

/// `defaults` with the settings of a webhook.
PayloadOptions options_for(const policy::Webhook& webhook, PayloadOptions defaults);

/// A finished payload.
struct Payload {
  spool::Body body;                    ///< application/json
  std::unique_ptr<LinkedFiles> files;  ///< behind its links; null: no links
  std::string message_id;              ///< Message-ID, "" if there is none
  std::string subject;                 ///< decoded, "" if there is none
  bool ambiguous = false;              ///< other programs may read the message differently
  std::string parse_error;             ///< the limit that stopped the parser; "": none
};

/// Builds the payload of `message`, as the client sent it, without our trace fields. Fails only if
/// octets cannot be written or a link cannot be made. Blocks on the disk. Safe from any thread.
Result<Payload> build_payload(std::string_view message, const policy::Evidence& evidence,
                              const MessageIdentity& identity, const PayloadOptions& options);

/// The payload as templates see it: member names in CamelCase (`message_id` is `.MessageID`), the
/// names in `headers` unchanged.
boost::json::value template_data(const boost::json::value& payload);

}  // namespace postern::deliver
