#include "net/lookup_shares.h"

namespace postern::net {

void LookupShares::leave_line(Shares::Client& client, Waiting& one) {
  client.data.erase(one.position_);
  shares_.list(client, !client.data.empty());
}

bool LookupShares::take(Waiting& one) {
  Shares::Client& client = shares_.client(one.client_);
  if (client.data.empty() && shares_.leaves_enough(one.client_)) {
    shares_.add(client, 1);
    one.state_ = Waiting::State::has_place;
    return true;
  }
  one.position_ = client.data.insert(client.data.end(), &one);
  shares_.list(client, true);
  one.state_ = Waiting::State::in_line;
  return false;
}

/// Before, no queued lookup could start, so at most one can now.
LookupShares::Waiting* LookupShares::release(const std::string& name) {
  Shares::Client& client = shares_.client(name);
  shares_.remove(client, 1);
  shares_.forget_idle(client);
  Shares::Client* const next = shares_.least();
  if (next == nullptr || !shares_.leaves_enough(next->key())) return nullptr;
  Waiting& one = *next->data.front();
  leave_line(*next, one);
  shares_.add(*next, 1);
  one.state_ = Waiting::State::has_place;
  return &one;
}

LookupShares::Waiting* LookupShares::left(Waiting& one) {
  const Waiting::State was = std::exchange(one.state_, Waiting::State::outside);
  if (was == Waiting::State::has_place) return release(one.client_);
  if (was == Waiting::State::in_line) {
    Shares::Client& client = shares_.client(one.client_);
    leave_line(client, one);
    shares_.forget_idle(client);
  }
  return nullptr;
}

}  // namespace postern::net
