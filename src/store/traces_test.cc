#include "store/traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "policy/deferral.h"
#include "policy/record.h"
#include "policy/trace.h"
#include "policy/webhook.h"
#include "store/trace_words.h"

namespace postern::store {
namespace {

using ::testing::HasSubstr;

using policy::Decision;
using policy::Stage;
using policy::Trace;

class Traces : public ::testing::Test {
 protected:
  std::string path() const { return folder_.file("traces.db"); }
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

  tests::TemporaryFolder folder_;
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

TEST_F(Traces, show_no_definition_without_their_key) {
  Trace posted = trace("a", "1");
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->id = "pol_1";
  policy->definition = R"({"password":"tiger"})";
  posted.decisions[0].candidate->route.policy = policy;
  auto writing = writer();
  writing->post(posted);
  writing.reset();
  EXPECT_EQ(reader()->definition("pol_1", policy->version), policy->definition);
  for (const auto& file : std::filesystem::directory_iterator(folder_.path())) {
    EXPECT_EQ(tests::read_file(file.path()).find("tiger"), std::string::npos) << file.path();
    EXPECT_EQ(file.status().permissions() & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  std::filesystem::rename(folder_.file("traces.key"), folder_.file("elsewhere"));
  EXPECT_EQ(reader()->definition("pol_1", policy->version).error().fault, Fault::not_found);
  folder_.write("traces.key", "the key of another gateway\n");
  EXPECT_EQ(reader()->definition("pol_1", policy->version).error().fault, Fault::permanent);
}

TEST_F(Traces, say_what_became_of_their_key) {
  const std::string path = folder_.file("traces.db");
  EXPECT_EQ(trace_key_trouble(path), std::nullopt) << "there is nothing yet";
  Trace posted = trace("a", "1");
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->id = "pol_1";
  policy->definition = "{}";
  posted.decisions[0].candidate->route.policy = policy;
  writer()->post(posted);
  EXPECT_EQ(trace_key_trouble(path), std::nullopt);

  folder_.write("traces.key", "the key of another gateway\n");
  EXPECT_THAT(*writer()->key_trouble(), HasSubstr("is not the key with which the policies"));
  EXPECT_EQ(tests::read_file(folder_.file("traces.key")), "the key of another gateway\n");

  folder_.write("traces.key", "");
  EXPECT_THAT(*trace_key_trouble(path), HasSubstr("traces.key is damaged"));
  const auto refused = TraceWriter::open(path);
  ASSERT_FALSE(refused) << "a key that may be mended is not replaced";
  EXPECT_EQ(refused.error().message, *trace_key_trouble(path));
  EXPECT_EQ(reader()->definition("pol_1", policy->version).error().message,
            *trace_key_trouble(path));

  std::filesystem::remove(folder_.file("traces.key"));
  EXPECT_THAT(*trace_key_trouble(path), HasSubstr("traces.key is missing"));
  EXPECT_EQ(reader()->definition("pol_1", policy->version).error().message,
            *trace_key_trouble(path));
  {
    const auto writing = writer();
    EXPECT_THAT(*writing->key_trouble(), HasSubstr("traces.key is missing"));
    Trace next = trace("a", "1");
    next.decisions[0].candidate->route.policy = policy;
    writing->post(next);  // on the same day
    writing->flush();
    EXPECT_EQ(reader()->definition("pol_1", policy->version), "{}") << "new traces are whole";
  }
  EXPECT_EQ(writer()->key_trouble(), std::nullopt) << "it is told once";
}

TEST_F(Traces, are_committed_without_a_flush_within_their_interval) {
  const auto writing = writer({.batch = {.interval = std::chrono::milliseconds(5)}});
  writing->post(trace("a", "1"));
  EXPECT_TRUE(tests::eventually([&] { return count() == 1; }));
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
  // The age limit deletes the traces; no trace is then as old as the definition.
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
  // An old trace is written first: a later day is recorded, an earlier one is not.
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

/// A trace for a recipient without a webhook.
Trace nobodys() {
  Trace made = trace("x", "1");
  made.decisions[0].candidate->route = {};
  return made;
}

TEST_F(Traces, of_who_has_most_go_first_when_the_file_reaches_its_bound) {
  const auto writing = writer({.max_size = 1u << 20});
  for (int i = 0; i < 20; ++i) {
    writing->post(trace("b", "2"));
    writing->post(nobodys());
  }
  for (int i = 0; i < 6000; ++i) {
    writing->post(trace("a", "1"));
    if (i % 1000 == 0) writing->flush();
  }
  writing->flush();
  const auto of = [&](const char* account) {
    return reader()->recent({.account_id = account, .limit = 1000000})->size();
  };
  EXPECT_EQ(of("acc_2"), 20u);
  EXPECT_LT(of("acc_1"), 4000u);
  EXPECT_GT(of("acc_1"), 300u);
  EXPECT_EQ(count(), of("acc_1") + 40u);
  for (int i = 0; i < 6000; ++i) {
    writing->post(nobodys());
    if (i % 1000 == 0) writing->flush();
  }
  writing->flush();
  EXPECT_EQ(of("acc_2"), 20u);
  EXPECT_GT(of("acc_1"), 100u) << "mail for nobody counts as one account's";
  EXPECT_LT(count(), 4000u);
}

TEST_F(Traces, of_great_size_do_not_outrun_the_bound) {
  const std::uint64_t bound = 1u << 20;
  const auto writing = writer({.max_size = bound});
  for (int i = 0; i < 600; ++i) {
    Trace large = trace("a", "1");
    large.decisions[0].reply.text = std::string(40'000, 'x');
    writing->post(std::move(large));
    if (i % 200 == 0) writing->flush();
  }
  writing->flush();
  EXPECT_LT(std::filesystem::file_size(path()), 4 * bound);
}

/// A trace that names this version of its account's policy.
Trace edited(const char* account, std::uint64_t version, std::size_t octets) {
  Trace made = trace("a", account);
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->id = std::string("pol_") + account;
  policy->account_id = std::string("acc_") + account;
  policy->version = version;
  policy->definition = std::string(octets, 'x');
  made.decisions[0].candidate->route.policy = std::move(policy);
  return made;
}

/// The first column of the first row.
std::int64_t number(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  std::int64_t found = -1;
  const auto note = [](void* out, int, char** row, char**) {
    *static_cast<std::int64_t*>(out) = std::atoll(row[0]);
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(database, sql, note, &found, nullptr), SQLITE_OK) << sql;
  sqlite3_close(database);
  return found;
}

std::uint64_t used_octets(const std::string& path) {
  return static_cast<std::uint64_t>(
      (number(path, "PRAGMA page_count") - number(path, "PRAGMA freelist_count")) *
      number(path, "PRAGMA page_size"));
}

TEST_F(Traces, of_an_account_go_with_its_definitions_beyond_the_bound) {
  const std::uint64_t bound = 4u << 20;
  const auto writing = writer({.max_size = bound});
  for (int i = 0; i < 30; ++i) {
    writing->post(edited("2", 1, 1000));
    writing->post(nobodys());
  }
  std::string last;
  for (std::uint64_t version = 1; version <= 200; ++version) {
    Trace one = edited("1", version, 100'000);
    last = one.id;
    ASSERT_TRUE(writing->post(std::move(one)));
    if (version % 20 == 0) {
      writing->flush();
      EXPECT_LT(used_octets(path()), bound) << version;
    }
  }
  const auto reading = reader();
  EXPECT_EQ(reading->recent({.account_id = "acc_2", .limit = 1000})->size(), 30u);
  EXPECT_EQ(reading->definition("pol_2", 1), std::string(1000, 'x'));
  EXPECT_EQ(count(), 60u + reading->recent({.account_id = "acc_1", .limit = 1000})->size());
  EXPECT_TRUE(reading->record(last)->has_value());
  EXPECT_TRUE(reading->definition("pol_1", 200));
  EXPECT_EQ(reading->definition("pol_1", 1).error().fault, Fault::not_found);
  EXPECT_EQ(number(path(), "SELECT count(*) FROM definition"),
            number(path(), "SELECT count(*) FROM definition_share"));
  EXPECT_EQ(number(path(), "SELECT count(*) FROM named WHERE seq NOT IN (SELECT seq FROM trace)"),
            0);
  EXPECT_EQ(number(path(), "SELECT octets FROM share WHERE scope = 'g'"),
            number(path(), "SELECT sum(octets) FROM share WHERE scope <> 'g'"));
}

/// Mail to both accounts; the trace belongs to the other account.
TEST_F(Traces, of_others_do_not_go_for_a_definition_that_they_name) {
  const std::uint64_t bound = 4u << 20;
  const auto writing = writer({.max_size = bound});
  for (std::uint64_t version = 1; version <= 200; ++version) {
    Trace one = trace("b", "2");
    one.evidence.recipients.push_back(*one.decisions[0].candidate);
    one.note(edited("1", version, 100'000).decisions[0]);
    writing->post(std::move(one));
  }
  writing->flush();
  EXPECT_LT(used_octets(path()), bound);
  EXPECT_EQ(count(), 200u);
  EXPECT_TRUE(reader()->definition("pol_1", 200));
  EXPECT_EQ(reader()->definition("pol_1", 1).error().fault, Fault::not_found);
}

TEST_F(Traces, a_definition_is_kept_once_and_as_long_as_a_trace_names_it) {
  const auto writing = writer();
  for (int i = 0; i < 3; ++i) writing->post(edited("1", 1, 1000));
  writing->post(edited("1", 2, 1000));
  writing->flush();
  EXPECT_EQ(number(path(), "SELECT count(*) FROM definition"), 2);
  EXPECT_EQ(number(path(), "SELECT count(*) FROM named"), 4);
  writing->forget_account("acc_1");
  writing->flush();
  EXPECT_EQ(number(path(), "SELECT count(*) FROM definition"), 0);
  EXPECT_EQ(number(path(), "SELECT count(*) FROM named"), 0);
  EXPECT_EQ(number(path(), "SELECT sum(octets) FROM share"), 0);
  writing->post(edited("1", 2, 1000));
  writing->flush();
  EXPECT_EQ(reader()->definition("pol_1", 2), std::string(1000, 'x'));
}

/// Checks the sums that are written once a transaction against those of the rows.
void expect_counts_of_rows(const std::string& path) {
  EXPECT_EQ(number(path, "SELECT octets FROM share WHERE scope = 'g'"),
            number(path,
                   "SELECT (SELECT sum(length(record) + 500) FROM trace)"
                   " + (SELECT sum(octets) FROM definition_share)"));
  EXPECT_EQ(number(path, "SELECT octets FROM share WHERE scope = 'g'"),
            number(path, "SELECT sum(octets) FROM share WHERE scope <> 'g'"));
  EXPECT_EQ(number(path, "SELECT sum(n) FROM tally WHERE scope = 'g'"),
            number(path, "SELECT count(*) FROM summary"));
  EXPECT_EQ(number(path, "SELECT sum(n) FROM tally WHERE scope LIKE 'a%'"),
            number(path, "SELECT count(*) FROM summary WHERE account_id IS NOT NULL"));
  EXPECT_EQ(number(path, "SELECT sum(n) FROM tally WHERE scope LIKE 'w%'"),
            number(path, "SELECT count(*) FROM summary WHERE webhook_id IS NOT NULL"));
  EXPECT_EQ(number(path, "SELECT sum(accepted + refused + deferred) FROM tally_hour"),
            number(path, "SELECT count(*) FROM summary WHERE webhook_id IS NOT NULL"));
}

TEST_F(Traces, of_a_batch_that_failed_are_counted_once) {
  const auto writing = writer();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other,
                         "CREATE TRIGGER refuse BEFORE INSERT ON trace WHEN NEW.outcome = 'bad' "
                         "BEGIN SELECT RAISE(ABORT, 'no'); END",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(other);
  for (const char* outcome : {"accepted", "rejected", "bad", "accepted"}) {
    writing->post(trace("a", "1", outcome));
    writing->post(nobodys());
  }
  writing->flush();
  EXPECT_EQ(writing->failed(), 1u);
  EXPECT_EQ(count(), 7u);
  expect_counts_of_rows(path());
}

TEST_F(Traces, of_a_batch_with_a_deleted_account_are_counted_as_they_stand) {
  const auto writing = writer();
  const Trace twice = trace("a", "2");
  writing->post(twice);
  writing->post(twice);
  writing->post(trace("b", "1"));
  writing->forget_account("acc_1");
  writing->post(trace("c", "1", "accepted"));
  writing->flush();
  EXPECT_EQ(count(), 2u);
  EXPECT_EQ(number(path(), "SELECT sum(n) FROM tally WHERE scope = 'aacc_1'"), 1);
  EXPECT_EQ(number(path(), "SELECT sum(n) FROM tally WHERE scope = 'aacc_2'"), 1);
  EXPECT_EQ(number(path(), "SELECT sum(n) FROM tally WHERE scope = 'g'"), 3)
      << "what the gateway did";
  EXPECT_EQ(number(path(), "SELECT octets FROM share WHERE scope = 'g'"),
            number(path(),
                   "SELECT (SELECT sum(length(record) + 500) FROM trace)"
                   " + (SELECT sum(octets) FROM definition_share)"));
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
  std::size_t posted = 0;
  std::size_t refused = 0;
  for (; posted < 2000 || refused == 0; ++posted) {
    refused += writing->post(trace("a", "1")) ? 0 : 1;
  }
  EXPECT_EQ(writing->dropped(), refused);
  writing->flush();
  EXPECT_EQ(count(), posted - refused);
}

TEST_F(Traces, a_missing_file_is_not_created_by_looking) {
  const auto opened = TraceReader::open(path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().fault, Fault::not_found);
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(Traces, are_for_the_owners_eyes_only) {
  writer();
  struct stat facts {};
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
  std::uint64_t by_hour = 0;
  for (const HourCounts& hour : (*days)[0].hours) by_hour += hour.refused;
  EXPECT_EQ(by_hour, 3u);
  EXPECT_EQ((*days)[1].deferred, 1u);
  EXPECT_EQ((*days)[2].accepted, 0u);
  writing->forget_account("acc_1");
  writing->flush();
  EXPECT_TRUE(sum({.account_id = "acc_1"}).empty());
  EXPECT_EQ(reading->day_counts({"wh_a"}, now())->at(0).refused, 0u);
}

/// The same, refused at RCPT with this reply, from this client.
Trace refused(int code, std::uint16_t detail, const char* client,
              const char* from = "a@example.com",
              std::chrono::system_clock::time_point at = std::chrono::system_clock::now()) {
  Trace made = trace("a", "1", code >= 500 ? "rejected" : "deferred", at);
  made.decisions[0].reply = {.code = static_cast<std::uint16_t>(code),
                             .enhanced = {static_cast<std::uint8_t>(code / 100), 7, detail},
                             .text = "no"};
  made.evidence.session.client_ip = *IpAddress::parse(client);
  made.evidence.reverse_path.reset();
  if (*from != '\0') made.evidence.reverse_path = *mail::parse_mailbox(from, mail::Utf8::allowed);
  return made;
}

TEST_F(Traces, of_endless_reasons_are_counted_by_their_outcome) {
  const auto writing = writer();
  const auto at = std::chrono::system_clock::now();
  for (std::uint16_t i = 0; i < 500; ++i) {
    Trace one = trace("a", "1", "rejected", at);
    one.reply = {.code = 550, .enhanced = {5, 100, i}, .text = "as the endpoint says"};
    writing->post(std::move(one));
  }
  writing->post(trace("a", "1", "accepted", at));
  writing->flush();
  for (const TallyQuery& scope : {TallyQuery{}, TallyQuery{.account_id = "acc_1"},
                                  TallyQuery{.account_id = {}, .webhook_id = "wh_a"}}) {
    TallyQuery query = scope;
    query.from = now() - std::chrono::hours(1);
    query.until = now() + std::chrono::minutes(10);
    const auto rows = reader()->tallies(query);
    EXPECT_EQ(rows->size(), 64u + 2u);
    std::uint64_t sum = 0;
    for (const TallyRow& row : *rows) sum += row.n;
    EXPECT_EQ(sum, 501u);
  }
}

/// One number of the database, as another process reads it.
std::int64_t number_in(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  std::int64_t found = -1;
  const auto note = [](void* out, int, char** row, char**) {
    *static_cast<std::int64_t*>(out) = row[0] != nullptr ? std::stoll(row[0]) : 0;
    return 0;
  };
  char* trouble = nullptr;
  EXPECT_EQ(sqlite3_exec(database, sql, note, &found, &trouble), SQLITE_OK) << trouble;
  sqlite3_close(database);
  return found;
}

// An account with many webhooks and replies made counts without limit, on a disk that all share.
TEST_F(Traces, counts_of_who_has_most_go_first_when_they_reach_their_bound) {
  const std::uint64_t bound = 1u << 20;
  const auto writing = writer({.max_size = bound});
  writing->post(trace("theirs", "2"));
  for (int i = 0; i < 6000; ++i) {
    writing->post(trace("a" + std::to_string(i), "1"));  // one count each, of its webhook
    if (i % 1000 == 0) writing->flush();
  }
  writing->flush();
  constexpr const char* sum = "SELECT octets FROM tally_share WHERE account = ''";
  EXPECT_LT(number_in(path(), sum), static_cast<std::int64_t>(bound / 4 + (64u << 10)));
  EXPECT_GT(number_in(path(), sum), static_cast<std::int64_t>(bound / 8));
  EXPECT_LT(std::filesystem::file_size(path()), 2 * bound);
  const auto counted = [&](TallyQuery query) {
    query.from = now() - std::chrono::hours(1);
    query.until = now() + std::chrono::minutes(10);
    const auto rows = reader()->tallies(query);
    std::uint64_t n = 0;
    for (const TallyRow& row : *rows) n += row.n;
    return n;
  };
  EXPECT_EQ(counted({.account_id = "acc_2"}), 1u) << "another's stay";
  EXPECT_EQ(counted({}), 6001u) << "the gateway's stay";
  writing->forget_account("acc_1");
  writing->flush();
  EXPECT_LT(number_in(path(), sum), 1000) << "what is gone is not counted";
}

TEST_F(Traces, counts_by_the_hour_end_with_their_day) {
  const auto writing = writer();
  for (int i = 0; i < 300; ++i) {
    writing->post(trace("gone" + std::to_string(i), "1", "accepted",
                        std::chrono::system_clock::now() - std::chrono::hours(27)));
  }
  for (int i = 0; i < 256; ++i) writing->post(trace("b", "2"));
  writing->flush();
  EXPECT_LE(number_in(path(), "SELECT count(*) FROM tally_hour"), 2)
      << "of webhooks, too, that get no mail any more";
}

TEST_F(Traces, a_search_finds_the_same_by_an_index_as_row_by_row) {
  const auto writing = writer();
  for (int i = 0; i < 40; ++i) {
    writing->post(
        refused(i % 2 == 0 ? 550 : 451, 23, "203.0.113.7", i % 4 == 0 ? "" : "a@b.example"));
    writing->post(refused(554, 1, "2001:db8::25"));
    writing->post(trace("b", "2", "accepted"));
  }
  writing->flush();
  const auto reading = reader();
  struct Case {
    const char* words;
    std::size_t found;
  };
  for (const auto& [text, found] :
       {Case{"ip:203.0.113.7", 40}, Case{"ip:203.0.113.0/24", 160 - 80},
        Case{"ip:2001:db8::25", 40}, Case{"reply:550", 20 + 40}, Case{"reply:\"550 5.7.23\"", 20},
        Case{"reply:451", 20}, Case{"reply:4.7.23", 20}, Case{"from:<>", 10},
        Case{"from:@b.example", 30}, Case{"reply:554 ip:2001:db8::/32", 40},
        Case{"reply:554 from:<>", 0}}) {
    const auto rows =
        reading->search({.account_id = {}, .webhook_id = {}, .outcome = {}, .limit = 200},
                        *parse_trace_words(text));
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(rows->rows.size(), found) << text;
    EXPECT_TRUE(rows->complete && rows->next == 0) << text;
  }
}

TEST_F(Traces, a_search_before_a_time_begins_there) {
  const auto writing = writer();
  const Time start = now() - std::chrono::hours(240);
  for (int hour = 0; hour < 240; ++hour) {
    writing->post(trace("a", "1", "rejected", start + std::chrono::hours(hour)));
  }
  writing->flush();
  const auto reading = reader();
  TraceSearch search{.account_id = {}, .webhook_id = {}, .outcome = {}, .limit = 3, .most_rows = 8};
  TraceWords words;
  for (const int hour : {0, 1, 100, 239, 240}) {
    words.before = start + std::chrono::hours(hour) + std::chrono::minutes(1);
    const auto found = reading->search(search, words);
    ASSERT_EQ(found->rows.size(), std::min<std::size_t>(3, static_cast<std::size_t>(hour) + 1))
        << hour;
    EXPECT_EQ(found->rows[0].time, start + std::chrono::hours(std::min(hour, 239)));
  }
  words.before = start;
  EXPECT_TRUE(reading->search(search, words)->rows.empty());
  words.after = start + std::chrono::hours(100);
  words.before = start + std::chrono::hours(102);
  const auto between = reading->search(search, words);
  EXPECT_EQ(between->rows.size(), 2u);
  EXPECT_EQ(between->next, 0u) << "older ones are not looked at";
}

TEST_F(Traces, of_before_the_update_are_found) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  const char* before = R"(
    CREATE TABLE trace (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL,
      outcome TEXT NOT NULL, client_ip TEXT NOT NULL, mail_from TEXT NOT NULL, rcpt TEXT NOT NULL,
      webhook_id TEXT, account_id TEXT, code INTEGER NOT NULL, record BLOB NOT NULL);
    CREATE INDEX trace_of_webhook ON trace (webhook_id) WHERE webhook_id IS NOT NULL;
    CREATE INDEX trace_of_account ON trace (account_id) WHERE account_id IS NOT NULL;
    CREATE TABLE definition (id TEXT NOT NULL, version INTEGER NOT NULL, used INTEGER NOT NULL,
      text TEXT NOT NULL, PRIMARY KEY (id, version)) WITHOUT ROWID;
    INSERT INTO trace VALUES (7, '01HX0000000000000000000000', 1764000000000, 'rejected',
      '203.0.113.9', 'a@example.com', 'b@example.net', 'wh_a', 'acc_1', 550, '{}');
    INSERT INTO definition VALUES ('pol_1', 2, 20416, '{}');
    PRAGMA user_version = 1;
    PRAGMA application_id = 0x50545243;)";
  ASSERT_EQ(sqlite3_exec(database, before, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  const auto found =
      reader()->search({.account_id = "acc_1", .webhook_id = {}, .outcome = {}}, TraceWords{});
  ASSERT_EQ(found->rows.size(), 1u);
  EXPECT_EQ(found->rows[0].number, 7u);
  EXPECT_EQ(found->rows[0].code, 550);
  EXPECT_EQ(reader()->definition("pol_1", 2), "{}") << "not sealed, as it was";
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  std::string shares;
  const auto note = [](void* out, int, char** row, char**) {
    *static_cast<std::string*>(out) += std::string(row[0]) + "=" + row[1] + " ";
    return 0;
  };
  ASSERT_EQ(sqlite3_exec(database, "SELECT scope, octets FROM share ORDER BY scope", note, &shares,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  EXPECT_EQ(shares, "aacc_1=502 d=1002 g=1504 ") << "counted as new ones are";
  const auto writing = writer();
  for (int i = 0; i < 256; ++i) writing->post(trace("b", "2"));
  writing->flush();
  EXPECT_EQ(reader()->definition("pol_1", 2).error().fault, Fault::not_found)
      << "older than all traces";
  EXPECT_EQ(number(path(), "SELECT octets FROM share WHERE scope = 'g'"),
            number(path(),
                   "SELECT (SELECT sum(length(record) + 500) FROM trace)"
                   " + (SELECT sum(octets) FROM definition_share)"));
}

TEST_F(Traces, of_two_days_ago_are_counted_by_the_hour) {
  const auto writing = writer();
  const std::int64_t hour_ms = 3600 * 1000;
  const std::int64_t old_hour = to_millis(now()) / hour_ms - 72;
  const auto at = [&](std::int64_t hour, int minute) {
    return from_millis(hour * hour_ms) + std::chrono::minutes(minute);
  };
  for (const int minute : {0, 7, 7, 33, 59})
    writing->post(trace("a", "1", "rejected", at(old_hour, minute)));
  for (const int minute : {7, 33})
    writing->post(trace("a", "1", "accepted", at(old_hour + 71, minute)));
  for (int i = 0; i < 256; ++i) writing->post(trace("b", "2"));  // then it looks for old rows
  writing->flush();
  const auto rows = reader()->tallies({.account_id = {},
                                       .webhook_id = "wh_a",
                                       .from = at(old_hour, 0),
                                       .until = at(old_hour + 72, 0)});
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ((*rows)[0].at, at(old_hour, 0));
  EXPECT_EQ((*rows)[0].n, 5u);
  EXPECT_EQ((*rows)[1].at, at(old_hour + 71, 5));
  EXPECT_EQ((*rows)[2].at, at(old_hour + 71, 30));
}

TEST_F(Traces, a_list_says_who_decided) {
  const policy::Verdict no = policy::refuse(550, {5, 7, 1}, "no", "203.0.113.9 is in none of ...");
  Trace own = trace("a", "1");
  own.decisions[0].steps.push_back({.stage = Stage::rcpt,
                                    .layer = "webhook",
                                    .check = "client_in_networks",
                                    .origin = "pol_1/allowed_source_ips",
                                    .verdict = no});
  EXPECT_EQ(row_of(own).rule, "client_in_networks");
  EXPECT_EQ(row_of(own).origin, "pol_1/allowed_source_ips");

  Trace put_off = own;
  put_off.outcome = "deferred";
  put_off.decisions[0].steps.back() = {
      .stage = Stage::rcpt,
      .layer = "restrictions",
      .check = "end_of_lists",
      .origin = {},
      .verdict = policy::refuse(
          450, {4, 1, 8}, "later",
          policy::with_raiser({"reject_unknown_sender_domain", "list:2"}, "no rule refused"))};
  EXPECT_EQ(row_of(put_off).rule, "reject_unknown_sender_domain");
  EXPECT_EQ(row_of(put_off).origin, "list:2");

  // One recipient was refused; the message was accepted for another, whose endpoint refused it.
  Trace delivered = own;
  delivered.reply = {.code = 451, .enhanced = {4, 4, 0}, .text = "endpoint answered 503"};
  delivered.outcome = "deferred";
  EXPECT_EQ(row_of(delivered).layer, "delivery");
  EXPECT_EQ(row_of(delivered).reason, "endpoint answered 503");

  // Accepted for account 1, refused for account 2; then the client disconnected.
  Trace left = own;
  left.outcome = "aborted";
  left.evidence.recipients.push_back(*trace("b", "2").decisions[0].candidate);
  EXPECT_EQ(row_of(left).account_id, "acc_2");
  EXPECT_EQ(row_of(left).rule, "");
  EXPECT_EQ(row_of(left).origin, "");
  EXPECT_EQ(row_of(left).code, 0);
  EXPECT_EQ(row_of(left).reply, "");
  EXPECT_EQ(row_of(left).reason, "");

  // The same, with a refused recipient that belongs to no account.
  left.decisions[0].candidate->route = {};
  EXPECT_EQ(row_of(left).account_id, "acc_2");
  EXPECT_EQ(row_of(left).code, 0);
  EXPECT_EQ(row_of(left).reply, "");
}

TEST_F(Traces, of_before_the_update_hide_what_was_said_to_others) {
  const auto made = [](bool foreign) {
    Trace one = trace("a", "1");
    one.evidence.recipients.push_back(*trace("a", "1").decisions[0].candidate);
    if (foreign) one.decisions.push_back(trace("b", "2").decisions[0]);
    return one;
  };
  Trace nobodys = made(true);
  nobodys.decisions.back().candidate->route = {};
  Trace answered = made(true);
  answered.reply = {.code = 451, .enhanced = {4, 4, 0}, .text = "endpoint answered 503"};
  const std::vector<Trace> all = {made(false), made(true), nobodys, answered};
  {
    const auto writing = writer();
    for (const Trace& one : all) writing->post(one);
  }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path().c_str(), &database), SQLITE_OK);
  const char* before = R"(
    UPDATE summary SET code = 550, enhanced = '5.7.1', reply = 'no', layer = 'webhook',
      rule = 'client_in_networks', reason = 'no';
    PRAGMA user_version = 6;)";
  char* trouble = nullptr;
  ASSERT_EQ(sqlite3_exec(database, before, nullptr, nullptr, &trouble), SQLITE_OK) << trouble;
  sqlite3_close(database);
  const auto reading = reader();
  std::string codes;
  for (const Trace& one : all) {
    const auto row = reading->row(one.id);
    ASSERT_TRUE(row && *row);
    EXPECT_EQ((*row)->account_id, "acc_1");
    codes += std::to_string((*row)->code) + (*row)->enhanced + (*row)->reply + (*row)->layer +
             (*row)->rule + (*row)->reason + " ";
  }
  const std::string shown = "5505.7.1nowebhookclient_in_networksno ";
  EXPECT_EQ(codes, shown + "0 0 " + shown);
  TraceWords words;
  words.reply = {"550"};
  EXPECT_EQ(
      reading->search({.account_id = "acc_1", .webhook_id = {}, .outcome = {}}, words)->rows.size(),
      2u);
}

}  // namespace
}  // namespace postern::store
