#include "mailauth/evaluation.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace mailauth {
namespace {

Evaluation<std::size_t> count_records(std::string name) {
  const Answer answer = co_await Question{.name = name, .type = RecordType::a};
  co_return answer.records.size();
}

Evaluation<std::string> sum_of_two(std::string first, std::string second) {
  const std::size_t a = co_await count_records(first);
  const std::size_t b = co_await count_records(second);
  co_return std::to_string(a + b);
}

Evaluation<int> throws_after_asking() {
  const Answer answer = co_await Question{.name = "example.org"};
  if (answer.records.empty()) throw std::runtime_error("nothing");
  co_return 1;
}

Evaluation<int> asks_nothing() { co_return 7; }

TEST(Evaluation, asks_in_order_through_nested_evaluations) {
  auto sum = sum_of_two("a.example.org", "b.example.org");
  std::vector<std::string> asked;
  while (const Question* question = sum.next()) {
    asked.push_back(question->name);
    sum.feed({.status = Answer::Status::found, .records = {asked.size(), "192.0.2.1"}});
  }
  EXPECT_EQ(asked, (std::vector<std::string>{"a.example.org", "b.example.org"}));
  EXPECT_EQ(sum.result(), "3");
}

TEST(Evaluation, next_repeats_the_question_until_it_is_answered) {
  auto count = count_records("example.org");
  EXPECT_EQ(count.next()->name, "example.org");
  EXPECT_EQ(count.next()->name, "example.org");
  count.feed({.status = Answer::Status::no_data, .records = {}});
  EXPECT_EQ(count.next(), nullptr);
  EXPECT_EQ(count.result(), 0u);
}

TEST(Evaluation, may_end_without_a_question) {
  auto none = asks_nothing();
  EXPECT_EQ(none.next(), nullptr);
  EXPECT_EQ(none.result(), 7);
}

TEST(Evaluation, what_is_thrown_inside_comes_out_of_result) {
  auto thrower = throws_after_asking();
  ASSERT_NE(thrower.next(), nullptr);
  thrower.feed({});
  EXPECT_EQ(thrower.next(), nullptr);
  EXPECT_THROW(thrower.result(), std::runtime_error);
}

TEST(Evaluation, can_be_abandoned_and_moved_while_it_waits) {
  auto first = sum_of_two("a.example.org", "b.example.org");
  first.next();
  auto moved = std::move(first);
  moved.feed({.status = Answer::Status::found, .records = {"192.0.2.1"}});
  EXPECT_EQ(moved.next()->name, "b.example.org");
}

}  // namespace
}  // namespace mailauth
