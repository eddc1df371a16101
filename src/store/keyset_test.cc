#include "store/keyset.h"

#include "base/temporary_folder_test.h"
#include "store/delivery_log.h"
#include "store/store_fixture.h"

namespace postern::store {
namespace {

/// The names of all slices' rows, by `name(row)`; no slice may exceed `limit`.
template <class Fetch, class Name>
std::string walk(Keyset keyset, Fetch fetch, Name name) {
  std::string all;
  do {
    const auto slice = fetch(keyset).value();
    EXPECT_LE(slice.rows.size(), keyset.limit);
    for (const auto& row : slice.rows) all += name(row) + " ";
    all += "| ";
    keyset.before = slice.next;
  } while (keyset.before != 0);
  return all;
}

class KeysetTest : public EveryStoreTest {
 protected:
  std::string policies(Keyset keyset) {
    return walk(
        keyset, [&](const Keyset& k) { return store_->policy_slice(account_, k); },
        [](const PolicyRow& row) { return row.name; });
  }
  std::string webhooks(Keyset keyset, WebhookFilter filter = WebhookFilter::all) {
    return walk(
        keyset, [&](const Keyset& k) { return store_->webhook_slice(account_, filter, k); },
        [](const WebhookRow& row) { return row.address; });
  }
  std::string account_ = add_account("a@example.com");
};

TEST_P(KeysetTest, follows_policies_newest_first) {
  const std::string other = add_account("b@example.com");
  for (const char* name : {"one", "two", "three", "four"}) {
    add_policy(account_, name);
    add_policy(other, "theirs");
  }
  EXPECT_EQ(policies({.limit = 2}), "four three | two one | ");
  EXPECT_EQ(policies({.limit = 3}), "four three two | one | ");
  EXPECT_EQ(policies({.limit = 200}), "four three two one | ");
  EXPECT_EQ(policies({.limit = 200, .needle = "O"}), "four two one | ");
  EXPECT_EQ(policies({.limit = 1, .needle = "o"}), "four | two | one | ");
  EXPECT_EQ(policies({.needle = "theirs"}), "| ");
  EXPECT_EQ(policies({.before = 1}), "| ");
}

TEST_P(KeysetTest, a_piece_stays_where_it_is_when_rows_come_and_go) {
  for (const char* name : {"one", "two", "three", "four"}) add_policy(account_, name);
  const auto first = store_->policy_slice(account_, {.limit = 2}).value();
  add_policy(account_, "five");
  ASSERT_EQ(store_
                ->delete_policy(account_, first.rows[1].id, std::nullopt, IfUsed::detach, at_,
                                [&](const auto&) { return audit(account_, "x"); })
                .value()
                .outcome,
            WriteOutcome::done);
  EXPECT_EQ(policies({.before = first.next}), "two one | ");
}

TEST_P(KeysetTest, searches_names_addresses_and_targets) {
  WebhookRow named = webhook(account_, "a@example.org");
  named.name = "Invoices";
  WebhookRow off = webhook(account_, "b@example.org");
  off.target_url = "https://api.example.net/INVOICES";
  off.is_active = false;
  for (const WebhookRow& row : {named, off, webhook(account_, "invoices@example.org"),
                                webhook(account_, "c@example.org")}) {
    ASSERT_EQ(store_->create_webhook(row, nullptr).value(), WriteOutcome::done);
  }
  EXPECT_EQ(webhooks({.needle = "invoices"}),
            "invoices@example.org b@example.org a@example.org | ");
  EXPECT_EQ(webhooks({.needle = "invoices"}, WebhookFilter::inactive), "b@example.org | ");
  EXPECT_EQ(webhooks({.limit = 1}, WebhookFilter::active),
            "c@example.org | invoices@example.org | a@example.org | ");
  EXPECT_EQ(webhooks({.needle = "100%_"}), "| ") << "no pattern, only text";
}

class LogKeysetTest : public ::testing::Test {
 protected:
  void add(const std::string& sender, LogKind kind = LogKind::delivery, int status = 200) {
    LogRecord record{.id = new_id("log_"),
                     .webhook_id = "wh_1",
                     .kind = kind,
                     .message_id = "<" + sender + "@id.example>",
                     .sender = sender,
                     .http_status = status};
    if (kind == LogKind::rejection) record.client_ip = "192.0.2.77";
    ASSERT_TRUE(log_->append(std::move(record)));
  }
  std::string senders(Keyset keyset, LogFilter filter = {}) {
    return walk(
        keyset, [&](const Keyset& k) { return log_->log_slice("wh_1", filter, k); },
        [](const LogRecord& row) { return row.sender; });
  }

  tests::TemporaryFolder folder_;
  std::unique_ptr<DeliveryLog> log_ = DeliveryLog::open(folder_.file("delivery.db")).value();
};

TEST_F(LogKeysetTest, filters_and_searches) {
  add("a");
  add("b", LogKind::simulation);
  add("c", LogKind::rejection);
  add("d", LogKind::delivery, 500);
  EXPECT_EQ(senders({.limit = 3}), "d c b | a | ");
  EXPECT_EQ(senders({}, {.simulated = true}), "b | ");
  EXPECT_EQ(senders({}, {.simulated = false}), "d c a | ");
  EXPECT_EQ(senders({}, {.outcome = LogOutcome::success}), "b a | ");
  EXPECT_EQ(senders({}, {.outcome = LogOutcome::success, .simulated = false}), "a | ");
  EXPECT_EQ(senders({.needle = "A@ID"}), "a | ");
  EXPECT_EQ(senders({.needle = "2.77"}), "c | ");
  EXPECT_EQ(senders({.needle = "nobody"}), "| ");
}

TEST_F(LogKeysetTest, a_search_looks_at_so_many_rows_and_says_where_to_go_on) {
  for (std::uint64_t i = 0; i < search_budget; ++i) {
    add(i == 0 ? "needle" : "hay");
    if (i % 1000 == 0) log_->flush();
  }
  add("newest");
  // It may have examined fewer rows: search_time also ends a search.
  Slice<LogRecord> slice = log_->log_slice("wh_1", {}, {.needle = "needle"}).value();
  EXPECT_TRUE(slice.rows.empty());
  ASSERT_NE(slice.next, 0u);
  while (slice.rows.empty() && slice.next != 0) {
    const std::uint64_t before = slice.next;
    slice = log_->log_slice("wh_1", {}, {.before = before, .needle = "needle"}).value();
    ASSERT_LT(slice.next, before);
  }
  ASSERT_EQ(slice.rows.size(), 1u);
  EXPECT_EQ(slice.next, 0u);
}

INSTANTIATE_TEST_SUITE_P(, KeysetTest, every_engine, name_of);

}  // namespace
}  // namespace postern::store
