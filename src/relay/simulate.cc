#include "relay/simulate.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace postern::relay {
namespace {

using Klass = SimulatedResult::What;

/// A message and its state.
struct Mail {
  Retry retry;
  const std::vector<SimulatedResult>* results = nullptr;
  Scheduler::Place place = 0;
  std::size_t result = 0;  ///< index of the next result
  std::size_t draws = 0;
  std::uint32_t attempts = 0;
  bool queued = false;
  bool over = false;
};

class Simulation {
 public:
  explicit Simulation(const Scenario& scenario) : scenario_(scenario) {
    scheduler_.emplace(scenario.limits);
    for (std::size_t i = 0; i < scenario.messages.size(); ++i) {
      const SimulatedMessage& message = scenario.messages[i];
      mails_.push_back(
          {.retry = Retry(scenario.policy, message.arrival), .results = &results_of(message)});
      at(message.arrival, [this, i] { enqueue(i, mails_[i].retry.due()); });
    }
    for (const SimulatedEvent& event : scenario.events) plan(event);
  }

  Simulated run() {
    for (;;) {
      Time next = actions_.empty() ? never : actions_.begin()->first;
      if (!down_) next = std::min(next, scheduler_->wake_at());
      if (next == never || next > scenario_.until) break;
      now_ = std::max(now_, next);
      while (!actions_.empty() && actions_.begin()->first <= now_) {
        const auto action = std::move(actions_.begin()->second);
        actions_.erase(actions_.begin());
        action();
      }
      while (!down_) {
        if (seen_.attempts.size() >= scenario_.most_attempts) return std::move(seen_);
        const auto work = scheduler_->next(now_);
        if (!work) break;
        if (work->what == Scheduler::Work::What::deadline) {
          deadline(work->message);
        } else {
          attempt(work->message, work->what);
        }
      }
    }
    return std::move(seen_);
  }

 private:
  void at(Time time, std::function<void()> action) { actions_.emplace(time, std::move(action)); }

  const std::vector<SimulatedResult>& results_of(const SimulatedMessage& message) const {
    for (const std::string& key : {message.id, message.destination}) {
      const auto found = scenario_.results.find(key);
      if (found != scenario_.results.end()) return found->second;
    }
    return scenario_.results.at("*");
  }

  Scheduler::Times times(const Mail& its) const {
    return {its.retry.due(), its.retry.deadline().at};
  }
  double draw(Mail& its) const {
    return its.draws < scenario_.draws.size() ? scenario_.draws[its.draws++] : 0;
  }

  void enqueue(std::size_t number, Time due) {
    Mail& its = mails_[number];
    const SimulatedMessage& message = scenario_.messages[number];
    its.queued = true;
    if (down_) return;  // start() will add it
    its.place = scheduler_->add(number, message.tenant, message.destination,
                                {due, its.retry.deadline().at}, now_);
  }

  /// Whether the scheduler has the first message.
  bool first_waits() const { return !down_ && mails_.front().queued && !mails_.front().over; }

  void plan(const SimulatedEvent& event) {
    Mail& first = mails_.front();
    switch (event.what) {
      case SimulatedEvent::What::down:
        at(event.at, [this] { stop(); });
        at(event.until, [this] { start(); });
        return;
      case SimulatedEvent::What::hold:
        at(event.at, [this, &first] {
          first.retry.hold(now_);
          if (first_waits()) scheduler_->reschedule(first.place, times(first), now_);
        });
        at(event.until, [this, &first] {
          first.retry.release(now_);
          if (first_waits()) scheduler_->reschedule(first.place, times(first), now_);
        });
        return;
      case SimulatedEvent::What::destination_sleep:
        at(event.at, [this, until = event.until] {
          if (!down_) {
            scheduler_->put_to_sleep(scenario_.messages.front().destination, until, now_);
          }
        });
        return;
      case SimulatedEvent::What::retry:
        at(event.at, [this, &first] {
          if (first_waits()) scheduler_->retry(first.place);
        });
        return;
      case SimulatedEvent::What::wall_jump:
        at(event.at, [this, by = event.by] {
          clock_.look(now_ + wall_offset_, now_);
          wall_offset_ += by;
          if (const auto seen = clock_.look(now_ + wall_offset_, now_)) {
            seen_.jumps.push_back({now_, *seen});
          }
        });
        return;
    }
  }

  /// The process dies: running attempts are cut off; what is stored remains.
  void stop() {
    down_ = true;
    scheduler_.emplace(scenario_.limits);
    ++life_;
  }
  void start() {
    down_ = false;
    StartupSpread spread(now_);
    for (std::size_t i = 0; i < mails_.size(); ++i) {
      Mail& its = mails_[i];
      if (!its.queued || its.over) continue;
      its.retry.resume(scenario_.policy, now_, its.retry.in_attempt() ? draw(its) : 0);
      enqueue(i, spread.place(its.retry.due()));
    }
  }

  const SimulatedResult& next_result(Mail& its) const {
    const auto& results = *its.results;
    while (its.result + 1 < results.size() && results[its.result].until &&
           *results[its.result].until <= now_) {
      ++its.result;
    }
    const SimulatedResult& result = results[its.result];
    if (!result.until && its.result + 1 < results.size()) ++its.result;
    return result;
  }

  void attempt(std::size_t number, Scheduler::Work::What what) {
    Mail& its = mails_[number];
    its.retry.begin(
        now_, what == Scheduler::Work::What::attempt ? AttemptKind::regular : AttemptKind::extra);
    scheduler_->set_deadline(its.place, its.retry.deadline().at);
    const SimulatedResult& result = next_result(its);
    seen_.attempts.push_back({now_, number, ++its.attempts, result.what});
    if (result.what == Klass::interrupted) return;
    const auto end = [this, number, &result, life = life_] {
      if (life == life_) finish(number, result);
    };
    result.takes.count() == 0 ? end() : at(now_ + result.takes, end);
  }

  void finish(std::size_t number, const SimulatedResult& result) {
    Mail& its = mails_[number];
    const Contact contact = result.what == Klass::delivered ? Contact::delivered
                            : result.no_connection          ? Contact::connection_failed
                                                            : Contact::answered;
    if (result.what != Klass::temporary) {
      scheduler_->finished(its.place, contact, std::nullopt, now_);
      return over(number, result.what == Klass::delivered ? Simulated::End::delivered
                                                          : Simulated::End::permanent);
    }
    its.retry.failed(scenario_.policy, now_, draw(its));
    const Deadline left = its.retry.deadline();
    if (left.what == Deadline::What::expiry && left.at <= now_) {
      scheduler_->finished(its.place, contact, std::nullopt, now_);
      return over(number, Simulated::End::expired);
    }
    scheduler_->finished(its.place, contact, times(its), now_);
  }

  void deadline(std::size_t number) {
    Mail& its = mails_[number];
    if (its.retry.deadline().what == Deadline::What::delay_notice) {
      seen_.notices.push_back({now_, number});
      its.retry.noticed();
      scheduler_->set_deadline(its.place, its.retry.deadline().at);
    } else if (!its.retry.in_attempt()) {
      scheduler_->remove(its.place, now_);
      over(number, Simulated::End::expired);
    }
  }

  void over(std::size_t number, Simulated::End how) {
    mails_[number].over = true;
    seen_.ends.push_back({now_, number, how});
  }

  const Scenario& scenario_;
  Simulated seen_;
  std::optional<Scheduler> scheduler_;
  QueueClock clock_{Time{0}, Time{0}};
  Time wall_offset_{0};
  std::vector<Mail> mails_;
  std::multimap<Time, std::function<void()>> actions_;
  Time now_{0};
  int life_ = 0;
  bool down_ = false;
};

}  // namespace

Simulated simulate(const Scenario& scenario) { return Simulation(scenario).run(); }

}  // namespace postern::relay
