#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "dns/resolver.h"

namespace postern::dns {

/// Keeps the answers of another resolver for as long as their TTL allows, in this process's memory:
/// a resolver that works in threads of its own costs two switches of thread a question, which is
/// more than all that SPF, DKIM and DMARC then do with the answer. Trouble is not kept. Memory is
/// bounded: the answers not asked for lately go when a new generation begins.
class CachingResolver final : public Resolver {
 public:
  using Clock = std::chrono::steady_clock;

  /// `inner` outlives the cache. Keeps `answers` to twice as many answers.
  explicit CachingResolver(Resolver& inner, std::size_t answers = 50'000)
      : inner_(inner), generation_(std::max<std::size_t>(1, answers / shard_count)) {}

  /// The TTL of a kept answer is what is left of it. Safe from any thread.
  Task<Answer> lookup(Question question, std::chrono::milliseconds limit) override {
    return lookup_for("", std::move(question), limit);
  }
  Task<Answer> lookup_for(std::string client, Question question,
                          std::chrono::milliseconds limit) override;

  /// Forgets all answers, also those that are on their way. Safe from any thread.
  void forget();

  std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
  std::uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t shard_count = 16;
  struct Hash {
    std::size_t operator()(const Question& question) const;
  };
  struct Entry {
    Answer answer;
    Clock::time_point expires;
  };
  using Entries = std::unordered_map<Question, Entry, Hash>;
  struct Shard {
    std::mutex mutex;
    Entries young;
    Entries old;
  };

  std::optional<Answer> find(Shard& shard, const Question& question);
  /// Nothing when something was forgotten since `age`.
  void keep(Shard& shard, const Question& question, Answer answer, std::uint64_t age);
  void put(Shard& shard, const Question& question, Entry entry);

  Resolver& inner_;
  const std::size_t generation_;
  std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
  std::atomic<std::uint64_t> age_{0};  ///< counts what was forgotten
};

}  // namespace postern::dns
