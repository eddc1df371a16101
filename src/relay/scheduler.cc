#include "relay/scheduler.h"

#include <algorithm>
#include <utility>

namespace postern::relay {

struct Scheduler::ByDue {
  std::deque<Message>& all;
  bool before(Place a, Place b) const {
    return std::pair(all[a].due, all[a].number) < std::pair(all[b].due, all[b].number);
  }
  std::uint32_t& position(Place a) const { return all[a].due_position; }
};
struct Scheduler::ByDeadline {
  std::deque<Message>& all;
  bool before(Place a, Place b) const {
    return std::pair(all[a].deadline, all[a].number) < std::pair(all[b].deadline, all[b].number);
  }
  std::uint32_t& position(Place a) const { return all[a].deadline_position; }
};
struct Scheduler::ByLaneTimer {
  std::deque<Lane>& all;
  bool before(std::uint32_t a, std::uint32_t b) const { return all[a].timer < all[b].timer; }
  std::uint32_t& position(std::uint32_t a) const { return all[a].timer_position; }
};
struct Scheduler::ByDestinationTimer {
  std::deque<Destination>& all;
  bool before(std::uint32_t a, std::uint32_t b) const { return all[a].timer < all[b].timer; }
  std::uint32_t& position(std::uint32_t a) const { return all[a].timer_position; }
};

namespace {

/// A free place of `all`, made anew.
template <class T>
std::uint32_t allocate(std::deque<T>& all, std::vector<std::uint32_t>& free) {
  if (free.empty()) {
    all.emplace_back();
    return static_cast<std::uint32_t>(all.size() - 1);
  }
  const std::uint32_t index = free.back();
  free.pop_back();
  all[index] = T{};
  return index;
}

}  // namespace

std::uint32_t Scheduler::tenant(std::string_view name) {
  const auto [at, fresh] =
      tenant_names_.try_emplace(std::string(name), static_cast<std::uint32_t>(tenants_.size()));
  if (fresh) tenants_.emplace_back();
  return at->second;
}

std::uint32_t Scheduler::destination(std::string_view name) {
  const auto [at, fresh] = destination_names_.try_emplace(std::string(name), nowhere);
  if (!fresh) return at->second;
  at->second = allocate(destinations_, free_destinations_);
  Destination& made = destinations_[at->second];
  made.name = name;
  made.max_connections = std::max(1u, limits_.max_connections);
  made.connections = std::clamp(limits_.initial_connections, 1u, made.max_connections);
  return at->second;
}

std::uint32_t Scheduler::lane(std::uint32_t tenant, std::uint32_t destination) {
  const std::uint64_t key = std::uint64_t{tenant} << 32 | destination;
  const auto [at, fresh] = lane_of_.try_emplace(key, nowhere);
  if (!fresh) return at->second;
  at->second = allocate(lanes_, free_lanes_);
  lanes_[at->second].tenant = tenant;
  lanes_[at->second].destination = destination;
  ++destinations_[destination].lanes;
  return at->second;
}

/// A destination without messages is forgotten, unless it sleeps: that must outlive them.
void Scheduler::release_destination(std::uint32_t index) {
  Destination& destination = destinations_[index];
  if (destination.lanes > 0 || destination.timer != never) return;
  destination_names_.erase(destination.name);
  free_destinations_.push_back(index);
}

/// One message less; a lane in somebody's line goes when its turn comes.
void Scheduler::leave_lane(std::uint32_t index) {
  Lane& lane = lanes_[index];
  if (lane.messages > 0 || lane.state != LaneState::idle) return;
  if (lane.timer_position != nowhere) lane_timers_.erase(index, ByLaneTimer{lanes_});
  const std::uint32_t destination = lane.destination;
  lane_of_.erase(std::uint64_t{lane.tenant} << 32 | destination);
  lane = Lane{};
  free_lanes_.push_back(index);
  --destinations_[destination].lanes;
  release_destination(destination);
}

Scheduler::Place Scheduler::add(std::uint64_t message, std::string_view tenant_name,
                                std::string_view destination_name, Times times, Time now) {
  const Place place = allocate(messages_, free_messages_);
  const std::uint32_t its_lane = lane(tenant(tenant_name), destination(destination_name));
  messages_[place].number = message;
  messages_[place].lane = its_lane;
  ++lanes_[its_lane].messages;
  reschedule(place, times, now);
  return place;
}

void Scheduler::limit(std::string_view name, const DestinationLimits& limits, Time now) {
  const auto at = destination_names_.find(std::string(name));
  if (at == destination_names_.end()) return;
  Destination& wanted = destinations_[at->second];
  wanted.max_connections = std::max(1u, limits.max_connections.value_or(limits_.max_connections));
  wanted.connections = std::min(wanted.connections, wanted.max_connections);
  wanted.gap = limits.messages_per_minute == 0
                   ? std::chrono::milliseconds(0)
                   : std::chrono::milliseconds(60000 / limits.messages_per_minute);
  offer(at->second, now);
}

void Scheduler::set_deadline(Place place, Time deadline) {
  Message& message = messages_[place];
  const ByDeadline access{messages_};
  if (message.deadline_position != nowhere) deadlines_.erase(place, access);
  message.deadline = deadline;
  if (deadline != never) deadlines_.push(place, access);
}

void Scheduler::reschedule(Place place, Times times, Time now) {
  Message& message = messages_[place];
  set_deadline(place, times.deadline);
  if (message.running || message.urgent) return;
  withdraw(place);
  message.due = times.due;
  enter(place, now);
}

void Scheduler::push(Line& line, std::uint32_t lane) {
  lanes_[lane].behind = nowhere;
  (line.empty() ? line.first : lanes_[line.last].behind) = lane;
  line.last = lane;
}

std::uint32_t Scheduler::pop(Line& line) {
  const std::uint32_t lane = line.first;
  line.first = lanes_[lane].behind;
  return lane;
}

/// Into its lane, whose time may be nearer now.
void Scheduler::enter(Place place, Time now) {
  const Message& message = messages_[place];
  if (message.due == never) return;
  Lane& lane = lanes_[message.lane];
  (message.retried ? lane.retries : lane.fresh).push(place, ByDue{messages_});
  settle(message.lane, now);
}

void Scheduler::withdraw(Place place) {
  const Message& message = messages_[place];
  if (message.due_position == nowhere) return;
  Lane& lane = lanes_[message.lane];
  (message.retried ? lane.retries : lane.fresh).erase(place, ByDue{messages_});
}

/// Puts a lane where it belongs: to its destination when something is due, else on the clock.
void Scheduler::settle(std::uint32_t index, Time now) {
  Lane& lane = lanes_[index];
  if (lane.state != LaneState::idle) return;
  Time first = never;
  for (const IndexedHeap* heap : {&lane.fresh, &lane.retries}) {
    if (!heap->empty()) first = std::min(first, messages_[heap->top()].due);
  }
  if (lane.timer_position != nowhere) lane_timers_.erase(index, ByLaneTimer{lanes_});
  lane.timer = first;
  if (first == never) return;
  if (first > now) {
    lane_timers_.push(index, ByLaneTimer{lanes_});
    return;
  }
  lane.state = LaneState::waiting;
  push(destinations_[lane.destination].waiting, index);
  offer(lane.destination, now);
}

bool Scheduler::may_start(const Destination& destination, Time now) const {
  if (now < destination.not_before) return false;
  if (destination.asleep) {  // Q4: one message probes it, whoever is still running from before
    return now >= destination.wakes && destination.granted == 0 && destination.probe == nowhere;
  }
  return destination.granted + destination.running < destination.connections;
}

/// Lets lanes go to their tenants' lines while there are connections to give.
void Scheduler::offer(std::uint32_t index, Time now) {
  Destination& destination = destinations_[index];
  while (!destination.waiting.empty() && may_start(destination, now)) {
    const std::uint32_t granted = pop(destination.waiting);
    ++destination.granted;
    lanes_[granted].state = LaneState::granted;
    Tenant& its = tenants_[lanes_[granted].tenant];
    push(its.line, granted);
    if (!std::exchange(its.in_turn, true)) turns_.push_back(lanes_[granted].tenant);
  }
  Time at = destination.asleep ? destination.wakes : Time{0};
  at = std::max(at, destination.not_before);
  // A timer only where time alone helps.
  const bool waits = !destination.waiting.empty() || destination.asleep;
  set_timer(index, waits && at > now ? at : never);
}

void Scheduler::set_timer(std::uint32_t index, Time at) {
  Destination& destination = destinations_[index];
  const ByDestinationTimer access{destinations_};
  if (destination.timer_position != nowhere) destination_timers_.erase(index, access);
  destination.timer = at;
  if (at != never) destination_timers_.push(index, access);
}

void Scheduler::turn_timers(Time now) {
  while (!lane_timers_.empty() && lanes_[lane_timers_.top()].timer <= now) {
    settle(lane_timers_.top(), now);
  }
  while (!destination_timers_.empty() && destinations_[destination_timers_.top()].timer <= now) {
    const std::uint32_t index = destination_timers_.top();
    set_timer(index, never);
    if (destinations_[index].lanes == 0) {  // slept without messages: its past is forgotten
      destinations_[index].asleep = false;
      release_destination(index);
    } else {
      offer(index, now);
    }
  }
}

/// Two fresh messages for each retry that waits (Q10), each kind in the order of its due times.
std::optional<Scheduler::Place> Scheduler::take(Lane& lane, Time now) {
  const auto is_due = [&](const IndexedHeap& heap) {
    return !heap.empty() && messages_[heap.top()].due <= now;
  };
  const bool fresh = is_due(lane.fresh);
  const bool retry = is_due(lane.retries);
  if (!fresh && !retry) return std::nullopt;
  const bool takes_fresh = fresh && (!retry || lane.fresh_turn < 2);
  lane.fresh_turn = takes_fresh && retry ? lane.fresh_turn + 1 : 0;
  const Place place = takes_fresh ? lane.fresh.top() : lane.retries.top();
  withdraw(place);
  return place;
}

void Scheduler::started(Place place, Time now) {
  Message& message = messages_[place];
  Destination& destination = destinations_[lanes_[message.lane].destination];
  message.running = true;
  ++running_;
  ++destination.running;
  if (destination.gap.count() > 0) destination.not_before = now + destination.gap;
}

std::optional<Scheduler::Work> Scheduler::start_urgent(Time now) {
  if (urgent_.empty()) return std::nullopt;
  const Place place = urgent_.front();
  urgent_.pop_front();
  messages_[place].urgent = false;
  started(place, now);
  return Work{Work::What::extra_attempt, place, messages_[place].number};
}

std::optional<Scheduler::Work> Scheduler::start_next(Time now) {
  while (!turns_.empty()) {
    const std::uint32_t whose = turns_.front();
    turns_.pop_front();
    Tenant& tenant = tenants_[whose];
    const std::uint32_t index = pop(tenant.line);
    tenant.in_turn = !tenant.line.empty();
    if (tenant.in_turn) turns_.push_back(whose);

    Lane& lane = lanes_[index];
    const std::uint32_t to = lane.destination;
    Destination& destination = destinations_[to];
    --destination.granted;
    lane.state = LaneState::idle;
    // It may have fallen asleep or become narrower since the grant.
    const std::optional<Place> place = may_start(destination, now) ? take(lane, now) : std::nullopt;
    if (place) {
      started(*place, now);
      if (destination.asleep) destination.probe = *place;
    }
    settle(index, now);
    offer(to, now);
    if (place) return Work{Work::What::attempt, *place, messages_[*place].number};
    leave_lane(index);
  }
  return std::nullopt;
}

std::optional<Scheduler::Work> Scheduler::next(Time now) {
  turn_timers(now);
  if (!deadlines_.empty() && messages_[deadlines_.top()].deadline <= now) {
    const Place place = deadlines_.top();
    set_deadline(place, never);
    return Work{Work::What::deadline, place, messages_[place].number};
  }
  if (running_ >= limits_.workers) return std::nullopt;
  if (std::optional<Work> work = start_urgent(now)) return work;
  return start_next(now);
}

Time Scheduler::wake_at() const {
  Time first = never;
  if (!deadlines_.empty()) first = std::min(first, messages_[deadlines_.top()].deadline);
  if (!lane_timers_.empty()) first = std::min(first, lanes_[lane_timers_.top()].timer);
  if (!destination_timers_.empty())
    first = std::min(first, destinations_[destination_timers_.top()].timer);
  return first;
}

bool Scheduler::retry(Place place) {
  Message& message = messages_[place];
  if (message.running) return false;
  if (message.urgent) return true;
  withdraw(place);
  message.urgent = true;
  urgent_.push_back(place);
  return true;
}

void Scheduler::remove(Place place, Time now) {
  Message& message = messages_[place];
  withdraw(place);
  set_deadline(place, never);
  if (message.urgent) std::erase(urgent_, place);  // operators' requests: few at a time
  const std::uint32_t its_lane = message.lane;
  message = Message{};
  free_messages_.push_back(place);
  --lanes_[its_lane].messages;
  settle(its_lane, now);
  leave_lane(its_lane);
}

void Scheduler::learn(Destination& destination, Place place, Contact contact, Time now) {
  const bool probed = destination.probe == place;
  if (probed) destination.probe = nowhere;
  if (contact == Contact::delivered || contact == Contact::answered) {
    destination.failures = 0;
    destination.sleeps = 0;
    destination.asleep = false;
  }
  if (contact == Contact::delivered && ++destination.successes >= destination.connections) {
    destination.successes = 0;  // Q5: one more after a round of successes
    destination.connections = std::min(destination.connections + 1, destination.max_connections);
  }
  if (contact == Contact::pushed_back || contact == Contact::connection_failed) {
    destination.successes = 0;
    destination.connections = std::max(1u, destination.connections - 1);
  }
  if (contact != Contact::connection_failed) return;
  // Attempts that were running when it fell asleep say nothing new.
  if (destination.asleep && !probed) return;
  if (++destination.failures < limits_.failures_to_sleep && !probed) return;
  std::chrono::milliseconds sleep = limits_.first_sleep;
  for (std::uint32_t k = 0; k < destination.sleeps && sleep < limits_.longest_sleep; ++k) {
    sleep *= 2;
  }
  ++destination.sleeps;
  destination.asleep = true;
  destination.wakes = now + std::min<std::chrono::milliseconds>(sleep, limits_.longest_sleep);
}

void Scheduler::finished(Place place, Contact contact, std::optional<Times> times, Time now) {
  Message& message = messages_[place];
  const std::uint32_t to = lanes_[message.lane].destination;
  message.running = false;
  message.retried = true;
  --running_;
  --destinations_[to].running;
  learn(destinations_[to], place, contact, now);
  offer(to, now);
  if (times) {
    reschedule(place, *times, now);
  } else {
    remove(place, now);
  }
}

void Scheduler::put_to_sleep(std::string_view name, Time until, Time now) {
  const std::uint32_t index = destination(name);
  Destination& destination = destinations_[index];
  destination.asleep = true;
  destination.wakes = until;
  offer(index, now);
}

std::optional<Time> Scheduler::sleeps_until(std::string_view name) const {
  const auto at = destination_names_.find(std::string(name));
  if (at == destination_names_.end() || !destinations_[at->second].asleep) return std::nullopt;
  return destinations_[at->second].wakes;
}

}  // namespace postern::relay
