#include "net/lookup_shares.h"

namespace postern::net {

void LookupShares::count(Clients::iterator client, std::size_t under_way) {
  under_way_ += under_way - client->second.under_way;
  if (!client->second.line.empty()) {
    auto entry = line_.extract({client->second.under_way, client->first});
    entry.value().first = under_way;
    line_.insert(std::move(entry));
  }
  client->second.under_way = under_way;
}

void LookupShares::leave_line(Clients::iterator client, Waiting& one) {
  client->second.line.erase(one.position_);
  if (client->second.line.empty()) line_.erase({client->second.under_way, client->first});
}

void LookupShares::forget_idle(Clients::iterator client) {
  if (client->second.under_way == 0 && client->second.line.empty()) clients_.erase(client);
}

bool LookupShares::take(Waiting& one) {
  const auto client = clients_.try_emplace(one.client_).first;
  if (client->second.line.empty() && client->second.under_way < free()) {
    count(client, client->second.under_way + 1);
    one.state_ = Waiting::State::has_place;
    return true;
  }
  if (client->second.line.empty()) line_.emplace(client->second.under_way, client->first);
  one.position_ = client->second.line.insert(client->second.line.end(), &one);
  one.state_ = Waiting::State::in_line;
  return false;
}

/// Before, no queued lookup could start, so at most one can now.
LookupShares::Waiting* LookupShares::release(const std::string& name) {
  const auto client = clients_.find(name);
  count(client, client->second.under_way - 1);
  forget_idle(client);
  if (line_.empty() || line_.begin()->first >= free()) return nullptr;
  const auto next = clients_.find(line_.begin()->second);
  Waiting& one = *next->second.line.front();
  leave_line(next, one);
  count(next, next->second.under_way + 1);
  one.state_ = Waiting::State::has_place;
  return &one;
}

LookupShares::Waiting* LookupShares::left(Waiting& one) {
  const Waiting::State was = std::exchange(one.state_, Waiting::State::outside);
  if (was == Waiting::State::has_place) return release(one.client_);
  if (was == Waiting::State::in_line) {
    const auto client = clients_.find(one.client_);
    leave_line(client, one);
    forget_idle(client);
  }
  return nullptr;
}

}  // namespace postern::net
