// A DNS answer that a decision used.
#pragma once

#include "dns/dns.h"

namespace postern::policy {

/// A DNS answer that a decision used; recorded so that the decision can be replayed offline.
struct DnsRecord {
  dns::Question question;  ///< as asked
  dns::Answer answer;      ///< as received
  bool in_shadow = false;  ///< asked for layers in shadow alone: enforced layers do not see it
};

}  // namespace postern::policy
