// For tests: a spool in a directory of its own, and blocking calls.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "spool/sqlite_spool.h"

namespace postern::spool {

/// A test with a spool, which open() opens.
class SpoolTest : public ::testing::Test {
 protected:
  SpoolTest() {
    options_.directory = folder_.path();
    options_.min_free = 0;
  }

  void open() {
    spool_.reset();
    auto opened = SqliteSpool::open(options_);
    ASSERT_TRUE(opened) << opened.error().message;
    spool_ = std::move(*opened);
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

  static Result<std::string> read(SqliteSpool& spool, const MessageId& id) {
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
  SqliteSpoolOptions options_;
  std::unique_ptr<SqliteSpool> spool_;
};

}  // namespace postern::spool
