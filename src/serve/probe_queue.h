// The order of address probes (docs/restriction-lists.md, "Address verification"): how many run at
// a time, in all, to one destination, and to hosts that only DNS names.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

namespace postern::app {

/// Who is asked next. Asks nobody itself; not thread-safe.
class ProbeQueue {
 public:
  /// A question that waits or runs.
  struct Job {
    std::string address;      ///< what is asked about
    std::string destination;  ///< relay::destination_of()
    bool is_foreign = false;  ///< no route names the destination: its owner names the hosts
  };
  /// Probes at a time, in all and to one destination.
  static constexpr std::size_t most_running = 100;
  static constexpr std::size_t most_to_destination = 10;
  /// To hosts that only DNS names. The rest is for routes of the operator: hosts of others may be
  /// as slow as they like.
  static constexpr std::size_t most_foreign = most_running / 2;

  /// A question waits.
  void add(Job job) { fresh_.push_back(std::move(job)); }
  /// The next job, which runs from now on; nullopt: none may run. `most`: the limit of its
  /// destination.
  std::optional<Job> next(const std::function<std::size_t(const Job&)>& most);
  /// A job that ran has ended.
  void ended(const Job& job);
  /// One that waits for a place at the destination may be tried again. False: none waits.
  bool freed(const std::string& destination);
  /// Number of jobs that run to the destination.
  std::size_t running_to(const std::string& destination) const;

 private:
  /// What is sent to one destination.
  struct Traffic {
    std::size_t running = 0;
    std::deque<Job> waiting;
  };
  std::optional<Job> first_that_may();

  std::deque<Job> freed_;    ///< had to wait for a place at their destination, which is free now
  std::deque<Job> foreign_;  ///< wait until fewer than most_foreign run
  std::deque<Job> fresh_;
  std::unordered_map<std::string, Traffic> traffic_;
  std::size_t running_ = 0;
  std::size_t running_foreign_ = 0;
};

}  // namespace postern::app
