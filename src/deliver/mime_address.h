// Address lists of From, To, Cc, Reply-To (RFC 5322 §3.4) as a receiver wants them: groups
// flattened, comments and source routes dropped, display names decoded. Lenient, linear and without
// recursion; what it reads is for display, never for a decision.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "deliver/mime_words.h"

namespace postern::deliver {

/// Addresses taken from one field; the rest is ignored.
inline constexpr std::size_t max_addresses = 10000;

struct Address {
  std::string name;     ///< UTF-8; empty without one
  std::string address;  ///< as written, without comments; empty when the entry is only a name
};

/// A group (RFC 5322 §3.4), and which of the addresses are its own.
struct AddressGroup {
  std::string name;
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct AddressNotes {
  WordNotes words;
  std::vector<AddressGroup> groups;  ///< in the order of the field; `max_addresses` at most
  bool too_many = false;
};

/// Appends the addresses of an unfolded field value, octets as they came, to `out`. The charset of
/// a name is guessed as elsewhere; that of an address is not, since a guess would be another
/// address: what is not UTF-8 (RFC 6532 §3.2) there is U+FFFD.
void read_addresses(std::string_view field, Charsets& charsets, std::vector<Address>& out,
                    AddressNotes& notes);

}  // namespace postern::deliver
