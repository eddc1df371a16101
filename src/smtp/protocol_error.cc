#include "smtp/protocol_error.h"

namespace postern::smtp {

namespace {

constexpr std::string_view names[] = {"bare_lf",
                                      "bare_cr",
                                      "nul",
                                      "long_line",
                                      "unknown_command",
                                      "other_protocol",
                                      "syntax",
                                      "sequence",
                                      "base64",
                                      "pipelining",
                                      "early_talker",
                                      "too_many_errors",
                                      "too_many_commands",
                                      "proxy_header"};
static_assert(std::size(names) == static_cast<std::size_t>(ProtocolError::proxy_header) + 1);

}  // namespace

std::span<const std::string_view> protocol_error_names() { return names; }

std::string_view to_string(ProtocolError kind) { return names[static_cast<std::size_t>(kind)]; }

}  // namespace postern::smtp
