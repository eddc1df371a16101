// The strict reading of a request head. Beast takes more than a server should (folded fields,
// unknown transfer codings, blanks before a colon); what passes here has one meaning for every HTTP
// parser.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace postern::net {

/// Longest request line and head, in octets (RFC 9112 §3 asks for 8000 at least).
inline constexpr std::size_t max_request_line = 8192;
inline constexpr std::size_t max_request_head = 16384;
inline constexpr std::size_t max_header_fields = 100;

/// Why a request is refused before anybody looks at what it wants. The connection closes after it.
struct HttpFault {
  int status = 400;
  std::string code;      ///< for programs
  std::string sentence;  ///< for people; holds nothing the client sent
};

struct HttpHead {
  HttpRequest request;     ///< without body and peer
  bool head_only = false;  ///< the method was HEAD
  bool keep_alive = true;
  bool http_1_0 = false;
  bool chunked = false;
  bool expects_continue = false;
  std::uint64_t content_length = 0;
};

/// How far a head has got that is still arriving: an error as soon as there is one.
struct HeadProgress {
  std::optional<HttpFault> fault;
  std::size_t length = 0;  ///< octets of the head with its empty line, 0 while incomplete
};
/// `received` starts at the request line.
HeadProgress scan_head(std::string_view received);

/// Reads a complete head, empty line included.
std::optional<HttpFault> parse_head(std::string_view head, HttpHead& out);

/// Decodes a request target in origin or absolute form (RFC 9112 §3.2).
std::optional<HttpFault> parse_target(std::string_view target, HttpRequest& out);

}  // namespace postern::net
