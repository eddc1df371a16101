#include "admin/tries.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace postern::admin {
namespace {

using namespace std::chrono_literals;

/// Answers when all have asked, as a database that is asked about all of them at once.
class Together final : public SharedCounts {
 public:
  explicit Together(std::size_t askers) : askers_(askers) {}
  Answer closed(const Limit&, std::string_view) override { return std::nullopt; }
  void count(const Limit& limit, std::string_view key, std::function<void(Answer)> done) override {
    waiting_.push_back(std::move(done));
    if (waiting_.size() < askers_) return;
    for (auto& one : waiting_) {
      std::uint64_t& counted = counts_[std::string(key)];
      const bool allowed = counted < limit.most;
      if (allowed) ++counted;
      one(allowed ? Answer() : Answer(60));
    }
    waiting_.clear();
    askers_ = 1;
  }
  void take_back(const Limit&, std::string_view) override {}

 private:
  std::size_t askers_;
  std::vector<std::function<void(Answer)>> waiting_;
  std::map<std::string, std::uint64_t> counts_;
};

TEST(Tries, are_used_up_in_one_question) {
  Together shared(5);
  Tries tries(&shared, "code", 5, 1min);
  tries.use_up("a sign-in");
  EXPECT_TRUE(tries.take("a sign-in")) << "none is left";
  EXPECT_FALSE(tries.take("another one"));
}

TEST(Tries, are_used_up_without_a_cluster) {
  Tries tries(nullptr, "code", 5, 1min);
  EXPECT_FALSE(tries.take("a sign-in"));
  tries.use_up("a sign-in");
  EXPECT_TRUE(tries.take("a sign-in")) << "none is left";
  EXPECT_FALSE(tries.take("another one"));
}

}  // namespace
}  // namespace postern::admin
