// What the relay gives to the SMTP client, and the results it gets back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "smtp/client_reply.h"

namespace postern::smtp {

/// One RCPT. NOTIFY and ORCPT are passed on unchanged, only to hosts that offer DSN
/// (RFC 3461 §5.2.1).
struct OutboundRecipient {
  std::string address;  ///< without brackets; the domain in U-labels or A-labels
  std::string notify;   ///< RFC 3461 §4.1; empty: not given
  std::string orcpt;    ///< RFC 3461 §4.2; empty: not given
};

/// The envelope of a message. Its content is requested in pieces with NeedText.
struct OutboundMessage {
  std::string reverse_path;  ///< empty: the null reverse-path
  /// At least one.
  std::vector<OutboundRecipient> recipients;
  std::uint64_t size = 0;    ///< octets of the message as stored
  bool header_8bit = false;  ///< the header section has an octet above 127
  bool body_8bit = false;    ///< the body has an octet above 127
  bool smtputf8 = false;     ///< received with SMTPUTF8 (RFC 6531 §3.4)
  bool requiretls = false;   ///< received with REQUIRETLS (RFC 8689 §2)
  /// There is no message: a recipient that RCPT accepts counts as delivered, RSET and QUIT follow.
  bool probe = false;
  std::string ret;    ///< RET (RFC 3461 §4.3), as received; empty: not given
  std::string envid;  ///< ENVID (RFC 3461 §4.4), as received; empty: not given
};

/// The class of a result (RFC 3463 §3.1); `none`: no result yet.
enum class ResultClass : std::uint8_t { none, delivered, temporary, permanent };

/// The result of one recipient.
struct RecipientResult {
  /// The outcome.
  ResultClass klass = ResultClass::none;
  std::uint16_t code = 0;  ///< of the server's reply; 0: found by this client
  EnhancedCode enhanced;   ///< its class matches `klass`
  std::string text;        ///< printable, at most 1024 octets, without the codes
  /// Another host may be tried in this attempt. Never set if the message may have been delivered.
  bool next_host = false;
  /// The host lacks a feature that the message needs: permanent only if all hosts lack it.
  bool lacking = false;
  /// The end of the message was sent, but no reply came: it may have been delivered
  /// (RFC 5321 §6.1).
  bool uncertain = false;

  bool operator==(const RecipientResult&) const = default;
};

}  // namespace postern::smtp
