#include "relay/attempt_memory.h"

#include <gtest/gtest.h>

namespace postern::relay {
namespace {

using namespace std::chrono_literals;

const MemoryTime memory_start = MemoryTime() + 1000h;

TEST(AttemptMemory, facts_hold_for_a_while) {
  Memory memory;
  EXPECT_FALSE(memory.knows("a", memory_start));
  memory.note("a", 15min, memory_start);
  EXPECT_TRUE(memory.knows("a", memory_start + 14min));
  EXPECT_FALSE(memory.knows("b", memory_start + 14min));
  EXPECT_FALSE(memory.knows("a", memory_start + 15min));
}

TEST(AttemptMemory, is_bounded) {
  Memory memory(2);
  memory.note("old", 1min, memory_start);
  memory.note("a", 15min, memory_start);
  memory.note("b", 15min, memory_start + 2min);
  EXPECT_TRUE(memory.knows("a", memory_start + 2min)) << "the old one went";
  memory.note("c", 15min, memory_start + 2min);
  EXPECT_TRUE(memory.knows("c", memory_start + 2min));
  EXPECT_FALSE(memory.knows("a", memory_start + 2min));
}

TEST(AttemptMemory, three_hosts_without_a_network_pause_a_family) {
  FamilyHealth health;
  health.unreachable("a", memory_start);
  health.unreachable("a", memory_start);
  health.unreachable("b", memory_start + 1min);
  EXPECT_FALSE(health.paused(memory_start + 1min)) << "two hosts";
  health.unreachable("c", memory_start + 5min);
  EXPECT_FALSE(health.paused(memory_start + 5min)) << "the first is forgotten";
  health.unreachable("d", memory_start + 5min);
  EXPECT_TRUE(health.paused(memory_start + 5min));
  EXPECT_TRUE(health.paused(memory_start + 19min));
  EXPECT_FALSE(health.paused(memory_start + 20min));
  health.unreachable("a", memory_start + 21min);
  EXPECT_FALSE(health.paused(memory_start + 21min)) << "counts from the beginning";
}

}  // namespace
}  // namespace postern::relay
