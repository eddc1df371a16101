#include "store/delivery_log.h"

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "store/delivery_schema.h"

namespace postern::store {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class DeliveryLogTest : public ::testing::Test {
 protected:
  DeliveryLogTest() { open(); }

  void open(const DeliveryLogOptions& options = {}) {
    log_.reset();
    auto opened = DeliveryLog::open(folder_.file("delivery.db"), options);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }

  LogRecord record(LogKind kind, int http_status, std::optional<int> smtp_code = std::nullopt) {
    return {.id = new_id("log_"),
            .webhook_id = "wh_1",
            .created_at = at_,
            .kind = kind,
            .attempt = 1,
            .sender = "a@example.com",
            .recipients = {"b@example.com"},
            .http_status = http_status == 0 ? std::nullopt : std::optional(http_status),
            .smtp_code = smtp_code};
  }

  LogRecord refusal(const std::string& ip, Time at) {
    LogRecord made = record(LogKind::rejection, 0, 550);
    made.client_ip = ip;
    made.created_at = at;
    made.failed_control = "source_ip";
    return made;
  }

  const Time at_ = from_millis(1700000000123);
  tests::TemporaryFolder folder_;
  std::unique_ptr<DeliveryLog> log_;
};

TEST_F(DeliveryLogTest, keeps_every_field) {
  LogRecord full{.id = "log_1",
                 .webhook_id = "wh_1",
                 .created_at = at_,
                 .kind = LogKind::delivery,
                 .attempt = 2,
                 .message_id = "<m@example.com>",
                 .sender = "a@example.com",
                 .recipients = {"b@example.com", "\"x\\\"y\"@example.com"},
                 .client_ip = "203.0.113.10",
                 .helo = "mx.example.com",
                 .tls = "TLSv1.3",
                 .auth_username = "u",
                 .size = 1234,
                 .http_status = 200,
                 .duration_ms = 42,
                 .error = "e",
                 .smtp_code = 550,
                 .smtp_text = "5.7.1 no",
                 .override = Override::applied,
                 .policy_id = "pol_1",
                 .policy_version = 3,
                 .failed_control = "spf",
                 .spf_result = "fail",
                 .dkim_results = {"pass partner.example.com/s1"},
                 .dmarc_result = "fail",
                 .next_attempt_at = at_ + hours(1),
                 .trace_id = "01HX"};
  ASSERT_TRUE(log_->append(full));
  LogRecord bare{.id = "log_2", .webhook_id = "wh_1", .created_at = at_};
  ASSERT_TRUE(log_->append(bare));
  const auto found = log_->find("wh_1", "log_1").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->created_at, full.created_at);
  EXPECT_EQ(found->attempt, 2u);
  EXPECT_EQ(found->message_id, full.message_id);
  EXPECT_EQ(found->sender, full.sender);
  EXPECT_EQ(found->recipients, full.recipients);
  EXPECT_EQ(found->client_ip, full.client_ip);
  EXPECT_EQ(found->helo, full.helo);
  EXPECT_EQ(found->tls, full.tls);
  EXPECT_EQ(found->auth_username, full.auth_username);
  EXPECT_EQ(found->size, full.size);
  EXPECT_EQ(found->http_status, full.http_status);
  EXPECT_EQ(found->duration_ms, full.duration_ms);
  EXPECT_EQ(found->error, full.error);
  EXPECT_EQ(found->smtp_code, full.smtp_code);
  EXPECT_EQ(found->smtp_text, full.smtp_text);
  EXPECT_EQ(found->override, Override::applied);
  EXPECT_EQ(found->policy_id, full.policy_id);
  EXPECT_EQ(found->policy_version, full.policy_version);
  EXPECT_EQ(found->failed_control, full.failed_control);
  EXPECT_EQ(found->spf_result, full.spf_result);
  EXPECT_EQ(found->dkim_results, full.dkim_results);
  EXPECT_EQ(found->dmarc_result, full.dmarc_result);
  EXPECT_EQ(found->next_attempt_at, full.next_attempt_at);
  EXPECT_EQ(found->trace_id, full.trace_id);
  const auto empty = log_->find("wh_1", "log_2").value();
  EXPECT_EQ(empty->message_id, std::nullopt);
  EXPECT_EQ(empty->http_status, std::nullopt);
  EXPECT_TRUE(empty->recipients.empty());
  EXPECT_EQ(log_->find("wh_2", "log_1").value(), std::nullopt);
  EXPECT_EQ(to_text(found->kind), "delivery");
  EXPECT_EQ(to_text(found->override), "applied");
}

TEST_F(DeliveryLogTest, the_smtp_reply_decides_what_counts_as_success) {
  EXPECT_EQ(record(LogKind::delivery, 200, 250).outcome(), LogOutcome::success);
  EXPECT_EQ(record(LogKind::delivery, 200, 550).outcome(), LogOutcome::failure);
  EXPECT_EQ(record(LogKind::delivery, 500, 250).outcome(), LogOutcome::success);
  EXPECT_EQ(record(LogKind::delivery, 0, 450).outcome(), LogOutcome::failure);
  EXPECT_EQ(record(LogKind::simulation, 204).outcome(), LogOutcome::success);
  EXPECT_EQ(record(LogKind::simulation, 0).outcome(), LogOutcome::failure);
  EXPECT_EQ(record(LogKind::rejection, 0, 550).outcome(), LogOutcome::rejected);
  EXPECT_EQ(to_text(LogOutcome::rejected), "rejected");
}

TEST_F(DeliveryLogTest, lists_newest_first_filtered_and_paged) {
  std::vector<std::string> ids;
  const auto add = [&](LogRecord made) {
    ids.push_back(made.id);
    ASSERT_TRUE(log_->append(std::move(made)));
  };
  add(record(LogKind::delivery, 200, 250));
  add(record(LogKind::delivery, 503, 450));
  add(record(LogKind::rejection, 0, 550));
  add(record(LogKind::simulation, 200));
  LogRecord foreign = record(LogKind::delivery, 200, 250);
  foreign.webhook_id = "wh_2";
  ASSERT_TRUE(log_->append(foreign));
  const auto listed = [&](const LogFilter& filter, const Page& page = {}) {
    const Listed<LogRecord> found = log_->list("wh_1", filter, page).value();
    std::string text = std::to_string(found.total) + ":";
    for (const LogRecord& one : found.rows) {
      const auto at = std::find(ids.begin(), ids.end(), one.id);
      text += " " + std::to_string(at - ids.begin());
    }
    return text;
  };
  EXPECT_EQ(listed({}), "4: 3 2 1 0");
  EXPECT_EQ(listed({}, {.offset = 1, .limit = 2}), "4: 2 1");
  EXPECT_EQ(listed({.outcome = LogOutcome::success}), "2: 3 0");
  EXPECT_EQ(listed({.outcome = LogOutcome::failure}), "1: 1");
  EXPECT_EQ(listed({.outcome = LogOutcome::rejected}), "1: 2");
  EXPECT_EQ(listed({.simulated = true}), "1: 3");
  EXPECT_EQ(listed({.simulated = false}), "3: 2 1 0");
  EXPECT_EQ(listed({.outcome = LogOutcome::success, .simulated = false}), "1: 0");
  EXPECT_EQ(log_->list("wh_none", {}, {}).value().total, 0u);
  const LogCounts counts = log_->counts("wh_1", at_).value();
  EXPECT_EQ(counts.success, 1u);
  EXPECT_EQ(counts.failure, 1u);
  EXPECT_EQ(counts.rejected, 1u);
  EXPECT_EQ(log_->counts("wh_1", at_ + hours(1)).value().success, 0u);
}

TEST_F(DeliveryLogTest, a_scanner_cannot_fill_the_log) {
  const Time hour = from_millis(1700002800000);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(log_->append_source_ip_refusal(refusal("203.0.113.9", hour + minutes(i))));
  }
  ASSERT_TRUE(log_->append_source_ip_refusal(refusal("203.0.113.10", hour)));
  ASSERT_TRUE(log_->append_source_ip_refusal(refusal("203.0.113.9", hour + hours(1))));
  const auto found = log_->list("wh_1", {}, {}).value();
  EXPECT_EQ(found.total, 3u);
  ASSERT_EQ(found.rows.size(), 3u);
  EXPECT_EQ(found.rows[2].count, 50u);
  EXPECT_EQ(found.rows[2].client_ip, "203.0.113.9");
  EXPECT_EQ(found.rows[2].created_at, hour);
  EXPECT_EQ(found.rows[2].failed_control, "source_ip");
  EXPECT_EQ(log_->counts("wh_1", hour).value().rejected, 52u);
  // Other refusals of the same address have records of their own.
  ASSERT_TRUE(log_->append(refusal("203.0.113.9", hour)));
  ASSERT_TRUE(log_->append(refusal("203.0.113.9", hour)));
  EXPECT_EQ(log_->list("wh_1", {}, {}).value().total, 5u);
}

TEST_F(DeliveryLogTest, long_foreign_text_is_cut) {
  LogRecord made = record(LogKind::delivery, 200, 250);
  made.smtp_text = std::string(1023, 'x') + "\xc3\xbc" + std::string(5000, 'x');
  made.recipients.assign(500, "r@example.com");
  ASSERT_TRUE(log_->append(made));
  const auto found = log_->find("wh_1", made.id).value();
  EXPECT_EQ(found->smtp_text, std::string(1023, 'x'));
  EXPECT_EQ(found->recipients.size(), 100u);
}

TEST_F(DeliveryLogTest, old_records_go_and_their_totals_with_them) {
  open({.retention = hours(24)});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(log_->append(record(LogKind::delivery, 200, 250)));
  LogRecord young = record(LogKind::delivery, 200, 250);
  young.created_at = at_ + hours(20);
  ASSERT_TRUE(log_->append(young));
  log_->flush();
  EXPECT_EQ(log_->purge(at_ + hours(24)).value().records, 0u);
  const auto purged = log_->purge(at_ + hours(25)).value();
  EXPECT_EQ(purged.records, 3u);
  EXPECT_FALSE(purged.more);
  EXPECT_EQ(log_->list("wh_1", {}, {}).value().total, 1u);
}

TEST_F(DeliveryLogTest, beyond_its_size_the_oldest_of_the_account_with_most_go) {
  constexpr std::uint64_t bound = 1u << 20;
  open({.max_size = bound});
  const auto add = [&](const std::string& webhook, const std::string& account, int count) {
    for (int i = 0; i < count; ++i) {
      LogRecord made = record(LogKind::delivery, 200, 250);
      made.webhook_id = webhook;
      made.account = account;
      ASSERT_TRUE(log_->append(std::move(made)));
    }
    log_->flush();
  };
  const auto total = [&](const std::string& webhook) {
    return log_->list(webhook, {}, {}).value().total;
  };
  add("wh_theirs", "acc_2", 300);
  constexpr int webhooks = 10;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < webhooks; ++i) add("wh_flood" + std::to_string(i), "acc_1", 40);
  }
  LogRecord last = record(LogKind::delivery, 200, 250);
  last.webhook_id = "wh_flood0";
  last.account = "acc_1";
  ASSERT_TRUE(log_->append(last));
  EXPECT_TRUE(log_->find("wh_flood0", last.id).value());
  EXPECT_EQ(total("wh_theirs"), 300u) << "no webhook of the other account has as many";
  std::uint64_t flood = 0;
  for (int i = 0; i < webhooks; ++i) flood += total("wh_flood" + std::to_string(i));
  EXPECT_LE((flood + 300) * 700, bound);
  EXPECT_GT(flood, 500u);
  // A large record removes more octets than it adds.
  for (int i = 0; i < 100; ++i) {
    LogRecord large = record(LogKind::delivery, 200, 250);
    large.webhook_id = "wh_large";
    large.account = "acc_3";
    large.recipients.assign(100, std::string(1000, 'r'));
    ASSERT_TRUE(log_->append(std::move(large)));
  }
  EXPECT_LE(total("wh_large"), 10u);
  EXPECT_GE(total("wh_large"), 1u);
  EXPECT_EQ(total("wh_theirs"), 300u);
}

TEST_F(DeliveryLogTest, of_an_older_file_is_weighed_as_a_new_one) {
  log_.reset();
  const std::string path = folder_.file("older.db");
  {
    const Schema old{.application_id = delivery_schema().application_id,
                     .migrations = delivery_schema().migrations.first(5)};
    auto database = Database::open(path, old);
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE((*database)->execute(
        "INSERT INTO log (id, webhook_id, created_at, kind, outcome, attempt, sender, recipients, "
        "smtp_text, override, dkim_results, count) VALUES "
        "('log_1','wh_1',1,0,0,1,'zo\u00eb','[]','no',0,'[]',1), "
        "('log_2','wh_1',1,0,0,1,'b','[]',NULL,0,'[]',1), "
        "('log_3','wh_2',1,0,0,1,'b','[]',NULL,0,'[]',1)"));
  }
  const auto shares = [&] {
    auto database = Database::open(path, delivery_schema());
    std::string all;
    static_cast<void>((*database)->each(
        "SELECT account, octets FROM log_account ORDER BY account",
        [&](const Row& row) { all += row.text(0) + "=" + std::to_string(row.integer(1)) + " "; }));
    return all;
  };
  EXPECT_EQ(shares(), "=2120 wh_1=1415 wh_2=705 ");
  auto log = DeliveryLog::open(path);
  ASSERT_TRUE(log) << log.error().message;
  LogRecord made = record(LogKind::delivery, 200);
  made.account = "acc_1";
  made.sender = "b";
  made.recipients.clear();
  ASSERT_TRUE((*log)->append(made));
  (*log)->flush();
  EXPECT_EQ(shares(), "=2825 acc_1=2120 wh_2=705 ");
  ASSERT_TRUE((*log)->purge(at_ + hours(24 * 40)));
  EXPECT_EQ(shares(), "=0 ");
}

TEST_F(DeliveryLogTest, attachment_links_expire_and_their_files_are_named_until_gone) {
  const std::string hash("\0hash", 5);
  const auto add = [&](const std::string& id, Time expires_at) {
    const AttachmentRow row{.id = id,
                            .webhook_id = "wh_1",
                            .path = id + ".bin",
                            .filename = "r.csv",
                            .content_type = "text/csv",
                            .size = 8,
                            .token_hash = Secret(hash),
                            .created_at = at_,
                            .expires_at = expires_at};
    ASSERT_TRUE(log_->add_attachments({&row, 1}));
  };
  add("att_1", at_ + hours(1));
  add("att_2", at_ + hours(48));
  const auto found = log_->attachment("att_1").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, "att_1.bin");
  EXPECT_EQ(found->filename, "r.csv");
  EXPECT_EQ(found->content_type, "text/csv");
  EXPECT_EQ(found->size, 8u);
  EXPECT_TRUE(found->token_hash.equals(hash));
  EXPECT_EQ(found->expires_at, at_ + hours(1));
  EXPECT_EQ(log_->attachment("att_9").value().has_value(), false);
  EXPECT_TRUE(log_->purge(at_).value().files.empty());
  EXPECT_EQ(log_->purge(at_ + hours(2)).value().files, std::vector<std::string>{"att_1.bin"});
  open();  // a crash before the file was removed
  EXPECT_EQ(log_->purge(at_ + hours(2)).value().files, std::vector<std::string>{"att_1.bin"});
  EXPECT_TRUE(log_->purge(at_ + hours(2)).value().files.empty());
  EXPECT_TRUE(log_->attachment("att_1").value()) << "the caller can still say 410";
  ASSERT_TRUE(log_->purge(at_ + hours(24 * 40)));
  ASSERT_TRUE(log_->purge(at_ + hours(24 * 40)));
  EXPECT_FALSE(log_->attachment("att_1").value());
}

TEST_F(DeliveryLogTest, a_deleted_webhook_leaves_nothing) {
  ASSERT_TRUE(log_->append(record(LogKind::delivery, 200, 250)));
  const AttachmentRow row{
      .id = "att_1", .webhook_id = "wh_1", .path = "f", .created_at = at_, .expires_at = at_};
  ASSERT_TRUE(log_->add_attachments({&row, 1}));
  const std::vector<std::string> gone{"wh_1"};
  EXPECT_EQ(log_->forget_webhooks(gone).value(), std::vector<std::string>{"f"});
  EXPECT_EQ(log_->list("wh_1", {}, {}).value().total, 0u);
  EXPECT_FALSE(log_->attachment("att_1").value());
  EXPECT_EQ(log_->purge(at_).value().files, std::vector<std::string>{"f"}) << "named once more";
  ASSERT_TRUE(log_->append(record(LogKind::delivery, 200, 250)));
  EXPECT_EQ(log_->list("wh_1", {}, {}).value().total, 1u);
}

TEST_F(DeliveryLogTest, appends_from_many_threads_while_reading) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(log_->append(record(LogKind::delivery, 200, 250)));
        if (i % 100 == 0) {
          ASSERT_TRUE(log_->list("wh_1", {}, {}));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log_->list("wh_1", {}, {}).value().total, 800u);
  EXPECT_EQ(log_->dropped(), 0u);
}

}  // namespace
}  // namespace postern::store
