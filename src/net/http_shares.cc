#include "net/http_shares.h"

#include <algorithm>
#include <utility>

namespace postern::net {

bool HttpShares::take(Amounts& amounts, const std::string& client, std::uint64_t amount) {
  if (amount > amounts.free() || !amounts.leaves_enough(client)) return false;
  amounts.add(amounts.client(client), amount);
  return true;
}

template <class Shares>
void HttpShares::give_back(Shares& shares, const std::string& client, std::uint64_t amount) {
  if (amount == 0) return;
  auto& owner = shares.client(client);
  shares.remove(owner, amount);
  shares.forget_idle(owner);
}

void HttpShares::wait(Seat& seat) {
  auto& owner = idle_.client(seat.address_);
  seat.waiting_ = owner.data.insert(owner.data.end(), &seat);
  idle_.list(owner, true);
}

void HttpShares::wait_no_more(Seat& seat) {
  auto& owner = idle_.client(seat.address_);
  owner.data.erase(seat.waiting_);
  idle_.list(owner, !owner.data.empty());
}

void HttpShares::release_place(Seat& seat) {
  if (seat.holds_ == Seat::Holds::the_reserve) --reserve_used_;
  if (seat.holds_ == Seat::Holds::a_place) {
    give_back(requests_, seat.client_, 1);
    give_back(answers_, seat.client_, std::exchange(seat.answer_, 0));
  }
  seat.holds_ = Seat::Holds::nothing;
}

bool HttpShares::enter(Seat& seat, const std::string& address, Seat*& pushed_out) {
  pushed_out = nullptr;
  if (idle_.free() == 0) {
    const auto* const most = idle_.most();
    // Nobody makes room for a network that has more.
    if (most == nullptr || most->used_by_network() < idle_.used_by_network(address)) return false;
    pushed_out = most->data.front();
    leave(*pushed_out);
    pushed_out->lost_ = true;
  }
  seat.address_ = address;
  seat.present_ = true;
  idle_.add(idle_.client(address), 1);
  wait(seat);
  return true;
}

void HttpShares::leave(Seat& seat) {
  if (!seat.present_) return;
  end(seat);
  wait_no_more(seat);
  seat.present_ = false;
  give_back(idle_, seat.address_, 1);
}

bool HttpShares::takes_reserve(const Wanted& wanted) const {
  return reserve_used_ < limits_.reserve && !wanted.has_body &&
         std::find(limits_.reserved_paths.begin(), limits_.reserved_paths.end(), wanted.path) !=
             limits_.reserved_paths.end();
}

HttpShares::Verdict HttpShares::begin(Seat& seat, const Wanted& wanted) {
  if (seat.lost_) return Verdict::lost;
  if (takes_reserve(wanted)) {
    ++reserve_used_;
    seat.holds_ = Seat::Holds::the_reserve;
    wait_no_more(seat);
    return Verdict::admitted;
  }
  if (requests_.used_by(wanted.client) >= limits_.requests_per_client) return Verdict::too_many;
  if (requests_.free() == 0) return Verdict::overloaded;
  if (!take(requests_, wanted.client, 1)) return Verdict::too_many;
  seat.holds_ = Seat::Holds::a_place;
  seat.client_ = wanted.client;
  wait_no_more(seat);
  return Verdict::admitted;
}

void HttpShares::pause(Seat& seat) {
  if (!seat.present_ || seat.holds_ == Seat::Holds::nothing) return;
  release_place(seat);
  wait(seat);
}

HttpShares::Verdict HttpShares::take_body(Seat& seat, const std::string& client,
                                          std::uint64_t octets) {
  if (seat.lost_) return Verdict::lost;
  if (bodies_.used_by(client) + octets > limits_.bodies_per_client) return Verdict::too_many;
  if (octets > bodies_.free()) return Verdict::overloaded;
  if (!take(bodies_, client, octets)) return Verdict::too_many;
  seat.sender_ = client;
  seat.body_ = octets;
  return Verdict::admitted;
}

HttpShares::Verdict HttpShares::take_answer(Seat& seat, std::uint64_t octets) {
  if (seat.holds_ != Seat::Holds::a_place)
    return Verdict::admitted;  // answers in the reserve are small
  if (!take(answers_, seat.client_, octets)) return Verdict::overloaded;
  seat.answer_ += octets;
  return Verdict::admitted;
}

void HttpShares::end(Seat& seat) {
  pause(seat);
  give_back(bodies_, seat.sender_, std::exchange(seat.body_, 0));
}

}  // namespace postern::net
