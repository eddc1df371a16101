// What every spool does, whatever engine keeps its messages.
#include <array>
#include <atomic>
#include <set>
#include <thread>

#include "spool/spool_fixture.h"

namespace postern::spool {
namespace {

class SpoolEngineTest : public EverySpoolTest {
 protected:
  SpoolEngineTest() { open(); }
};

INSTANTIATE_TEST_SUITE_P(, SpoolEngineTest, ::testing::Values(Engine::sqlite, Engine::pgsql),
                         name_of);

TEST_P(SpoolEngineTest, keeps_every_field_over_a_restart) {
  Envelope sent = envelope(2);
  sent.body_8bit = sent.smtputf8 = sent.require_tls = true;
  sent.ret = "HDRS";
  sent.envid = "env-1";
  sent.trace_id = "trace-1";
  sent.account = "acc_1";
  sent.authn_id = "user@example.org";
  sent.evidence = R"({"spf":"pass"})";
  sent.recipients[1] = {.address = "other@example.com",
                        .destination = {RouteKind::relay, "example.com"},
                        .state = State::held,
                        .notify = "FAILURE",
                        .orcpt = "rfc822;o@example.com"};
  const auto id = put(sent, "Subject: a\r\n\r\nbody\r\n");
  ASSERT_TRUE(id) << id.error().message;
  open();
  const auto found = spool_->get(*id);
  ASSERT_TRUE(found && *found);
  const Message& message = **found;
  EXPECT_EQ(message.size, 20u);
  EXPECT_FALSE(message.in_file);
  EXPECT_EQ(message.damage, "");
  const Envelope& kept = message.envelope;
  EXPECT_EQ(kept.received, sent.received);
  EXPECT_EQ(kept.reverse_path, sent.reverse_path);
  EXPECT_TRUE(kept.body_8bit && kept.smtputf8 && kept.require_tls);
  EXPECT_EQ(kept.ret, sent.ret);
  EXPECT_EQ(kept.envid, sent.envid);
  EXPECT_EQ(kept.trace_id, sent.trace_id);
  EXPECT_EQ(kept.account, sent.account);
  EXPECT_EQ(kept.authn_id, sent.authn_id);
  EXPECT_EQ(kept.evidence, sent.evidence);
  ASSERT_EQ(kept.recipients.size(), 2u);
  EXPECT_EQ(kept.recipients[0].state, State::queued);
  EXPECT_EQ(kept.recipients[0].next_attempt, sent.received);
  EXPECT_EQ(kept.recipients[1].address, "other@example.com");
  EXPECT_EQ(kept.recipients[1].destination, sent.recipients[1].destination);
  EXPECT_EQ(kept.recipients[1].state, State::held);
  EXPECT_EQ(kept.recipients[1].notify, "FAILURE");
  EXPECT_EQ(kept.recipients[1].orcpt, "rfc822;o@example.com");
  EXPECT_EQ(read(*id).value(), "Subject: a\r\n\r\nbody\r\n");
}

TEST_P(SpoolEngineTest, refuses_a_message_without_recipients_or_with_one_that_is_over) {
  EXPECT_EQ(put(envelope(0), "x").error().fault, Fault::malformed);
  Envelope over = envelope();
  over.recipients[0].state = State::delivered;
  EXPECT_EQ(put(over, "x").error().fault, Fault::malformed);
}

TEST_P(SpoolEngineTest, many_that_wait_share_a_commit) {
  constexpr int count = 500;
  std::atomic<int> left = count;
  std::promise<void> all;
  const std::uint64_t before = spool_->counters().commits;
  for (int i = 0; i < count; ++i) {
    spool_->put(envelope(), body("x"), [&](const Result<MessageId>& id) {
      EXPECT_TRUE(id);
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().wait();
  EXPECT_LT(spool_->counters().commits - before, count / 2u);
}

TEST_P(SpoolEngineTest, of_two_who_claim_one_gets_it) {
  const MessageId id = *put(envelope(), "x");
  std::atomic<int> got = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { got += static_cast<int>(claim({{id, 0}}, at(1), at(60))->size()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, 1);
  EXPECT_TRUE(due(at(59)).empty());
  // The claim ends: the recipient is due again, and the next attempt has the next number.
  ASSERT_EQ(due(at(60)).size(), 1u);
  EXPECT_EQ(claim({{id, 0}}, at(60), at(90))->front().attempt, 2u);
}

TEST_P(SpoolEngineTest, an_attempt_that_a_crash_ended_counts_and_its_delay_runs_from_its_start) {
  const MessageId id = *put(envelope(), "x");
  ASSERT_EQ(claim({{id, 0}}, at(0), at(300))->size(), 1u);
  open();
  EXPECT_TRUE(due(at(299)).empty());
  const auto ready = due(at(300));
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].attempts, 1u);
  EXPECT_FALSE(spool_->get(id)->value().envelope.recipients[0].claimed);
  const MessageId other = *put(envelope(), "x");
  ASSERT_EQ(claim({{other, 0}}, at(0), at(300))->size(), 1u);
  EXPECT_TRUE(settle({{.key = {id, 0}, .attempt = 0, .outcome = AttemptOutcome::failed}}));
  EXPECT_TRUE(gone(id));
  EXPECT_TRUE(settle({{.key = {other, 0}, .attempt = 0, .outcome = AttemptOutcome::failed}}));
  EXPECT_EQ(state(other), State::queued) << "it is under way";
}

TEST_P(SpoolEngineTest, parcels_are_what_one_destination_gets_of_one_message) {
  Envelope mixed = envelope(4, at(3));
  mixed.account = "acc_1";
  mixed.recipients[1].destination = {RouteKind::relay, "example.net"};
  mixed.recipients[2].destination = {RouteKind::relay, "example.net"};
  mixed.recipients[3].state = State::held;
  Envelope signed_in = envelope();
  signed_in.authn_id = "user@example.org";
  const MessageId id = *put(mixed, "x");
  const MessageId second = *put(signed_in, "y");
  Cursor cursor;
  const auto parcels = *spool_->parcels(cursor, 10);
  ASSERT_EQ(parcels.size(), 3u);
  EXPECT_EQ(parcels[0].first, 0u);
  EXPECT_EQ(parcels[0].account, "acc_1");
  EXPECT_EQ(parcels[2].account, "user user@example.org") << "who signed in, without an account";
  EXPECT_EQ(parcels[0].due, at(3));
  EXPECT_EQ(parcels[1].first, 1u);
  EXPECT_EQ(parcels[1].destination, (Destination{RouteKind::relay, "example.net"}));
  EXPECT_NE(parcels[2].sequence, parcels[1].sequence);
  EXPECT_EQ(spool_->get(parcels[2].sequence)->value().id, second);
  EXPECT_TRUE(spool_->parcels(cursor, 10)->empty()) << "each message once";
  Cursor slow;
  EXPECT_EQ(spool_->parcels(slow, 1)->size(), 2u) << "a message's parcels come together";
  EXPECT_EQ(spool_->parcels(slow, 10)->size(), 1u);
  EXPECT_EQ(spool_->parcels_of(parcels[0].sequence)->size(), 2u);
  EXPECT_FALSE(parcels[0].inherited);

  // An empty queue does not restart the sequence: a reader that read up to here misses nothing.
  ASSERT_TRUE(act(Action::drop, id));
  ASSERT_TRUE(act(Action::drop, second));
  open();
  ASSERT_TRUE(put(envelope(), "z"));
  EXPECT_TRUE(spool_->parcels_of(parcels[0].sequence)->empty());
  EXPECT_EQ(spool_->parcels(cursor, 10)->size(), 1u);
}

TEST_P(SpoolEngineTest, time_on_hold_and_notices_are_kept) {
  const MessageId id = *put(envelope(1, at(0)), "x");
  ASSERT_TRUE(act(Action::hold, id, at(10)));
  ASSERT_TRUE(act(Action::release, id, at(25)));
  const auto first = [&] {
    Cursor cursor;
    return spool_->parcels(cursor, 10)->at(0);
  };
  EXPECT_EQ(first().held, std::chrono::seconds(15));
  EXPECT_FALSE(first().noticed);
  ASSERT_TRUE(wait<void>([&](auto done) { spool_->notice({{id, 0}}, done); }));
  EXPECT_TRUE(first().noticed);
}

TEST_P(SpoolEngineTest, the_last_delivery_deletes_message_and_file) {
  const MessageId id = *put(envelope(2), std::string(300'000, 'x'));
  ASSERT_EQ(large_bodies(), 1u);
  ASSERT_EQ(claim({{id, 0}, {id, 1}}, at(0), at(60))->size(), 2u);
  ASSERT_TRUE(settle({{.key = {id, 0}, .attempt = 1, .reply = "200"}}));
  EXPECT_EQ(state(id, 0), State::delivered);
  EXPECT_EQ(state(id, 1), State::queued);
  ASSERT_TRUE(settle({{.key = {id, 1}, .attempt = 1, .outcome = AttemptOutcome::failed}}));
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(spool_->body(id).error().fault, Fault::not_found);
  spool_.reset();  // waits until the file is removed
  EXPECT_TRUE(large_bodies() == 0);
}

TEST_P(SpoolEngineTest, settling_again_changes_nothing) {
  const MessageId id = *put(envelope(2), "x");
  const std::uint32_t attempt = begin(id);
  const Settlement retry{.key = {id, 0},
                         .attempt = attempt,
                         .outcome = AttemptOutcome::retry,
                         .next_attempt = at(100),
                         .reply = "503"};
  ASSERT_TRUE(settle({retry}));
  Settlement again = retry;
  again.next_attempt = at(900);
  ASSERT_TRUE(settle({again, again}));
  const auto kept = (*spool_->get(id))->envelope.recipients[0];
  EXPECT_EQ(kept.next_attempt, at(100));
  EXPECT_EQ(kept.last_reply, "503");
  EXPECT_EQ(kept.attempts, 1u);
  EXPECT_FALSE(kept.claimed);

  // After the second attempt began, a late failure of the first has no effect, but a late delivery
  // has.
  EXPECT_EQ(begin(id, at(100)), 2u);
  ASSERT_TRUE(settle({{.key = {id, 0}, .attempt = 1, .outcome = AttemptOutcome::dead}}));
  EXPECT_EQ(state(id), State::queued);
  ASSERT_TRUE(settle({{.key = {id, 0}, .attempt = 1}}));
  EXPECT_EQ(state(id), State::delivered);
  ASSERT_TRUE(settle({{.key = {id, 0}, .attempt = 2, .outcome = AttemptOutcome::dead}}));
  EXPECT_EQ(state(id), State::delivered);
  ASSERT_EQ(claim({{id, 1}}, at(0), at(60))->size(), 1u);
  ASSERT_TRUE(settle({{.key = {id, 1}, .attempt = 1}}));
  EXPECT_TRUE(gone(id));
  ASSERT_TRUE(settle({{.key = {id, 1}, .attempt = 1}}));
}

TEST_P(SpoolEngineTest, three_hundred_recipients) {
  const MessageId id = *put(envelope(300), std::string(300'000, 'x'));
  const auto ready = due(at(0));
  ASSERT_EQ(ready.size(), 300u);
  std::vector<RecipientKey> keys;
  for (const DueRecipient& one : ready) keys.push_back(one.key);
  const auto claims = *claim(keys, at(0), at(60));
  ASSERT_EQ(claims.size(), 300u);
  std::vector<Settlement> settlements;
  for (const Claim& one : claims) settlements.push_back({.key = one.key, .attempt = one.attempt});
  const Settlement last = settlements.back();
  settlements.pop_back();
  ASSERT_TRUE(settle(settlements));
  EXPECT_FALSE(gone(id));
  ASSERT_TRUE(settle({last}));
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(spool_->verify()->wrong, 0u);
}

TEST_P(SpoolEngineTest, an_action_that_finds_nothing_to_do_says_so) {
  const MessageId id = *put(envelope(), "x");
  EXPECT_EQ(act(Action::release, id).error().message, "nothing was done: the message is queued");
  ASSERT_TRUE(act(Action::hold, id));
  EXPECT_EQ(act(Action::hold, id).error().message, "nothing was done: the message is held");
  const Result<void> retried = act(Action::retry, id);
  ASSERT_FALSE(retried);
  EXPECT_EQ(retried.error().fault, Fault::conflict);
  EXPECT_EQ(retried.error().message, "nothing was done: the message is held; `release` queues it");
}

TEST_P(SpoolEngineTest, operators_hold_release_retry_and_drop) {
  const MessageId id = *put(envelope(), std::string(300'000, 'x'));
  ASSERT_TRUE(act(Action::hold, id));
  EXPECT_EQ(state(id), State::held);
  EXPECT_TRUE(due(at(100)).empty());
  ASSERT_TRUE(act(Action::release, id, at(7)));
  EXPECT_EQ(due(at(7)).size(), 1u);
  const std::uint32_t attempt = begin(id, at(7));
  ASSERT_TRUE(act(Action::retry, id, at(7)));  // running: not begun twice
  EXPECT_TRUE(due(at(7)).empty());
  ASSERT_TRUE(settle({{.key = {id, 0}, .attempt = attempt, .outcome = AttemptOutcome::dead}}));
  EXPECT_EQ(state(id), State::dead);
  ASSERT_TRUE(act(Action::retry, id, at(8)));
  EXPECT_EQ(state(id), State::queued);
  ASSERT_TRUE(act(Action::drop, id));
  EXPECT_TRUE(gone(id));
  EXPECT_EQ(act(Action::drop, id).error().fault, Fault::not_found);
  spool_.reset();
  EXPECT_TRUE(large_bodies() == 0);
}

TEST_P(SpoolEngineTest, lists_pages_newest_first_by_filter) {
  std::set<MessageId> all;
  for (int i = 0; i < 25; ++i) {
    Envelope sent = envelope();
    sent.account = i % 2 == 0 ? "acc_even" : "acc_odd";
    if (i == 3) sent.recipients[0].state = State::quarantined;
    if (i == 4) sent.recipients[0].destination = {RouteKind::relay, "example.com"};
    all.insert(*put(sent, "x"));
  }
  std::vector<MessageId> seen;
  MessageId before;
  while (true) {
    const auto messages = *spool_->list({}, before, 10);
    if (messages.empty()) break;
    for (const Message& message : messages) seen.push_back(message.id);
    before = messages.back().id;
  }
  EXPECT_EQ(seen, std::vector<MessageId>(all.rbegin(), all.rend()));
  EXPECT_EQ(spool_->list({.state = State::quarantined}, "", 99)->size(), 1u);
  EXPECT_EQ(spool_->list({.state = State::queued}, "", 99)->size(), 24u);
  EXPECT_EQ(spool_->list({.state = State::dead}, "", 99)->size(), 0u);
  EXPECT_EQ(spool_->list({.account = "acc_odd"}, "", 99)->size(), 12u);
  EXPECT_EQ(
      spool_->list({.destination = Destination{RouteKind::relay, "example.com"}}, "", 99)->size(),
      1u);
}

TEST_P(SpoolEngineTest, many_threads_put_and_settle_at_once) {
  std::atomic<int> delivered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        const std::string bytes(i % 8 == 0 ? 300'000 : 1000, static_cast<char>('a' + t));
        const auto id = put(envelope(), bytes);
        ASSERT_TRUE(id) << id.error().message;
        EXPECT_TRUE(read(*id).value() == bytes);
        if (i % 2 == 0) continue;
        ASSERT_EQ(claim({{*id, 0}}, at(0), at(60))->size(), 1u);
        ASSERT_TRUE(settle({{.key = {*id, 0}, .attempt = 1}}));
        delivered += 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(spool_->list({}, "", 1000)->size(), 320u - static_cast<unsigned>(delivered));
  const auto found = *spool_->verify();
  EXPECT_EQ(found.wrong, 0u);
  EXPECT_EQ(found.messages, 160u);
}

/// Claims and results of one moment are made together, and each has its own answer.
TEST_P(SpoolEngineTest, attempts_that_wait_together_are_told_apart) {
  constexpr std::size_t count = 100;
  std::vector<MessageId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(*put(envelope(3), "body"));
  using Claims = std::promise<Result<std::vector<Claim>>>;
  std::vector<std::array<Claims, 3>> claims(count);
  const auto ask = [&](std::vector<RecipientKey> keys, Time now, Time until, Claims& answer) {
    spool_->claim(std::move(keys), now, until,
                  [&](Result<std::vector<Claim>> got) { answer.set_value(std::move(got)); });
  };
  for (std::size_t i = 0; i < count; ++i) {
    ask({{ids[i], 0}, {ids[i], 1}}, at(0), at(static_cast<int>(60 + i)), claims[i][0]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ask({{ids[i], 0}, {ids[i], 9}}, at(1), at(90), claims[i][1]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ask({{ids[i], 0}}, Time::max(), at(120), claims[i][2]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = *claims[i][0].get_future().get();
    ASSERT_EQ(first.size(), 2u);
    for (std::uint32_t index = 0; index < 2; ++index) {
      EXPECT_EQ(first[index].key, (RecipientKey{ids[i], index}));
      EXPECT_EQ(first[index].attempt, 1u);
    }
    EXPECT_TRUE(claims[i][1].get_future().get()->empty()) << "it is taken";
    const auto again = *claims[i][2].get_future().get();
    ASSERT_EQ(again.size(), 1u) << "an operator's";
    EXPECT_EQ(again[0].attempt, 2u);
    EXPECT_EQ(spool_->get(ids[i])->value().envelope.recipients[1].next_attempt,
              at(static_cast<int>(60 + i)));
  }
  std::vector<std::promise<Result<void>>> settled(3 * count);
  const auto tell = [&](std::size_t at, std::vector<Settlement> all) {
    spool_->settle(std::move(all),
                   [&settled, at](Result<void> done) { settled[at].set_value(std::move(done)); });
  };
  const auto end = [&](std::size_t i, std::uint32_t index, std::uint32_t attempt,
                       AttemptOutcome outcome) {
    return Settlement{.key = {ids[i], index},
                      .attempt = attempt,
                      .outcome = outcome,
                      .next_attempt = at(static_cast<int>(300 + i)),
                      .reply = "reply " + std::to_string(i)};
  };
  for (std::size_t i = 0; i < count; ++i) {
    tell(3 * i, {end(i, 0, 2, AttemptOutcome::delivered), end(i, 1, 1, AttemptOutcome::retry)});
  }
  for (std::size_t i = 0; i < count; ++i) {
    tell(3 * i + 1, {end(i, 1, 1, AttemptOutcome::dead)});
    tell(3 * i + 2, {end(i, 2, 0, AttemptOutcome::failed)});
  }
  for (auto& one : settled) EXPECT_TRUE(one.get_future().get());
  for (std::size_t i = 0; i < count; ++i) {
    const auto message = *spool_->get(ids[i]);
    ASSERT_TRUE(message);
    const auto& recipients = message->envelope.recipients;
    EXPECT_EQ(recipients[0].state, State::delivered);
    EXPECT_EQ(recipients[1].state, State::queued) << "its attempt had ended";
    EXPECT_EQ(recipients[1].next_attempt, at(static_cast<int>(300 + i)));
    EXPECT_EQ(recipients[1].last_reply, "reply " + std::to_string(i));
    EXPECT_FALSE(recipients[1].claimed);
    EXPECT_EQ(recipients[2].state, State::failed);
  }
}

}  // namespace
}  // namespace postern::spool
