// What the search for a witness tries: made from what a policy's tables list. Private to this
// folder.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "dialect/restrictions/rules.h"

namespace postern::dialect::restrictions {

/// The first of each is the plainest.
struct Candidates {
  std::vector<IpAddress> clients;
  bool swallowed = false;                 ///< the first one is a stranger in mynetworks
  std::vector<std::string> client_names;  ///< verified; "" without
  std::size_t listed_names = 0;           ///< names from here on stand in a table
  std::vector<std::string> helos;         ///< "" none is given
  std::vector<std::string> senders;       ///< "" is the null reverse-path
  std::vector<std::string> recipients;    ///< all foreign
  std::vector<std::string> services;      ///< what policy servers answer
  /// Of all these, what stands in a table that no message may quote.
  std::set<std::string, std::less<>> hidden;

  std::vector<std::string> anywhere;  ///< destinations that have nothing in common
  std::vector<IpAddress> elsewhere;   ///< strangers that have nothing in common

  bool is_listed_name(std::size_t index) const { return index >= listed_names; }
};
Candidates candidates_of(const Policy& policy);

/// Some text that a pattern may match; whether it does is for the caller to see.
std::string sample_of_pattern(std::string_view pattern);

}  // namespace postern::dialect::restrictions
