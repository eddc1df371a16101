// The values that the search for a witness tries, from the contents of a policy's tables. Private
// to this folder.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "dialect/restrictions/rules.h"

namespace postern::dialect::restrictions {

/// Values to combine to dialogues. The first of each list is the plainest.
struct Candidates {
  std::vector<IpAddress> clients;         ///< all outside mynetworks, but see `swallowed`
  bool swallowed = false;                 ///< the first client is unknown but inside mynetworks
  std::vector<std::string> client_names;  ///< verified; "": none
  std::size_t listed_names = 0;           ///< names from this index on are in a table
  std::vector<std::string> helos;         ///< "": not sent
  std::vector<std::string> senders;       ///< "": the null reverse-path
  std::vector<std::string> recipients;    ///< all foreign
  std::vector<std::string> services;      ///< replies of policy servers
  std::vector<std::string> listeners;     ///< "": one that no table names
  /// Values from tables that messages must not quote.
  std::set<std::string, std::less<>> hidden;

  std::vector<std::string> anywhere;  ///< unrelated foreign destinations
  std::vector<IpAddress> elsewhere;   ///< unrelated unknown clients

  /// Whether a client name is in a table.
  bool is_listed_name(std::size_t index) const { return index >= listed_names; }
};
/// Candidates for the policy's tables.
Candidates candidates_of(const ListPolicy& policy);

/// A text that the pattern probably matches; the caller must verify it.
std::string sample_of_pattern(std::string_view pattern);

}  // namespace postern::dialect::restrictions
