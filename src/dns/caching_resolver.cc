#include "dns/caching_resolver.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dns {

namespace {

/// RFC 8767 §4 recommends a maximum TTL of a week (RFC 2181 §8 allows 68 years).
constexpr std::chrono::seconds longest{7 * 24 * 3600};

}  // namespace

std::size_t CachingResolver::Hash::operator()(const Question& question) const {
  return std::hash<std::string>()(question.name) ^
         static_cast<std::size_t>(question.type) * 2654435761u;
}

Task<Answer> CachingResolver::lookup_for(std::string client, Question question,
                                         std::chrono::milliseconds limit) {
  question.name = lower(question.name);  // RFC 4343 §3: comparison ignores case
  Shard& shard = shards_[Hash()(question) % shard_count];
  if (std::optional<Answer> known = find(shard, question)) {
    hits_.fetch_add(1, std::memory_order_relaxed);
    co_return std::move(*known);
  }
  misses_.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t age = age_.load();
  Answer answer = co_await inner_.lookup_for(std::move(client), question, limit);
  if (!answer.trouble() && answer.ttl > std::chrono::seconds::zero()) {
    keep(shard, question, answer, age);
  }
  co_return answer;
}

void CachingResolver::forget() {
  ++age_;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.young.clear();
    shard.old.clear();
  }
}

std::size_t CachingResolver::size() {
  std::size_t answers = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    answers += shard.young.size() + shard.old.size();
  }
  return answers;
}

std::optional<Answer> CachingResolver::find(Shard& shard, const Question& question) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(shard.mutex);
  auto found = shard.young.find(question);
  if (found == shard.young.end()) {
    const auto older = shard.old.find(question);
    if (older == shard.old.end()) return std::nullopt;
    Entry entry = std::move(older->second);
    shard.old.erase(older);
    if (entry.expires <= now) return std::nullopt;
    put(shard, question, std::move(entry));
    found = shard.young.find(question);
  }
  if (found->second.expires <= now) {
    shard.young.erase(found);
    return std::nullopt;
  }
  Answer answer = found->second.answer;
  answer.ttl = std::chrono::duration_cast<std::chrono::seconds>(found->second.expires - now);
  return answer;
}

void CachingResolver::keep(Shard& shard, const Question& question, Answer answer,
                           std::uint64_t age) {
  const auto ttl = std::min(answer.ttl, longest);
  const std::lock_guard lock(shard.mutex);
  // Under the lock: forget() increments first, and then clears this shard after us.
  if (age != age_.load()) return;
  put(shard, question, {std::move(answer), Clock::now() + ttl});
}

void CachingResolver::put(Shard& shard, const Question& question, Entry entry) {
  if (shard.young.size() >= generation_) {
    shard.old = std::move(shard.young);
    shard.young.clear();
  }
  shard.young.insert_or_assign(question, std::move(entry));
}

}  // namespace postern::dns
