#include "gateway/admission.h"

#include <limits>
#include <utility>

#include "base/subscriber.h"

namespace postern::gateway {

/// One session in the books.
struct Admission::Seat {
  std::atomic<bool> lost{false};
  bool present = true;
  Addresses::pointer address = nullptr;  ///< null: an exempt one
  std::optional<Waiting> waits;
  bool fresh = false;  ///< it stands in fresh_, not in the line of its address
  std::list<Seat*>::iterator position;
  std::uint64_t number = 0;  ///< of its wait
  Clock::time_point since;
};

Admission::Admission(AdmissionLimits limits)
    : limits_(std::move(limits)),
      recent_(limits_.new_sessions_per_minute, std::chrono::minutes(1)) {}

Admission::Ticket::Ticket() = default;

Admission::Ticket::Ticket(Admission* owner, std::unique_ptr<Seat> seat)
    : owner_(owner), seat_(std::move(seat)) {}

Admission::Ticket::Ticket(Ticket&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), seat_(std::move(other.seat_)) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this != &other) {
    release();
    owner_ = std::exchange(other.owner_, nullptr);
    seat_ = std::move(other.seat_);
  }
  return *this;
}

Admission::Ticket::~Ticket() { release(); }

void Admission::Ticket::release() {
  if (!seat_) return;
  {
    const std::lock_guard lock(owner_->mutex_);
    owner_->take_out(*seat_);
  }
  seat_.reset();
}

void Admission::Ticket::wait(Waiting how, bool late, Clock::time_point now) {
  if (!seat_ || seat_->address == nullptr) return;
  const std::lock_guard lock(owner_->mutex_);
  owner_->begin_waiting(*seat_, how, late, now);
}

bool Admission::Ticket::resume() {
  if (!seat_ || seat_->address == nullptr) return true;
  const std::lock_guard lock(owner_->mutex_);
  if (seat_->lost.load(std::memory_order_relaxed)) return false;
  owner_->end_waiting(*seat_);
  return true;
}

const std::atomic<bool>* Admission::Ticket::lost() const { return seat_ ? &seat_->lost : nullptr; }

std::uint64_t Admission::open_of(const std::string& address) const {
  const auto found = addresses_.find(address);
  return found == addresses_.end() ? 0 : found->second.open;
}

void Admission::rank(Address& address) {
  Network& network = address.network->second;
  const auto move = [](auto& ranking, std::optional<Rank>& held, std::optional<Rank> now,
                       auto* who) {
    if (held == now) return;
    if (held) ranking.erase(*held);
    if (now) ranking.emplace(*now, who);
    held = now;
  };
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  for (const Waiting how : all_waiting) {
    std::optional<Rank> of_address;
    if (!address.waiting[how].empty())
      of_address = Rank(most - address.open, address.waiting[how].front()->number);
    move(network.waiting[how], address.rank[how], of_address, &address);
    std::optional<Rank> of_network;
    if (!network.waiting[how].empty())
      of_network = Rank(most - network.open, network.waiting[how].begin()->first.second);
    move(ranking_[how], network.rank[how], of_network, &network);
  }
}

void Admission::begin_waiting(Seat& seat, Waiting how, bool late, Clock::time_point now) {
  if (!seat.present || seat.waits) return;
  seat.waits = how;
  seat.number = ++waits_;
  seat.since = now;
  if (late) return line_up(seat);
  // Most waits end here again, which costs no look at the ranking.
  seat.fresh = true;
  seat.position = fresh_[how].insert(fresh_[how].end(), &seat);
}

void Admission::line_up(Seat& seat) {
  seat.fresh = false;
  std::list<Seat*>& line = seat.address->second.waiting[*seat.waits];
  seat.position = line.insert(line.end(), &seat);
  rank(seat.address->second);
}

void Admission::end_patience(Clock::time_point now) {
  for (const Waiting how : all_waiting) {
    std::list<Seat*>& fresh = fresh_[how];
    while (!fresh.empty() && now - fresh.front()->since >= limits_.patience[how]) {
      Seat& seat = *fresh.front();
      fresh.pop_front();
      line_up(seat);
    }
  }
}

void Admission::end_waiting(Seat& seat) {
  if (!seat.waits) return;
  if (seat.fresh) {
    fresh_[*seat.waits].erase(seat.position);
  } else {
    seat.address->second.waiting[*seat.waits].erase(seat.position);
    rank(seat.address->second);
  }
  seat.fresh = false;
  seat.waits.reset();
}

void Admission::take_out(Seat& seat) {
  if (!std::exchange(seat.present, false)) return;
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (seat.address == nullptr) return;
  end_waiting(seat);
  auto& [key, address] = *seat.address;
  auto& [network_key, network] = *address.network;
  --network.open;
  --address.open;
  rank(address);
  if (network.open == 0) networks_.erase(networks_.find(network_key));
  if (address.open == 0) addresses_.erase(addresses_.find(key));
}

Admission::Seat* Admission::find_loser(const std::string& address,
                                       const std::string& network) const {
  const auto own = networks_.find(network);
  const std::uint64_t own_open = own == networks_.end() ? 0 : own->second.open;
  for (const Waiting how : all_waiting) {
    if (ranking_[how].empty()) continue;
    const Network& most = *ranking_[how].begin()->second;
    const Address& holder = *most.waiting[how].begin()->second;
    const bool same = own != networks_.end() && &own->second == &most;
    if (same ? open_of(address) < holder.open : own_open < most.open)
      return holder.waiting[how].front();
  }
  return nullptr;
}

Admission::Answer Admission::admit(const IpAddress& address, Clock::time_point now) {
  const bool counted = !exempt(address);
  const std::string key = counted ? subscriber_key(address) : std::string();
  const std::string network = counted ? subnet_key(address) : std::string();
  const std::lock_guard lock(mutex_);
  Seat* loser = nullptr;
  if (open_.load(std::memory_order_relaxed) >= limits_.sessions) {
    end_patience(now);
    loser = find_loser(key, network);
    if (loser == nullptr) return {.ticket = {}, .refusal = Refusal::too_many_sessions};
  }
  if (counted && !recent_.add(key, now)) return {.ticket = {}, .refusal = Refusal::too_many_new};
  if (counted && limits_.sessions_per_address != 0 && open_of(key) >= limits_.sessions_per_address)
    return {.ticket = {}, .refusal = Refusal::too_many_from_address};
  if (loser != nullptr) {
    take_out(*loser);
    loser->lost.store(true, std::memory_order_relaxed);
  }
  auto seat = std::make_unique<Seat>();
  if (counted) {
    seat->address = &*addresses_.try_emplace(key).first;
    Address& own = seat->address->second;
    own.network = &*networks_.try_emplace(network).first;
    ++own.network->second.open;
    ++own.open;
    rank(own);
  }
  open_.fetch_add(1, std::memory_order_relaxed);
  return {.ticket = Ticket(this, std::move(seat)), .refusal = {}};
}

}  // namespace postern::gateway
