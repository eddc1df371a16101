// Values by domain name. `*.example.com` matches every name below example.com, as a DNS wildcard
// does (RFC 4592 §3.3): the closest ancestor in the map decides. So an entry `*.b.example.com` or
// `x.b.example.com` hides b.example.com and all names below it from `*.example.com`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace postern::dialect::kumo {

/// A hash that looks up a string_view without a copy.
struct TextHash {
  using is_transparent = void;  ///< marks the hash as transparent for std::unordered_map
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
/// A hash map by text, with lookup by string_view.
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// The canonical spelling of a key: "*", "*.example.com", "example.com" or an address literal, in
/// lower case, as A-labels (RFC 5891 §5) and without a trailing dot. Hooks and lookups use the
/// same spelling. A `*` matches one or more labels. Fault::malformed or Fault::limit with a
/// sentence if `pattern` is none of these and would never match.
Result<std::string> domain_key(std::string_view pattern);
/// The canonical spelling of a name to look up. If `domain` is not a domain name (it may hold any
/// octets), only its case and its trailing dot change.
std::string domain_to_find(std::string_view domain);

/// A map by domain name. Different spellings of a domain are one entry; see domain_key().
template <class T>
class DomainMap {
 public:
  /// The value of exactly this pattern; inserted if it is not there. Errors are those of
  /// domain_key(). Valid until the map changes.
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

  /// The value of the matching entry or wildcard. Null: none matches. Valid until the map changes.
  const T* find(std::string_view domain) const {
    const std::string name = domain_to_find(domain);
    // A longer text is no domain and below none. A header may be long: each of its dots would cost
    // a hash of all that follows.
    if (name.size() > longest_domain) return at("*");
    if (const auto exact = nodes_.find(name); exact != nodes_.end()) return value_of(exact);
    for (std::string_view above = parent(name);; above = parent(above)) {
      if (!above.empty() && !nodes_.contains(above)) continue;
      return at(above.empty() ? std::string("*") : "*." + std::string(above));
    }
  }

  bool empty() const { return nodes_.empty(); }  ///< whether there is no entry
  /// Calls `visit(pattern, value)` for each entry, in no particular order.
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
  const T* at(std::string_view pattern) const {
    const auto node = nodes_.find(pattern);
    return node == nodes_.end() ? nullptr : value_of(node);
  }
  static const T* value_of(typename Nodes::const_iterator node) {
    return node->second ? &*node->second : nullptr;
  }

  static constexpr std::size_t longest_domain = 255;  ///< octets (RFC 1035 §2.3.4)

  Nodes nodes_;
};

}  // namespace postern::dialect::kumo
