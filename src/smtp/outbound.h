// What a relay hands to the SMTP client, and what it gets back for each recipient.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smtp/client_reply.h"

namespace postern::smtp {

/// One RCPT. NOTIFY and ORCPT go on octet for octet, and only to a host that offers DSN (RFC 3461
/// §5.2.1); empty: was not given.
struct OutboundRecipient {
  std::string address;  ///< without brackets; the domain as U-labels or A-labels
  std::string notify;
  std::string orcpt;
};

/// A message with its envelope. Its octets are asked for in pieces and are not held here.
struct OutboundMessage {
  std::string reverse_path;  ///< empty: the null reverse-path
  std::vector<OutboundRecipient> recipients;
  std::uint64_t size = 0;    ///< octets as stored
  bool header_8bit = false;  ///< an octet above 127 in the header section
  bool body_8bit = false;    ///< an octet above 127 behind it
  bool smtputf8 = false;     ///< SMTPUTF8 was said at receipt (RFC 6531)
  bool requiretls = false;   ///< REQUIRETLS was said at receipt (RFC 8689)
  std::string ret;           ///< RET and ENVID (RFC 3461), as given; empty: not given
  std::string envid;
};

enum class ResultClass : std::uint8_t { none, delivered, temporary, permanent };

/// What became of one recipient.
struct RecipientResult {
  ResultClass klass = ResultClass::none;
  std::uint16_t code = 0;  ///< of the remote reply; 0: found by ourselves
  EnhancedCode enhanced;   ///< its class digit is that of `klass`
  std::string text;        ///< printable, at most 1024 octets; without the code
  /// Another host may be tried in this attempt. Never after a delivery that may have happened.
  bool next_host = false;
  /// The host lacks what the message needs: permanent only if every host lacks it.
  bool lacking = false;
  /// The end of the message was sent and not answered (RFC 1047): it may have been delivered.
  bool uncertain = false;

  bool operator==(const RecipientResult&) const = default;
};

}  // namespace postern::smtp
