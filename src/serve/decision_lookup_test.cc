#include "serve/decision_lookup.h"

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "policy/trace.h"
#include "store/sqlite_store.h"

namespace postern::app {
namespace {

using store::LogKind;
using store::LogRecord;

/// A data directory with a webhook, without inboxes.
class Lookup : public ::testing::Test, protected Databases {
 protected:
  Lookup() {
    store_ = std::move(*store::SqliteStore::open(folder_.file("postern.db")));
    store::AccountRow account{.id = new_id("acc_"), .email = "a@example.com"};
    EXPECT_TRUE(store_->create_account(account, nullptr));
    store::WebhookRow row{.id = webhook_,
                          .account_id = account.id,
                          .address = "a@hooks.example.net",
                          .target_url = "inbox"};
    row.secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    EXPECT_TRUE(store_->create_webhook(row, nullptr));
    log_ = std::move(*store::DeliveryLog::open(folder_.file("delivery.db")));
    writer_ = std::move(*store::TraceWriter::open(folder_.file("traces.db")));
    reader_ = std::move(*store::TraceReader::open(folder_.file("traces.db")));
  }

  Result<store::Store*> control() override { return store_.get(); }
  Result<store::DeliveryLog*> deliveries() override { return log_.get(); }
  Result<spool::InboxReader*> inbox() override { return fail(Fault::not_found, "no inbox"); }
  Result<store::TraceReader*> traces() override {
    writer_->flush();
    return reader_.get();
  }
  Result<std::optional<store::VerifiedRow>> verified(const std::string&) override {
    return std::nullopt;
  }
  std::string pages() const override { return {}; }

  /// Keeps a trace, and returns its id.
  std::string trace(const std::string& session, const std::string& reply = "ok") {
    policy::Trace made;
    made.id = new_ulid();
    made.started = std::chrono::system_clock::now();
    made.outcome = "accepted";
    made.evidence.session.id = session;
    made.reply = {.code = 250, .enhanced = {2, 0, 0}, .text = reply};
    EXPECT_TRUE(writer_->post(made));
    return made.id;
  }
  /// Keeps a record of the delivery log, and returns its id.
  std::string delivered(const std::string& message, const std::string& trace) {
    LogRecord record{.id = new_id("log_"), .webhook_id = webhook_};
    record.created_at = store::now();
    record.kind = LogKind::delivery;
    record.message_id = message;
    record.trace_id = trace;
    EXPECT_TRUE(log_->append(record));
    return record.id;
  }
  /// "a session: ID ID"
  std::string found(const std::string& id) {
    const auto decisions = decisions_of(*this, id);
    if (!decisions) return decisions.error().message;
    std::string text = std::string(to_text(decisions->kind)) + ":";
    for (const store::TraceRow& row : decisions->rows) text += " " + row.id;
    return text;
  }

  const tests::TemporaryFolder folder_;
  const std::string webhook_ = new_id("wh_");
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<store::DeliveryLog> log_;
  std::unique_ptr<store::TraceWriter> writer_;
  std::unique_ptr<store::TraceReader> reader_;
};

TEST_F(Lookup, a_session_has_its_decisions_in_order) {
  const std::string session = new_ulid();
  const std::string other = trace(new_ulid());
  const std::string first = trace(session);
  for (int i = 0; i < 600; ++i) trace(new_ulid());
  const std::string second = trace(session, "\"session\":{\"id\":\"" + other + "\"");
  EXPECT_EQ(found(session), "a session: " + first + " " + second);
  EXPECT_EQ(found(other), "a message:") << "the text of a reply is no session";
}

TEST_F(Lookup, a_reply_names_its_message) {
  const std::string queued = new_ulid();
  const std::string accepted = new_id("msg_");
  const std::string one = trace(new_ulid(), "queued as " + queued);
  const std::string two = trace(new_ulid(), "accepted " + accepted);
  EXPECT_EQ(found(queued), "a message: " + one);
  EXPECT_EQ(found(accepted), "a message: " + two);
  EXPECT_EQ(found(new_ulid()), "a message:");
}

TEST_F(Lookup, the_delivery_log_names_decisions) {
  const std::string message = new_id("msg_");
  const std::string one = trace(new_ulid());
  const std::string two = trace(new_ulid());
  const std::string record = delivered(message, one);
  delivered(message, one);
  delivered(message, two);
  EXPECT_EQ(found(message), "a message: " + one + " " + two) << "sent twice by the client";
  EXPECT_EQ(found(record), "a delivery: " + one);
  EXPECT_EQ(found(delivered(message, new_ulid())), "a delivery:") << "its trace is gone";
  EXPECT_EQ(found(new_id("log_")), "a delivery:");
}

}  // namespace
}  // namespace postern::app
