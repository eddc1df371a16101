// Converts text and numbers to members of Config, and reports invalid values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/schema.h"

namespace postern::app {

/// Why a value is invalid.
struct Complaint {
  std::string code;     ///< of the diagnostic
  std::string message;  ///< one sentence
  std::string label;    ///< after the carets; may be empty
  std::string hint;     ///< empty: an example value is shown
};

/// Both store a value in `slot`, or leave it unchanged and return the error.
std::optional<Complaint> fill_text(const Key& key, const Slot& slot, std::string_view text);
std::optional<Complaint> fill_number(const Key& key, const Slot& slot, std::int64_t number);

/// Collects the elements of a list; finish() stores them.
class ListFiller {
 public:
  /// `key` outlives it; `slot` is a list.
  ListFiller(const Key& key, Slot slot) : key_(key), slot_(slot) {}
  /// Adds a text element; returns an error instead if it is invalid.
  std::optional<Complaint> add(std::string_view text);
  /// Adds a number; returns an error instead if it is invalid.
  std::optional<Complaint> add(std::int64_t number);
  /// Stores the list, which replaces the old one.
  void finish();

 private:
  const Key& key_;
  Slot slot_;
  std::vector<Cidr> networks_;
  std::vector<Endpoint> servers_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::string> names_;
  std::vector<Milliseconds> durations_;
};

/// A listener's TLS mode in one or two words.
std::string_view tls_text(gateway::ListenerTls mode);
/// A valid value of the key, for a hint.
std::string example_value(const Key& key);
/// Labels of letters, digits and hyphens with at most 63 octets, 253 octets together (RFC 1123
/// §2.1).
bool is_domain_name(std::string_view text);

}  // namespace postern::app
