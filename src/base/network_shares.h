// Shares of one resource: of networks first, then of the clients in a network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/subscriber.h"

namespace postern {

/// Counts how much of a resource each client uses, by its subscriber_key(), and each network
/// together; `Data` is what the owner keeps for a client. A client costs the logarithm of the
/// networks and of its network's clients, in each call, and memory while it uses something or is
/// kept. Not thread-safe.
template <class Data>
class NetworkShares {
  struct Network;

 public:
  /// One client. Its address is constant until forget_idle().
  class Client {
   public:
    const std::string& key() const { return *key_; }
    /// What it uses.
    std::uint64_t used() const { return used_; }
    /// What its network uses.
    std::uint64_t used_by_network() const { return network_->second.used; }
    Data data{};

   private:
    friend class NetworkShares;
    const std::string* key_ = nullptr;
    std::pair<const std::string, Network>* network_ = nullptr;
    std::uint64_t used_ = 0;
    std::uint64_t number_ = 0;  ///< when it was listed; 0: it is not
  };

  /// `total`: how much there is; what is used can exceed it.
  explicit NetworkShares(std::uint64_t total) : total_(total) {}
  NetworkShares(const NetworkShares&) = delete;
  NetworkShares& operator=(const NetworkShares&) = delete;

  std::uint64_t used() const { return used_; }
  std::uint64_t free() const { return used_ < total_ ? total_ - used_ : 0; }
  /// What the network of the key uses.
  std::uint64_t used_by_network(std::string_view key) const {
    const auto network = networks_.find(network_of_key(key));
    return network == networks_.end() ? 0 : network->second.used;
  }
  /// What the client uses.
  std::uint64_t used_by(std::string_view key) const {
    const auto network = networks_.find(network_of_key(key));
    if (network == networks_.end()) return 0;
    const auto client = network->second.clients.find(key);
    return client == network->second.clients.end() ? 0 : client->second.used_;
  }

  /// Whether the client leaves enough to others if it takes more: what it and its network use is
  /// less, added up, than what is free. So one network has half of the resource, two have a third
  /// each; a client alone has a third, and others of its network find some. A client that is a
  /// network of its own counts once.
  bool leaves_enough(std::string_view key) const {
    const bool alone = network_of_key(key) == key;
    return used_by_network(key) + (alone ? 0 : used_by(key)) < free();
  }

  /// The client's record; a new one uses nothing.
  Client& client(std::string_view key) {
    const std::string_view name = network_of_key(key);
    auto network = networks_.find(name);
    if (network == networks_.end()) network = networks_.try_emplace(std::string(name)).first;
    auto& clients = network->second.clients;
    auto found = clients.find(key);
    if (found == clients.end()) {
      found = clients.try_emplace(std::string(key)).first;
      found->second.key_ = &found->first;
      found->second.network_ = &*network;
    }
    return found->second;
  }
  /// The client uses so much more.
  void add(Client& client, std::uint64_t amount) { change(client, amount, client.number_ != 0); }
  /// The client uses so much less; not more than it uses.
  void remove(Client& client, std::uint64_t amount) {
    change(client, 0 - amount, client.number_ != 0);
  }
  /// Whether least() and most() may choose the client.
  void list(Client& client, bool listed) { change(client, 0, listed); }
  /// Removes the client's record if it uses nothing and is not listed.
  void forget_idle(Client& client) {
    if (client.used_ != 0 || client.number_ != 0) return;
    const auto network = client.network_;
    network->second.clients.erase(network->second.clients.find(*client.key_));
    if (network->second.clients.empty()) networks_.erase(networks_.find(network->first));
  }

  /// The first listed client that leaves_enough(), if there is one: of what a client and its
  /// network use the sum is least. Null: none is listed.
  Client* least() const {
    return by_need_.empty() ? nullptr : by_need_.begin()->second->listed.begin()->second;
  }
  /// Of the networks with listed clients the one that uses most; of its listed clients the one that
  /// uses most. Null: none is listed.
  Client* most() const {
    return by_use_.empty() ? nullptr : by_use_.rbegin()->second->listed.rbegin()->second;
  }
  /// The same in the network of the key.
  Client* most_beside(std::string_view key) const {
    const auto network = networks_.find(network_of_key(key));
    if (network == networks_.end() || network->second.listed.empty()) return nullptr;
    return network->second.listed.rbegin()->second;
  }

 private:
  /// What is used, and the time of listing: of equal ones the first precedes.
  using Rank = std::pair<std::uint64_t, std::uint64_t>;
  struct Network {
    std::uint64_t used = 0;
    std::uint64_t number = 0;  ///< when its first client was listed
    std::map<std::string, Client, std::less<>> clients;
    std::map<Rank, Client*> listed;

    Rank use() const { return {used, number}; }
    Rank need() const {
      const Client& least = *listed.begin()->second;
      const bool alone = network_of_key(least.key()) == least.key();
      return {used + (alone ? 0 : least.used()), number};
    }
  };

  /// Puts the holder where it belongs; a node that was taken out is used again.
  template <class Ranking>
  static void rank(Ranking& ranking, typename Ranking::node_type node, Rank at,
                   typename Ranking::mapped_type holder) {
    if (node.empty()) {
      ranking.emplace(at, holder);
      return;
    }
    node.key() = at;
    ranking.insert(std::move(node));
  }

  void change(Client& client, std::uint64_t amount, bool listed) {
    Network& network = client.network_->second;
    const bool first = network.listed.empty();
    typename std::map<Rank, Network*>::node_type use, need;
    typename std::map<Rank, Client*>::node_type own;
    if (!first) {
      use = by_use_.extract(network.use());
      need = by_need_.extract(network.need());
    }
    if (client.number_ != 0) own = network.listed.extract(Rank(client.used_, client.number_));
    client.used_ += amount;
    network.used += amount;
    used_ += amount;
    if (!listed) client.number_ = 0;
    if (listed && client.number_ == 0) client.number_ = ++numbers_;
    if (listed && first) network.number = client.number_;
    if (listed) rank(network.listed, std::move(own), Rank(client.used_, client.number_), &client);
    if (network.listed.empty()) return;
    rank(by_use_, std::move(use), network.use(), &network);
    rank(by_need_, std::move(need), network.need(), &network);
  }

  const std::uint64_t total_;
  std::uint64_t used_ = 0;
  std::uint64_t numbers_ = 0;
  std::map<std::string, Network, std::less<>> networks_;
  std::map<Rank, Network*> by_use_;
  std::map<Rank, Network*> by_need_;
};

}  // namespace postern
