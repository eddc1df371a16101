// What clients do against the protocol, as metrics count it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace postern::smtp {

/// A violation of the protocol. Most do not end the session; one command may be several.
enum class ProtocolError : std::uint8_t {
  bare_lf,            ///< LF without CR (RFC 5321 §2.3.8), in a command or a message
  bare_cr,            ///< CR without LF (RFC 5321 §2.3.8), in a command or a message
  nul,                ///< a NUL (RFC 5321 §4.5.2), in a command or a message
  long_line,          ///< a line over its limit (RFC 5321 §4.5.3.1.4, §4.5.3.1.6)
  unknown_command,    ///< a verb that no extension of the session has
  other_protocol,     ///< the first line is TLS, HTTP or the like
  syntax,             ///< a malformed argument or parameter (RFC 5321 §4.2.2: 501, 555)
  sequence,           ///< a command out of order (RFC 5321 §4.1.4)
  base64,             ///< AUTH data that is not base64 (RFC 4954 §4)
  pipelining,         ///< input after a command that must end a group (RFC 2920 §3.1)
  early_talker,       ///< input before the greeting (RFC 5321 §4.3.1); the driver finds it
  too_many_errors,    ///< the error over Limits::errors, which ends the session
  too_many_commands,  ///< a command without progress over Limits::junk_commands
  proxy_header,       ///< a malformed PROXY header; the driver finds it
};
/// The enumerators' names, in their order.
std::span<const std::string_view> protocol_error_names();
/// The enumerator's name.
std::string_view to_string(ProtocolError kind);

}  // namespace postern::smtp
