// What only a spool of a cluster does: its promises over failures of PostgreSQL, and between nodes.
#include "spool/pgsql_spool.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "base/patience_test.h"
#include "cluster/held_commits_test.h"
#include "spool/spool_fixture.h"
#include "spool/words.h"

namespace postern::spool {
namespace {

using namespace std::chrono_literals;

class PgsqlSpoolTest : public SpoolTest {
 protected:
  PgsqlSpoolTest() : SpoolTest(Engine::pgsql) {
    pgsql_options_.publish_wait = tests::patience;
    pgsql_options_.lease_lost = [this](const RecipientKey& key) { lost_.push_back(key); };
    open();
    session_ = *database_->connect();
  }
  ~PgsqlSpoolTest() override { other_.reset(); }

  net::PgsqlRows sql(const std::string& text) {
    const auto done =
        session_->run({.sql = text, .values = {}}, cluster::Clock::now() + tests::patience);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : net::PgsqlRows();
  }
  std::future<Result<MessageId>> begin_put(std::string_view bytes) {
    auto answer = std::make_shared<std::promise<Result<MessageId>>>();
    spool_->put(envelope(), body(bytes),
                [answer](Result<MessageId> id) { answer->set_value(std::move(id)); });
    return answer->get_future();
  }
  /// Opens the spool of a second node on the same database.
  void join_another() {
    other_node_ =
        *cluster::Node::join(*database_, {.name = "mx2", .version = "test", .heartbeat = 50ms});
    other_ = *PgsqlSpool::open(*database_, *other_node_, {.lease_lost = pgsql_options_.lease_lost});
  }

  std::unique_ptr<net::PgsqlSession> session_;
  std::unique_ptr<cluster::Node> other_node_;
  std::unique_ptr<PgsqlSpool> other_;
  std::vector<RecipientKey> lost_;  ///< written before the settlement is done
};

TEST_F(PgsqlSpoolTest, a_put_waits_over_a_crash_of_the_server_and_is_stored_once) {
  ASSERT_TRUE(put(envelope(), "before"));
  tests::PgsqlServer::one().crash();
  auto small = begin_put("small");
  auto large = begin_put(std::string(700'000, 'x'));
  EXPECT_EQ(small.wait_for(500ms), std::future_status::timeout) << "held, not refused";
  tests::PgsqlServer::one().start();
  const Result<MessageId> first = small.get();
  ASSERT_TRUE(first) << first.error().message;
  const Result<MessageId> second = large.get();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(spool_->list({}, "", 10)->size(), 3u);
  EXPECT_EQ(read(*first).value(), "small");
  EXPECT_EQ(read(*second)->size(), 700'000u);
  EXPECT_EQ(spool_->verify()->wrong, 0u);
}

TEST_F(PgsqlSpoolTest, a_put_gives_up_after_its_time) {
  pgsql_options_.publish_wait = 600ms;
  open();
  tests::PgsqlServer::one().crash();
  const Result<MessageId> late = begin_put("late").get();
  tests::PgsqlServer::one().start();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().fault, Fault::unreachable);
  pgsql_options_.publish_wait = tests::patience;
  open();
  EXPECT_TRUE(put(envelope(), "later"));
}

// A client that was told 451 may be gone for an hour, and nothing else comes.
TEST_F(PgsqlSpoolTest, what_was_stored_in_spite_of_an_error_is_scheduled_without_other_mail) {
  ASSERT_TRUE(put(envelope(), "before"));
  std::mutex mutex;
  std::vector<MessageId> in_doubt;
  pgsql_options_.publish_wait = 300ms;
  pgsql_options_.commit_unknown = [&](const MessageId& id, const Error&) {
    const std::lock_guard guard(mutex);
    in_doubt.push_back(id);
  };
  open();
  std::atomic<int> gained = 0;
  spool_->on_gain([&] { ++gained; });
  Cursor cursor;
  ASSERT_EQ(spool_->parcels(cursor, 10)->size(), 1u);
  tests::HeldCommits held(*database_);
  auto stored = begin_put("stored all the same");
  // The transaction is committed here, and its end is not told.
  const bool ended = tests::eventually([&] {
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
        "datname = current_database()");
    return stored.wait_for(0s) == std::future_status::ready;
  });
  held.release();
  ASSERT_TRUE(ended);
  const Result<MessageId> refused = stored.get();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::permanent) << "its attachments must stay";
  const auto there = spool_->list({}, "", 10).value();
  ASSERT_EQ(there.size(), 2u);
  const std::unique_lock guard(mutex);
  ASSERT_EQ(in_doubt.size(), 1u);
  const auto late = std::ranges::find(there, in_doubt[0], &Message::id);
  ASSERT_NE(late, there.end());
  EXPECT_TRUE(tests::eventually([&] {
    const auto page = spool_->parcels(cursor, 10);
    return page && std::ranges::any_of(*page, [&](const Parcel& parcel) {
             return parcel.sequence == late->sequence;
           });
  }));
  EXPECT_GE(gained, 1) << "the scheduler is woken";
  spool_->on_gain(nullptr);
}

// Trap 1: a commit whose wait for a standby is cancelled is reported as a success, with a warning.
TEST_F(PgsqlSpoolTest, a_warning_is_no_success) {
  tests::HeldCommits held(*database_);
  auto stored = begin_put("waits for a standby");
  const char* waiting =
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = "
      "current_database()";
  ASSERT_TRUE(tests::eventually([&] { return sql(waiting).size() > 0; }));
  sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
      "datname "
      "= current_database()");
  EXPECT_EQ(stored.wait_for(700ms), std::future_status::timeout)
      << "the repetition waits for the standby, too";
  held.release();
  const Result<MessageId> id = stored.get();
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_EQ(spool_->list({}, "", 10)->size(), 1u) << "stored once";
  EXPECT_EQ(spool_->get(*id)->value().envelope.recipients.size(), 1u);
}

TEST_F(PgsqlSpoolTest, octets_that_are_no_text_are_kept) {
  Envelope odd = envelope();
  odd.reverse_path = std::string("caf\xe9\0@example.org", 17);
  odd.recipients[0].address = "\xff\xfe@example.net";
  const auto id = put(odd, std::string("\0\xff", 2));
  ASSERT_TRUE(id) << id.error().message;
  const auto kept = spool_->get(*id)->value();
  EXPECT_EQ(kept.envelope.reverse_path, odd.reverse_path);
  EXPECT_EQ(kept.envelope.recipients[0].address, odd.recipients[0].address);
  EXPECT_EQ(read(*id).value(), std::string("\0\xff", 2));
  EXPECT_EQ(spool_->list({.sender = odd.reverse_path}, "", 10)->size(), 1u);
}

TEST_F(PgsqlSpoolTest, what_a_newer_version_wrote_is_left_out_and_found) {
  const MessageId odd = put(envelope(), "x").value();
  sql("UPDATE recipient SET kind = 9");
  ASSERT_TRUE(put(envelope(), "y"));
  Cursor cursor;
  EXPECT_EQ(spool_->parcels(cursor, 1)->size(), 1u) << "what is left out takes no place";
  EXPECT_TRUE(spool_->parcels(cursor, 1)->empty());
  EXPECT_EQ(spool_->counts()->size(), 1u);
  EXPECT_EQ(spool_->list({}, "", 10)->size(), 2u);
  EXPECT_EQ(to_string(spool_->get(odd)->value().envelope.recipients[0].destination.kind),
            "unknown");
  const Verification found = spool_->verify().value();
  ASSERT_EQ(found.wrong, 1u);
}

TEST_F(PgsqlSpoolTest, who_lost_a_part_puts_into_another) {
  for (const cluster::Part& part : node_->parts()) {
    if (part.number != 7) node_->lost(part);
  }
  ASSERT_TRUE(put(envelope(), "into part 7"));
  // Another node takes it, and this one has not heard of it.
  sql("UPDATE shard SET epoch = epoch + 1, owner = 'mx9', boot = "
      "'00000000-0000-0000-0000-000000000001' WHERE shard = 7");
  auto stored = begin_put("next");
  EXPECT_TRUE(tests::eventually([&] { return node_->parts().empty(); }));
  EXPECT_EQ(stored.wait_for(300ms), std::future_status::timeout) << "it owns none";
  EXPECT_EQ(spool_->list({}, "", 10)->size(), 1u);
  spool_->stop();
  EXPECT_FALSE(stored.get());
}

// What an end that is unknown may have stored, whoever takes the part delivers.
TEST_F(PgsqlSpoolTest, a_doubt_outlives_the_part) {
  ASSERT_TRUE(put(envelope(), "before"));
  std::atomic<int> in_doubt = 0;
  pgsql_options_.publish_wait = 3s;
  pgsql_options_.commit_unknown = [&](const MessageId&, const Error&) { ++in_doubt; };
  open();
  tests::HeldCommits held(*database_);
  auto stored = begin_put("stored all the same");
  // The commit of the put, and not one of a heartbeat, waits: it has its part's lock.
  const char* waiting =
      "SELECT pid FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE wait_event = "
      "'SyncRep' AND a.datname = current_database() AND locktype = 'advisory' AND classid = 7305";
  ASSERT_TRUE(tests::eventually([&] { return sql(waiting).size() > 0; }));
  // Others take all parts, and the end of the transaction, which is committed here, is not told.
  for (const cluster::Part& part : node_->parts()) node_->lost(part);
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
      "datname = current_database()");
  const Result<MessageId> refused = stored.get();
  held.release();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::permanent) << "its attachments must stay";
  EXPECT_EQ(in_doubt, 1);
}

// The contract: what was delivered meanwhile does not come back.
TEST_F(PgsqlSpoolTest, what_another_delivered_while_its_commit_was_in_doubt_is_not_put_again) {
  tests::HeldCommits held(*database_);
  auto stored = begin_put("stored, and delivered by another");
  const char* waiting =
      "SELECT pid FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE wait_event = "
      "'SyncRep' AND a.datname = current_database() AND locktype = 'advisory' AND classid = 7305";
  ASSERT_TRUE(tests::eventually([&] { return sql(waiting).size() > 0; }));
  sql("SET synchronous_commit = local");
  sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
      "datname = current_database()");
  ASSERT_TRUE(tests::eventually([&] { return sql("SELECT 1 FROM message").size() == 1; }));
  sql("UPDATE shard SET boot = gen_random_uuid(), epoch = epoch + 1 WHERE shard = (SELECT shard "
      "FROM message)");
  sql("DELETE FROM recipient");
  sql("DELETE FROM message");
  sql("RESET synchronous_commit");
  held.release();
  const Result<MessageId> id = stored.get();
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_EQ(sql("SELECT 1 FROM message").size(), 0u) << "it is delivered";
  ASSERT_TRUE(put(envelope(), "the next one"));
  EXPECT_EQ(sql("SELECT 1 FROM message").size(), 1u);
}

TEST_F(PgsqlSpoolTest, what_one_node_put_is_scheduled_by_the_one_that_takes_its_part) {
  std::set<Sequence> seen;
  Cursor mine;
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(put(envelope(), "x"));
  const auto put_here = *spool_->parcels(mine, 1000);
  for (const Parcel& parcel : put_here) {
    EXPECT_FALSE(parcel.inherited);
    seen.insert(parcel.sequence);
  }
  EXPECT_EQ(seen.size(), 64u);
  join_another();
  node_->leave();
  ASSERT_TRUE(tests::eventually([&] { return other_node_->parts().size() == 64; }));
  Cursor theirs;
  std::set<Sequence> taken;
  const auto read_there = *other_->parcels(theirs, 1000);
  for (const Parcel& parcel : read_there) {
    EXPECT_TRUE(parcel.inherited);
    taken.insert(parcel.sequence);
  }
  EXPECT_EQ(taken, seen);
  EXPECT_TRUE(other_->parcels(theirs, 1000)->empty());
}

/// Whatever is queued, and before PostgreSQL knows how much that is.
TEST_F(PgsqlSpoolTest, attempts_read_what_they_name_alone) {
  constexpr std::size_t at_once = 256;
  std::vector<MessageId> ids;
  for (int i = 0; i < 80; ++i) {
    std::vector<Mail> mails;
    while (mails.size() < at_once) mails.push_back({.envelope = envelope(), .body = body("body")});
    const auto stored = wait<std::vector<MessageId>>(
        [&](auto done) { spool_->put(std::move(mails), std::move(done)); });
    ASSERT_TRUE(stored) << stored.error().message;
    if (ids.empty()) ids = *stored;
  }
  const auto read = [&] {
    return sql("SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables WHERE "
               "relname IN ('message', 'recipient')")
        .integer(0, 0);
  };
  const auto updated = [&] {
    return sql("SELECT n_tup_upd::bigint FROM pg_stat_user_tables WHERE relname = 'recipient'")
        .integer(0, 0);
  };
  const auto attempt = [&](const MessageId& id, std::latch& over) {
    spool_->claim({{id, 0}}, at(0), at(60), [&, id](Result<std::vector<Claim>> claims) {
      EXPECT_EQ(claims->size(), 1u);
      spool_->settle({{.key = {id, 0}, .attempt = 1}}, [&](const Result<void>& done) {
        EXPECT_TRUE(done);
        over.count_down();
      });
    });
  };
  const auto attempts = [&](std::size_t begin, std::size_t count) {
    std::latch over(static_cast<std::ptrdiff_t>(count));
    for (std::size_t i = 0; i < count; ++i) attempt(ids[begin + i], over);
    over.wait();
  };
  attempts(0, 1);
  const std::int64_t before = read();
  attempts(1, at_once - 2);
  // Sessions tell what they have read once a second, after a transaction.
  std::this_thread::sleep_for(1100ms);
  attempts(at_once - 1, 1);
  EXPECT_TRUE(
      tests::eventually([&] { return updated() >= static_cast<std::int64_t>(2 * at_once - 2); }));
  EXPECT_LT(read() - before, 20'000) << "of 20,480 that are queued";
}

TEST_F(PgsqlSpoolTest, a_claim_is_kept_while_its_process_may_live) {
  join_another();
  const MessageId id = *put(envelope(), "x");
  ASSERT_EQ(claim({{id, 0}}, at(0), at(60))->size(), 1u);
  const auto theirs = [&] {
    return wait<std::vector<Claim>>(
        [&](auto done) { other_->claim({{id, 0}}, Time::max(), at(90), done); });
  };
  EXPECT_TRUE(theirs()->empty()) << "due or not, it is another's";
  EXPECT_TRUE(other_->get(id)->value().envelope.recipients[0].claimed);
  // A settlement by who has no claim changes nothing, but for a delivery.
  ASSERT_TRUE(wait<void>([&](auto done) {
    other_->settle({{.key = {id, 0}, .attempt = 1, .outcome = AttemptOutcome::failed}}, done);
  }));
  EXPECT_EQ(spool_->get(id)->value().envelope.recipients[0].state, State::queued);
  EXPECT_TRUE(lost_.empty());
  node_->leave();
  EXPECT_EQ(theirs()->size(), 1u) << "it ended in order";
}

TEST_F(PgsqlSpoolTest, who_delivers_what_is_anothers_by_then_is_told) {
  join_another();
  const MessageId id = *put(envelope(2), "x");
  ASSERT_EQ(claim({{id, 0}, {id, 1}}, at(0), at(60))->size(), 2u);
  sql("UPDATE node SET ended = true WHERE name = 'mx1'");  // as one that was frozen for a minute
  ASSERT_EQ(wait<std::vector<Claim>>([&](auto done) {
              other_->claim({{id, 0}}, Time::max(), at(90), done);
            })->size(),
            1u);
  const auto delivered = [&](Spool& by, std::uint32_t index, std::uint32_t attempt) {
    return wait<void>([&](auto done) {
      by.settle({{.key = {id, index}, .attempt = attempt, .outcome = AttemptOutcome::delivered}},
                done);
    });
  };
  ASSERT_TRUE(delivered(*other_, 0, 2));
  EXPECT_TRUE(lost_.empty()) << "it was its own";
  ASSERT_TRUE(delivered(*spool_, 1, 1));
  EXPECT_TRUE(lost_.empty()) << "nobody else has begun it";
  ASSERT_TRUE(delivered(*spool_, 0, 1));
  ASSERT_EQ(lost_.size(), 1u);
  EXPECT_EQ(lost_[0], (RecipientKey{id, 0}));
}

TEST_F(PgsqlSpoolTest, a_claim_whose_end_was_unknown_is_one_attempt) {
  const MessageId id = put(envelope(), "x").value();
  tests::HeldCommits held(*database_);
  auto answer = std::make_shared<std::promise<Result<std::vector<Claim>>>>();
  spool_->claim({{id, 0}}, at(0), at(3600),
                [answer](Result<std::vector<Claim>> claims) { answer->set_value(claims); });
  const std::string waiting =
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT' AND "
      "datname = current_database()";
  ASSERT_TRUE(tests::eventually([&] { return sql(waiting).size() > 0; }));
  sql("SELECT pg_terminate_backend(pid) FROM (" + waiting + ") AS w");
  held.release();
  const auto claims = answer->get_future().get();
  ASSERT_TRUE(claims) << claims.error().message;
  ASSERT_EQ(claims->size(), 1u) << "it is this process's";
  EXPECT_EQ(claims->front().attempt, 1u);
  EXPECT_EQ(sql("SELECT attempts FROM recipient").integer(0, 0), 1);
}

TEST_F(PgsqlSpoolTest, what_a_dead_process_had_begun_is_due_when_its_claim_ends) {
  ASSERT_TRUE(put(envelope(), "x"));
  sql("INSERT INTO node (boot, name, version, started, seen, beat) VALUES "
      "('00000000-0000-0000-0000-000000000009', 'mx9', 'test', now(), now(), 1)");
  sql("UPDATE recipient SET claimed_by = '00000000-0000-0000-0000-000000000009', attempts = 1, "
      "next_at = now() + interval '1 hour'");
  const auto due_in = [&] {
    Cursor cursor;
    const auto parcels = spool_->parcels(cursor, 10).value();
    EXPECT_EQ(parcels.size(), 1u);
    return std::chrono::duration_cast<std::chrono::seconds>(parcels.at(0).due -
                                                            std::chrono::system_clock::now());
  };
  EXPECT_GT(due_in(), 50min) << "it lives";
  sql("UPDATE node SET seen = now() - interval '32 s' WHERE name = 'mx9'");
  EXPECT_GT(due_in(), 0s);
  EXPECT_LE(due_in(), 28s);
  // With short intervals its next retry is over, and the claim is not.
  for (const std::string attempts : {"1", "2"}) {
    sql("UPDATE recipient SET next_at = now() - interval '30 s', attempts = " + attempts);
    EXPECT_GT(due_in(), 0s) << attempts;
    EXPECT_LE(due_in(), 28s) << attempts;
  }
  sql("UPDATE recipient SET next_at = now() + interval '1 hour'");
  EXPECT_GT(due_in(), 50min) << "its processes die again and again";
  sql("UPDATE recipient SET attempts = 1");
  sql("UPDATE node SET ended = true WHERE name = 'mx9'");
  EXPECT_LE(due_in(), 0s);
}

TEST_F(PgsqlSpoolTest, a_count_of_a_long_queue_does_not_keep_other_questions_waiting) {
  ASSERT_TRUE(put(envelope(), "counted"));
  sql("BEGIN");
  sql("LOCK TABLE recipient IN ACCESS EXCLUSIVE MODE");  // the count waits for this
  auto counts = std::async(std::launch::async, [&] { return spool_->counts(); });
  ASSERT_TRUE(tests::eventually([&] {
    return sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'recipient'::regclass")
               .size() > 0;
  }));
  // A list without a message does not read the recipients of one.
  auto list =
      std::async(std::launch::async, [&] { return spool_->list({.sender = "none"}, "", 1); });
  EXPECT_EQ(list.wait_for(tests::patience), std::future_status::ready);
  sql("COMMIT");
  EXPECT_TRUE(list.get());
  EXPECT_EQ(counts.get()->front().recipients, 1u);
}

TEST_F(PgsqlSpoolTest, a_message_behind_one_that_is_being_stored_is_read_later) {
  // Part 7 alone, so that both messages are in one part.
  for (const cluster::Part& part : node_->parts()) {
    if (part.number != 7) node_->lost(part);
  }
  sql("BEGIN");
  sql("LOCK TABLE part IN ACCESS EXCLUSIVE MODE");  // the large one waits for this
  auto large = begin_put(std::string(700'000, 'x'));
  ASSERT_TRUE(tests::eventually([&] {
    return sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'part'::regclass").size() >
           0;
  }));
  ASSERT_TRUE(put(envelope(), "small"));
  Cursor cursor;
  EXPECT_TRUE(spool_->parcels(cursor, 10)->empty());
  sql("COMMIT");
  ASSERT_TRUE(large.get());
  EXPECT_EQ(spool_->parcels(cursor, 10)->size(), 2u);
}

}  // namespace
}  // namespace postern::spool
