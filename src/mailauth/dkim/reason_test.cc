#include "mailauth/dkim/reason.h"

#include <set>

#include <gtest/gtest.h>

namespace mailauth::dkim {
namespace {

TEST(Reason, texts_stand_at_their_enumerators) {
  EXPECT_EQ(to_text(Reason::ok), "verified");
  EXPECT_EQ(to_text(Reason::header_too_long), "header section too long");
  EXPECT_EQ(to_text(Reason::from_not_signed), "From is not signed");
  EXPECT_EQ(to_text(Reason::key_unavailable), "key lookup failed");
  EXPECT_EQ(to_text(Reason::key_too_large), "key longer than 4096 bits");
  EXPECT_EQ(to_text(Reason::value_mismatch), "signature did not verify");
  EXPECT_EQ(to_text(Status::none), "none");
  EXPECT_EQ(to_text(Status::permerror), "permerror");
}

TEST(Reason, every_cause_has_a_text_of_its_own_and_a_status) {
  std::set<std::string_view> texts;
  const int count = static_cast<int>(Reason::value_mismatch) + 1;
  for (int i = 0; i < count; ++i) {
    const auto reason = static_cast<Reason>(i);
    texts.insert(to_text(reason));
    EXPECT_EQ(status_of(reason) == Status::pass, reason == Reason::ok);
    EXPECT_NE(status_of(reason), Status::none);
  }
  EXPECT_EQ(texts.size(), static_cast<std::size_t>(count));
  EXPECT_EQ(status_of(Reason::key_unavailable), Status::temperror);
  EXPECT_EQ(status_of(Reason::key_revoked), Status::permerror);
  EXPECT_EQ(status_of(Reason::body_hash_mismatch), Status::fail);
}

}  // namespace
}  // namespace mailauth::dkim
