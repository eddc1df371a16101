#include <gmock/gmock.h>

#include <set>

#include "spool/spool_fixture.h"

namespace postern::spool {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const Destination here{RouteKind::webhook, "wh_1"};
const Destination there{RouteKind::relay, "example.com"};

class SpoolAskTest : public EverySpoolTest {
 protected:
  SpoolAskTest() { open(); }

  MessageId add(const std::string& sender, std::vector<Recipient> recipients,
                const std::string& account = "", Time received = at(0)) {
    Envelope made{.received = received, .reverse_path = sender, .account = account};
    made.recipients = std::move(recipients);
    const auto id = put(std::move(made), "x\r\n");
    EXPECT_TRUE(id) << id.error().message;
    return *id;
  }
  std::set<MessageId> found(const ListFilter& filter) {
    const auto messages = spool_->list(filter, "", 100);
    EXPECT_TRUE(messages) << messages.error().message;
    std::set<MessageId> ids;
    for (const Message& message : *messages) ids.insert(message.id);
    EXPECT_EQ(ids.size(), messages->size()) << "each once";
    return ids;
  }
  void kill(const MessageId& id, std::uint32_t index = 0) {
    const auto claims = claim({{id, index}}, at(0), at(60));
    ASSERT_TRUE(claims && claims->size() == 1);
    ASSERT_TRUE(settle({{.key = {id, index},
                         .attempt = claims->front().attempt,
                         .outcome = AttemptOutcome::dead,
                         .reply = "550 no"}}));
  }
};

INSTANTIATE_TEST_SUITE_P(, SpoolAskTest, ::testing::Values(Engine::sqlite, Engine::pgsql), name_of);

TEST_P(SpoolAskTest, many_messages_are_read_at_once_with_bodies_and_in_the_order_asked_for) {
  const MessageId small = *put(envelope(3), "small\r\n");
  const MessageId large = *put(envelope(), std::string(700'000, 'x'));
  const MessageId damaged = *put(envelope(), "damaged");
  ASSERT_TRUE(wait<void>([&](auto done) { spool_->quarantine(damaged, "bad octets", done); }));
  const std::vector<MessageId> ids{large, "01ARZ3NDEKTSV4RRFFQ69G5FAV", small, damaged};
  auto all = spool_->whole(ids);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 3u) << "one of them is not there";
  std::string octets;
  for (;;) {
    const auto piece = (*all)[0].body->next();
    ASSERT_TRUE(piece);
    if (piece->empty()) break;
    octets += *piece;
  }
  EXPECT_EQ(octets, std::string(700'000, 'x'));
  EXPECT_EQ((*all)[0].message.id, large);
  EXPECT_EQ(*(*all)[1].body->next(), "small\r\n");
  const auto alone = spool_->get(small);
  ASSERT_TRUE(alone && *alone);
  EXPECT_EQ((*all)[1].message.envelope.evidence, (*alone)->envelope.evidence);
  ASSERT_EQ((*all)[1].message.envelope.recipients.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*all)[1].message.envelope.recipients[i].address,
              (*alone)->envelope.recipients[i].address);
  }
  EXPECT_EQ((*all)[2].body.error().fault, Fault::damaged);
}

TEST_P(SpoolAskTest, each_filter_and_every_pair_of_them_finds_its_messages) {
  const MessageId a = add("a@example.org", {{"x@example.net", here}}, "acc_1");
  const MessageId b = add("", {{"x@example.net", there}, {"y@example.net", here}}, "acc_2");
  const MessageId held = add("a@example.org", {{"y@example.net", there, State::held}}, "acc_1");
  const MessageId dead = add("b@example.org", {{"z@example.net", here}});
  kill(dead);

  EXPECT_THAT(found({.state = State::queued}), UnorderedElementsAre(a, b));
  EXPECT_THAT(found({.state = State::held}), UnorderedElementsAre(held));
  EXPECT_THAT(found({.state = State::dead}), UnorderedElementsAre(dead));
  EXPECT_THAT(found({.state = State::quarantined}), IsEmpty());
  EXPECT_THAT(found({.destination = here}), UnorderedElementsAre(a, b, dead));
  EXPECT_THAT(found({.destination = there}), UnorderedElementsAre(b, held));
  EXPECT_THAT(found({.account = "acc_1"}), UnorderedElementsAre(a, held));
  EXPECT_THAT(found({.account = ""}), UnorderedElementsAre(dead));
  EXPECT_THAT(found({.sender = "a@example.org"}), UnorderedElementsAre(a, held));
  EXPECT_THAT(found({.sender = ""}), UnorderedElementsAre(b));
  EXPECT_THAT(found({.recipient = "x@example.net"}), UnorderedElementsAre(a, b));
  EXPECT_THAT(found({.recipient = "nobody@example.net"}), IsEmpty());

  const auto is = [](const std::set<MessageId>& ids, const MessageId& id) {
    return ids.contains(id);
  };
  std::vector<ListFilter> filters = {
      {.state = State::queued}, {.state = State::held},      {.state = State::delivered},
      {.destination = here},    {.destination = there},      {.account = "acc_1"},
      {.account = ""},          {.sender = "a@example.org"}, {.recipient = "y@example.net"}};
  for (const ListFilter& one : filters) {
    for (const ListFilter& two : filters) {
      ListFilter both = one;
      if (two.state) both.state = two.state;
      if (two.destination) both.destination = two.destination;
      if (two.account) both.account = two.account;
      if (two.sender) both.sender = two.sender;
      if (two.recipient) both.recipient = two.recipient;
      for (const MessageId& id : found(both)) {
        EXPECT_TRUE(!both.sender || is(found({.sender = both.sender}), id));
        EXPECT_TRUE(!both.account || is(found({.account = both.account}), id));
        EXPECT_TRUE(!both.state || is(found({.state = both.state}), id));
        EXPECT_TRUE(!both.destination || is(found({.destination = both.destination}), id));
        EXPECT_TRUE(!both.recipient || is(found({.recipient = both.recipient}), id));
      }
    }
  }
}

TEST_P(SpoolAskTest, state_destination_and_recipient_are_of_one_recipient) {
  const MessageId id =
      add("a@example.org", {{"x@example.net", here}, {"y@example.net", there, State::held}});
  EXPECT_THAT(found({.state = State::held, .destination = there}), ElementsAre(id));
  EXPECT_THAT(found({.state = State::held, .destination = here}), IsEmpty());
  EXPECT_THAT(found({.state = State::queued, .recipient = "y@example.net"}), IsEmpty());
  EXPECT_THAT(found({.destination = there, .recipient = "y@example.net"}), ElementsAre(id));
}

TEST_P(SpoolAskTest, pages_go_on_where_the_last_one_ended_under_every_filter) {
  std::set<MessageId> all;
  for (int i = 0; i < 25; ++i) all.insert(add("a@example.org", {{"x@example.net", here}}, "acc"));
  for (const ListFilter& filter :
       {ListFilter{}, ListFilter{.state = State::queued}, ListFilter{.destination = here},
        ListFilter{.account = "acc"}, ListFilter{.sender = "a@example.org"},
        ListFilter{.recipient = "x@example.net"}}) {
    std::vector<MessageId> seen;
    for (;;) {
      const auto page = spool_->list(filter, seen.empty() ? "" : seen.back(), 10);
      ASSERT_TRUE(page) << page.error().message;
      for (const Message& message : *page) {
        EXPECT_TRUE(seen.empty() || message.id < seen.back()) << "newest first";
        seen.push_back(message.id);
      }
      if (page->size() < 10) break;
    }
    EXPECT_EQ(std::set<MessageId>(seen.begin(), seen.end()), all);
    EXPECT_EQ(seen.size(), all.size());
  }
}

TEST_P(SpoolAskTest, finds_what_was_stored_before_a_time) {
  const MessageId id = add("a@example.org", {{"x@example.net", here}});
  const Time now = std::chrono::system_clock::now();
  EXPECT_THAT(found({.stored_before = now + std::chrono::seconds(5)}), ElementsAre(id));
  EXPECT_THAT(found({.stored_before = now - std::chrono::seconds(60)}), IsEmpty());
}

TEST_P(SpoolAskTest, counts_recipients_by_destination_and_state) {
  const auto none = spool_->counts();
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_THAT(*none, IsEmpty());
  add("a@example.org", {{"x@example.net", there}, {"y@example.net", there}}, "", at(10));
  add("a@example.org", {{"x@example.net", there}}, "", at(20));
  add("a@example.org", {{"x@example.net", there, State::held}}, "", at(30));
  const MessageId dead = add("a@example.org", {{"x@example.net", here}}, "", at(40));
  ASSERT_NO_FATAL_FAILURE({
    const auto claims = claim({{dead, 0}}, at(50), at(60));
    ASSERT_EQ(claims->size(), 1u);
    ASSERT_TRUE(settle({{.key = {dead, 0}, .attempt = 1, .outcome = AttemptOutcome::dead}}));
  });
  const auto counts = spool_->counts();
  ASSERT_TRUE(counts) << counts.error().message;
  ASSERT_EQ(counts->size(), 3u);
  EXPECT_EQ((*counts)[0].destination, here);
  EXPECT_EQ((*counts)[0].state, State::dead);
  EXPECT_EQ((*counts)[0].oldest, at(40));
  EXPECT_EQ((*counts)[1].destination, there);
  EXPECT_EQ((*counts)[1].state, State::queued);
  EXPECT_EQ((*counts)[1].recipients, 3u);
  EXPECT_EQ((*counts)[1].oldest, at(10));
  EXPECT_EQ((*counts)[1].due, at(10));
  EXPECT_EQ((*counts)[2].state, State::held);
  EXPECT_EQ((*counts)[2].recipients, 1u);
  EXPECT_EQ((*counts)[2].oldest, at(30));
}

class SqliteSpoolSizeTest : public SpoolTest {
 protected:
  SqliteSpoolSizeTest() { open(); }
};

TEST_F(SqliteSpoolSizeTest, its_size_counts_the_database_and_the_files) {
  const auto before = spool_->size();
  ASSERT_TRUE(before && *before > 0);
  ASSERT_TRUE(put(envelope(), std::string(400 << 10, 'x')));
  ASSERT_FALSE(files().empty());
  EXPECT_GE(*spool_->size(), *before + (400 << 10));
}

}  // namespace
}  // namespace postern::spool
