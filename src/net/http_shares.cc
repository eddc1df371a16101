#include "net/http_shares.h"

#include <algorithm>

namespace postern::net {

void HttpShares::wait(Seat& seat) {
  std::list<Seat*>& line = waiting_[seat.address_];
  seat.waiting_ = line.insert(line.end(), &seat);
}

void HttpShares::wait_no_more(Seat& seat) {
  const auto line = waiting_.find(seat.address_);
  line->second.erase(seat.waiting_);
  if (line->second.empty()) waiting_.erase(line);
}

void HttpShares::release(Seat& seat) {
  if (seat.holds_ == Seat::Holds::the_reserve) --reserve_used_;
  if (seat.holds_ == Seat::Holds::a_place) {
    --requests_;
    octets_ -= seat.octets_;
    const auto client = clients_.find(seat.client_);
    client->second.octets -= seat.octets_;
    if (--client->second.requests == 0) clients_.erase(client);
  }
  seat.holds_ = Seat::Holds::nothing;
}

bool HttpShares::enter(Seat& seat, std::string address, Seat*& pushed_out) {
  pushed_out = nullptr;
  if (connections_ >= limits_.connections) {
    const auto most = std::max_element(
        waiting_.begin(), waiting_.end(),
        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
    if (most == waiting_.end()) return false;
    pushed_out = most->second.front();
    leave(*pushed_out);
    pushed_out->lost_ = true;
  }
  seat.address_ = std::move(address);
  seat.present_ = true;
  ++connections_;
  wait(seat);
  return true;
}

void HttpShares::leave(Seat& seat) {
  if (!seat.present_) return;
  if (seat.holds_ == Seat::Holds::nothing) wait_no_more(seat);
  release(seat);
  seat.present_ = false;
  --connections_;
}

bool HttpShares::takes_reserve(const Wanted& wanted) const {
  return reserve_used_ < limits_.reserve && wanted.body == 0 &&
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
  const auto known = clients_.find(wanted.client);
  const Client before = known == clients_.end() ? Client{} : known->second;
  if (before.requests >= limits_.requests_per_client ||
      before.octets + wanted.body > limits_.bodies_per_client) {
    return Verdict::too_many;
  }
  if (requests_ >= limits_.requests || octets_ + wanted.body > limits_.bodies) {
    return Verdict::overloaded;
  }
  Client& client = clients_[wanted.client];
  ++client.requests;
  client.octets += wanted.body;
  ++requests_;
  octets_ += wanted.body;
  seat.holds_ = Seat::Holds::a_place;
  seat.client_ = wanted.client;
  seat.octets_ = wanted.body;
  wait_no_more(seat);
  return Verdict::admitted;
}

void HttpShares::end(Seat& seat) {
  if (!seat.present_ || seat.holds_ == Seat::Holds::nothing) return;
  release(seat);
  wait(seat);
}

}  // namespace postern::net
