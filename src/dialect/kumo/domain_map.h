// Values by domain name, where `*.example.com` stands for every name below example.com as a
// wildcard of the DNS does (RFC 4592 §3.3): the closest ancestor that is in the map decides, so
// an entry `*.b.example.com` or `x.b.example.com` takes b.example.com and what is below it away
// from `*.example.com`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace postern::dialect::kumo {

/// Lets a string_view be looked up without a copy.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// The one spelling of a key: "*", "*.example.com", "example.com" or an address literal, in lower
/// case and A-labels (RFC 5891 §5) without a trailing dot, as hooks and lookups have domains. A `*`
/// stands for all of the labels in front. Fault::malformed or Fault::limit with a sentence: it is
/// none of these, and would never be found.
Result<std::string> domain_key(std::string_view pattern);
/// The same of a name that is looked up, of which any octets may come: where it is no domain, it
/// stays as it is but for case and trailing dot.
std::string domain_to_find(std::string_view domain);

/// Spellings of one domain are one entry: see domain_key().
template <class T>
class DomainMap {
 public:
  /// The value of exactly this pattern, made if need be. Errors are those of domain_key(). Valid
  /// until the map changes.
  Result<T*> entry(std::string_view pattern) {
    Result<std::string> name = domain_key(pattern);
    if (!name) return tl::unexpected(std::move(name.error()));
    // Every name above an entry exists too (RFC 4592 §2.2.2, empty non-terminals).
    for (std::string_view above = parent(*name); !above.empty(); above = parent(above)) {
      nodes_.try_emplace(std::string(above));
    }
    std::optional<T>& value = nodes_[*name];
    if (!value) value.emplace();
    return &*value;
  }

  /// Null where neither an entry nor a wildcard has the name. Valid until the map changes.
  const T* find(std::string_view domain) const {
    const std::string name = domain_to_find(domain);
    if (const auto exact = nodes_.find(name); exact != nodes_.end()) return value_of(exact);
    for (std::string_view above = parent(name);; above = parent(above)) {
      if (!above.empty() && !nodes_.contains(above)) continue;
      const auto wildcard =
          nodes_.find(above.empty() ? std::string("*") : "*." + std::string(above));
      return wildcard == nodes_.end() ? nullptr : value_of(wildcard);
    }
  }

  bool empty() const { return nodes_.empty(); }
  /// `visit(pattern, value)` for each entry, in no order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [pattern, value] : nodes_) {
      if (value) visit(pattern, *value);
    }
  }

 private:
  using Nodes = TextMap<std::optional<T>>;

  static std::string_view parent(std::string_view name) {
    const std::size_t dot = name.find('.');
    return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  }
  static const T* value_of(typename Nodes::const_iterator node) {
    return node->second ? &*node->second : nullptr;
  }

  Nodes nodes_;
};

}  // namespace postern::dialect::kumo
