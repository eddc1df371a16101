#include "cluster/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/patience_test.h"
#include "cluster/pgsql_server_test.h"

namespace postern::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

/// A gateway that tells texts, and keeps what it heard.
class Gateway {
 public:
  Gateway(Database& database, std::string name, std::map<std::string, std::int64_t> taken = {})
      : name_(std::move(name)) {
    feed_ = std::make_unique<Feed>(
        database, outbox_,
        FeedOptions{
            .kind = "words",
            .node = name_,
            .pack =
                [](const std::vector<std::string>& items) {
                  std::string all;
                  for (const std::string& item : items) all += item;
                  return all;
                },
            .take =
                [this](const std::string& node, std::int64_t number, const std::string& octets) {
                  const std::lock_guard lock(mutex_);
                  if (busy_-- > 0) return false;
                  heard_.push_back(node + ":" + octets);
                  taken_[node] = number;
                  return true;
                },
            .taken = std::move(taken),
            .cleans = [] { return true; }});
  }
  void say(std::string word) { ASSERT_TRUE(outbox_.put(std::move(word))); }
  void leave() { feed_.reset(); }
  void be_busy(int times) {
    const std::lock_guard lock(mutex_);
    busy_ = times;
  }
  std::vector<std::string> heard(std::size_t count) {
    (void)tests::eventually([&] {
      const std::lock_guard lock(mutex_);
      return heard_.size() >= count;
    });
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  std::map<std::string, std::int64_t> taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  const std::string name_;
  FeedOutbox outbox_;
  std::mutex mutex_;
  int busy_ = 0;
  std::vector<std::string> heard_;
  std::map<std::string, std::int64_t> taken_;
  std::unique_ptr<Feed> feed_;
};

class FeedTest : public ::testing::Test {
 protected:
  FeedTest()
      : database_(*Database::make(
            {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true})) {
    session_ = *database_->connect();
    EXPECT_TRUE(migrate(*session_, feed_schema()));
  }
  std::int64_t number(const std::string& sql) {
    const auto rows = session_->run({.sql = sql, .values = {}}, Clock::now() + tests::patience);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows ? rows->integer(0, 0) : -1;
  }

  std::unique_ptr<Database> database_;
  std::unique_ptr<net::PgsqlSession> session_;
};

TEST_F(FeedTest, each_hears_the_others_in_their_order) {
  Gateway one(*database_, "mx1");
  Gateway two(*database_, "mx2");
  one.say("a");
  EXPECT_THAT(two.heard(1), ElementsAre("mx1:a"));
  two.be_busy(3);  // what it cannot take now, it is given again
  one.say("b");
  EXPECT_THAT(two.heard(2), ElementsAre("mx1:a", "mx1:b"));
  two.say("c");
  EXPECT_THAT(one.heard(1), ElementsAre("mx2:c"));
}

TEST_F(FeedTest, who_comes_later_hears_what_is_kept_and_goes_on_where_it_was) {
  Gateway one(*database_, "mx1");
  one.say("a");
  one.leave();  // tells what waits
  std::map<std::string, std::int64_t> taken;
  {
    Gateway two(*database_, "mx2");
    EXPECT_THAT(two.heard(1), ElementsAre("mx1:a"));
    taken = two.taken();
    two.leave();
  }
  Gateway again(*database_, "mx1");
  again.say("b");
  Gateway two(*database_, "mx2", taken);
  EXPECT_THAT(two.heard(1), ElementsAre("mx1:b"));
}

TEST_F(FeedTest, what_is_told_while_the_database_is_away_arrives_later) {
  Gateway one(*database_, "mx1");
  Gateway two(*database_, "mx2");
  one.say("a");
  EXPECT_THAT(two.heard(1), ElementsAre("mx1:a"));
  tests::PgsqlServer::one().crash();
  one.say("b");
  std::this_thread::sleep_for(300ms);
  tests::PgsqlServer::one().start();
  EXPECT_THAT(two.heard(2), ElementsAre("mx1:a", "mx1:b"));
}

TEST_F(FeedTest, days_are_made_ahead_and_dropped_whole) {
  number("SELECT 1 FROM (SELECT feed_days(7, 1::bigint << 40)) AS x");
  EXPECT_EQ(number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'feed'::regclass"), 3);
  number("SELECT 1 FROM (SELECT feed_days(7, 0)) AS x");
  EXPECT_EQ(number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'feed'::regclass"), 3)
      << "today is kept, however large";
  number(
      "SELECT 1 FROM (SELECT set_config('x.day', ((now() AT TIME ZONE 'UTC')::date - 1)::text, "
      "false)) AS x");
  session_->run({.sql = "DO $$ DECLARE day date := current_setting('x.day')::date; BEGIN EXECUTE "
                        "format('CREATE TABLE %I PARTITION OF feed FOR VALUES FROM (%L) TO (%L)', "
                        "'feed_' || to_char(day, 'YYYYMMDD'), day, day + 1); INSERT INTO feed "
                        "VALUES (day, 'words', 'mx1', 1, 'x'); END $$",
                 .values = {}},
                Clock::now() + tests::patience);
  number("SELECT 1 FROM (SELECT feed_days(7, 1::bigint << 40)) AS x");
  EXPECT_EQ(number("SELECT count(*) FROM feed"), 1) << "it is of yesterday";
  number("SELECT 1 FROM (SELECT feed_days(7, 4096)) AS x");
  EXPECT_EQ(number("SELECT count(*) FROM feed"), 0) << "all days are more than they may be";
  EXPECT_EQ(number("SELECT count(*) FROM pg_inherits WHERE inhparent = 'feed'::regclass"), 3);
  session_->run({.sql = "CREATE TABLE feed_20200101 PARTITION OF feed FOR VALUES FROM "
                        "('2020-01-01') TO ('2020-01-02')",
                 .values = {}},
                Clock::now() + tests::patience);
  number("SELECT 1 FROM (SELECT feed_days(7, 1::bigint << 40)) AS x");
  EXPECT_EQ(number("SELECT count(*) FROM pg_class WHERE relname = 'feed_20200101'"), 0);
}

TEST(FeedOutboxTest, refuses_what_does_not_fit_and_counts_it) {
  FeedOutbox outbox(5);
  EXPECT_TRUE(outbox.put("abc"));
  EXPECT_FALSE(outbox.put("def"));
  EXPECT_EQ(outbox.dropped(), 1u);
  EXPECT_TRUE(outbox.put("de"));
  EXPECT_THAT(outbox.take(1), ElementsAre("abc")) << "one at least";
  EXPECT_TRUE(outbox.put("f"));
  EXPECT_THAT(outbox.take(3), ElementsAre("de", "f"));
}

}  // namespace
}  // namespace postern::cluster
