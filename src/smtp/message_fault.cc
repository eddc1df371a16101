#include "smtp/message_fault.h"

#include <fmt/format.h>

namespace postern::smtp {

Reply too_big(std::uint64_t limit) {
  return Reply{552, {5, 3, 4}, fmt::format("message exceeds {} octets", limit)};
}

std::optional<Reply> message_fault(const DataReader& reader, const ServerOptions& options) {
  if (reader.broken()) {
    const std::uint16_t code = options.bare_newline_code;
    const EnhancedCode enhanced = code == 552 ? EnhancedCode{5, 6, 0} : EnhancedCode{5, 5, 2};
    return Reply{code, enhanced, "bare CR, LF or NUL in message"};
  }
  if (reader.too_big()) return too_big(options.limits.message_size);
  if (reader.line_too_long()) {
    const std::uint16_t code = options.long_line_code;
    const EnhancedCode enhanced = code == 500 ? EnhancedCode{5, 2, 3} : EnhancedCode{5, 6, 0};
    return Reply{code, enhanced, "line too long in message"};
  }
  return std::nullopt;
}

std::optional<Reply> message_fault(std::string_view message, const ServerOptions& options) {
  DataReader reader(DataReader::Framing::octets, options.bare_newline, options.limits);
  while (reader.read(message).status == DataReader::Status::piece) {
  }
  reader.finish();
  return message_fault(reader, options);
}

}  // namespace postern::smtp
