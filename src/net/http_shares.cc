#include "net/http_shares.h"

#include <algorithm>
#include <utility>

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
    bodies_ -= seat.body_;
    answers_ -= seat.answer_;
    const auto client = clients_.find(seat.client_);
    client->second.bodies -= std::exchange(seat.body_, 0);
    client->second.answers -= std::exchange(seat.answer_, 0);
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
  const auto known = clients_.find(wanted.client);
  const std::size_t before = known == clients_.end() ? 0 : known->second.requests;
  if (before >= limits_.requests_per_client) return Verdict::too_many;
  if (requests_ >= limits_.requests) return Verdict::overloaded;
  if (before > limits_.requests - requests_) return Verdict::too_many;
  ++clients_[wanted.client].requests;
  ++requests_;
  seat.holds_ = Seat::Holds::a_place;
  seat.client_ = wanted.client;
  wait_no_more(seat);
  return Verdict::admitted;
}

HttpShares::Verdict HttpShares::take_body(Seat& seat, std::uint64_t octets) {
  if (seat.holds_ != Seat::Holds::a_place) return Verdict::overloaded;
  Client& client = clients_[seat.client_];
  if (client.bodies + octets > limits_.bodies_per_client) return Verdict::too_many;
  if (bodies_ + octets > limits_.bodies) return Verdict::overloaded;
  if (client.bodies > limits_.bodies - bodies_) return Verdict::too_many;
  client.bodies += octets;
  bodies_ += octets;
  seat.body_ += octets;
  return Verdict::admitted;
}

HttpShares::Verdict HttpShares::take_answer(Seat& seat, std::uint64_t octets) {
  if (seat.holds_ != Seat::Holds::a_place)
    return Verdict::admitted;  // answers in the reserve are small
  Client& client = clients_[seat.client_];
  if (answers_ + octets > limits_.answers) return Verdict::overloaded;
  if (client.answers > limits_.answers - answers_) return Verdict::overloaded;
  client.answers += octets;
  answers_ += octets;
  seat.answer_ += octets;
  return Verdict::admitted;
}

void HttpShares::end(Seat& seat) {
  if (!seat.present_ || seat.holds_ == Seat::Holds::nothing) return;
  release(seat);
  wait(seat);
}

}  // namespace postern::net
