#include "serve/probe_queue.h"

#include <utility>

namespace postern::app {

/// Takes the first job for which there is room in all, whatever its destination; nullopt: none.
std::optional<ProbeQueue::Job> ProbeQueue::first_that_may() {
  const auto take = [](std::deque<Job>& from) {
    Job job = std::move(from.front());
    from.pop_front();
    return job;
  };
  const auto may = [this](const Job& job) {
    return !job.is_foreign || running_foreign_ < most_foreign;
  };
  while (!freed_.empty()) {  // the place of the one that has ended
    Job job = take(freed_);
    if (may(job)) return job;
    foreign_.push_front(std::move(job));
  }
  if (!foreign_.empty() && may(foreign_.front())) return take(foreign_);
  while (!fresh_.empty()) {
    Job job = take(fresh_);
    if (may(job)) return job;
    foreign_.push_back(std::move(job));
  }
  return std::nullopt;
}

std::optional<ProbeQueue::Job> ProbeQueue::next(
    const std::function<std::size_t(const Job&)>& most) {
  while (running_ < most_running) {
    std::optional<Job> job = first_that_may();
    if (!job) break;
    Traffic& traffic = traffic_[job->destination];
    if (traffic.running >= most(*job)) {
      traffic.waiting.push_back(std::move(*job));
      continue;
    }
    ++traffic.running;
    ++running_;
    if (job->is_foreign) ++running_foreign_;
    return job;
  }
  return std::nullopt;
}

void ProbeQueue::ended(const Job& job) {
  --running_;
  if (job.is_foreign) --running_foreign_;
  const auto traffic = traffic_.find(job.destination);
  --traffic->second.running;
  if (!freed(job.destination) && traffic->second.running == 0) traffic_.erase(traffic);
}

bool ProbeQueue::freed(const std::string& destination) {
  const auto traffic = traffic_.find(destination);
  if (traffic == traffic_.end() || traffic->second.waiting.empty()) return false;
  freed_.push_back(std::move(traffic->second.waiting.front()));
  traffic->second.waiting.pop_front();
  return true;
}

std::size_t ProbeQueue::running_to(const std::string& destination) const {
  const auto traffic = traffic_.find(destination);
  return traffic == traffic_.end() ? 0 : traffic->second.running;
}

}  // namespace postern::app
