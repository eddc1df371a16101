// The end of a spool that is still in use.
#include <gtest/gtest.h>

#include "spool/spool_fixture.h"

namespace postern::spool {
namespace {

class SpoolStop : public EverySpoolTest {};

INSTANTIATE_TEST_SUITE_P(, SpoolStop, ::testing::Values(Engine::sqlite, Engine::pgsql), name_of);

TEST_P(SpoolStop, what_was_put_is_written_and_what_comes_later_is_refused) {
  open();
  std::promise<Result<MessageId>> answer;
  spool_->put(envelope(), body(std::string(400 << 10, 'x')),  // a file, by another thread
              [&](Result<MessageId> id) { answer.set_value(std::move(id)); });
  spool_->stop();
  const Result<MessageId> kept = answer.get_future().get();
  ASSERT_TRUE(kept) << kept.error().message;
  for (int round = 0; round < 2; ++round) {
    const Result<MessageId> late = put(envelope(), "late");
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().fault, Fault::temporary);
    const Result<void> dropped = act(Action::drop, *kept);
    ASSERT_FALSE(dropped);
    EXPECT_EQ(dropped.error().fault, Fault::temporary);
    spool_->stop();
  }
  EXPECT_TRUE(read(*kept)) << "reading goes on";
  open();
  EXPECT_EQ(spool_->list({}, "", 10)->size(), 1u);
}

TEST_P(SpoolStop, no_verification_goes_on_or_begins) {
  open();
  ASSERT_TRUE(put(envelope(), "hello"));
  ASSERT_TRUE(spool_->verify());
  spool_->stop_verifying();
  const Result<Verification> found = spool_->verify();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().fault, Fault::temporary);
}

}  // namespace
}  // namespace postern::spool
