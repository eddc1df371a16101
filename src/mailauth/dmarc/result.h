// The result of DMARC (RFC 7489 §11.2) as a value; evaluate.h finds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mailauth/dmarc/record.h"

namespace mailauth::dmarc {

/// How organizational domains are found.
enum class Mode : std::uint8_t {
  public_suffix,  ///< RFC 7489 §3.2
  tree_walk,      ///< RFC 9989 §4.10
};

/// A DMARC result (RFC 8601 §2.7.6, RFC 7489 §11.2).
enum class Status : std::uint8_t { none, pass, fail, temperror, permerror };
/// The result as Authentication-Results writes it.
std::string_view to_string(Status status);

/// The result for one message.
struct Result {
  Status status = Status::none;       ///< the DMARC result
  Mode mode = Mode::public_suffix;    ///< how the record was found
  Policy policy = Policy::none;       ///< requested for the author domain by p=, sp= or np=
  Policy disposition = Policy::none;  ///< requested for this message, after pct= or t=
  std::string from_domain;            ///< the author domain in normal form
  std::string record_domain;          ///< the domain of the record; empty without a record
  std::string org_domain;        ///< the organizational domain of the author; empty when not needed
  std::optional<Record> record;  ///< the record that applies
  bool spf_aligned = false;      ///< SPF passed for an aligned domain
  bool dkim_aligned = false;     ///< a DKIM signature of an aligned domain passed
  std::string reason;            ///< one sentence for logs; may be empty
  int queries = 0;               ///< DNS queries used
};

}  // namespace mailauth::dmarc
