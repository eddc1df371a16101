// A strict parser for HTTP request heads. Beast accepts more than a server should (folded fields,
// unknown transfer codings, blanks before a colon). A head accepted here has only one meaning for
// all HTTP parsers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace postern::net {

/// The longest request line and head, in octets (RFC 9112 §3 recommends at least 8000).
inline constexpr std::size_t max_request_line = 8192;
inline constexpr std::size_t max_request_head = 16384;
/// Fields in one head.
inline constexpr std::size_t max_header_fields = 100;

/// Whether it is a token (RFC 9110 §5.6.2).
bool is_token(std::string_view text);

/// Why a request is rejected before its handler. The connection is closed afterwards.
struct HttpFault {
  /// 400, 414, 431 and the like.
  int status = 400;
  std::string code;      ///< machine-readable
  std::string sentence;  ///< for people; contains nothing from the client
};

/// A parsed head.
struct HttpHead {
  HttpRequest request;     ///< without body and peer
  bool head_only = false;  ///< the method is HEAD
  /// The connection may be reused (RFC 9112 §9.3).
  bool keep_alive = true;
  /// Sent as HTTP/1.0.
  bool http_1_0 = false;
  /// Transfer-Encoding: chunked (RFC 9112 §7.1).
  bool chunked = false;
  /// Expect: 100-continue (RFC 9110 §10.1.1).
  bool expects_continue = false;
  /// Octets; 0: none given.
  std::uint64_t content_length = 0;
};

/// The state of a head that is still arriving; errors are reported as early as possible.
struct HeadProgress {
  /// Nullopt: no error so far.
  std::optional<HttpFault> fault;
  std::size_t length = 0;  ///< octets of the head including its empty line; 0: incomplete
};
/// Checks a prefix of a head. `received` starts at the request line.
HeadProgress scan_head(std::string_view received);

/// Parses a complete head, including its empty line. nullopt: `out` is set.
std::optional<HttpFault> parse_head(std::string_view head, HttpHead& out);

/// Decodes a request target in origin or absolute form (RFC 9112 §3.2). nullopt: `out` is set.
std::optional<HttpFault> parse_target(std::string_view target, HttpRequest& out);

}  // namespace postern::net
