// Why a message is refused whatever a policy says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "smtp/data_reader.h"
#include "smtp/limits.h"
#include "smtp/reply.h"

namespace postern::smtp {

/// The reply to a message of more octets than that (RFC 1870 §6.3).
Reply too_big(std::uint64_t limit);
/// The reply to a message that was read: bare CR, LF or NUL in it (RFC 5321 §2.3.8), too many
/// octets (RFC 1870 §6.3), a line too long (RFC 5321 §4.5.3.1.6). nullopt: none of these.
std::optional<Reply> message_fault(const DataReader& reader, const ServerOptions& options);
/// The same of a whole message, as it stands without stuffed dots.
std::optional<Reply> message_fault(std::string_view message, const ServerOptions& options);

}  // namespace postern::smtp
