// For tests: a spool in a directory of its own, and blocking calls.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "cluster/pgsql_server_test.h"
#include "spool/pgsql_schema.h"
#include "spool/pgsql_spool.h"
#include "spool/sqlite_spool.h"

namespace postern::spool {

/// What keeps the messages.
enum class Engine { sqlite, pgsql };

/// A test with a spool, which open() opens.
class SpoolTest : public ::testing::Test {
 protected:
  explicit SpoolTest(Engine engine = Engine::sqlite) : engine_(engine) {
    options_.directory = folder_.path();
    options_.min_free = 0;
  }
  ~SpoolTest() override {
    spool_.reset();
    node_.reset();
  }

  /// Opens the spool; one that is open is closed first, as at the end of a process.
  void open() {
    spool_.reset();
    engine_ == Engine::sqlite ? open_sqlite() : open_pgsql();
  }

  /// The number of bodies that are stored outside of their message's row.
  std::size_t large_bodies() {
    if (engine_ == Engine::sqlite) return files().size();
    auto session = database_->connect();
    EXPECT_TRUE(session);
    const auto said =
        (*session)->run({.sql = "SELECT count(DISTINCT message) FROM part", .values = {}},
                        cluster::Clock::now() + tests::patience);
    EXPECT_TRUE(said);
    return static_cast<std::size_t>(said->integer(0, 0));
  }

  static Envelope envelope(std::size_t recipients = 1, Time received = at(0)) {
    Envelope made{.received = received, .reverse_path = "author@example.org"};
    for (std::size_t i = 0; i < recipients; ++i) {
      made.recipients.push_back({.address = "user" + std::to_string(i) + "@example.net",
                                 .destination = {RouteKind::webhook, "wh_1"}});
    }
    return made;
  }
  Body body(std::string_view bytes) {
    Body made(folder_.path());
    EXPECT_TRUE(made.append(bytes));
    return made;
  }
  static Time at(int second) { return Time(std::chrono::seconds(1'700'000'000 + second)); }

  /// Starts an asynchronous call and waits for its result.
  template <class T, class Start>
  static Result<T> wait(Start start) {
    std::promise<Result<T>> answer;
    start([&](Result<T> result) { answer.set_value(std::move(result)); });
    return answer.get_future().get();
  }
  Result<MessageId> put(Envelope envelope, std::string_view bytes) {
    return wait<MessageId>([&](auto done) { spool_->put(std::move(envelope), body(bytes), done); });
  }
  Result<std::vector<Claim>> claim(std::vector<RecipientKey> keys, Time now, Time until) {
    return wait<std::vector<Claim>>([&](auto done) { spool_->claim(keys, now, until, done); });
  }
  Result<void> settle(std::vector<Settlement> settlements) {
    return wait<void>([&](auto done) { spool_->settle(settlements, done); });
  }
  Result<void> act(Action action, const MessageId& id, Time now = at(0)) {
    return wait<void>([&](auto done) { spool_->act(action, id, now, done); });
  }

  struct DueRecipient {
    RecipientKey key;
    std::uint32_t attempts = 0;
  };
  /// Recipients that can be claimed, in the order of their messages.
  std::vector<DueRecipient> due(Time now) {
    std::vector<DueRecipient> found;
    const auto messages = spool_->list({}, "", 1000);
    for (const Message& message : *messages) {
      const auto whole = spool_->get(message.id);
      if (!whole || !*whole) continue;
      for (std::uint32_t i = 0; i < (*whole)->envelope.recipients.size(); ++i) {
        const Recipient& one = (*whole)->envelope.recipients[i];
        if (one.state == State::queued && one.next_attempt <= now) {
          found.push_back({{message.id, i}, one.attempts});
        }
      }
    }
    return found;
  }

  static Result<std::string> read(Spool& spool, const MessageId& id) {
    Result<BodyReader> reader = spool.body(id);
    if (!reader) return tl::unexpected(reader.error());
    std::string all;
    while (true) {
      const Result<std::string_view> bytes = reader->next();
      if (!bytes) return tl::unexpected(bytes.error());
      if (bytes->empty()) return all;
      EXPECT_LE(bytes->size(), BodyReader::piece);
      all += *bytes;
    }
  }
  Result<std::string> read(const MessageId& id) { return read(*spool_, id); }

  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.file("bodies"))) {
      if (entry.is_regular_file()) found.push_back(entry.path());
    }
    return found;
  }

  tests::TemporaryFolder folder_;
  const Engine engine_;
  SqliteSpoolOptions options_;
  PgsqlSpoolOptions pgsql_options_;
  std::unique_ptr<cluster::Database> database_;
  std::unique_ptr<cluster::Node> node_;
  std::unique_ptr<Spool> spool_;

 private:
  void open_sqlite() {
    auto opened = SqliteSpool::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = std::move(*opened);
  }
  void open_pgsql() {
    node_.reset();
    if (!database_) {
      auto made = cluster::Database::make(
          {.postgres = tests::PgsqlServer::one().database(), .allow_one_copy = true});
      ASSERT_TRUE(made) << made.error().message;
      database_ = std::move(*made);
      auto session = database_->connect();
      ASSERT_TRUE(session) << session.error().message;
      for (const cluster::Schema* schema : {&cluster::node_schema(), &pgsql_spool_schema()}) {
        const Result<void> done = cluster::migrate(**session, *schema);
        ASSERT_TRUE(done) << done.error().message;
      }
    }
    auto node = cluster::Node::join(*database_, {.name = "mx1", .version = "test"});
    ASSERT_TRUE(node) << node.error().message;
    node_ = std::move(*node);
    auto opened = PgsqlSpool::open(*database_, *node_, pgsql_options_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = std::move(*opened);
  }
};

/// What holds with every engine.
class EverySpoolTest : public SpoolTest, public ::testing::WithParamInterface<Engine> {
 protected:
  EverySpoolTest() : SpoolTest(GetParam()) {}

  State state(const MessageId& id, std::size_t index = 0) {
    const auto message = spool_->get(id);
    EXPECT_TRUE(message && *message);
    return (*message)->envelope.recipients[index].state;
  }
  bool gone(const MessageId& id) { return !*spool_->get(id); }
  /// Claims the first recipient of a message.
  std::uint32_t begin(const MessageId& id, Time now = at(0)) {
    const auto claims = claim({{id, 0}}, now, now + std::chrono::seconds(60));
    EXPECT_TRUE(claims && claims->size() == 1);
    return claims->front().attempt;
  }
};

inline std::string name_of(const ::testing::TestParamInfo<Engine>& engine) {
  return engine.param == Engine::sqlite ? "sqlite" : "pgsql";
}

}  // namespace postern::spool
