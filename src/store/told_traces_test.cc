#include "store/told_traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/ulid.h"
#include "cluster/feed.h"
#include "policy/trace.h"
#include "policy/webhook.h"
#include "store/delivery_log.h"
#include "store/trace_words.h"

namespace postern::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Seal gateways_seal{Secret("the key of all gateways")};

/// Everything that waits, as another gateway gets it.
std::vector<std::string> carried(cluster::FeedOutbox& outbox) {
  const auto items = outbox.take(1u << 30);
  if (items.empty()) return {};
  const std::string piece = pack_items(gateways_seal, items);
  EXPECT_EQ(piece.find("hooks.example.net"), std::string::npos) << "it is sealed";
  auto unpacked = unpack_items(gateways_seal, piece);
  EXPECT_TRUE(unpacked);
  return unpacked.value_or(std::vector<std::string>());
}

/// A gateway with its traces and its delivery log.
struct Gateway {
  explicit Gateway(const std::string& name)
      : told(std::make_shared<cluster::FeedOutbox>()),
        traces(*TraceWriter::open(folder.file("traces.db"), {.telling = {told, name}})),
        reader(*TraceReader::open(folder.file("traces.db"))),
        logged(std::make_shared<cluster::FeedOutbox>()),
        log(*DeliveryLog::open(folder.file("delivery.db"), {.telling = {logged, name}})) {}

  /// Takes what the other has to tell.
  void hear(Gateway& other) {
    other.traces->flush();
    other.log->flush();
    ++number;
    traces->take("other", number, carried(*other.told),
                 [this](const TraceRow& row) { watched.push_back(row.id); });
    log->take("other", number, carried(*other.logged));
    traces->flush();
    log->flush();
  }
  std::vector<std::string> ids(std::uint64_t before = 0, std::size_t limit = 50) {
    traces->flush();
    const auto found = reader->search({.before = before, .limit = limit}, {});
    std::vector<std::string> list;
    for (const TraceRow& row : found->rows) list.push_back(row.id);
    next = found->next;
    return list;
  }

  tests::TemporaryFolder folder;
  std::shared_ptr<cluster::FeedOutbox> told;
  std::unique_ptr<TraceWriter> traces;
  std::unique_ptr<TraceReader> reader;
  std::shared_ptr<cluster::FeedOutbox> logged;
  std::unique_ptr<DeliveryLog> log;
  std::vector<std::string> watched;
  std::uint64_t next = 0;
  std::int64_t number = 0;
};

policy::Trace rejected_trace(const std::string& account = "acc_1") {
  auto policy = std::make_shared<policy::WebhookPolicy>();
  policy->id = "pol_1";
  policy->version = 2;
  policy->account_id = account;
  policy->definition = R"({"name":"the policy"})";
  auto webhook = std::make_shared<policy::Webhook>();
  webhook->id = "wh_1";
  webhook->account_id = account;
  webhook->address = "a@hooks.example.net";
  policy::Trace made;
  made.id = new_ulid();
  made.started = std::chrono::system_clock::now();
  made.outcome = "rejected";
  made.evidence.session.client_ip = *IpAddress::parse("203.0.113.9");
  made.evidence.reverse_path = mail::Mailbox{"alerts", "example.com"};
  policy::Decision decision{.stage = policy::Stage::rcpt, .recipient = webhook->address};
  decision.reply = {.code = 550, .enhanced = {5, 7, 1}, .text = "no"};
  decision.candidate = policy::Recipient{{"a", "hooks.example.net"}, {}};
  decision.candidate->route = {.kind = policy::Route::Kind::webhook,
                               .webhook = std::move(webhook),
                               .policy = std::move(policy)};
  made.note(std::move(decision));
  return made;
}

TEST(ToldTraces, are_whole_at_the_other_gateway) {
  Gateway one("mx1");
  Gateway two("mx2");
  const policy::Trace made = rejected_trace();
  one.traces->post(made);
  two.hear(one);
  EXPECT_THAT(two.ids(), ElementsAre(made.id));
  EXPECT_THAT(two.watched, ElementsAre(made.id));
  const auto here = one.reader->row(made.id);
  const auto there = two.reader->row(made.id);
  ASSERT_TRUE(here && *here && there && *there);
  EXPECT_EQ((*here)->reply, (*there)->reply);
  EXPECT_EQ((*here)->number, (*there)->number);
  EXPECT_EQ((*here)->time, (*there)->time);
  EXPECT_EQ((*here)->account_id, (*there)->account_id);
  EXPECT_EQ(*one.reader->record(made.id), *two.reader->record(made.id));
  EXPECT_EQ(two.reader->definition("pol_1", 2), R"({"name":"the policy"})");
  const TallyQuery day{.account_id = "acc_1",
                       .from = now() - std::chrono::hours(1),
                       .until = now() + std::chrono::hours(1)};
  ASSERT_THAT(*two.reader->tallies(day), SizeIs(1));
  EXPECT_EQ(two.reader->tallies(day)->front().n, 1u);
}

TEST(ToldTraces, are_taken_once) {
  Gateway one("mx1");
  Gateway two("mx2");
  one.traces->post(rejected_trace());
  one.traces->flush();
  const auto items = carried(*one.told);
  for (int i = 1; i <= 2; ++i) two.traces->take("mx1", i, items, nullptr);
  EXPECT_THAT(two.ids(), SizeIs(1));
}

TEST(ToldTraces, have_pages_that_go_on_at_any_gateway) {
  Gateway one("mx1");
  Gateway two("mx2");
  std::vector<std::string> made;
  for (int i = 0; i < 20; ++i) {
    Gateway& at = i % 2 == 0 ? one : two;
    const policy::Trace posted = rejected_trace();
    made.insert(made.begin(), posted.id);
    at.traces->post(posted);
    at.traces->flush();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  one.hear(two);
  two.hear(one);
  std::vector<std::string> seen;
  std::uint64_t before = 0;
  for (int page = 0; page < 10 && (page == 0 || before != 0); ++page) {
    Gateway& at = page % 2 == 0 ? one : two;
    for (const std::string& id : at.ids(before, 3)) seen.push_back(id);
    before = at.next;
  }
  EXPECT_EQ(seen, made);
}

TEST(ToldTraces, of_a_deleted_account_are_deleted_everywhere_and_do_not_come_back) {
  Gateway one("mx1");
  Gateway two("mx2");
  one.traces->post(rejected_trace("acc_1"));
  one.traces->post(rejected_trace("acc_2"));
  two.hear(one);
  EXPECT_THAT(two.ids(), SizeIs(2));
  two.traces->post(rejected_trace("acc_1"));
  one.traces->forget_account("acc_1");
  two.hear(one);
  EXPECT_THAT(two.ids(), SizeIs(1));
  EXPECT_EQ(two.reader->definition("pol_1", 2).error().fault, Fault::not_found);
  one.hear(two);  // which told of one before it heard
  EXPECT_THAT(one.ids(), SizeIs(1));
}

TEST(ToldTraces, are_not_read_with_another_key_or_of_a_later_version) {
  const std::string piece = pack_items(gateways_seal, {"a", "", std::string(100'000, 'b')});
  EXPECT_THAT(*unpack_items(gateways_seal, piece), ElementsAre("a", "", std::string(100'000, 'b')));
  EXPECT_FALSE(unpack_items(Seal(Secret("another key of a gateway")), piece));
  EXPECT_FALSE(unpack_items(gateways_seal, "short"));
  EXPECT_FALSE(read_item("[\"of a later version\"]\n"));
  EXPECT_FALSE(read_item("[\"trace\",1]\n"));
  EXPECT_FALSE(read_item("not even JSON\n"));
  EXPECT_FALSE(read_item(""));
}

LogRecord record(LogKind kind = LogKind::delivery) {
  return {.id = new_id("log_"),
          .webhook_id = "wh_1",
          .account = "acc_1",
          .created_at = now(),
          .kind = kind,
          .attempt = 1,
          .sender = "o'brien \"x\"@example.com",
          .recipients = {"b@example.com", "c@example.com"},
          .client_ip = "203.0.113.9",
          .http_status = 200,
          .dkim_results = {"pass example.com/s1"},
          .trace_id = "t1"};
}

TEST(ToldDeliveries, are_whole_at_the_other_gateway) {
  Gateway one("mx1");
  Gateway two("mx2");
  const LogRecord made = record();
  one.log->append(made);
  two.hear(one);
  const auto found = two.log->find("wh_1", made.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->sender, made.sender);
  EXPECT_EQ((*found)->recipients, made.recipients);
  EXPECT_EQ((*found)->dkim_results, made.dkim_results);
  EXPECT_EQ((*found)->created_at, made.created_at);
  EXPECT_EQ((*found)->http_status, 200);
  EXPECT_EQ((*found)->message_id, std::nullopt);
  EXPECT_EQ((*found)->outcome(), LogOutcome::success);
  EXPECT_EQ(two.log->counts("wh_1", made.created_at)->success, 1u);
  EXPECT_THAT(*two.log->of_trace("t1"), SizeIs(1));
}

TEST(ToldDeliveries, of_one_refused_address_are_counted_over_all_gateways) {
  Gateway one("mx1");
  Gateway two("mx2");
  const LogRecord first = record(LogKind::rejection);
  one.log->append_source_ip_refusal(first);
  LogRecord other = record(LogKind::rejection);
  other.created_at = first.created_at;
  one.log->append_source_ip_refusal(other);
  two.hear(one);
  const auto listed = two.log->list("wh_1", {}, {.limit = 10});
  ASSERT_THAT(listed->rows, SizeIs(1));
  EXPECT_EQ(listed->rows[0].count, 2u);
}

TEST(ToldDeliveries, of_a_deleted_webhook_are_deleted_everywhere_and_do_not_come_back) {
  Gateway one("mx1");
  Gateway two("mx2");
  one.log->append(record());
  two.hear(one);
  two.log->append(record());
  const std::vector<std::string> gone{"wh_1"};
  ASSERT_TRUE(one.log->forget_webhooks(gone));
  two.hear(one);
  EXPECT_THAT(two.log->list("wh_1", {}, {.limit = 10})->rows, IsEmpty());
  one.hear(two);
  EXPECT_THAT(one.log->list("wh_1", {}, {.limit = 10})->rows, IsEmpty());
}

TEST(ToldTraces, remember_how_far_they_were_taken) {
  tests::TemporaryFolder folder;
  {
    const auto writer = *TraceWriter::open(folder.file("traces.db"), {});
    writer->take("mx1", 7, {}, nullptr);
    writer->take("mx1", 9, {}, nullptr);
  }
  EXPECT_THAT((*TraceWriter::open(folder.file("traces.db"), {}))->taken(),
              ElementsAre(std::pair("mx1", 9)));
}

}  // namespace
}  // namespace postern::store
