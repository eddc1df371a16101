#include "gateway/admission.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/subscriber.h"

namespace postern::gateway {

using std::chrono::microseconds;

namespace {

/// What a session gets back for what it sends: one that sends 10 kB/s waits as long as it likes.
constexpr microseconds earned_by_octet{100};
constexpr microseconds earned_by_message = std::chrono::seconds(1);
/// How far an allowance can be overdrawn. Who has come so far is not protected from newcomers that
/// have just left another place.
constexpr std::chrono::seconds most_overdrawn{60};
/// How long a place that was taken counts after it was left, and how many such places at most.
constexpr std::chrono::seconds taken_counts{60};
constexpr std::size_t most_taken = 10'000;

}  // namespace

/// The record of one session.
struct Admission::Seat final : net::PeerWaits {
  explicit Seat(Admission& owner) : admission(owner), left(owner.limits_.allowance) {}

  void begin() override {
    waiting = true;
    waited = {};
    if (!in_line) look();
  }
  bool end() override {
    waiting = false;
    if (in_line) in_line = !admission.withdraw(*this);
    return !in_line;
  }
  bool pass(microseconds time) override {
    if (in_line) {
      left -= time;
      return !lost.load(std::memory_order_relaxed);
    }
    if (!waiting) return true;
    left -= time;
    waited += time;
    look();
    return true;
  }
  void earn(microseconds time) {
    left = std::min<microseconds>(std::max<microseconds>(left, -most_overdrawn) + time,
                                  admission.limits_.allowance);
  }
  /// Lines up where its time has come.
  void look() {
    const bool over = left.count() <= 0 || (idle && waited >= admission.limits_.idle);
    if (!over || address == nullptr) return;
    left = std::max<microseconds>(left, -most_overdrawn);
    in_line = true;
    admission.line_up(*this);
  }

  Admission& admission;
  std::atomic<bool> lost{false};
  // Of the session's thread.
  bool waiting = false;
  bool idle = false;
  bool in_line = false;  ///< it may lose its place, or has
  microseconds left;     ///< of its allowance
  microseconds waited{};
  // Under the lock.
  bool present = true;
  bool taken = false;                    ///< the place was somebody's
  std::uint64_t taken_from = 0;          ///< how many sessions the network had that it was taken of
  Addresses::pointer address = nullptr;  ///< null: an exempt one
  std::optional<Due> due;                ///< where it stands in the line of its address
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
    owner_->take_out(*seat_, Clock::now());
    if (seat_->lost.load(std::memory_order_relaxed)) --owner_->leaving_;
  }
  seat_.reset();
}

net::PeerWaits* Admission::Ticket::waits() const { return seat_.get(); }

void Admission::Ticket::set_idle(bool idle) {
  if (seat_) seat_->idle = idle;
}

void Admission::Ticket::received(std::size_t octets) {
  if (seat_) seat_->earn(earned_by_octet * static_cast<std::int64_t>(octets));
}

void Admission::Ticket::accepted() {
  if (seat_) seat_->earn(earned_by_message);
}

bool Admission::Ticket::lost() const {
  return seat_ && seat_->lost.load(std::memory_order_relaxed);
}

std::optional<Admission::Refusal> Admission::Ticket::move(const IpAddress& address,
                                                          Clock::time_point now) {
  if (!seat_) return std::nullopt;
  const Keys keys = owner_->keys_of(address);
  const std::lock_guard lock(owner_->mutex_);
  const Addresses::pointer held = seat_->address;
  if (!seat_->present || (held != nullptr ? held->first == keys.address : keys.address.empty()))
    return std::nullopt;
  // For an exempt proxy everybody's place is free: its client keeps it if it could have taken it.
  const auto own = owner_->networks_.find(keys.network);
  if (seat_->taken && own != owner_->networks_.end()) {
    const bool sits_there = held != nullptr && held->second.network == &*own;
    if (own->second.open + own->second.taken >= seat_->taken_from + (sits_there ? 1 : 0))
      return Refusal::too_many_sessions;
  }
  if (const auto refusal = owner_->count(keys, now, true)) return refusal;
  owner_->stand_up(*seat_);
  owner_->sit_down(*seat_, keys);
  seat_->left = owner_->limits_.allowance;
  return std::nullopt;
}

Admission::Keys Admission::keys_of(const IpAddress& address) const {
  if (exempt(address)) return {};
  return {.address = subscriber_key(address), .network = subnet_key(address)};
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
  std::optional<Rank> of_address;
  if (!address.due.empty()) of_address = Rank(most - address.open, address.due.begin()->first);
  move(network.due, address.rank, of_address, &address);
  std::optional<Rank> of_network;
  if (!network.due.empty())
    of_network = Rank(most - network.open, network.due.begin()->first.second);
  move(ranking_, network.rank, of_network, &network);
}

void Admission::line_up(Seat& seat) {
  const std::lock_guard lock(mutex_);
  if (!seat.present) return;
  // All in the line wait, so that they stay in the order of what they have overdrawn.
  seat.due = Due(Clock::now() + std::min(seat.left, microseconds(0)), ++numbers_);
  seat.address->second.due.emplace(*seat.due, &seat);
  rank(seat.address->second);
}

bool Admission::withdraw(Seat& seat) {
  const std::lock_guard lock(mutex_);
  if (!seat.present) return false;
  seat.address->second.due.erase(*std::exchange(seat.due, std::nullopt));
  rank(seat.address->second);
  return true;
}

void Admission::sit_down(Seat& seat, const Keys& keys) {
  if (keys.address.empty()) return;
  seat.address = &*addresses_.try_emplace(keys.address).first;
  Address& address = seat.address->second;
  address.network = &*networks_.try_emplace(keys.network).first;
  ++address.network->second.open;
  ++address.open;
  rank(address);
}

void Admission::stand_up(Seat& seat) {
  const Addresses::pointer held = std::exchange(seat.address, nullptr);
  if (held == nullptr) return;
  Address& address = held->second;
  if (seat.due) address.due.erase(*std::exchange(seat.due, std::nullopt));
  --address.network->second.open;
  --address.open;
  rank(address);
  erase_if_empty(held);
}

void Admission::erase_if_empty(Addresses::pointer address) {
  const auto network = address->second.network;
  const auto empty = [](const auto& one) { return one.open == 0 && one.taken == 0; };
  if (empty(network->second)) networks_.erase(networks_.find(network->first));
  if (empty(address->second)) addresses_.erase(addresses_.find(address->first));
}

void Admission::take_out(Seat& seat, Clock::time_point now) {
  if (!std::exchange(seat.present, false)) return;
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (seat.taken && seat.address != nullptr) {
    ++seat.address->second.taken;
    ++seat.address->second.network->second.taken;
    taken_.emplace_back(now, seat.address);
    if (taken_.size() > most_taken) forget_oldest();
  }
  stand_up(seat);
}

void Admission::forget_oldest() {
  const Addresses::pointer address = taken_.front().second;
  taken_.pop_front();
  --address->second.taken;
  --address->second.network->second.taken;
  erase_if_empty(address);
}

void Admission::forget_taken(Clock::time_point now) {
  while (!taken_.empty() && now - taken_.front().first >= taken_counts) forget_oldest();
}

Admission::Seat* Admission::find_loser(const Keys& newcomer, Clock::time_point now) const {
  if (ranking_.empty() || leaving_ >= most_leaving(limits_.sessions)) return nullptr;
  const Network& most = *ranking_.begin()->second;
  const Address& holder = *most.due.begin()->second;
  const auto& [due, seat] = *holder.due.begin();
  const bool fair = now - due.first < most_overdrawn;
  const auto count_of = [fair](const auto& all, const std::string& key) {
    const auto own = all.find(key);
    return own == all.end() ? 0 : own->second.open + (fair ? own->second.taken : 0);
  };
  const auto own = networks_.find(newcomer.network);
  const bool same = own != networks_.end() && &own->second == &most;
  const bool may = same ? count_of(addresses_, newcomer.address) < holder.open
                        : count_of(networks_, newcomer.network) < most.open;
  return may ? seat : nullptr;
}

Admission::Shared Admission::shared(const IpAddress& address) const {
  Keys keys = keys_of(address);
  if (keys.address.empty()) return {};
  return {.limits = limits_.shared,
          .limit = {.kind = "new_sessions_per_address",
                    .most = limits_.new_sessions_per_minute,
                    .window = std::chrono::minutes(1)},
          .key = std::move(keys.address)};
}

std::optional<Admission::Refusal> Admission::count(const Keys& keys, Clock::time_point now,
                                                   bool alone) {
  if (keys.address.empty()) return std::nullopt;
  if ((alone || limits_.shared == nullptr) && !recent_.add(keys.address, now)) {
    return Refusal::too_many_new;
  }
  const auto own = addresses_.find(keys.address);
  const std::uint64_t limit = limits_.sessions_per_address;
  if (limit != 0 && own != addresses_.end() && own->second.open >= limit)
    return Refusal::too_many_from_address;
  return std::nullopt;
}

Admission::Answer Admission::admit(const IpAddress& address, Clock::time_point now) {
  const Keys keys = keys_of(address);
  const std::lock_guard lock(mutex_);
  forget_taken(now);
  Seat* loser = nullptr;
  if (open_.load(std::memory_order_relaxed) >= limits_.sessions) {
    loser = find_loser(keys, now);
    if (loser == nullptr) return {.ticket = {}, .refusal = Refusal::too_many_sessions};
  }
  if (const auto refusal = count(keys, now, false)) return {.ticket = {}, .refusal = refusal};
  auto seat = std::make_unique<Seat>(*this);
  if (loser != nullptr) {
    seat->taken = true;
    seat->taken_from = loser->address->second.network->second.open;
    take_out(*loser, now);
    loser->lost.store(true, std::memory_order_relaxed);
    ++leaving_;
  }
  sit_down(*seat, keys);
  open_.fetch_add(1, std::memory_order_relaxed);
  return {.ticket = Ticket(this, std::move(seat)), .refusal = {}};
}

}  // namespace postern::gateway
