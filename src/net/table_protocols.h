// The wire format of lookup protocols: tcp_table(5) of Postfix, one line each way, its
// socketmap_table(5), one netstring each way, and `get` of memcached. No sockets.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::net {

/// The value of a key; nullopt: not found. Fault::temporary: the server reports a failure.
/// Fault::malformed: an invalid reply. Text of the server is printable in errors.
using TableReply = Result<std::optional<std::string>>;

/// The longest replies, in octets, including framing.
inline constexpr std::size_t max_tcp_table_reply = 4096;
inline constexpr std::size_t max_socketmap_reply = 100'000 + 8;

/// The request for a key, percent-encoded, with line end.
std::string tcp_table_request(std::string_view key);
/// The length of the reply in octets; 0: incomplete.
std::size_t tcp_table_reply_size(std::string_view so_far);
/// Parses a complete reply, including its line end.
TableReply tcp_table_reply(std::string_view reply);

/// The request for a key in `map`, which has no blanks.
std::string socketmap_request(std::string_view map, std::string_view key);
/// The length of the reply in octets; 0: incomplete. For an invalid reply, all octets.
std::size_t socketmap_reply_size(std::string_view so_far);
/// Parses a complete reply, including its framing.
TableReply socketmap_reply(std::string_view reply);

/// How much of a memcached server's reply is read.
struct MemcacheLimits {
  std::size_t line = 1024;     ///< octets of a line with its CR, at most; at least 4, `END`
  std::size_t value = 10'240;  ///< octets of a value, at most
  /// The longest reply, in octets: a line, a value, and the line `END`.
  std::size_t reply() const { return line + 1 + value + 7; }
};

/// The request for a key, which has neither white space nor a NUL.
std::string memcache_request(std::string_view key);
/// The length of the reply in octets; 0: incomplete. For an invalid reply, and one beyond the
/// limits, all octets up to where that shows.
std::size_t memcache_reply_size(std::string_view so_far, const MemcacheLimits& limits);
/// Parses a complete reply to a request for `key`, including its line ends.
TableReply memcache_reply(std::string_view reply, std::string_view key,
                          const MemcacheLimits& limits);

}  // namespace postern::net
