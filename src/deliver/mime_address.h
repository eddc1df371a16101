// Reads address lists of From, To, Cc and Reply-To (RFC 5322 §3.4) for receivers: groups are
// flattened, comments and source routes dropped, display names decoded. Lenient, linear in time,
// without recursion. The result is for display, never for a decision.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime_words.h"

namespace postern::deliver {

/// Addresses read from one field; the rest is ignored.
inline constexpr std::size_t max_addresses = 10000;

/// An address for display.
struct Address {
  std::string name;     ///< display name in UTF-8; empty if there is none
  std::string address;  ///< as written, without comments; empty if the entry is only a name
};

/// A group (RFC 5322 §3.4) and its range of addresses in the result.
struct AddressGroup {
  std::string name;       ///< display name in UTF-8
  std::size_t begin = 0;  ///< index of its first address
  std::size_t end = 0;    ///< index after its last address
};

/// Problems and groups found while reading.
struct AddressNotes {
  WordNotes words;                   ///< of display names
  std::vector<AddressGroup> groups;  ///< in the order of the field; max_addresses at most
  bool too_many = false;             ///< addresses were ignored
};

/// Appends the addresses of an unfolded field value to `out`. The charset of a raw display name is
/// guessed; that of an address is not, since a guess would be another address: what is not UTF-8
/// (RFC 6532 §3.2) becomes U+FFFD.
void read_addresses(std::string_view field, Charsets& charsets, std::vector<Address>& out,
                    AddressNotes& notes);

}  // namespace postern::deliver
