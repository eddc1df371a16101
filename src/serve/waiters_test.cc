#include "serve/waiters.h"

#include <gtest/gtest.h>

namespace postern::app {
namespace {

TEST(WaitersForAnAnswer, one_more_costs_the_same_however_many_there_are) {
  Waiters<int> waiters;
  std::vector<std::shared_ptr<int>> stay;
  for (int i = 0; i < 10'000; ++i) {
    stay.push_back(std::make_shared<int>(i));
    waiters.add(stay.back());
  }
  EXPECT_EQ(waiters.size(), stay.size());
  EXPECT_LE(waiters.examined(), 2 * stay.size());
}

TEST(WaitersForAnAnswer, those_who_left_are_dropped) {
  Waiters<int> waiters;
  const auto stays = std::make_shared<int>(1);
  waiters.add(stays);
  for (int i = 0; i < 10'000; ++i) waiters.add(std::make_shared<int>(i));
  EXPECT_LE(waiters.size(), 32u);
  const auto left = std::move(waiters).take();
  EXPECT_EQ(left.front().lock(), stays);
}

}  // namespace
}  // namespace postern::app
