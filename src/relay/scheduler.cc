#include "relay/scheduler.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace postern::relay {

/// Ordered first by what may_take() checks: if it refuses the first, it refuses all others.
struct Scheduler::ByTurn {
  std::deque<Tenant>& all;
  std::size_t pace;
  std::tuple<std::uint32_t, std::uint32_t, std::uint64_t> rank(std::uint32_t a) const {
    return {all[a].running_from(pace), all[a].running_from(0), all[a].turn[pace]};
  }
  bool before(std::uint32_t a, std::uint32_t b) const { return rank(a) < rank(b); }
  std::uint32_t& position(std::uint32_t a) const { return all[a].position[pace]; }
};
struct Scheduler::ByTicket {
  std::deque<Lane>& all;
  bool before(std::uint32_t a, std::uint32_t b) const { return all[a].ticket < all[b].ticket; }
  std::uint32_t& position(std::uint32_t a) const { return all[a].waiting_position; }
};
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

constexpr std::size_t kept_paces = 4096;
constexpr std::uint64_t pace_bits = 3;

/// How many times the free slots a tenant may hold, by the pace of the destinations.
struct Multiple {
  std::uint64_t of_free;
  std::uint64_t of_held;
};
constexpr std::array<Multiple, 3> multiples{{{3, 1}, {1, 1}, {1, 2}}};

/// Lanes that are called beyond the available connections, because a tenant may have no slot left
/// when its turn comes.
constexpr std::uint32_t spare_calls = 3;

/// The index of a free or new element of `all`, default-constructed.
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

SchedulerLimits fitted(SchedulerLimits limits, std::uint64_t attempts) {
  const std::uint64_t wanted = std::uint64_t{limits.workers} + limits.report_workers +
                               limits.webhook_workers + limits.folder_workers;
  if (wanted <= attempts) return limits;
  for (std::uint32_t* slots :
       {&limits.workers, &limits.report_workers, &limits.webhook_workers, &limits.folder_workers}) {
    *slots = std::max(1u, static_cast<std::uint32_t>(*slots * attempts / wanted));
  }
  return limits;
}

Scheduler::Scheduler(SchedulerLimits limits) : limits_(limits), kept_paces_(kept_paces) {
  const std::array<std::uint32_t, mail_kinds> slots{limits.workers, limits.report_workers,
                                                    limits.webhook_workers, limits.folder_workers};
  for (std::size_t i = 0; i < slots.size(); ++i) pools_[i].slots = std::max(1u, slots[i]);
}

std::uint32_t Scheduler::running() const {
  std::uint32_t sum = 0;
  for (const Pool& each : pools_) sum += each.running;
  return sum;
}

std::uint32_t Scheduler::Tenant::running_from(std::size_t pace) const {
  std::uint32_t sum = 0;
  for (; pace < running.size(); ++pace) sum += running[pace];
  return sum;
}

std::uint32_t Scheduler::tenant(std::string_view name, MailKind kind) {
  std::string key(1, static_cast<char>('0' + static_cast<int>(kind)));
  key += name;
  const auto [at, fresh] = tenant_names_.try_emplace(std::move(key), nowhere);
  if (!fresh) return at->second;
  at->second = allocate(tenants_, free_tenants_);
  tenants_[at->second].key = at->first;
  tenants_[at->second].kind = kind;
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
  recall(made);
  return at->second;
}

/// A destination with little mail is forgotten between messages, but its pace is kept.
void Scheduler::recall(Destination& destination) {
  const std::uint64_t hash = std::hash<std::string>{}(destination.name);
  const std::uint64_t kept = kept_paces_[(hash >> 2) % kept_paces];
  if (((kept ^ hash) & ~pace_bits) == 0) destination.pace = static_cast<Pace>(kept & pace_bits);
  if (kept == 0 || destination.pace > Pace::slow) destination.pace = Pace::unknown;
  if (destination.pace == Pace::slow) destination.connections = 1;
}

void Scheduler::keep_pace(const Destination& destination) {
  if (destination.pace == Pace::unknown) return;
  const std::uint64_t hash = std::hash<std::string>{}(destination.name);
  kept_paces_[(hash >> 2) % kept_paces] =
      (hash & ~pace_bits) | static_cast<std::uint64_t>(destination.pace);
}

std::uint32_t Scheduler::lane(std::uint32_t tenant, std::uint32_t destination) {
  const std::uint64_t key = std::uint64_t{tenant} << 32 | destination;
  const auto [at, fresh] = lane_of_.try_emplace(key, nowhere);
  if (!fresh) return at->second;
  at->second = allocate(lanes_, free_lanes_);
  lanes_[at->second].tenant = tenant;
  lanes_[at->second].destination = destination;
  ++tenants_[tenant].lanes;
  ++destinations_[destination].lanes;
  return at->second;
}

/// Forgets a destination without messages and guests, unless it sleeps.
void Scheduler::release_destination(std::uint32_t index) {
  Destination& destination = destinations_[index];
  if (destination.lanes > 0 || destination.guests > 0 || destination.timer != never) return;
  keep_pace(destination);
  destination_names_.erase(destination.name);
  free_destinations_.push_back(index);
}

/// Forgets a lane without messages, and its tenant with its last lane: any user name that may
/// authenticate is one. A lane in a line is forgotten when its turn comes.
void Scheduler::leave_lane(std::uint32_t index) {
  Lane& lane = lanes_[index];
  if (lane.messages > 0 || lane.state != LaneState::idle) return;
  if (lane.timer_position != nowhere) lane_timers_.erase(index, ByLaneTimer{lanes_});
  const std::uint32_t tenant = lane.tenant;
  const std::uint32_t destination = lane.destination;
  lane_of_.erase(std::uint64_t{tenant} << 32 | destination);
  lane = Lane{};
  free_lanes_.push_back(index);
  if (--tenants_[tenant].lanes == 0) {
    tenant_names_.erase(tenants_[tenant].key);
    free_tenants_.push_back(tenant);
  }
  --destinations_[destination].lanes;
  release_destination(destination);
}

Scheduler::Place Scheduler::add(std::uint64_t message, std::string_view tenant_name,
                                std::string_view destination_name, Times times, Time now,
                                MailKind kind) {
  const Place place = allocate(messages_, free_messages_);
  const std::uint32_t its_lane = lane(tenant(tenant_name, kind), destination(destination_name));
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

/// A tenant without slots may always take a free one.
bool Scheduler::may_take(const Tenant& tenant, Pace pace) const {
  const std::size_t at = static_cast<std::size_t>(pace);
  const std::uint64_t free = pool(tenant.kind).free();
  return free > 0 &&
         tenant.running_from(at) * multiples[at].of_held <= free * multiples[at].of_free;
}

bool Scheduler::is_crowded(const Tenant& tenant, Pace pace) const {
  const std::size_t at = static_cast<std::size_t>(pace);
  const std::uint64_t free = pool(tenant.kind).free();
  return tenant.running_from(at) * multiples[at].of_held * 2 > free * multiples[at].of_free;
}

/// Tenants are ordered by their running attempts, so their position changes.
template <class Change>
void Scheduler::change_running(std::uint32_t index, Change change) {
  Tenant& tenant = tenants_[index];
  Pool& its = pool(tenant.kind);
  std::array<bool, paces> inside{};
  for (std::size_t pace = 0; pace < paces; ++pace) {
    inside[pace] = tenant.position[pace] != nowhere;
    if (inside[pace]) its.lines[pace].erase(index, ByTurn{tenants_, pace});
  }
  change(tenant, its);
  for (std::size_t pace = 0; pace < paces; ++pace) {
    if (inside[pace]) its.lines[pace].push(index, ByTurn{tenants_, pace});
  }
}

/// Adds a lane to its tenant's line for the pace of its destination.
void Scheduler::join_line(std::uint32_t index) {
  Lane& lane = lanes_[index];
  Tenant& tenant = tenants_[lane.tenant];
  const auto pace = static_cast<std::size_t>(destinations_[lane.destination].pace);
  Line& line = tenant.lines[pace];
  lane.state = LaneState::in_line;
  lane.line = static_cast<std::uint8_t>(pace);
  lane.ahead = line.empty() ? nowhere : line.last;
  lane.behind = nowhere;
  (line.empty() ? line.first : lanes_[line.last].behind) = index;
  line.last = index;
  if (tenant.position[pace] != nowhere) return;
  tenant.turn[pace] = ++turns_;
  pool(tenant.kind).lines[pace].push(lane.tenant, ByTurn{tenants_, pace});
}

/// Removes a lane from its line; the tenant moves after others of its rank.
void Scheduler::leave_line(std::uint32_t index) {
  Lane& lane = lanes_[index];
  Tenant& tenant = tenants_[lane.tenant];
  Line& line = tenant.lines[lane.line];
  const ByTurn access{tenants_, lane.line};
  IndexedHeap& heap = pool(tenant.kind).lines[lane.line];
  heap.erase(lane.tenant, access);
  (lane.ahead == nowhere ? line.first : lanes_[lane.ahead].behind) = lane.behind;
  (lane.behind == nowhere ? line.last : lanes_[lane.behind].ahead) = lane.ahead;
  lane.state = LaneState::idle;
  --pool(tenant.kind).waiting;
  tenant.turn[lane.line] = ++turns_;
  if (!line.empty()) heap.push(lane.tenant, access);
}

/// Adds a message to its lane, which may become due earlier.
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

/// Moves a lane where it belongs: to the timers while nothing is due, else into its tenant's line,
/// or to its destination while that has no connection available.
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
  Destination& destination = destinations_[lane.destination];
  ++pool(tenants_[lane.tenant].kind).waiting;
  if (lane.ticket == 0) lane.ticket = ++tickets_;  // kept until an attempt starts
  if (room(destination, now) > 0) return join_line(index);
  lane.state = LaneState::waiting;
  destination.waiting.push(index, ByTicket{lanes_});
  set_timer(lane.destination, wakes_at(destination, now));
}

std::uint32_t Scheduler::room(const Destination& destination, Time now) {
  if (now < destination.not_before) return 0;
  if (destination.asleep) {  // one message probes it, regardless of older attempts
    return now >= destination.wakes && destination.probe == nowhere ? 1 : 0;
  }
  const std::uint32_t open = destination.running + destination.guests;
  if (destination.running >= destination.connections || open >= destination.max_connections) {
    return 0;
  }
  if (destination.gap.count() > 0) return 1;
  return std::min(destination.connections - destination.running,
                  destination.max_connections - open);
}

/// Calls lanes to their tenants' lines while connections are available. Lanes of tenants without a
/// slot do not count; they wait in line.
void Scheduler::offer(std::uint32_t index, Time now) {
  Destination& destination = destinations_[index];
  std::uint32_t wanted = room(destination, now);
  if (wanted > 0) wanted += spare_calls;
  while (!destination.waiting.empty() && wanted > 0) {
    const std::uint32_t called = destination.waiting.top();
    destination.waiting.erase(called, ByTicket{lanes_});
    join_line(called);
    if (may_take(tenants_[lanes_[called].tenant], destination.pace)) --wanted;
  }
  set_timer(index, wakes_at(destination, now));
}

/// When the destination can go on by itself; `never` if time alone does not help.
Time Scheduler::wakes_at(const Destination& destination, Time now) {
  Time at = destination.asleep ? destination.wakes : Time{0};
  at = std::max(at, destination.not_before);
  const bool waits = !destination.waiting.empty() || destination.asleep;
  return waits && at > now ? at : never;
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
    if (destinations_[index].lanes == 0) {  // it slept without messages: forget it
      destinations_[index].asleep = false;
      release_destination(index);
    } else {
      offer(index, now);
    }
  }
}

/// Takes two fresh messages for each waiting retry, both in the order of their due times.
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
  const auto pace = static_cast<std::size_t>(destination.pace);
  message.running = true;
  message.due = now;
  message.pace = pace & pace_bits;
  change_running(lanes_[message.lane].tenant, [pace](Tenant& tenant, Pool& pool) {
    ++tenant.running[pace];
    ++pool.running;
  });
  ++destination.running;
  if (destination.gap.count() > 0) destination.not_before = now + destination.gap;
}

std::optional<Scheduler::Work> Scheduler::start_urgent(Pool& pool, Time now) {
  if (pool.urgent.empty()) return std::nullopt;
  const Place place = pool.urgent.front();
  pool.urgent.pop_front();
  messages_[place].urgent = false;
  started(place, now);
  return Work{Work::What::extra_attempt, place, messages_[place].number};
}

/// For each pace, the tenant that holds the fewest slots there, if it may take one; among these, a
/// lane of the tenant with the fewest running attempts.
std::optional<std::uint32_t> Scheduler::choose(Pool& pool) {
  std::optional<std::uint32_t> best;
  std::pair<std::uint32_t, std::uint64_t> best_rank;
  for (std::size_t pace = 0; pace < paces; ++pace) {
    if (pool.lines[pace].empty()) continue;
    const std::uint32_t first = pool.lines[pace].top();
    if (!may_take(tenants_[first], static_cast<Pace>(pace))) continue;
    const std::pair rank(tenants_[first].running_from(0), tenants_[first].turn[pace]);
    if (best && best_rank < rank) continue;
    best = tenants_[first].lines[pace].first;
    best_rank = rank;
  }
  return best;
}

std::optional<Scheduler::Work> Scheduler::start_next(Pool& pool, Time now) {
  while (const auto chosen = choose(pool)) {
    const std::uint32_t index = *chosen;
    const std::uint32_t to = lanes_[index].destination;
    Destination& destination = destinations_[to];
    leave_line(index);
    // It may have become slow or run out of connections since the lane joined the line.
    const bool is_its_line = static_cast<std::size_t>(destination.pace) == lanes_[index].line;
    const bool crowded = is_crowded(tenants_[lanes_[index].tenant], destination.pace);
    std::optional<Place> place;
    if (is_its_line && room(destination, now) > 0) place = take(lanes_[index], now);
    if (place) {
      lanes_[index].ticket = 0;
      started(*place, now);
      if (destination.asleep) destination.probe = *place;
    }
    settle(index, now);
    if (place) return Work{Work::What::attempt, *place, messages_[*place].number, crowded};
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
  for (Pool& each : pools_) {
    if (each.free() == 0) continue;
    if (std::optional<Work> work = start_urgent(each, now)) return work;
    if (std::optional<Work> work = start_next(each, now)) return work;
  }
  return std::nullopt;
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
  pool_of(message).urgent.push_back(place);
  return true;
}

void Scheduler::remove(Place place, Time now) {
  Message& message = messages_[place];
  withdraw(place);
  set_deadline(place, never);
  // Linear, but operators' requests are few.
  if (message.urgent) std::erase(pool_of(message).urgent, place);
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
    destination.successes = 0;  // one more connection after a round of successes
    destination.connections = std::min(destination.connections + 1, destination.max_connections);
  }
  if (contact == Contact::pushed_back || contact == Contact::connection_failed) {
    destination.successes = 0;
    destination.connections = std::max(1u, destination.connections - 1);
  }
  // A slow failure holds slots for long, so the destination gets fewer, whatever the cause.
  const bool slow = now - messages_[place].due >= limits_.slow_after;
  destination.pace = slow ? Pace::slow : Pace::swift;
  if (slow && contact != Contact::delivered) {
    destination.successes = 0;
    destination.connections = std::max(1u, destination.connections / 2);
  }
  if (contact != Contact::connection_failed) return;
  // Attempts that were running when it fell asleep give no new information.
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
  const std::size_t pace = message.pace;
  message.running = false;
  message.retried = true;
  change_running(lanes_[message.lane].tenant, [pace](Tenant& tenant, Pool& pool) {
    --tenant.running[pace];
    --pool.running;
  });
  --destinations_[to].running;
  learn(destinations_[to], place, contact, now);
  const std::uint32_t its_lane = message.lane;
  const auto now_paced = static_cast<std::size_t>(destinations_[to].pace);
  if (lanes_[its_lane].state == LaneState::in_line && lanes_[its_lane].line != now_paced) {
    leave_line(its_lane);
    settle(its_lane, now);
  }
  offer(to, now);
  if (times) {
    reschedule(place, *times, now);
  } else {
    remove(place, now);
  }
}

std::uint32_t Scheduler::free_connections(std::string_view name,
                                          const DestinationLimits& limits) const {
  const std::uint32_t most = std::max(1u, limits.max_connections.value_or(limits_.max_connections));
  const auto at = destination_names_.find(std::string(name));
  if (at == destination_names_.end()) return most;
  const std::uint32_t open = destinations_[at->second].running + destinations_[at->second].guests;
  return most > open ? most - open : 0;
}

void Scheduler::guest_came(std::string_view name, const DestinationLimits& limits, Time now) {
  ++destinations_[destination(name)].guests;
  limit(name, limits, now);
}

void Scheduler::guest_left(std::string_view name, Time now) {
  const auto at = destination_names_.find(std::string(name));
  if (at == destination_names_.end()) return;
  const std::uint32_t index = at->second;
  --destinations_[index].guests;
  offer(index, now);
  release_destination(index);
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
