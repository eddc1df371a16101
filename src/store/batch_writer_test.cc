#include "store/batch_writer.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"

namespace postern::store {
namespace {

constexpr const char* item_migrations[] = {"CREATE TABLE item (id INTEGER PRIMARY KEY) STRICT;"};
constexpr Schema item_schema{.application_id = 1, .migrations = item_migrations};

class BatchWriterTest : public ::testing::Test {
 protected:
  BatchWriterTest() {
    database_ =
        std::move(*Database::open(folder_.file("b.db"), item_schema, {.sync = Sync::normal}));
    reader_ = std::move(*Database::open(folder_.file("b.db"), item_schema, {.sync = Sync::normal}));
  }

  static auto insert(int id) {
    return [id](Database& database) {
      static_cast<void>(database.execute("INSERT INTO item VALUES (?)", id));
    };
  }
  std::int64_t count() { return reader_->number("SELECT count(*) FROM item").value(); }

  tests::TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Database> reader_;
};

TEST_F(BatchWriterTest, flush_makes_earlier_posts_readable) {
  BatchWriter writer(*database_, {.interval = std::chrono::hours(1)});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(writer.post(insert(i)));
  writer.flush();
  EXPECT_EQ(count(), 1000);
  writer.flush();  // nothing new: returns at once
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST_F(BatchWriterTest, commits_by_itself_after_the_interval) {
  BatchWriter writer(*database_, {.interval = std::chrono::milliseconds(20)});
  ASSERT_TRUE(writer.post(insert(1)));
  EXPECT_TRUE(tests::eventually([&] { return count() == 1; }));
}

TEST_F(BatchWriterTest, commits_a_full_batch_before_the_interval) {
  BatchWriter writer(*database_, {.batch = 10, .interval = std::chrono::hours(1)});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(writer.post(insert(i)));
  EXPECT_TRUE(tests::eventually([&] { return count() == 10; }));
}

TEST_F(BatchWriterTest, writes_the_rest_when_it_ends) {
  {
    BatchWriter writer(*database_, {.batch = 7, .interval = std::chrono::hours(1)});
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(writer.post(insert(i)));
  }
  EXPECT_EQ(count(), 100);
}

TEST_F(BatchWriterTest, drops_and_counts_what_does_not_fit_without_waiting) {
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::promise<void> entered;
  BatchWriter writer(*database_, {.capacity = 5, .batch = 1});
  ASSERT_TRUE(writer.post([&, open](Database&) {
    entered.set_value();
    open.wait();
  }));
  entered.get_future().wait();  // the thread is stuck in the first job, the queue is empty
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(writer.post(insert(i)));
  EXPECT_FALSE(writer.post(insert(5)));
  EXPECT_FALSE(writer.post(insert(6)));
  EXPECT_EQ(writer.dropped(), 2u);
  gate.set_value();
  writer.flush();
  EXPECT_EQ(count(), 5);
}

TEST_F(BatchWriterTest, one_bad_row_does_not_take_the_others_along) {
  BatchWriter writer(*database_, {.interval = std::chrono::hours(1)});
  for (const int id : {1, 2, 2, 3}) ASSERT_TRUE(writer.post(insert(id)));
  writer.flush();
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(writer.failed(), 1u);
  EXPECT_NE(writer.last_error().find("UNIQUE"), std::string::npos);
}

TEST_F(BatchWriterTest, what_comes_last_is_in_the_transaction_of_its_jobs) {
  int jobs = 0;  // of the open transaction
  int transactions = 0;
  const auto one = [&](int id) {
    return [&, id](Database& database) {
      insert(id)(database);
      ++jobs;
    };
  };
  BatchWriter writer(*database_, {.interval = std::chrono::hours(1)}, [&](Database& database) {
    static_cast<void>(database.execute("INSERT INTO item VALUES (?)", 100 + transactions++));
    jobs = 0;
  });
  for (const int id : {1, 2}) ASSERT_TRUE(writer.post(one(id)));
  writer.flush();
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(transactions, 1);
  for (const int id : {3, 3}) ASSERT_TRUE(writer.post(one(id)));
  writer.flush();
  EXPECT_EQ(transactions, 4) << "both, then each alone";
  EXPECT_EQ(jobs, 0);
  EXPECT_EQ(count(), 5) << "nothing of what failed";
}

TEST_F(BatchWriterTest, takes_posts_from_many_threads) {
  BatchWriter writer(*database_, {.capacity = 100000});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(writer.post(insert(t * 1000 + i)));
        if (i % 250 == 0) writer.flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  writer.flush();
  EXPECT_EQ(count(), 4000);
}

TEST_F(BatchWriterTest, a_job_may_own_what_cannot_be_copied) {
  BatchWriter writer(*database_);
  auto id = std::make_unique<int>(42);
  ASSERT_TRUE(writer.post([id = std::move(id)](Database& database) {
    static_cast<void>(database.execute("INSERT INTO item VALUES (?)", *id));
  }));
  writer.flush();
  EXPECT_EQ(count(), 1);
}

}  // namespace
}  // namespace postern::store
