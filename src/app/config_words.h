// Text and numbers into the members of Config, and the complaint when they do not fit.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config_schema.h"

namespace postern::app {

struct Complaint {
  std::string code;
  std::string message;
  std::string label;
  std::string hint;  ///< empty: an example of the key
};

/// Each fills `slot`, or leaves it alone and says why.
std::optional<Complaint> fill_text(const Key& key, const Slot& slot, std::string_view text);
std::optional<Complaint> fill_number(const Key& key, const Slot& slot, std::int64_t number);

/// Collects the elements of a list; finish() stores them.
class ListFiller {
 public:
  ListFiller(const Key& key, Slot slot) : key_(key), slot_(slot) {}
  std::optional<Complaint> add(std::string_view text);
  std::optional<Complaint> add(std::int64_t number);
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

/// A listener's TLS in one or two words, for a person.
std::string_view tls_text(TlsMode mode);
/// A right value of the key, for a hint.
std::string example_value(const Key& key);
/// Labels of letters, digits and hyphens, 63 octets each, 253 together (RFC 1123 §2.1).
bool is_domain_name(std::string_view text);

}  // namespace postern::app
