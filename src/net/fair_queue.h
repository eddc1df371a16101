// A fair queue of jobs that wait for a thread. Turns are measured in time, so expensive jobs run
// less often than cheap ones.
//
// Turns alternate between two orders of the same jobs: by account, within an account by network and
// within that by client; and by network, then client, then account. Whoever has only many accounts,
// or only many networks, is one of many in one of the two orders, and another's job waits for two
// at most (docs/decisions/0056-networks-share.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/network_shares.h"
#include "net/turn_tree.h"

namespace postern::net {

/// Bounded: when it is full, the network, account or client with most jobs waiting loses its last
/// job. Each call costs the logarithm of what waits. Not thread-safe.
template <class Job>
class FairQueue {
 public:
  /// A job and its owner.
  struct Entry {
    std::string account;  ///< empty: none in particular
    std::string client;   ///< a subscriber_key(), or another key (network_of_key())
    Job job;              ///< as passed to push()
    double expected = 0;  ///< seconds charged in advance when it was taken
  };

  /// `limit`: jobs that may wait.
  explicit FairQueue(std::size_t limit) : limit_(limit) {}

  /// Jobs that wait.
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  /// Takes effect at the next push().
  void set_limit(std::size_t limit) { limit_ = limit; }
  /// Jobs of the account that wait.
  std::size_t waiting_of_account(std::string_view account) const {
    return accounts_.used_by(account);
  }
  /// Jobs of the client that wait, over all accounts.
  std::size_t waiting_of_client(std::string_view client) const { return clients_.used_by(client); }
  /// Jobs of the client's network that wait.
  std::size_t waiting_of_network(std::string_view client) const {
    return clients_.used_by_network(client);
  }

  /// Adds a job. Returns the job for which there is no room: this one, or the last one of the owner
  /// with most jobs waiting. nullopt: there was room.
  std::optional<Entry> push(std::string account, std::string client, Job job) {
    std::optional<Entry> refused;
    if (size() >= limit_) {
      const auto loser = find_loser(account, client);
      if (loser == items_.end())
        return Entry{std::move(account), std::move(client), std::move(job)};
      refused = take_out(loser);
    }
    const auto item = items_.emplace(items_.end());
    item->entry = {std::move(account), std::move(client), std::move(job)};
    item->self = item;
    const Entry& entry = item->entry;
    item->by_account = by_account_.add(path_by_account(entry), *item);
    item->by_network = by_network_.add(path_by_network(entry), *item);
    item->of_account = note(accounts_, entry.account, item);
    auto& owner = clients_.client(entry.client);
    item->of_client = note(owner.data.accounts, entry.account, item);
    clients_.add(owner, 1);
    clients_.list(owner, true);
    return refused;
  }

  /// The next job; nullopt: none waits. Call charge() when it is done.
  std::optional<Entry> pop() {
    if (empty()) return std::nullopt;
    networks_turn_ = !networks_turn_;
    const auto item = (networks_turn_ ? by_network_.next() : by_account_.next())->self;
    const double expected = by_account_.last_took(item->by_account);
    by_account_.take(item->by_account, expected);
    by_network_.take(item->by_network, expected);
    Entry entry = forget(item);
    entry.expected = expected;
    return entry;
  }

  /// A job from pop() is done and took `seconds`.
  void charge(const Entry& entry, double seconds) {
    by_account_.done(path_by_account(entry), seconds, entry.expected);
    by_network_.done(path_by_network(entry), seconds, entry.expected);
  }

  /// Removes each waiting job for which `over(job)` is true and passes it to `take`, in no
  /// particular order. O(n).
  template <class Over, class Take>
  void sweep(Over over, Take take) {
    for (auto item = items_.begin(); item != items_.end();) {
      const auto one = item++;
      if (over(one->entry.job)) take(take_out(one).job);
    }
  }

 private:
  struct Item;
  using Items = std::list<Item>;
  using Tree = TurnTree<Item, 3>;
  using Line = std::list<typename Items::iterator>;  ///< in the order in which they came
  struct Item {
    Entry entry;
    typename Items::iterator self;
    typename Tree::Place by_account;
    typename Tree::Place by_network;
    typename Line::iterator of_account;
    typename Line::iterator of_client;
  };
  /// Who has how many jobs waiting. The limit is that of the queue.
  using Waiting = NetworkShares<Line>;
  struct Client {
    Waiting accounts{0};  ///< the client's
  };

  static Tree::Path path_by_account(const Entry& entry) {
    return {entry.account, std::string(network_of_key(entry.client)), entry.client};
  }
  static Tree::Path path_by_network(const Entry& entry) {
    return {std::string(network_of_key(entry.client)), entry.client, entry.account};
  }
  static typename Line::iterator note(Waiting& waiting, const std::string& key,
                                      typename Items::iterator item) {
    auto& owner = waiting.client(key);
    waiting.add(owner, 1);
    waiting.list(owner, true);
    return owner.data.insert(owner.data.end(), item);
  }
  static void strike(Waiting& waiting, const std::string& key, typename Line::iterator place) {
    auto& owner = waiting.client(key);
    owner.data.erase(place);
    waiting.remove(owner, 1);
    waiting.list(owner, !owner.data.empty());
    waiting.forget_idle(owner);
  }
  /// Removes the job everywhere but from the orders.
  Entry forget(typename Items::iterator item) {
    strike(accounts_, item->entry.account, item->of_account);
    auto& client = clients_.client(item->entry.client);
    strike(client.data.accounts, item->entry.account, item->of_client);
    clients_.remove(client, 1);
    clients_.list(client, client.used() != 0);
    clients_.forget_idle(client);
    Entry entry = std::move(item->entry);
    items_.erase(item);
    return entry;
  }
  Entry take_out(typename Items::iterator item) {
    by_account_.take_out(item->by_account);
    by_network_.take_out(item->by_network);
    return forget(item);
  }

  static typename Items::iterator last_of(const Client& client) {
    return client.accounts.most()->data.back();
  }

  /// Whose job makes room for another one: of the client with most jobs in the network with most,
  /// if that has more than the newcomer's network would have; else of the account with most, if it
  /// has more than the newcomer's would have and the job's network has no fewer than the newcomer's
  /// would have; else of the client with most in the newcomer's network. Of the client it is the
  /// last job of the account that has most there. The end of the items: nobody's.
  typename Items::iterator find_loser(const std::string& account, const std::string& client) {
    const auto* const most = clients_.most();
    if (most == nullptr) return items_.end();
    const std::uint64_t own = clients_.used_by_network(client) + 1;
    if (most->used_by_network() > own) return last_of(most->data);
    const auto* const busiest = accounts_.most();
    const auto last = busiest->data.back();
    const std::string& other = last->entry.client;
    const bool beside = network_of_key(other) == network_of_key(client);
    if (busiest->used() > accounts_.used_by(account) + 1 &&
        (beside || clients_.used_by_network(other) >= own))
      return last;
    const auto* const neighbour = clients_.most_beside(client);
    return neighbour != nullptr && neighbour->used() > clients_.used_by(client) + 1
               ? last_of(neighbour->data)
               : items_.end();
  }

  std::size_t limit_;
  bool networks_turn_ = true;  ///< the last turn was by network
  Items items_;
  Tree by_account_;
  Tree by_network_;
  Waiting accounts_{0};
  NetworkShares<Client> clients_{0};
};

}  // namespace postern::net
