#include "relay/verified_addresses.h"
#include "relay/schedule.h"

#include <utility>

namespace postern::relay {

namespace {

/// How long a result that could not be renewed is used before it is tried again.
constexpr std::chrono::seconds retry_after{1000};
/// Clients, or domains, that are counted at a time.
constexpr std::size_t most_counted = 100'000;
constexpr std::chrono::minutes rate_period{1};

}  // namespace

bool VerifiedAddresses::Rate::take(const std::string& who, std::size_t most, Time now) {
  if (now - begun_ >= rate_period || now < begun_) {
    begun_ = now;
    count_.clear();
  }
  if (count_.size() >= most_counted) return false;
  std::size_t& count = count_[who];
  if (count >= most) return false;
  ++count;
  return true;
}

/// Both rates count, so that a client cannot ask for free at the limit of a domain.
bool VerifiedAddresses::may_ask(const std::string& client, const std::string& domain,
                                bool is_foreign, Time now) {
  if (is_foreign && open_foreign_ >= limits_.foreign_open) return false;
  const auto of_client = open_of_client_.find(client);
  if (of_client != open_of_client_.end() && of_client->second >= limits_.client_open) return false;
  return open_.size() < limits_.open && by_client_.take(client, limits_.client_rate, now) &&
         by_domain_.take(domain, limits_.domain_rate, now);
}

VerifiedAddresses::Found VerifiedAddresses::look_up(const std::string& address,
                                                    const std::string& client,
                                                    const std::string& domain, bool is_foreign,
                                                    Time now) {
  Found found;
  bool wanted = true;
  if (const auto known = entries_.find(address); known != entries_.end()) {
    const VerifiedEntry& entry = known->second.entry;
    const auto age = now - entry.found;
    if (!times_.holds(entry.verified.kind, age)) {
      forget(known);
    } else {
      used_.splice(used_.begin(), used_, known->second.place);
      found.verified = &entry.verified;
      wanted =
          age >= (entry.verified.kind == Verified::Kind::deliverable ? times_.positive_refresh
                                                                     : times_.negative_refresh) &&
          now - known->second.refused >= retry_after;
    }
  }
  if (!wanted || open_.contains(address)) return found;
  if (!may_ask(client, domain, is_foreign, now)) {
    found.limited = found.verified == nullptr;
    return found;
  }
  open_.emplace(address, Open{.client = client, .is_foreign = is_foreign});
  if (is_foreign) ++open_foreign_;
  ++open_of_client_[client];
  found.ask = true;
  return found;
}

const VerifiedEntry* VerifiedAddresses::settle(const std::string& address, Verified verified,
                                               Time now) {
  give_up(address);
  const bool deliverable = verified.kind == Verified::Kind::deliverable;
  const auto known = entries_.find(address);
  // A host that cannot be asked, or that changed its mind, does not end what is known before its
  // time.
  if (!deliverable && known != entries_.end() &&
      known->second.entry.verified.kind == Verified::Kind::deliverable &&
      now - known->second.entry.found < times_.positive_expire) {
    known->second.refused = now;
    return nullptr;
  }
  if (!times_.holds(verified.kind, {})) return nullptr;
  return &put(address, {std::move(verified), now}).entry;
}

void VerifiedAddresses::give_up(const std::string& address) {
  const auto asked = open_.find(address);
  if (asked == open_.end()) return;
  const auto of_client = open_of_client_.find(asked->second.client);
  if (--of_client->second == 0) open_of_client_.erase(of_client);
  if (asked->second.is_foreign) --open_foreign_;
  open_.erase(asked);
}

void VerifiedAddresses::restore(const std::string& address, VerifiedEntry entry, Time now) {
  if (entries_.contains(address) || !times_.holds(entry.verified.kind, now - entry.found)) return;
  put(address, std::move(entry));
}

const VerifiedEntry* VerifiedAddresses::find(const std::string& address) const {
  const auto known = entries_.find(address);
  return known == entries_.end() ? nullptr : &known->second.entry;
}

VerifiedAddresses::Kept& VerifiedAddresses::put(const std::string& address, VerifiedEntry entry) {
  const auto known = entries_.find(address);
  if (known != entries_.end()) {
    known->second.entry = std::move(entry);
    known->second.refused = {};
    return known->second;
  }
  if (entries_.size() >= limits_.results) forget(entries_.find(used_.back()));
  used_.push_front(address);
  return entries_.emplace(address, Kept{std::move(entry), used_.begin()}).first->second;
}

void VerifiedAddresses::forget(std::unordered_map<std::string, Kept>::iterator at) {
  used_.erase(at->second.place);
  entries_.erase(at);
}

}  // namespace postern::relay
