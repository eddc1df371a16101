// The words of two look-up protocols of Postfix: tcp_table(5), a line each way, and
// socketmap_table(5), a netstring each way. No sockets here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::net {

/// The value of a key; nullopt: there is none. Fault::temporary when the server says that it cannot
/// tell, Fault::malformed when it is not understood. What a server sent is printable in errors.
using TableReply = Result<std::optional<std::string>>;

/// Longest replies, in octets, with what stands around them.
inline constexpr std::size_t max_tcp_table_reply = 4096;
inline constexpr std::size_t max_socketmap_reply = 100'000 + 8;

std::string tcp_table_request(std::string_view key);
/// Octets of the reply, 0: more is to come.
std::size_t tcp_table_reply_size(std::string_view so_far);
/// Of a whole reply, with its line end.
TableReply tcp_table_reply(std::string_view reply);

/// `map` has no blank in it.
std::string socketmap_request(std::string_view map, std::string_view key);
/// Of what can be no reply, all that has come.
std::size_t socketmap_reply_size(std::string_view so_far);
TableReply socketmap_reply(std::string_view reply);

}  // namespace postern::net
