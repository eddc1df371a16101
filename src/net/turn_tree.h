// Who is next, on several levels: start-time fair queueing in a tree of owners.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <utility>

namespace postern::net {

/// Owners of a level take turns by the time that their items took, and so do the owners below each
/// of them. An owner that pauses saves nothing up. A decision costs the logarithm of the owners
/// that wait. Idle owners are remembered, so that their recent use counts: 1024 of them, and some
/// for each item. Not thread-safe.
template <class Item, std::size_t levels>
class TurnTree {
  struct Node;

 public:
  /// The owners of an item, the highest first.
  using Path = std::array<std::string, levels>;
  /// Where an item stands; for take_out().
  class Place {
    friend class TurnTree;
    Node* owner = nullptr;
    typename std::list<Item*>::iterator position;
  };

  TurnTree() = default;
  TurnTree(const TurnTree&) = delete;
  TurnTree& operator=(const TurnTree&) = delete;

  /// Adds an item, which outlives its place.
  Place add(const Path& path, Item& item) {
    Node* node = &root_;
    for (const std::string& key : path) {
      const auto [child, is_new] = node->children.try_emplace(key);
      nodes_ += is_new ? 1 : 0;
      child->second.parent = node;
      node = &child->second;
    }
    Place place;
    place.owner = node;
    place.position = node->items.insert(node->items.end(), &item);
    for (; node != &root_; node = node->parent) {
      if (node->waiting++ == 0) {
        node->tag = std::max(node->tag, node->parent->now);
        node->number = ++numbers_;
        node->line_up();
      }
    }
    ++waiting_;
    return place;
  }
  /// The item whose turn it is, which stays; null: none waits. It must be taken then.
  Item* next() {
    if (waiting_ == 0) return nullptr;
    Node* node = &root_;
    while (node->items.empty()) {
      Node* const child = node->line.begin()->second;
      node->now = child->tag;
      node = child;
    }
    return node->items.front();
  }
  /// Removes an item that was not taken.
  void take_out(const Place& place) {
    place.owner->items.erase(place.position);
    for (Node* node = place.owner; node != &root_; node = node->parent) {
      node->leave_line();
      if (--node->waiting != 0) node->line_up();
    }
    --waiting_;
  }
  /// How long the last item of the item's highest owner took, in seconds; 0: none is done.
  double last_took(const Place& place) const {
    const Node* node = place.owner;
    while (node->parent != &root_) node = node->parent;
    return node->last;
  }
  /// Removes an item, in turn or not, that begins now and charges `expected` seconds for it.
  void take(const Place& place, double expected) {
    Node* const owner = place.owner;
    take_out(place);
    for (Node* node = owner; node != &root_; node = node->parent) {
      node->charge(expected);
      ++node->running;
    }
    ++running_;
  }
  /// An item that was taken with `expected` is done and took `seconds`.
  void done(const Path& path, double seconds, double expected) {
    Node* node = &root_;
    for (const std::string& key : path) {
      node = &node->children.find(key)->second;
      node->last = seconds;
      node->charge(seconds - expected);
      --node->running;
    }
    --running_;
    if (waiting_ == 0 && running_ == 0) {
      root_.children.clear();
      root_.now = 0;
      nodes_ = 0;
    } else if (nodes_ > most_idle + levels * (waiting_ + running_)) {
      prune(root_);
    }
  }

 private:
  /// Start time of its next item in seconds of its parent's work, and when it began to wait.
  using Tag = std::pair<double, std::uint64_t>;
  struct Node {
    Node* parent = nullptr;
    double tag = 0;
    double now = 0;   ///< virtual time of its children
    double last = 0;  ///< seconds that its last item took
    std::uint64_t number = 0;
    std::size_t waiting = 0;
    std::size_t running = 0;
    std::map<std::string, Node> children;
    std::map<Tag, Node*> line;  ///< children that wait
    std::list<Item*> items;     ///< of the lowest level

    void line_up() { parent->line.emplace(Tag(tag, number), this); }
    void leave_line() { parent->line.erase(Tag(tag, number)); }
    void charge(double seconds) {
      if (waiting != 0) leave_line();
      tag += seconds;
      if (waiting != 0) line_up();
    }
  };
  static constexpr std::size_t most_idle = 1024;

  void prune(Node& node) {
    for (auto child = node.children.begin(); child != node.children.end();) {
      if (child->second.waiting == 0 && child->second.running == 0) {
        nodes_ -= size_of(child->second);
        child = node.children.erase(child);
      } else {
        prune((child++)->second);
      }
    }
  }
  static std::size_t size_of(const Node& node) {
    std::size_t size = 1;
    for (const auto& [key, child] : node.children) size += size_of(child);
    return size;
  }

  Node root_;
  std::size_t nodes_ = 0;
  std::size_t waiting_ = 0;
  std::size_t running_ = 0;
  std::uint64_t numbers_ = 0;
};

}  // namespace postern::net
