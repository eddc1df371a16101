// delivery.db: what became of each message, and the files behind attachment links. Bodies are never
// in the log; the built-in inboxes' tables are spool::Inbox's.
//
// Log records go through a BatchWriter with synchronous=NORMAL: they repeat what an SMTP reply has
// already said, so the last 200 ms may be lost in a power failure, and no reply waits for them.
// Links are promises (a URL in a payload): they are flushed to disk before the call returns. All
// methods are safe from any thread; those with a Result block on the disk.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "store/batch_writer.h"
#include "store/records.h"

namespace postern::store {

enum class LogKind { delivery, rejection, simulation };
enum class LogOutcome { success, failure, rejected };
enum class Override { none, applied, ignored };

std::string_view to_text(LogKind kind);
std::string_view to_text(LogOutcome outcome);
std::string_view to_text(Override override);

struct LogRecord {
  std::string id;  ///< log_
  std::string webhook_id;
  std::string account;  ///< whose the webhook is, "" unknown; for max_size, not read back
  Time created_at;
  LogKind kind = LogKind::delivery;
  std::uint32_t attempt = 0;  ///< deliveries count from 1
  std::optional<std::string> message_id;
  std::string sender;
  std::vector<std::string> recipients;
  std::optional<std::string> client_ip;
  std::optional<std::string> helo;
  std::optional<std::string> tls;  ///< "TLSv1.3"
  std::optional<std::string> auth_username;
  std::optional<std::uint64_t> size;
  std::optional<int> http_status;
  std::optional<std::uint64_t> duration_ms;
  std::optional<std::string> error;
  std::optional<int> smtp_code;
  std::optional<std::string> smtp_text;
  Override override = Override::none;
  std::optional<std::string> policy_id;
  std::optional<std::uint64_t> policy_version;
  std::optional<std::string> failed_control;
  std::optional<std::string> spf_result;
  std::vector<std::string> dkim_results;  ///< "pass partner.example.com/s1"
  std::optional<std::string> dmarc_result;
  std::optional<Time> next_attempt_at;
  std::optional<std::string> trace_id;  ///< `postern explain` takes it
  std::uint64_t count = 1;              ///< refusals that this record stands for

  bool simulated() const { return kind == LogKind::simulation; }
  /// By the SMTP reply where there is one (an override may refuse after a 200), else by the HTTP
  /// status.
  LogOutcome outcome() const;
};

struct LogFilter {
  std::optional<LogOutcome> outcome;
  std::optional<bool> simulated;
};

struct LogCounts {
  std::uint64_t success = 0;
  std::uint64_t failure = 0;
  std::uint64_t rejected = 0;
  std::optional<Time> last_delivery_at;
};

struct AttachmentRow {
  std::string id;  ///< att_
  std::string webhook_id;
  std::string message_id;   ///< msg_
  std::string path;         ///< file name below the attachment directory
  std::uint64_t start = 0;  ///< of its octets in the file, which all links of a message share
  std::string filename;
  std::string content_type;
  std::uint64_t size = 0;
  Secret token_hash;
  Time created_at;
  Time expires_at;
  Time kept_until;  ///< what becomes of `expires_at` when the message is accepted
};

struct DeliveryLogOptions {
  std::chrono::hours retention{30 * 24};
  /// Octets of all records, about what they take of the file. Beyond it a new record takes away the
  /// oldest of the account that has most, of its webhook that has most.
  std::uint64_t max_size = 1ull << 30;
  BatchWriterOptions writer{.thread = "delivery-log"};
};

class DeliveryLog {
 public:
  static Result<std::unique_ptr<DeliveryLog>> open(const std::string& path,
                                                   const DeliveryLogOptions& options = {});
  ~DeliveryLog();

  /// Queues a record; never waits. False, and counted, when the queue is full. Long texts are cut.
  bool append(LogRecord record);
  /// The same for a RCPT refused by its source address: one record for each webhook, address and
  /// hour, its `count` growing, so that a scanner cannot fill the log.
  bool append_source_ip_refusal(LogRecord record);
  std::uint64_t dropped() const { return writer_->dropped() + writer_->failed(); }
  std::string last_error() const { return writer_->last_error(); }
  void flush() { writer_->flush(); }

  /// Newest first; sees every record appended before.
  Result<Listed<LogRecord>> list(std::string_view webhook, const LogFilter& filter,
                                 const Page& page);
  /// Searches senders, message ids and client addresses.
  Result<Slice<LogRecord>> log_slice(std::string_view webhook, const LogFilter& filter,
                                     const Keyset& keyset);
  Result<std::optional<LogRecord>> find(std::string_view webhook, std::string_view id);
  /// What the records say of one trace, oldest first, 100 at most.
  Result<std::vector<LogRecord>> of_trace(std::string_view trace_id);
  /// The newest delivery of each webhook, in the order of the ids.
  Result<std::vector<std::optional<LogRecord>>> last_deliveries(
      const std::vector<std::string>& webhooks);
  Result<LogCounts> counts(std::string_view webhook, Time since);

  /// The links of one message, in one commit.
  Result<void> add_attachments(std::span<const AttachmentRow> rows);
  /// The message was accepted: its links hold until their `kept_until`.
  Result<void> keep_attachments(std::string_view path);
  /// Forgets the links of a message that was not accepted, or, `kept_too`, of any. Whether none is
  /// left: then the file may go.
  Result<bool> drop_attachments(std::string_view path, bool kept_too);
  /// Whether links lead to this file.
  Result<bool> is_linked(std::string_view path);
  /// Expired links too, for as long as they are remembered: the caller answers 410 for those.
  Result<std::optional<AttachmentRow>> attachment(std::string_view id);

  /// Removes records older than the retention and links that expired; returns the paths of the
  /// files to remove. At most some thousand rows a call: `more` says that another call has work.
  struct Purged {
    std::uint64_t records = 0;
    std::vector<std::string> files;
    bool more = false;
  };
  Result<Purged> purge(Time at);
  /// Removes all records of deleted webhooks; returns the paths of the files to remove.
  Result<std::vector<std::string>> forget_webhooks(std::span<const std::string> webhooks);

 private:
  DeliveryLog(std::unique_ptr<Database> log, std::unique_ptr<Database> rest,
              const DeliveryLogOptions& options);
  Result<std::vector<std::string>> take_expired_files(Time at);

  const DeliveryLogOptions options_;
  std::unique_ptr<Database> log_;        ///< the writer's
  std::mutex mutex_;                     ///< guards rest_ and handed_out_
  std::vector<std::string> handed_out_;  ///< expired links whose files the caller is removing
  std::unique_ptr<Database> rest_;       ///< reads and links, synchronous=FULL
  std::unique_ptr<BatchWriter> writer_;  ///< last: ends first
};

}  // namespace postern::store
