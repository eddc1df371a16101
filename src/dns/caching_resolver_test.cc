#include "dns/caching_resolver.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "base/rounds_test.h"
#include "dns/lookup_test.h"

namespace postern::dns {
namespace {

using namespace std::chrono_literals;

class Counting final : public Resolver {
 public:
  Task<Answer> lookup(Question question, std::chrono::milliseconds) override {
    ++asked;
    Answer made = answer;
    if (made.status == Status::found) made.records = {question.name};
    co_return made;
  }
  Answer answer{.status = Status::found, .records = {}, .secure = true, .ttl = 1h};
  int asked = 0;
};

TEST(CachingResolver, answers_from_memory_within_the_ttl) {
  Counting inner;
  CachingResolver cache(inner);
  const Answer first = lookup(cache, "example.com");
  const Answer second = lookup(cache, "EXAMPLE.com");
  EXPECT_EQ(inner.asked, 1);
  EXPECT_EQ(second.records, first.records);
  EXPECT_TRUE(second.secure);
  EXPECT_LE(second.ttl, 1h);
  EXPECT_GE(second.ttl, 1h - tests::patience);
  lookup(cache, "example.com", Type::a);
  lookup(cache, "example.net");
  EXPECT_EQ(inner.asked, 3) << "another type and another name are other questions";
  EXPECT_EQ(cache.hits(), 1u);
  EXPECT_EQ(cache.misses(), 3u);
  EXPECT_EQ(cache.size(), 3u);
  cache.forget();
  EXPECT_EQ(cache.size(), 0u);
}

/// Calls a function while the query is in progress.
class Slow final : public Resolver {
 public:
  Task<Answer> lookup(Question, std::chrono::milliseconds) override {
    ++asked;
    if (meanwhile) meanwhile();
    co_return Answer{.status = Status::found, .records = {"192.0.2.1"}, .ttl = 60s};
  }
  std::function<void()> meanwhile;
  int asked = 0;
};

TEST(CachingResolver, forgets_what_it_has_and_what_is_on_its_way) {
  Slow inner;
  CachingResolver cache(inner);
  lookup(cache, "example.com");
  cache.forget();
  inner.meanwhile = [&] { cache.forget(); };
  lookup(cache, "example.com");
  inner.meanwhile = {};
  lookup(cache, "example.com");
  EXPECT_EQ(inner.asked, 3);
  lookup(cache, "example.com");
  EXPECT_EQ(inner.asked, 3);
}

/// Returns the data of the time of the query, large enough that copying it takes a while.
class Changing final : public Resolver {
 public:
  Task<Answer> lookup(Question, std::chrono::milliseconds) override {
    const bool secure = now_secure;
    asked = true;
    co_return Answer{.status = Status::found, .records = records, .secure = secure, .ttl = 60s};
  }
  const std::vector<std::string> records = std::vector<std::string>(20'000, "192.0.2.1");
  std::atomic<bool> now_secure{false};
  std::atomic<bool> asked{false};
};

TEST(CachingResolver, forgets_an_answer_that_is_being_kept) {
  const auto step = static_cast<int>(tests::rounds(8, 1));
  for (int round = 0; round < 100; round += step) {
    Changing inner;
    CachingResolver cache(inner);
    std::thread forgetting([&] {
      while (!inner.asked) std::this_thread::yield();
      inner.now_secure = true;
      std::this_thread::sleep_for(round * 50us);  // at any point of the query
      cache.forget();
    });
    lookup(cache, "example.com");
    forgetting.join();
    ASSERT_TRUE(lookup(cache, "example.com").secure) << round;
  }
}

TEST(CachingResolver, keeps_that_a_name_does_not_exist) {
  Counting inner;
  inner.answer.status = Status::nx_domain;
  CachingResolver cache(inner);
  lookup(cache, "no.example.com");
  EXPECT_EQ(lookup(cache, "no.example.com").status, Status::nx_domain);
  EXPECT_EQ(inner.asked, 1);
}

TEST(CachingResolver, keeps_neither_trouble_nor_what_has_no_ttl) {
  for (const Status status : {Status::server_failure, Status::timeout, Status::bogus}) {
    Counting inner;
    inner.answer.status = status;
    CachingResolver cache(inner);
    lookup(cache, "example.com");
    lookup(cache, "example.com");
    EXPECT_EQ(inner.asked, 2) << to_string(status);
  }
  Counting inner;
  inner.answer.ttl = 0s;
  CachingResolver cache(inner);
  lookup(cache, "example.com");
  lookup(cache, "example.com");
  EXPECT_EQ(inner.asked, 2);
}

TEST(CachingResolver, forgets_an_answer_when_its_time_is_over) {
  Counting inner;
  inner.answer.ttl = 1s;
  CachingResolver cache(inner);
  lookup(cache, "example.com");
  EXPECT_TRUE(tests::eventually([&] {
    lookup(cache, "example.com");
    return inner.asked == 2;
  }));
}

TEST(CachingResolver, is_bounded_and_keeps_what_is_asked_for) {
  Counting inner;
  CachingResolver cache(inner, 160);  // 10 per shard, two generations
  lookup(cache, "popular.example.com");
  constexpr int names = 800;
  for (int i = 0; i < names; ++i) {
    lookup(cache, "n" + std::to_string(i) + ".example.com");
    lookup(cache, "popular.example.com");
  }
  EXPECT_EQ(inner.asked, 1 + names) << "the popular name was asked for once";
  for (int i = 0; i < names; ++i) lookup(cache, "n" + std::to_string(i) + ".example.com");
  EXPECT_GT(inner.asked, 1 + 2 * names - 320) << "more than the bound was kept";
}

}  // namespace
}  // namespace postern::dns
