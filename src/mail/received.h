// The trace fields a server prepends: RFC 5321 §4.4.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "mail/address.h"

namespace postern::mail {

/// How a message came.
struct Arrival {
  std::string helo_name;    ///< as the client wrote it; may be anything
  std::string client_name;  ///< confirmed reverse DNS; empty when there is none
  IpAddress client_address;
  std::string hostname;  ///< ours
  std::string protocol;  ///< of transmission_type()
  std::string tls;  ///< protocol and cipher, `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty without TLS
  std::string id;   ///< the message's ULID
  /// The recipient when there is exactly one: with more, RFC 5321 §7.2 would have one told of
  /// another.
  std::optional<Mailbox> recipient;
  std::chrono::system_clock::time_point time;
};

/// A complete Received field, folded, with CRLF. What the client said about itself appears only as
/// a valid domain or address literal, or escaped inside a comment.
std::string received_field(const Arrival& arrival);

/// `Return-Path: <path>` with CRLF; nullopt is the null reverse-path.
std::string return_path_field(const std::optional<Mailbox>& reverse_path);

/// The `with` word: RFC 3848, and RFC 6531 §4.3 for SMTPUTF8 (`UTF8SMTPSA`).
struct Transmission {
  bool extended = false;
  bool tls = false;
  bool authenticated = false;
  bool smtputf8 = false;
};
std::string transmission_type(const Transmission& transmission);

/// Text fit for a comment of RFC 5322 §3.2.2, without its parentheses: those and the backslash are
/// quoted, what is not printable ASCII becomes '?'; 255 octets of `text` at most.
std::string comment_text(std::string_view text);

}  // namespace postern::mail
