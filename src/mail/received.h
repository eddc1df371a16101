// The trace fields that a server prepends (RFC 5321 §4.4).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "mail/address.h"

namespace postern::mail {

/// How a message was received.
struct Arrival {
  std::string helo_name;    ///< as the client sent it; not validated
  std::string client_name;  ///< confirmed reverse DNS name; empty: none
  /// Of the SMTP client.
  IpAddress client_address;
  std::string hostname;  ///< of this server
  std::string protocol;  ///< transmission_type()
  std::string tls;       ///< protocol and cipher: `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty: no TLS
  std::string id;        ///< ULID of the message; empty: no `id` clause
  /// The only recipient; nullopt if there are several: the field would disclose one to another
  /// (RFC 5321 §7.2).
  std::optional<Mailbox> recipient;
  std::chrono::system_clock::time_point time;  ///< when it was received
};

/// A complete Received field, folded, with CRLF. The HELO name appears only as a valid domain or
/// address literal, or escaped in a comment.
std::string received_field(const Arrival& arrival);

/// `Return-Path: <path>` with CRLF; nullopt: the null reverse-path.
std::string return_path_field(const std::optional<Mailbox>& reverse_path);

/// The parameters of transmission_type().
struct Transmission {
  bool extended = false;  ///< EHLO
  bool tls = false;
  bool authenticated = false;
  bool smtputf8 = false;
};
/// The keyword of the `with` clause (RFC 3848 §1, and RFC 6531 §4.3 for SMTPUTF8): `SMTP`,
/// `ESMTPSA`, `UTF8SMTPSA`.
std::string transmission_type(const Transmission& transmission);

/// The content of a comment (RFC 5322 §3.2.2): parentheses and backslashes are quoted, octets
/// outside printable ASCII become '?'. At most 255 octets of `text` are used.
std::string comment_text(std::string_view text);

}  // namespace postern::mail
