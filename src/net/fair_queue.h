// A fair queue of jobs that wait for a thread: accounts take turns, and within an account its
// clients. Turns are measured in time, so expensive jobs run less often than cheap ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace postern::net {

/// Start-time fair queueing on two levels. Bounded: when it is full, the account or client with
/// most jobs waiting loses its last job. Not thread-safe.
template <class Job>
class FairQueue {
 public:
  /// A job and its owner.
  struct Entry {
    std::string account;  ///< empty: none in particular
    std::string client;   ///< of the account
    Job job;              ///< as passed to push()
    double expected = 0;  ///< seconds charged in advance when it was taken
  };

  /// `limit`: jobs that may wait.
  explicit FairQueue(std::size_t limit) : limit_(limit) {}

  /// Jobs that wait.
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Takes effect at the next push().
  void set_limit(std::size_t limit) { limit_ = limit; }
  /// Jobs of the account that wait.
  std::size_t waiting_of_account(const std::string& account) const {
    const auto found = accounts_.find(account);
    return found == accounts_.end() ? 0 : found->second.waiting;
  }
  /// Jobs of the client that wait, over all accounts.
  std::size_t waiting_of_client(const std::string& client) const {
    const auto found = clients_.find(client);
    return found == clients_.end() ? 0 : found->second;
  }

  /// Adds a job. Returns the job for which there is no room: this one, or the last one of the owner
  /// with most jobs waiting. nullopt: there was room.
  std::optional<Entry> push(std::string account, std::string client, Job job) {
    std::optional<Entry> refused;
    if (size_ >= limit_) {
      refused = make_room(account, client);
      if (!refused) return Entry{std::move(account), std::move(client), std::move(job)};
    }
    Account& owner = accounts_[account];
    if (owner.waiting == 0) owner.tag = std::max(owner.tag, now_);
    Lane& lane = owner.lanes[client];
    if (lane.jobs.empty()) lane.tag = std::max(lane.tag, owner.now);
    lane.jobs.push_back(std::move(job));
    ++owner.waiting;
    ++clients_[client];
    ++size_;
    return refused;
  }

  /// The next job; nullopt: none waits. Call charge() when it is done.
  std::optional<Entry> pop() {
    const auto owner = least(accounts_, [](const Account& one) { return one.waiting > 0; });
    if (owner == accounts_.end()) return std::nullopt;
    auto& lanes = owner->second.lanes;
    const auto lane = least(lanes, [](const Lane& one) { return !one.jobs.empty(); });
    Entry entry{owner->first, lane->first, std::move(lane->second.jobs.front()),
                owner->second.expected};
    lane->second.jobs.pop_front();
    forget_one(owner->second, entry.client);
    now_ = owner->second.tag;
    owner->second.now = lane->second.tag;
    owner->second.tag += entry.expected;
    lane->second.tag += entry.expected;
    ++owner->second.running;
    ++running_;
    return entry;
  }

  /// A job from pop() is done and took `seconds`.
  void charge(const Entry& entry, double seconds) {
    --running_;
    const auto owner = accounts_.find(entry.account);
    if (owner != accounts_.end()) {
      --owner->second.running;
      owner->second.tag += seconds - entry.expected;
      owner->second.expected = seconds;
      const auto lane = owner->second.lanes.find(entry.client);
      if (lane != owner->second.lanes.end()) lane->second.tag += seconds - entry.expected;
      tidy(owner->second);
    }
    if (size_ == 0 && running_ == 0) {
      accounts_.clear();
      now_ = 0;
    } else if (accounts_.size() > most_idle + size_) {
      std::erase_if(accounts_, [](const auto& one) {
        return one.second.waiting == 0 && one.second.running == 0;
      });
    }
  }

  /// Removes each waiting job for which `over(job)` is true and passes it to `take`, in no
  /// particular order. O(n).
  template <class Over, class Take>
  void sweep(Over over, Take take) {
    for (auto& [account, owner] : accounts_) {
      for (auto& [client, lane] : owner.lanes) {
        for (auto one = lane.jobs.begin(); one != lane.jobs.end();) {
          if (!over(*one)) {
            ++one;
            continue;
          }
          take(std::move(*one));
          one = lane.jobs.erase(one);
          forget_one(owner, client);
        }
      }
    }
  }

 private:
  /// Idle accounts that are remembered, so that their recent use counts.
  static constexpr std::size_t most_idle = 1024;

  struct Lane {
    double tag = 0;  ///< start time of its next job, in seconds of the account's work
    std::deque<Job> jobs;
  };
  struct Account {
    double tag = 0;
    double now = 0;       ///< virtual time of its lanes
    double expected = 0;  ///< seconds that its last job took
    std::size_t waiting = 0;
    std::size_t running = 0;
    std::map<std::string, Lane> lanes;
  };

  template <class Map, class May>
  static typename Map::iterator least(Map& map, May may) {
    auto best = map.end();
    for (auto one = map.begin(); one != map.end(); ++one) {
      if (may(one->second) && (best == map.end() || one->second.tag < best->second.tag)) best = one;
    }
    return best;
  }

  void forget_one(Account& owner, const std::string& client) {
    --owner.waiting;
    --size_;
    const auto known = clients_.find(client);
    if (--known->second == 0) clients_.erase(known);
  }

  static void tidy(Account& owner) {
    if (owner.lanes.size() <= most_idle + owner.waiting) return;
    std::erase_if(owner.lanes, [](const auto& one) { return one.second.jobs.empty(); });
  }

  /// Removes the last job of the longest lane of the account with most jobs, if that account has
  /// more jobs than the new job's account would have; otherwise the same among the clients of the
  /// new job's account.
  std::optional<Entry> make_room(const std::string& account, const std::string& client) {
    const auto most = std::max_element(
        accounts_.begin(), accounts_.end(),
        [](const auto& a, const auto& b) { return a.second.waiting < b.second.waiting; });
    if (most == accounts_.end()) return std::nullopt;
    const bool other = most->second.waiting > waiting_of_account(account) + 1;
    const auto owner = other ? most : accounts_.find(account);
    if (owner == accounts_.end()) return std::nullopt;
    auto& lanes = owner->second.lanes;
    const auto longest = std::max_element(
        lanes.begin(), lanes.end(),
        [](const auto& a, const auto& b) { return a.second.jobs.size() < b.second.jobs.size(); });
    if (longest == lanes.end() || longest->second.jobs.empty()) return std::nullopt;
    const auto own = lanes.find(client);
    const std::size_t own_jobs = own == lanes.end() ? 0 : own->second.jobs.size();
    if (!other && longest->second.jobs.size() <= own_jobs + 1) return std::nullopt;
    Entry refused{owner->first, longest->first, std::move(longest->second.jobs.back())};
    longest->second.jobs.pop_back();
    forget_one(owner->second, refused.client);
    return refused;
  }

  std::size_t limit_;
  std::size_t size_ = 0;
  std::size_t running_ = 0;
  double now_ = 0;
  std::map<std::string, Account> accounts_;
  std::map<std::string, std::size_t> clients_;  ///< waiting jobs per client
};

}  // namespace postern::net
