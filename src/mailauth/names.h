// Domain names as all of mailauth compares them: lower case, A-labels, no trailing dot.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mailauth {

inline constexpr std::size_t max_domain = 253;  ///< RFC 1035 §2.3.4, in text and without root
inline constexpr std::size_t max_label = 63;

/// The normal form: labels of letters, digits, hyphens and underscores, each 1-63 octets, 253 in
/// all; U-labels become A-labels (IDNA2008, non-transitional), one trailing dot is dropped.
/// Nullopt for anything else, address literals included.
std::optional<std::string> normalize_domain(std::string_view text);
/// Whether `text` already has the normal form.
bool is_normal_domain(std::string_view text);

/// `name` is `ancestor` or below it, by whole labels. Both in any case of letters.
bool is_subdomain(std::string_view name, std::string_view ancestor);
/// The name without its first label; empty when it has one label.
std::string_view parent_domain(std::string_view name);
std::size_t label_count(std::string_view name);
/// The last `count` labels of `name`, or all of it.
std::string_view last_labels(std::string_view name, std::size_t count);

/// A public suffix list (publicsuffix.org), private section included. Immutable; may be shared by
/// threads.
class SuffixList {
 public:
  /// The newer of the list installed with the system and the one built into libpsl.
  static const SuffixList& system();
  /// Rules one a line, in the list's own syntax.
  static SuffixList from_rules(std::string_view rules);

  /// A public suffix, an unlisted top-level domain included. `name` in normal form.
  bool is_public_suffix(std::string_view name) const;
  /// The same without the list's private section: companies there send mail of their own.
  bool is_registry_suffix(std::string_view name) const;
  /// RFC 7489 §3.2: the suffix and one label more; the name itself when that is a public suffix.
  std::string organizational_domain(std::string_view name) const;

 private:
  explicit SuffixList(std::shared_ptr<const void> list) : list_(std::move(list)) {}
  std::shared_ptr<const void> list_;
};

}  // namespace mailauth
