#include "spool/move_spool.h"

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "spool/spool_fixture.h"
#include "spool/spool_schema.h"

namespace postern::spool {
namespace {

/// A spool of one gateway beside that of a cluster, which is `spool_`.
class MoveSpoolTest : public SpoolTest {
 protected:
  MoveSpoolTest() : SpoolTest(Engine::pgsql) { open(); }

  std::unique_ptr<SqliteSpool> local(const std::string& name) {
    std::filesystem::create_directories(folder_.file(name));
    return *SqliteSpool::open({.directory = folder_.file(name), .min_free = 0});
  }
  MessageId put_into(Spool& spool, Envelope envelope, std::string_view bytes) {
    return *wait<MessageId>([&](auto done) { spool.put(std::move(envelope), body(bytes), done); });
  }
  Result<MovedMail> to_cluster(Spool& from) {
    return move_spool(from, *spool_, states_of(*database_), folder_.path());
  }
};

TEST_F(MoveSpoolTest, mail_goes_there_and_back_as_it_is) {
  const auto from = local("from");
  Envelope full = envelope(3);
  full.smtputf8 = full.body_8bit = true;
  full.ret = "HDRS";
  full.envid = "x";
  full.account = "acc_1";
  full.evidence = R"({"spf":"pass"})";
  full.recipients[1].state = State::quarantined;
  full.recipients[1].quarantine = "virus";
  const MessageId small = put_into(*from, full, "small");
  const MessageId large = put_into(*from, envelope(), std::string(700'000, 'x'));
  const MessageId held = put_into(*from, envelope(), "held");
  ASSERT_TRUE(wait<void>([&](auto done) { from->act(Action::hold, held, at(5), done); }));
  // The first recipient has it, the third is tried again later.
  const auto claims = wait<std::vector<Claim>>(
      [&](auto done) { from->claim({{small, 0}, {small, 2}}, at(1), at(60), done); });
  ASSERT_EQ(claims->size(), 2u);
  const std::vector<Settlement> ends{
      {.key = {small, 0}, .attempt = 1, .outcome = AttemptOutcome::delivered, .reply = "250 ok"},
      {.key = {small, 2},
       .attempt = 1,
       .outcome = AttemptOutcome::retry,
       .next_attempt = at(900),
       .reply = "451 later"}};
  ASSERT_TRUE(wait<void>([&](auto done) { from->settle(ends, done); }));

  for (int run = 0; run < 2; ++run) {  // the second time it is only compared
    const auto moved = to_cluster(*from);
    ASSERT_TRUE(moved) << moved.error().message;
    EXPECT_EQ(moved->messages, 3u);
    EXPECT_EQ(moved->recipients, 5u);
    EXPECT_EQ(moved->octets, 700'009u);
  }
  const auto there = spool_->get(small);
  ASSERT_TRUE(there && *there);
  const auto& recipients = (*there)->envelope.recipients;
  EXPECT_EQ(recipients[0].state, State::delivered);
  EXPECT_EQ(recipients[1].quarantine, "virus");
  EXPECT_EQ(recipients[2].attempts, 1u);
  EXPECT_EQ(recipients[2].last_reply, "451 later");
  EXPECT_EQ(read(large)->size(), 700'000u);
  EXPECT_EQ((*spool_->get(held))->envelope.recipients[0].state, State::held);
  EXPECT_EQ(spool_->verify()->wrong, 0u);

  const auto back = local("back");
  const auto file = store::Database::open(folder_.file("back/spool.db"), spool_schema());
  const auto moved = move_spool(*spool_, *back, states_of(**file), folder_.path());
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_EQ(moved->messages, 3u);
  EXPECT_EQ((*back->get(small))->envelope.recipients[2].attempts, 1u);
  EXPECT_EQ(back->verify()->wrong, 0u);
}

// The database keeps times by its own clock.
TEST_F(MoveSpoolTest, times_are_set_by_the_clock_of_the_database) {
  const auto id = put(envelope(), "a");
  ASSERT_TRUE(id);
  Message message = **spool_->get(*id);
  message.envelope.recipients[0].next_attempt = at(900);
  constexpr std::chrono::seconds ahead{3600};
  ASSERT_TRUE(states_of(*database_, [&] { return ahead; })({&message, 1}));
  const Time due = (*spool_->get(*id))->envelope.recipients[0].next_attempt;
  EXPECT_LT(std::chrono::abs(due - at(900) - ahead), tests::patience);
}

TEST_F(MoveSpoolTest, other_mail_there_is_no_success) {
  const auto from = local("from");
  put_into(*from, envelope(), "a");
  ASSERT_TRUE(put(envelope(), "theirs"));
  EXPECT_EQ(to_cluster(*from).error().fault, Fault::conflict);
}

TEST_F(MoveSpoolTest, a_damaged_message_is_named) {
  const auto from = local("from");
  EXPECT_TRUE(may_be_moved(*from));
  const MessageId id = put_into(*from, envelope(), "a");
  EXPECT_TRUE(may_be_moved(*from));
  ASSERT_TRUE(wait<void>([&](auto done) { from->quarantine(id, "bad octets", done); }));
  const auto fit = may_be_moved(*from);
  ASSERT_FALSE(fit);
  EXPECT_NE(fit.error().message.find(id), std::string::npos);
}

}  // namespace
}  // namespace postern::spool
