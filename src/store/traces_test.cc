#include "store/traces.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/ulid.h"
#include "policy/record.h"
#include "policy/webhook.h"
#include "store/trace_words.h"

namespace postern::store {
namespace {

using policy::Decision;
using policy::Stage;
using policy::Trace;

class Traces : public ::testing::Test {
 protected:
  Traces() {
    std::string name = (std::filesystem::temp_directory_path() / "traces-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~Traces() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return (directory_ / "traces.db").string(); }
  std::unique_ptr<TraceWriter> writer(const TraceOptions& options = {}) {
    auto opened = TraceWriter::open(path(), options);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  std::unique_ptr<TraceReader> reader() {
    auto opened = TraceReader::open(path());
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  std::size_t count() { return reader()->recent({.limit = 1000000})->size(); }

  std::filesystem::path directory_;
};

/// A refusal at RCPT for the webhook wh_<name> of acc_<account>.
Trace trace(std::string name, std::string account, std::string outcome = "rejected",
            std::chrono::system_clock::time_point at = std::chrono::system_clock::now()) {
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->id = "pol_" + account;
  policy->version = 2;
  policy->definition = "{}";
  auto webhook = std::make_shared<policy::Webhook>();
  webhook->id = "wh_" + name;
  webhook->account_id = "acc_" + account;
  webhook->address = name + "@hooks.example.net";
  Trace made;
  made.id = new_ulid();
  made.started = at;
  made.outcome = std::move(outcome);
  made.evidence.session.client_ip = *IpAddress::parse("203.0.113.9");
  made.evidence.reverse_path = mail::Mailbox{"alerts", "example.com"};
  Decision decision{.stage = Stage::rcpt, .recipient = webhook->address};
  decision.reply = {.code = 550, .enhanced = {5, 7, 1}, .text = "no"};
  decision.candidate = policy::Recipient{{name, "hooks.example.net"}, {}};
  decision.candidate->route = {.kind = policy::Route::Kind::webhook,
                               .webhook = std::move(webhook),
                               .policy = std::move(policy)};
  made.note(std::move(decision));
  return made;
}

TEST_F(Traces, can_be_read_by_id_while_the_writer_runs) {
  const auto writing = writer();
  const Trace posted = trace("a", "1");
  ASSERT_TRUE(writing->post(posted));
  writing->flush();
  const auto reading = reader();
  const auto record = reading->record(posted.id);
  ASSERT_TRUE(record && *record);
  EXPECT_EQ(**record, policy::write_record(posted));
  EXPECT_EQ(reading->definition("pol_1", 2), "{}");
  EXPECT_EQ(reading->definition("pol_1", 3).error().fault, Fault::not_found);
  EXPECT_EQ(*reading->record("01HX0000000000000000000000"), std::nullopt);
}

TEST_F(Traces, are_committed_without_a_flush_within_their_interval) {
  const auto writing = writer({.batch = {.interval = std::chrono::milliseconds(5)}});
  writing->post(trace("a", "1"));
  for (int tries = 0; tries < 200 && count() == 0; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(count(), 1u);
}

TEST_F(Traces, are_listed_newest_first_by_what_is_asked) {
  const auto writing = writer();
  const auto then = std::chrono::system_clock::now() - std::chrono::hours(5);
  writing->post(trace("a", "1", "accepted", then));
  writing->post(trace("b", "1"));
  writing->post(trace("c", "2"));
  writing->post(trace("a", "1", "deferred"));
  writing->flush();
  const auto reading = reader();
  const auto webhooks = [&](const TraceFilter& filter) {
    std::string found;
    const auto rows = reading->recent(filter);
    EXPECT_TRUE(rows) << rows.error().message;
    for (const TraceRow& row : *rows) found += row.webhook_id->substr(3);
    return found;
  };
  EXPECT_EQ(webhooks({}), "acba");
  EXPECT_EQ(webhooks({.limit = 2}), "ac");
  EXPECT_EQ(webhooks({.account_id = "acc_1"}), "aba");
  EXPECT_EQ(webhooks({.webhook_id = "wh_a"}), "aa");
  EXPECT_EQ(webhooks({.account_id = "acc_2", .webhook_id = "wh_a"}), "");
  EXPECT_EQ(webhooks({.account_id = "acc_1", .webhook_id = "wh_a", .outcome = "accepted"}), "a");
  EXPECT_EQ(webhooks({.outcome = "rejected"}), "cb");
  EXPECT_EQ(webhooks({.since = then + std::chrono::hours(1)}), "acb");
  EXPECT_EQ(webhooks({.account_id = "acc_1", .since = then + std::chrono::hours(1)}), "ab");
  const TraceRow row = reading->recent({.webhook_id = "wh_c"})->front();
  EXPECT_EQ(row.client_ip, "203.0.113.9");
  EXPECT_EQ(row.mail_from, "alerts@example.com");
  EXPECT_EQ(row.rcpt, "c@hooks.example.net");
  EXPECT_EQ(row.account_id, "acc_2");
  EXPECT_EQ(row.code, 550);
}

TEST_F(Traces, without_a_webhook_belong_to_nobody) {
  const auto writing = writer();
  Trace foreign = trace("x", "1");
  foreign.decisions[0].candidate->route = {};
  foreign.evidence.reverse_path.reset();
  writing->post(foreign);
  writing->flush();
  const TraceRow row = reader()->recent({})->front();
  EXPECT_EQ(row.webhook_id, std::nullopt);
  EXPECT_EQ(row.account_id, std::nullopt);
  EXPECT_EQ(row.mail_from, "");
}

TEST_F(Traces, older_than_their_time_go_with_what_comes_in) {
  const auto old = std::chrono::system_clock::now() - std::chrono::hours(24 * 31);
  {
    const auto writing = writer({.keep = std::chrono::hours(24 * 365)});
    for (int i = 0; i < 600; ++i) writing->post(trace("old", "1", "accepted", old));
    for (int i = 0; i < 10; ++i) writing->post(trace("new", "2"));
  }
  EXPECT_EQ(count(), 610u);
  const auto writing = writer({.keep = std::chrono::hours(24 * 30)});
  for (int i = 0; i < 256; ++i) writing->post(trace("new", "2"));
  writing->flush();
  EXPECT_EQ(count(), 266u);
  EXPECT_EQ(reader()->definition("pol_1", 2).error().fault, Fault::not_found);
  EXPECT_TRUE(reader()->definition("pol_2", 2));
}

TEST_F(Traces, a_definition_that_was_taken_away_is_written_again_when_it_is_used) {
  const auto old = std::chrono::system_clock::now() - std::chrono::hours(24 * 31);
  const auto writing = writer({.keep = std::chrono::hours(24 * 30)});
  // The age limit takes the traces away; then nothing is as old as the definition is.
  for (int i = 0; i < 256; ++i) writing->post(trace("a", "1", "accepted", old));
  for (int i = 0; i < 256; ++i) writing->post(trace("b", "2"));
  writing->flush();
  ASSERT_EQ(reader()->definition("pol_1", 2).error().fault, Fault::not_found);
  writing->post(trace("a", "1"));
  writing->flush();
  EXPECT_EQ(reader()->definition("pol_1", 2), "{}");
}

TEST_F(Traces, a_definition_stays_as_long_as_it_is_used) {
  const auto old = std::chrono::system_clock::now() - std::chrono::hours(24 * 31);
  const auto writing = writer({.keep = std::chrono::hours(24 * 30)});
  // Written by an old trace first: a later day counts, an earlier one does not.
  writing->post(trace("a", "1", "accepted", old));
  writing->post(trace("a", "1"));
  for (int i = 0; i < 255; ++i) writing->post(trace("a", "1", "accepted", old));
  for (int i = 0; i < 512; ++i) writing->post(trace("b", "2"));
  writing->flush();
  EXPECT_EQ(reader()->definition("pol_1", 2), "{}");
}

TEST_F(Traces, a_definition_of_a_batch_that_failed_is_written_with_the_next_trace) {
  const auto writing = writer();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other,
                         "CREATE TRIGGER refuse BEFORE INSERT ON trace WHEN NEW.outcome = 'bad' "
                         "BEGIN SELECT RAISE(ABORT, 'no'); END",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(other);
  writing->post(trace("a", "1", "bad"));
  writing->post(trace("a", "1", "accepted"));
  writing->flush();
  EXPECT_EQ(writing->failed(), 1u);
  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(reader()->definition("pol_1", 2), "{}");
}

TEST_F(Traces, the_oldest_go_when_the_file_reaches_its_bound) {
  const std::uint64_t bound = 1u << 20;
  const auto writing = writer({.max_size = bound});
  std::string last;
  for (int i = 0; i < 6000; ++i) {
    Trace one = trace("a", "1");
    last = one.id;
    ASSERT_TRUE(writing->post(std::move(one)));
    if (i % 1000 == 0) writing->flush();
  }
  writing->flush();
  EXPECT_LT(count(), 4000u);
  EXPECT_GT(count(), 300u);
  EXPECT_TRUE(reader()->record(last)->has_value());
  EXPECT_LT(std::filesystem::file_size(path()), 2 * bound);
}

TEST_F(Traces, of_a_deleted_account_are_forgotten) {
  const auto writing = writer();
  writing->post(trace("a", "1"));
  writing->post(trace("b", "2"));
  writing->forget_account("acc_1");
  writing->flush();
  EXPECT_EQ(count(), 1u);
  EXPECT_TRUE(reader()->recent({.account_id = "acc_1"})->empty());
}

TEST_F(Traces, that_do_not_fit_the_queue_are_counted) {
  const auto writing =
      writer({.batch = {.capacity = 4, .batch = 4, .interval = std::chrono::milliseconds(50)}});
  int refused = 0;
  for (int i = 0; i < 2000; ++i) refused += writing->post(trace("a", "1")) ? 0 : 1;
  EXPECT_GT(refused, 0);
  EXPECT_EQ(writing->dropped(), static_cast<std::uint64_t>(refused));
  writing->flush();
  EXPECT_EQ(count(), 2000u - static_cast<std::size_t>(refused));
}

TEST_F(Traces, a_missing_file_is_not_created_by_looking) {
  const auto opened = TraceReader::open(path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::not_found);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Traces, are_for_the_owners_eyes_only) {
  writer();
  struct stat facts{};
  ASSERT_EQ(::stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
}

TEST_F(Traces, spans_are_read_oldest_first_in_parts) {
  const auto now = std::chrono::system_clock::now();
  {
    auto writing = writer();
    for (int i = 0; i < 5; ++i) {
      writing->post(trace("a", "1", "rejected", now - std::chrono::hours(5 - i)));
    }
    writing->flush();
  }
  const auto reading = reader();
  const auto numbers = [&](TraceSpan span) {
    std::vector<std::uint64_t> found;
    while (true) {
      const auto part = reading->records(span, 2);
      EXPECT_TRUE(part) << part.error().message;
      if (!part || part->empty()) return found;
      for (const NumberedRecord& one : *part) {
        EXPECT_EQ(one.text.front(), '{');
        found.push_back(one.number);
      }
      span.after = part->back().number;
    }
  };
  const auto all = reading->span(std::nullopt, std::nullopt);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->count, 5u);
  EXPECT_EQ(numbers(*all), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  const auto late = reading->span(now - std::chrono::minutes(150), std::nullopt);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->count, 2u);
  EXPECT_EQ(numbers(*late), (std::vector<std::uint64_t>{4, 5}));
  EXPECT_EQ(numbers(*reading->span(std::nullopt, 3)), (std::vector<std::uint64_t>{3, 4, 5}));
  EXPECT_EQ(reading->span(now + std::chrono::hours(1), std::nullopt)->count, 0u);
}

TEST_F(Traces, a_search_goes_on_page_by_page) {
  const auto writing = writer();
  for (int i = 0; i < 30; ++i) writing->post(trace(i % 3 == 0 ? "a" : "b", "1"));
  for (int i = 0; i < 5; ++i) writing->post(trace("c", "2", "accepted"));
  writing->flush();
  const auto reading = reader();
  TraceSearch search{.account_id = "acc_1", .webhook_id = {}, .outcome = {}, .limit = 4};
  std::vector<std::uint64_t> seen;
  for (int pages = 0; pages < 20; ++pages) {
    const auto found = reading->search(search, *parse_trace_words("to:a@"));
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->complete);
    EXPECT_LE(found->rows.size(), 4u);
    for (const TraceRow& row : found->rows) seen.push_back(row.number);
    if (found->next == 0) break;
    search.before = found->next;
  }
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
  const auto refused = reading->search(
      {.account_id = {}, .webhook_id = {}, .outcome = "rejected", .limit = 200}, {});
  EXPECT_EQ(refused->rows.size(), 30u);
  EXPECT_EQ(refused->rows[0].enhanced, "5.7.1");
}

TEST_F(Traces, a_search_that_takes_too_long_says_where_it_stopped) {
  const auto writing = writer();
  for (int i = 0; i < 50; ++i) writing->post(trace("a", "1"));
  writing->flush();
  const auto reading = reader();
  TraceSearch search{
      .account_id = {}, .webhook_id = {}, .outcome = {}, .limit = 5, .most_rows = 10};
  std::size_t calls = 0;
  for (;; ++calls) {
    ASSERT_LT(calls, 60u);
    const auto found = reading->search(search, *parse_trace_words("from:nobody"));
    EXPECT_TRUE(found->rows.empty());
    EXPECT_TRUE(found->searched_to.has_value() || found->complete);
    if (found->complete) break;
    ASSERT_NE(found->next, 0u);
    search.before = found->next;
  }
  EXPECT_GT(calls, 1u);
}

TEST_F(Traces, are_counted_by_what_became_of_them) {
  const auto writing = writer();
  const auto at = std::chrono::system_clock::now();
  for (int i = 0; i < 3; ++i) writing->post(trace("a", "1", "rejected", at));
  writing->post(trace("a", "1", "accepted", at));
  writing->post(trace("b", "1", "deferred", at));
  writing->post(trace("c", "2", "accepted", at));
  writing->post(trace("c", "2", "aborted", at));
  writing->flush();
  const auto reading = reader();
  const auto sum = [&](TallyQuery query) {
    query.from = now() - std::chrono::hours(1);
    query.until = now() + std::chrono::minutes(10);
    std::map<std::string, std::uint64_t> counts;
    const auto rows = reading->tallies(query);
    for (const TallyRow& row : *rows) counts[row.outcome] += row.n;
    return counts;
  };
  using Counts = std::map<std::string, std::uint64_t>;
  EXPECT_EQ(sum({}), (Counts{{"accepted", 2}, {"deferred", 1}, {"rejected", 3}}));
  EXPECT_EQ(sum({.account_id = "acc_1"}),
            (Counts{{"accepted", 1}, {"deferred", 1}, {"rejected", 3}}));
  EXPECT_EQ(sum({.account_id = {}, .webhook_id = "wh_a"}),
            (Counts{{"accepted", 1}, {"rejected", 3}}));
  const auto days = reading->day_counts({"wh_a", "wh_b", "wh_none"}, now());
  EXPECT_EQ((*days)[0].refused, 3u);
  EXPECT_EQ((*days)[1].deferred, 1u);
  EXPECT_EQ((*days)[2].accepted, 0u);
  writing->forget_account("acc_1");
  writing->flush();
  EXPECT_TRUE(sum({.account_id = "acc_1"}).empty());
  EXPECT_EQ(reading->day_counts({"wh_a"}, now())->at(0).refused, 0u);
}

}  // namespace
}  // namespace postern::store
