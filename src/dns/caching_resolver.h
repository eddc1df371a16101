#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "dns/resolver.h"

namespace postern::dns {

/// Caches another resolver's answers for their TTL, in this process's memory. A resolver with its
/// own threads costs two thread switches per query, more than SPF, DKIM and DMARC spend on the
/// answer. Failures are not cached. Memory is bounded: a full generation replaces the previous one,
/// whose unused answers are dropped. Thread-safe.
class CachingResolver final : public Resolver {
 public:
  using Clock = std::chrono::steady_clock;

  /// `inner` outlives the cache. Holds between `answers` and twice as many answers.
  explicit CachingResolver(Resolver& inner, std::size_t answers = 50'000)
      : inner_(inner), generation_(std::max<std::size_t>(1, answers / shard_count)) {}

  /// The TTL of a cached answer is the remaining time. Waits at most `limit`.
  Task<Answer> lookup(Question question, std::chrono::milliseconds limit) override {
    return lookup_for("", std::move(question), limit);
  }
  Task<Answer> lookup_for(std::string client, Question question,
                          std::chrono::milliseconds limit) override;

  /// Drops all answers; answers of queries in progress are not cached either. Thread-safe.
  void forget();

  /// Answers held, including expired ones that no query has met since. Thread-safe.
  std::size_t size();
  /// Queries answered from the cache since the start.
  std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
  /// Queries passed to `inner` since the start.
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
  /// Does nothing if forget() was called since `age` was read.
  void keep(Shard& shard, const Question& question, Answer answer, std::uint64_t age);
  void put(Shard& shard, const Question& question, Entry entry);

  Resolver& inner_;
  const std::size_t generation_;
  std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
  std::atomic<std::uint64_t> age_{0};  ///< counts calls of forget()
};

}  // namespace postern::dns
