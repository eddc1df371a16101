#include "relay/attempt_memory.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using namespace std::chrono_literals;

const MemoryTime start = MemoryTime() + 1000h;

TEST(AttemptMemory, facts_hold_for_a_while) {
  Memory memory;
  EXPECT_FALSE(memory.knows("a", start));
  memory.note("a", 15min, start);
  EXPECT_TRUE(memory.knows("a", start + 14min));
  EXPECT_FALSE(memory.knows("b", start + 14min));
  EXPECT_FALSE(memory.knows("a", start + 15min));
}

TEST(AttemptMemory, is_bounded) {
  Memory memory(2);
  memory.note("old", 1min, start);
  memory.note("a", 15min, start);
  memory.note("b", 15min, start + 2min);
  EXPECT_TRUE(memory.knows("a", start + 2min)) << "the old one went";
  memory.note("c", 15min, start + 2min);
  EXPECT_TRUE(memory.knows("c", start + 2min));
  EXPECT_FALSE(memory.knows("a", start + 2min));
}

TEST(AttemptMemory, three_hosts_without_a_network_pause_a_family) {
  FamilyHealth health;
  health.unreachable("a", start);
  health.unreachable("a", start);
  health.unreachable("b", start + 1min);
  EXPECT_FALSE(health.paused(start + 1min)) << "two hosts";
  health.unreachable("c", start + 5min);
  EXPECT_FALSE(health.paused(start + 5min)) << "the first is forgotten";
  health.unreachable("d", start + 5min);
  EXPECT_TRUE(health.paused(start + 5min));
  EXPECT_TRUE(health.paused(start + 19min));
  EXPECT_FALSE(health.paused(start + 20min));
  health.unreachable("a", start + 21min);
  EXPECT_FALSE(health.paused(start + 21min)) << "counts from the beginning";
}

}  // namespace
}  // namespace postern::relay
