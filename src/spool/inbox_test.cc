#include "spool/inbox.h"

#include <filesystem>
#include <future>
#include <set>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "cluster/pgsql_server_test.h"
#include "spool/body_files.h"
#include "spool/pgsql_inbox.h"
#include "spool/pgsql_inbox_schema.h"
#include "spool/sqlite_inbox.h"
#include "store/database.h"
#include "store/delivery_schema.h"

namespace postern::spool {
namespace {

using policy::InboxLimits;
using std::chrono::days;
using Ids = std::vector<std::string>;

constexpr std::uint64_t mib = 1 << 20;

class InboxTest : public testing::Test {
 protected:
  explicit InboxTest(bool cluster = false) {
    options_.database = folder_.file("delivery.db");
    options_.directory = folder_.file("inbox");
    if (!cluster) return;
    auto made = cluster::Database::make(
        {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
    EXPECT_TRUE(made);
    database_ = std::move(*made);
    auto session = database_->connect();
    EXPECT_TRUE(session && cluster::migrate(**session, pgsql_inbox_schema()));
    sql("CREATE TABLE webhook (id text PRIMARY KEY)");
    sql("INSERT INTO webhook VALUES ('wh_1')");
  }

  void open() {
    inbox_.reset();
    if (database_) {
      inbox_ = another();
      return;
    }
    auto opened = Inbox::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    inbox_ = std::move(*opened);
  }
  /// The inboxes as another gateway of the cluster has them.
  std::unique_ptr<Inbox> another() {
    return std::make_unique<PgsqlInbox>(
        *database_, PgsqlInboxOptions{.max_octets = options_.max_octets,
                                      .row_threshold = options_.file_threshold});
  }
  /// The first column of the first row.
  std::int64_t sql(std::string text) {
    auto session = database_->connect();
    const auto rows = (*session)->run({.sql = std::move(text), .values = {}},
                                      cluster::Clock::now() + tests::patience);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && rows->size() > 0 ? rows->integer(0, 0) : 0;
  }

  /// Begins to put a message received at `at_`.
  std::future<Result<InboxPut>> start(const std::string& webhook, const std::string& id,
                                      const std::string& payload) {
    return start(*inbox_, webhook, id, payload);
  }
  std::future<Result<InboxPut>> start(Inbox& inbox, const std::string& webhook,
                                      const std::string& id, const std::string& payload) {
    Body body(folder_.path());
    EXPECT_TRUE(body.append(payload));
    const auto answer = std::make_shared<std::promise<Result<InboxPut>>>();
    inbox.put({.id = id,
               .webhook_id = webhook,
               .account = account_,
               .received_at = at_,
               .sender = "a@example.com",
               .subject = "s"},
              std::move(body), limits_, at_,
              [answer](Result<InboxPut> put) { answer->set_value(std::move(put)); });
    return answer->get_future();
  }
  InboxPut put(const std::string& webhook, const std::string& id,
               const std::string& payload = "{}") {
    const Result<InboxPut> done = start(webhook, id, payload).get();
    EXPECT_TRUE(done) << done.error().message;
    return done.value_or(InboxPut{.answer = InboxAnswer::storage});
  }
  InboxAnswer answer(const std::string& webhook, const std::string& id,
                     const std::string& payload = "{}") {
    return put(webhook, id, payload).answer;
  }

  Ids ids(const std::string& webhook, std::uint64_t after = 0) {
    Ids found;
    const auto listed = inbox_->reader().list(webhook, after, {.limit = 1000}).value();
    for (const InboxMessage& one : listed.rows) found.push_back(one.id);
    return found;
  }
  InboxState state(const std::string& webhook) { return inbox_->reader().state(webhook).value(); }
  std::string payload(const std::string& webhook, const std::string& id) {
    auto found = inbox_->reader().message(webhook, id);
    if (!found || !*found) return "none";
    std::string all;
    while (true) {
      const Result<std::string_view> piece = (*found)->payload.next();
      if (!piece) return piece.error().message;
      if (piece->empty()) return all;
      all += *piece;
    }
  }
  /// Payloads that are no rows.
  std::size_t files() {
    if (database_) {
      return static_cast<std::size_t>(sql("SELECT count(DISTINCT body) FROM inbox_part"));
    }
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory)) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  store::Time at_ = store::from_millis(1'700'000'000'123);
  tests::TemporaryFolder folder_;
  std::string account_;  ///< the owner of the inboxes
  InboxOptions options_;
  InboxLimits limits_;
  std::unique_ptr<cluster::Database> database_;  ///< null: the inboxes are those of one gateway
  std::unique_ptr<Inbox> inbox_;
};

/// What holds for one gateway and in a cluster.
class EveryInboxTest : public InboxTest, public testing::WithParamInterface<bool> {
 protected:
  EveryInboxTest() : InboxTest(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(, EveryInboxTest, testing::Bool(), [](const auto& cluster) {
  return std::string(cluster.param ? "pgsql" : "sqlite");
});

/// What holds in a cluster.
class ClusterInboxTest : public InboxTest {
 protected:
  ClusterInboxTest() : InboxTest(true) {}
};

TEST_P(EveryInboxTest, keeps_messages_once_and_numbers_them) {
  open();
  const std::uint64_t before = inbox_->sequence();
  const std::uint64_t first = put("wh_1", "msg_1", R"({"n":1})").sequence;
  EXPECT_GT(inbox_->sequence(), before);
  EXPECT_TRUE(ids("wh_1", first).empty());
  const std::uint64_t second = put("wh_1", "msg_2").sequence;
  EXPECT_GT(second, first);
  EXPECT_EQ(ids("wh_1", first), Ids{"msg_2"});
  EXPECT_EQ(put("wh_2", "msg_1").answer, InboxAnswer::taken);
  EXPECT_EQ(put("wh_1", "msg_1").sequence, first) << "sent once more";
  EXPECT_EQ(ids("wh_1"), (Ids{"msg_2", "msg_1"}));
  EXPECT_EQ(payload("wh_1", "msg_1"), R"({"n":1})");
  const InboxMessage one = inbox_->reader().message("wh_1", "msg_1").value()->message;
  EXPECT_EQ(one.received_at, at_);
  EXPECT_EQ(one.sender, "a@example.com");
  EXPECT_EQ(one.payload_size, 7u);
  EXPECT_EQ(state("wh_1").messages, 2u);
  EXPECT_EQ(state("wh_1").octets, 9u);
  open();
  if (!database_) EXPECT_EQ(inbox_->sequence(), second + 1);
  EXPECT_TRUE(inbox_->erase("wh_1", "msg_1").value());
  EXPECT_FALSE(inbox_->erase("wh_1", "msg_1").value());
  EXPECT_EQ(payload("wh_2", "msg_1"), "{}");
  EXPECT_EQ(state("wh_1").octets, 2u);
}

TEST_P(EveryInboxTest, follows_a_cursor) {
  open();
  for (const char* id : {"msg_1", "msg_2", "msg_3"}) {
    for (const char* webhook : {"wh_1", "wh_2"}) EXPECT_EQ(answer(webhook, id), InboxAnswer::taken);
  }
  const auto slice = [&](std::uint64_t before) {
    return inbox_->reader().slice("wh_1", 0, {.before = before, .limit = 2}).value();
  };
  const auto first = slice(0);
  ASSERT_EQ(first.rows.size(), 2u);
  EXPECT_EQ(first.rows.front().id, "msg_3");
  const auto second = slice(first.next);
  ASSERT_EQ(second.rows.size(), 1u);
  EXPECT_EQ(second.rows.front().id, "msg_1");
  EXPECT_EQ(second.next, 0u);
}

TEST_F(InboxTest, a_list_takes_its_total_from_the_box_and_walks_nothing) {
  open();
  for (const char* id : {"1", "2", "3"}) put("wh_1", id);
  const auto total = [&](std::uint64_t after) {
    return inbox_->reader().list("wh_1", after, {.offset = 0, .limit = 2}).value().total;
  };
  EXPECT_EQ(total(0), 3u);
  EXPECT_EQ(total(1), 2u);
  EXPECT_EQ(inbox_->reader().list("wh_2", 0, {.offset = 0, .limit = 2}).value().total, 0u);
  const auto database =
      std::move(*store::Database::open(options_.database, store::delivery_schema()));
  ASSERT_TRUE(database->execute("UPDATE inbox_box SET messages = 42 WHERE webhook_id = 'wh_1'"));
  EXPECT_EQ(total(0), 42u) << "its rows are not counted";
}

TEST_P(EveryInboxTest, a_full_inbox_refuses_and_drops_nothing) {
  open();
  limits_.messages = 3;
  for (const char* id : {"msg_1", "msg_2", "msg_3"}) {
    EXPECT_EQ(answer("wh_1", id), InboxAnswer::taken);
  }
  EXPECT_TRUE(state("wh_1").full(limits_));
  EXPECT_EQ(answer("wh_1", "msg_4"), InboxAnswer::full);
  EXPECT_EQ(answer("wh_1", "msg_5"), InboxAnswer::full);
  EXPECT_EQ(ids("wh_1"), (Ids{"msg_3", "msg_2", "msg_1"})) << "what was acknowledged stays";
  EXPECT_EQ(answer("wh_1", "msg_2"), InboxAnswer::taken) << "it is there";
  EXPECT_EQ(answer("wh_2", "msg_1"), InboxAnswer::taken) << "a neighbour's";
  EXPECT_EQ(state("wh_1").refused, 2u);
  EXPECT_EQ(state("wh_1").refused_at, at_);
  EXPECT_TRUE(inbox_->erase("wh_1", "msg_1").value());
  EXPECT_FALSE(state("wh_1").full(limits_));
  EXPECT_EQ(answer("wh_1", "msg_6"), InboxAnswer::taken);
}

TEST_P(EveryInboxTest, octets_are_limited_for_one_inbox_and_for_all) {
  options_.max_octets = 2500;
  open();
  limits_.octets = 1000;
  EXPECT_EQ(answer("wh_1", "a", std::string(600, 'x')), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_1", "b", std::string(600, 'x')), InboxAnswer::full);
  EXPECT_TRUE(state("wh_1").full(limits_)) << "though a small one would fit";
  EXPECT_EQ(answer("wh_1", "c", std::string(400, 'x')), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_1", "d", std::string(1001, 'x')), InboxAnswer::too_large);
  EXPECT_EQ(answer("wh_5", "d", std::string(1001, 'x')), InboxAnswer::too_large);
  EXPECT_FALSE(state("wh_5").full(limits_)) << "others fit";
  EXPECT_EQ(answer("wh_2", "a", std::string(900, 'x')), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_3", "a", std::string(900, 'x')), InboxAnswer::storage);
  EXPECT_EQ(ids("wh_1"), (Ids{"c", "a"}));
}

TEST_P(EveryInboxTest, an_account_fills_no_more_than_it_leaves_free) {
  options_.max_octets = 10'000;
  open();
  const std::string hundred(100, 'x');
  const auto fill = [&](const std::string& account) {
    account_ = account;
    int taken = 0;
    while (answer("wh_" + account + std::to_string(taken % 2), std::to_string(taken), hundred) ==
           InboxAnswer::taken) {
      ++taken;
    }
    return taken;
  };
  EXPECT_EQ(fill("a"), 50) << "over all its inboxes";
  EXPECT_EQ(put("wh_a0", "x", hundred).answer, InboxAnswer::storage);
  EXPECT_EQ(fill("b"), 25);
  EXPECT_EQ(fill("c"), 12);
  open();
  account_ = "a";
  EXPECT_EQ(put("wh_a0", "x", hundred).answer, InboxAnswer::storage) << "after a restart too";
  account_ = "d";
  EXPECT_EQ(put("wh_d", "x", hundred).answer, InboxAnswer::taken);
}

TEST_P(EveryInboxTest, drops_only_what_is_older_than_it_says_and_counts_it) {
  open();
  limits_ = {.messages = 3, .keep_days = 7};
  EXPECT_EQ(answer("wh_1", "msg_1"), InboxAnswer::taken);
  at_ += days(6);
  EXPECT_EQ(answer("wh_1", "msg_2"), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_1", "msg_3", std::string(100'000, 'x')), InboxAnswer::taken);
  const auto limits = [&](const std::string& id) {
    return id == "wh_1" ? std::optional(limits_) : std::nullopt;
  };
  EXPECT_EQ(inbox_->purge(at_, limits).value(), 0u);
  at_ += days(1) + std::chrono::milliseconds(1);
  // When the inbox is full, it removes aged messages.
  const InboxPut made_room = put("wh_1", "msg_4");
  EXPECT_EQ(made_room.answer, InboxAnswer::taken);
  EXPECT_EQ(made_room.aged_out, 1u);
  EXPECT_EQ(ids("wh_1"), (Ids{"msg_4", "msg_3", "msg_2"}));
  EXPECT_EQ(answer("wh_1", "msg_5"), InboxAnswer::full);
  at_ += days(6);
  EXPECT_EQ(inbox_->purge(at_, limits).value(), 2u);
  EXPECT_EQ(ids("wh_1"), Ids{"msg_4"});
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(state("wh_1").aged_out, 3u);
  EXPECT_FALSE(state("wh_1").full(limits_));
}

// A former defect: a message that arrived while its webhook was being deleted was unreachable and
// used up storage.
TEST_P(EveryInboxTest, mail_of_a_deleted_webhook_goes) {
  open();
  EXPECT_EQ(answer("wh_1", "msg_1"), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_gone", "msg_2", std::string(400'000, 'x')), InboxAnswer::taken);
  EXPECT_EQ(files(), 1u);
  const auto limits = [&](const std::string& id) {
    return id == "wh_1" ? std::optional(limits_) : std::nullopt;
  };
  EXPECT_EQ(inbox_->purge(at_, limits).value(), 0u) << "nothing aged out";
  EXPECT_EQ(ids("wh_gone"), Ids{});
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(ids("wh_1"), Ids{"msg_1"});
}

TEST_F(InboxTest, large_payloads_are_files_and_leave_with_their_message) {
  open();
  const std::string large(400'000, 'x');
  EXPECT_EQ(answer("wh_1", "msg_1", large), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_1", "msg_2", large), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_1", "msg_2", large), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_2", "msg_1", large), InboxAnswer::taken);
  EXPECT_EQ(files(), 3u);
  EXPECT_EQ(payload("wh_1", "msg_1"), large);
  limits_.messages = 2;
  EXPECT_EQ(answer("wh_1", "msg_3", large), InboxAnswer::full);
  EXPECT_EQ(state("wh_1").refused, 1u);
  EXPECT_EQ(files(), 3u);
  EXPECT_TRUE(inbox_->erase("wh_1", "msg_1").value());
  EXPECT_EQ(files(), 2u);
  // The state after a crash between file and row.
  inbox_.reset();
  BodyFiles orphan(options_.directory);
  Body body(folder_.path());
  ASSERT_TRUE(body.append("lost"));
  ASSERT_TRUE(orphan.write("01HX5B3W7Q8Z2M4N6P8R0T2V4X", body));
  open();
  EXPECT_EQ(files(), 2u);
  const Ids gone{"wh_1"};
  EXPECT_TRUE(inbox_->forget(gone));
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(state("wh_1").messages, 0u);
  EXPECT_EQ(payload("wh_2", "msg_1"), large);
  EXPECT_EQ(inbox_->clear("wh_2").value(), 1u);
  EXPECT_EQ(files(), 0u);
}

TEST_F(InboxTest, closing_answers_for_large_payloads_that_are_on_their_way) {
  const std::string large(2 * mib, 'x');
  std::uint64_t taken = 0;
  for (int round = 0; round < 20; ++round) {
    open();
    std::vector<std::future<Result<InboxPut>>> under_way;
    for (int i = 0; i < 3; ++i) {
      under_way.push_back(start("wh_1", "msg_" + std::to_string(3 * round + i), large));
    }
    inbox_.reset();
    for (auto& one : under_way) {
      const Result<InboxPut> answer = one.get();
      taken += answer ? 1 : 0;
      if (!answer) EXPECT_EQ(answer.error().fault, Fault::temporary) << answer.error().message;
    }
  }
  open();
  EXPECT_EQ(state("wh_1").messages, taken);
  EXPECT_EQ(files(), taken);
}

TEST_F(InboxTest, a_damaged_file_is_never_shown_to_its_end) {
  open();
  EXPECT_EQ(answer("wh_1", "msg_1", std::string(400'000, 'x')), InboxAnswer::taken);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory)) {
    if (!entry.is_regular_file()) continue;
    std::FILE* file = std::fopen(entry.path().c_str(), "r+");
    std::fputc('y', file);
    std::fclose(file);
  }
  EXPECT_EQ(payload("wh_1", "msg_1"),
            "a message body is not what was stored: its checksum differs");
}

/// A database of version 0.1.0: payloads of any size in rows, 200 messages or 64 MiB.
TEST_F(InboxTest, reads_what_an_older_version_kept_and_goes_beyond_its_limits) {
  const std::string large(70 * mib, 'x');
  {
    const store::Schema all = store::delivery_schema();
    const store::Schema old{.application_id = all.application_id,
                            .migrations = all.migrations.first(2)};
    auto database = store::Database::open(options_.database, old);
    ASSERT_TRUE(database) << database.error().message;
    for (int i = 1; i <= 200; ++i) {
      const std::string& kept = i == 200 ? large : std::string(R"({"n":1})");
      ASSERT_TRUE((*database)->execute(
          "INSERT INTO inbox (webhook_id, id, received_at, sender, subject, payload_size, payload) "
          "VALUES ('wh_1', ?, ?, 'a@example.com', 's', ?, ?)",
          "msg_" + std::to_string(i), at_, kept.size(), kept));
    }
  }
  open();
  EXPECT_EQ(files(), 1u) << "only the large one";
  EXPECT_EQ(state("wh_1").messages, 200u);
  EXPECT_EQ(state("wh_1").octets, large.size() + 199 * 7);
  EXPECT_EQ(payload("wh_1", "msg_1"), R"({"n":1})");
  EXPECT_EQ(payload("wh_1", "msg_200"), large);
  EXPECT_EQ(answer("wh_1", "msg_201", std::string(400'000, 'x')), InboxAnswer::taken);
  EXPECT_EQ(state("wh_1").messages, 201u);
  open();
  EXPECT_EQ(ids("wh_1").size(), 201u);
  EXPECT_EQ(payload("wh_1", "msg_200"), large);
  EXPECT_TRUE(inbox_->erase("wh_1", "msg_200").value());
  EXPECT_EQ(files(), 1u);
}

TEST_F(InboxTest, large_payloads_stay_out_of_the_write_ahead_log) {
  open();
  const std::string large(30 * mib, 'x');
  limits_.octets = 1000 * mib;
  std::vector<std::future<Result<InboxPut>>> under_way;
  under_way.reserve(4);
  for (int i = 0; i < 4; ++i) {
    under_way.push_back(start("wh_1", "msg_" + std::to_string(i), large));
  }
  for (auto& one : under_way) EXPECT_EQ(one.get()->answer, InboxAnswer::taken);
  EXPECT_LT(std::filesystem::file_size(options_.database + "-wal"), mib);
  EXPECT_EQ(inbox_->clear("wh_1").value(), 4u);
  EXPECT_LT(std::filesystem::file_size(options_.database + "-wal"), mib);
}

TEST_F(ClusterInboxTest, any_gateway_shows_and_deletes_what_another_took) {
  open();
  const auto other = another();
  const std::string large(700'000, 'x');
  EXPECT_EQ(answer("wh_1", "msg_1", R"({"n":1})"), InboxAnswer::taken);
  EXPECT_EQ(answer("wh_1", "msg_2", large), InboxAnswer::taken);
  inbox_.reset();  // it is dead
  inbox_ = another();
  EXPECT_EQ(ids("wh_1"), (Ids{"msg_2", "msg_1"}));
  EXPECT_EQ(payload("wh_1", "msg_1"), R"({"n":1})");
  EXPECT_EQ(payload("wh_1", "msg_2"), large);
  std::string pieces;
  for (;;) {
    const auto piece = other->reader().piece("wh_1", "msg_2", pieces.size()).value();
    if (piece->octets.empty()) break;
    pieces += piece->octets;
  }
  EXPECT_EQ(pieces, large);
  EXPECT_TRUE(other->erase("wh_1", "msg_2").value());
  EXPECT_EQ(ids("wh_1"), Ids{"msg_1"});
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(state("wh_1").octets, 7u);
}

TEST_F(ClusterInboxTest, who_asks_for_what_came_after_a_number_misses_nothing) {
  open();
  const auto other = another();
  std::vector<std::future<Result<InboxPut>>> under_way;
  std::set<std::string> seen;
  std::uint64_t after = 0;
  const auto look = [&] {
    const auto listed = inbox_->reader().list("wh_1", after, {.limit = 1000}).value();
    for (const InboxMessage& one : listed.rows) {
      EXPECT_TRUE(seen.insert(one.id).second);
      after = std::max(after, one.sequence);
    }
  };
  for (int i = 0; i < 200; ++i) {
    Inbox& inbox = i % 2 == 0 ? *inbox_ : *other;
    under_way.push_back(start(inbox, i % 5 == 0 ? "wh_2" : "wh_1", std::to_string(i), "{}"));
    if (i % 10 == 0) look();
  }
  for (auto& one : under_way) {
    const auto put = one.get();
    ASSERT_TRUE(put) << put.error().message;
    EXPECT_EQ(put->answer, InboxAnswer::taken);
  }
  look();
  EXPECT_EQ(seen.size(), 160u);
  EXPECT_EQ(after, 160u) << "their numbers have no gaps";
}

TEST_F(ClusterInboxTest, two_gateways_keep_one_copy_and_one_limit) {
  open();
  const auto other = another();
  limits_.messages = 5;
  int taken = 0;
  int known = 0;
  std::vector<std::future<Result<InboxPut>>> under_way;
  for (int i = 0; i < 20; ++i) {
    under_way.push_back(start(i % 2 == 0 ? *inbox_ : *other, "wh_1", std::to_string(i / 2), "{}"));
  }
  for (auto& one : under_way) {
    const auto put = one.get();
    ASSERT_TRUE(put) << put.error().message;
    taken += put->answer == InboxAnswer::taken && !put->known ? 1 : 0;
    known += put->known ? 1 : 0;
  }
  EXPECT_EQ(taken, 5);
  EXPECT_LE(known, 5);
  EXPECT_EQ(state("wh_1").messages, 5u);
  EXPECT_EQ(state("wh_1").octets, 10u);
}

TEST_F(ClusterInboxTest, while_the_database_is_away_messages_wait) {
  open();
  EXPECT_EQ(answer("wh_1", "msg_1"), InboxAnswer::taken);
  tests::PgsqlServer::one().crash();
  auto late = start("wh_1", "msg_2", "{}");
  EXPECT_FALSE(inbox_->reader().state("wh_1"));
  EXPECT_EQ(late.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  tests::PgsqlServer::one().start();
  EXPECT_EQ(late.get()->answer, InboxAnswer::taken);
  EXPECT_EQ(ids("wh_1"), (Ids{"msg_2", "msg_1"}));
}

TEST_F(ClusterInboxTest, a_gateways_own_messages_move_into_the_cluster) {
  const auto own = SqliteInbox::open(options_).value_or(nullptr);
  ASSERT_TRUE(own);
  for (const char* id : {"msg_1", "msg_2", "msg_3"}) {
    EXPECT_EQ(start(*own, "wh_1", id, id).get()->answer, InboxAnswer::taken);
    EXPECT_EQ(start(*own, "wh_gone", id, id).get()->answer, InboxAnswer::taken);
  }
  open();
  EXPECT_EQ(answer("wh_1", "msg_1", "msg_1"), InboxAnswer::taken) << "a move that was stopped";
  const auto limits = [&](const std::string& id) {
    return id == "wh_1" ? std::optional(limits_) : std::nullopt;
  };
  EXPECT_EQ(move_inboxes(*own, *inbox_, limits, folder_.path()).value(), 3u);
  EXPECT_EQ(ids("wh_1"), (Ids{"msg_3", "msg_2", "msg_1"}));
  EXPECT_EQ(payload("wh_1", "msg_2"), "msg_2");
  EXPECT_EQ(own->reader().state("wh_1").value().messages, 0u);
  EXPECT_EQ(own->reader().state("wh_gone").value().messages, 3u);
  EXPECT_EQ(move_inboxes(*own, *inbox_, limits, folder_.path()).value(), 0u);
}

TEST_F(ClusterInboxTest, numbers_go_on_where_they_were) {
  const auto own = SqliteInbox::open(options_).value_or(nullptr);
  ASSERT_TRUE(own);
  std::uint64_t last = 0;
  for (const char* id : {"msg_1", "msg_2", "msg_3", "msg_4"}) {
    last = start(*own, "wh_1", id, id).get()->sequence;
  }
  EXPECT_TRUE(start(*own, "wh_2", "msg_1", "x").get());
  EXPECT_TRUE(own->erase("wh_2", "msg_1").value());
  EXPECT_TRUE(own->erase("wh_1", "msg_1").value());
  open();
  const auto limits = [&](const std::string&) { return std::optional(limits_); };
  EXPECT_EQ(move_inboxes(*own, *inbox_, limits, folder_.path()).value(), 3u);
  EXPECT_EQ(ids("wh_1", last - 1), Ids{"msg_4"}) << "a reader that has read the third";
  EXPECT_GT(put("wh_1", "msg_5").sequence, last);
  EXPECT_GT(put("wh_2", "msg_2").sequence, last) << "an inbox that was read and emptied";

  // And back.
  const std::uint64_t highest = inbox_->last_given().value();
  EXPECT_TRUE(own->go_on_after({}, highest));
  EXPECT_TRUE(own->go_on_after({}, 1));
  EXPECT_EQ(start(*own, "wh_1", "msg_6", "x").get()->sequence, highest + 1);
}

}  // namespace
}  // namespace postern::spool
