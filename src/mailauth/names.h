// Domain names in the normal form in which mailauth compares them: lower case, A-labels, no
// trailing dot.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mailauth {

inline constexpr std::size_t max_domain = 253;  ///< octets in text form (RFC 1035 §2.3.4)
inline constexpr std::size_t max_label = 63;    ///< octets of a label (RFC 1035 §2.3.4)

/// Converts a domain name to normal form: labels of letters, digits, hyphens and underscores, 1-63
/// octets each, 253 octets in all. U-labels become A-labels (RFC 5891 §5, non-transitional); one
/// trailing dot is removed. Nullopt for anything else, address literals included.
std::optional<std::string> normalize_domain(std::string_view text);
/// Whether `text` is in normal form.
bool is_normal_domain(std::string_view text);

/// Whether `name` equals `ancestor` or is below it, compared by whole labels without ASCII case.
/// False when `ancestor` is empty.
bool is_subdomain(std::string_view name, std::string_view ancestor);
/// `name` without its first label; empty when it has only one.
std::string_view parent_domain(std::string_view name);
/// Number of labels; 0 for the empty name.
std::size_t label_count(std::string_view name);
/// The last `count` labels of `name`; all of it when it has fewer. `count` is at least 1.
std::string_view last_labels(std::string_view name, std::size_t count);

/// A public suffix list (publicsuffix.org) with its private section. Immutable; may be shared by
/// threads.
class SuffixList {
 public:
  /// The newer of the installed list and the list built into libpsl. Loaded at the first call.
  static const SuffixList& system();
  /// A list from rules in the list's file format, one in each line. For tests.
  static SuffixList from_rules(std::string_view rules);

  /// Whether `name`, in normal form, is a public suffix. An unlisted top-level domain is one.
  bool is_public_suffix(std::string_view name) const;
  /// Whether `name` is a public suffix of the list's ICANN section. Owners of suffixes in the
  /// private section send mail under them.
  bool is_registry_suffix(std::string_view name) const;
  /// The organizational domain (RFC 7489 §3.2): the public suffix and one more label. `name` itself
  /// when it is a public suffix. `name` is in normal form.
  std::string organizational_domain(std::string_view name) const;

 private:
  explicit SuffixList(std::shared_ptr<const void> list) : list_(std::move(list)) {}
  std::shared_ptr<const void> list_;
};

}  // namespace mailauth
