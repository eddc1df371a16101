#include "base/known_clients.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using namespace std::chrono_literals;
const auto known_from = KnownClients<int>::Clock::now();

TEST(KnownClients, are_known_with_their_account_for_a_while) {
  KnownClients<int> known(24h);
  known.remember("a", "alice", 1, known_from);
  EXPECT_EQ(known.find("a", "alice", known_from + 23h), 1);
  EXPECT_FALSE(known.find("a", "alice", known_from + 24h));
  EXPECT_FALSE(known.find("b", "alice", known_from));
  EXPECT_FALSE(known.find("a", "bob", known_from));
}

TEST(KnownClients, are_so_many_at_most) {
  KnownClients<int> known(24h, 2);
  known.remember("a", "alice", 1, known_from);
  known.remember("b", "alice", 2, known_from + 12h);
  known.remember("c", "alice", 3, known_from + 25h);
  EXPECT_EQ(known.find("b", "alice", known_from + 25h), 2) << "what is over goes first";
  EXPECT_EQ(known.find("c", "alice", known_from + 25h), 3);
}

}  // namespace
}  // namespace postern
