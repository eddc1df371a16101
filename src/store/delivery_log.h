// delivery.db: the outcome of each message, and the files behind attachment links. Message bodies
// are never in the log. The tables of the built-in inboxes belong to spool::Inbox.
//
// Log records are written by a BatchWriter with synchronous=NORMAL: they repeat what an SMTP reply
// already said, so no reply waits for them, and a power failure may lose the last 200 ms. Links are
// promises (a URL in a payload): they are on disk before the call returns. All methods are safe
// from any thread; those that return a Result block on the disk and fail with Database's faults.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "store/batch_writer.h"
#include "store/feed_pieces.h"
#include "store/records.h"

namespace postern::store {

/// What a record reports: a delivery attempt, a refusal, or a simulated delivery. Stored as its
/// number.
enum class LogKind { delivery, rejection, simulation };
/// The outcome of a record. Stored as its number.
enum class LogOutcome { success, failure, rejected };
/// Whether the endpoint's response replaced the SMTP reply. Stored as its number.
enum class Override { none, applied, ignored };

/// "delivery", "rejection", "simulation"
std::string_view to_text(LogKind kind);
/// "success", "failure", "rejected"
std::string_view to_text(LogOutcome outcome);
/// "none", "applied", "ignored"
std::string_view to_text(Override override);

/// One record of the log. Texts are cut to 1024 octets, recipients to 100.
struct LogRecord {
  std::string id;          ///< log_
  std::string webhook_id;  ///< wh_
  /// The webhook's account, "" if unknown. Counts for max_size; is not read back.
  std::string account;
  Time created_at;                              ///< of the record
  LogKind kind = LogKind::delivery;             ///< what it reports
  std::uint32_t attempt = 0;                    ///< deliveries count from 1
  std::optional<std::string> message_id;        ///< nullopt: refused before there was a message
  std::string sender;                           ///< reverse-path, "" is the null one
  std::vector<std::string> recipients;          ///< forward-paths
  std::optional<std::string> client_ip;         ///< nullopt: simulated
  std::optional<std::string> helo;              ///< argument of EHLO or HELO
  std::optional<std::string> tls;               ///< "TLSv1.3"; nullopt: no TLS
  std::optional<std::string> auth_username;     ///< nullopt: not authenticated
  std::optional<std::uint64_t> size;            ///< of the message, octets
  std::optional<int> http_status;               ///< of the endpoint; nullopt: no response
  std::optional<std::uint64_t> duration_ms;     ///< of the whole delivery attempt, milliseconds
  std::optional<std::string> error;             ///< why the endpoint did not accept it, for people
  std::optional<int> smtp_code;                 ///< of the SMTP reply; nullopt: simulated
  std::optional<std::string> smtp_text;         ///< of the SMTP reply
  Override override = Override::none;           ///< of the SMTP reply by the endpoint
  std::optional<std::string> policy_id;         ///< pol_; the policy that decided
  std::optional<std::uint64_t> policy_version;  ///< of that policy
  std::optional<std::string> failed_control;    ///< the control that refused
  std::optional<std::string> spf_result;        ///< RFC 7208 §2.6, "pass"
  std::vector<std::string> dkim_results;    ///< one per signature: "pass partner.example.com/s1"
  std::optional<std::string> dmarc_result;  ///< "pass", "fail", ...
  std::optional<Time> next_attempt_at;      ///< nullopt: no retry
  std::optional<std::string> trace_id;      ///< the argument of `postern explain`
  std::uint64_t count = 1;                  ///< refusals that this record represents

  /// Whether this is a simulated delivery.
  bool simulated() const { return kind == LogKind::simulation; }
  /// From the SMTP code if there is one (an override may refuse after HTTP 200), else from the HTTP
  /// status.
  LogOutcome outcome() const;
};

/// Selects records; unset members select all.
struct LogFilter {
  std::optional<LogOutcome> outcome;  ///< only this outcome
  std::optional<bool> simulated;      ///< only simulated, or only real
};

/// Records of a webhook since a time, without simulations.
struct LogCounts {
  std::uint64_t success = 0;   ///< deliveries answered with 2xx
  std::uint64_t failure = 0;   ///< other deliveries
  std::uint64_t rejected = 0;  ///< refusals
};

/// An attachment link and the octets that it serves.
struct AttachmentRow {
  std::string id;            ///< att_
  std::string webhook_id;    ///< wh_
  std::string message_id;    ///< msg_
  std::string path;          ///< file name, relative to the attachment directory
  std::uint64_t start = 0;   ///< offset in the file, which all links of a message share; octets
  std::string filename;      ///< offered to the client
  std::string content_type;  ///< media type
  std::uint64_t size = 0;    ///< octets
  Secret token_hash;         ///< a hash of the link's token
  Time created_at;           ///< of the link
  Time expires_at;           ///< when the link stops working
  Time kept_until;           ///< becomes `expires_at` once the message is accepted
};

/// Limits of a DeliveryLog.
struct DeliveryLogOptions {
  std::chrono::hours retention{30 * 24};  ///< age at which purge() removes a record
  /// Octets of all records, as an estimate of their share of the file. Beyond it, a new record
  /// removes the oldest records of the largest webhook of the largest account.
  std::uint64_t max_size = 1ull << 30;
  BatchWriterOptions writer{.thread = "delivery-log"};  ///< of the log's writer thread
  Telling telling = {};  ///< of records, to the other gateways of a cluster
};

/// Log records and attachment links in one file.
class DeliveryLog {
 public:
  /// Opens or creates the file; Database::open()'s faults.
  static Result<std::unique_ptr<DeliveryLog>> open(const std::string& path,
                                                   const DeliveryLogOptions& options = {});
  ~DeliveryLog();

  /// Queues a record without waiting. Returns false and counts a drop when the queue is full.
  bool append(LogRecord record);
  /// The same for a RCPT refused by client address. There is one record per webhook, address and
  /// hour, whose `count` grows, so that a scanner cannot fill the log.
  bool append_source_ip_refusal(LogRecord record);
  /// Queues what another gateway told. False when the queue is full.
  bool take(std::string node, std::int64_t number, std::vector<std::string> items);
  /// How far others' pieces were taken before open(), by gateway.
  const std::map<std::string, std::int64_t>& taken() const { return taken_; }
  /// Records lost since the start: queue full or write failed.
  std::uint64_t dropped() const { return writer_->dropped() + writer_->failed(); }
  /// Message of the newest write failure; empty: none.
  std::string last_error() const { return writer_->last_error(); }
  /// Blocks until all queued records are written or lost.
  void flush() { writer_->flush(); }

  /// A page, newest first. Sees every record appended before.
  Result<Listed<LogRecord>> list(std::string_view webhook, const LogFilter& filter,
                                 const Page& page);
  /// A slice, newest first. The needle is searched in senders, message ids and client addresses.
  Result<Slice<LogRecord>> log_slice(std::string_view webhook, const LogFilter& filter,
                                     const Keyset& keyset);
  /// nullopt: this webhook has no such record.
  Result<std::optional<LogRecord>> find(std::string_view webhook, std::string_view id);
  /// The records of one trace, oldest first, 100 at most.
  Result<std::vector<LogRecord>> of_trace(std::string_view trace_id);
  /// The newest delivery record of each webhook, in the order of the ids.
  Result<std::vector<std::optional<LogRecord>>> last_deliveries(
      const std::vector<std::string>& webhooks);
  /// Counts of the records created at `since` or later.
  Result<LogCounts> counts(std::string_view webhook, Time since);

  /// Stores the links of one message in one commit.
  Result<void> add_attachments(std::span<const AttachmentRow> rows);
  /// Extends the links to this file until their `kept_until`, because the message was accepted.
  Result<void> keep_attachments(std::string_view path);
  /// Removes the links to this file unless their message was accepted; with `kept_too`, all of
  /// them. Returns true if no link is left, so that the file may be removed.
  Result<bool> drop_attachments(std::string_view path, bool kept_too);
  /// Whether a link leads to this file. Expired links count until purge() has had the file removed.
  Result<bool> is_linked(std::string_view path);
  /// Also finds expired links, for 30 days, so that the caller can answer 410. nullopt: unknown.
  Result<std::optional<AttachmentRow>> attachment(std::string_view id);

  /// What purge() removed.
  struct Purged {
    std::uint64_t records = 0;       ///< removed records
    std::vector<std::string> files;  ///< paths that the caller removes now
    bool more = false;               ///< call again: the limit of 5000 rows was reached
  };
  /// Removes records older than the retention, and expired links. At most 5000 rows of each per
  /// call.
  Result<Purged> purge(Time at);
  /// Removes all records of deleted webhooks, here and at the other gateways, and expires their
  /// links. Returns the paths of the files to remove.
  Result<std::vector<std::string>> forget_webhooks(std::span<const std::string> webhooks);

 private:
  DeliveryLog(std::unique_ptr<Database> log, std::unique_ptr<Database> rest,
              const DeliveryLogOptions& options);
  Result<std::vector<std::string>> take_expired_files(Time at);
  bool write(LogRecord record, std::optional<std::int64_t> hour);

  const DeliveryLogOptions options_;
  std::map<std::string, std::int64_t> taken_;
  SharedNumbers numbers_;                ///< of the writer's thread
  std::unique_ptr<Database> log_;        ///< for the writer's thread
  std::mutex mutex_;                     ///< guards rest_ and handed_out_
  std::vector<std::string> handed_out_;  ///< expired links whose files the caller removes now
  std::unique_ptr<Database> rest_;       ///< reads and links, synchronous=FULL
  std::unique_ptr<BatchWriter> writer_;  ///< last: destroyed first
};

}  // namespace postern::store
