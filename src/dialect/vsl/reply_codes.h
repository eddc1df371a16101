// The replies that scripts know by a name.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "smtp/reply.h"

namespace postern::dialect::vsl {

struct NamedReply {
  std::string_view name;
  std::uint16_t code;
  smtp::EnhancedCode enhanced;
  std::string_view text;
};

/// RFC 3463, RFC 6376, RFC 7372, RFC 7505.
inline constexpr NamedReply named_replies[] = {
    {"code554_7_1", 554, {5, 7, 1}, "Relay access denied"},
    {"code550_7_20", 550, {5, 7, 20}, "No passing DKIM signature found"},
    {"code550_7_21", 550, {5, 7, 21}, "No acceptable DKIM signature found"},
    {"code550_7_22", 550, {5, 7, 22}, "No valid author-matched DKIM signature found"},
    {"code550_7_23", 550, {5, 7, 23}, "SPF validation failed"},
    {"code451_7_24", 451, {4, 7, 24}, "SPF validation error"},
    {"code550_7_24", 550, {5, 7, 24}, "SPF validation error"},
    {"code550_7_25", 550, {5, 7, 25}, "Reverse DNS validation failed"},
    {"code550_7_26", 550, {5, 7, 26}, "Multiple authentication checks failed"},
    {"code550_7_27", 550, {5, 7, 27}, "Sender address has null MX"},
    {"code556_1_10", 556, {5, 1, 10}, "Recipient address has null MX"},
    {"code_greylist", 451, {4, 7, 1}, "Sender is not authorized. Please try again."},
};

/// Throws for a name that is not in the table.
inline smtp::Reply named_reply(std::string_view name) {
  const auto* found = std::find_if(std::begin(named_replies), std::end(named_replies),
                                   [&](const NamedReply& one) { return one.name == name; });
  if (found == std::end(named_replies)) throw std::logic_error("no reply of that name");
  return {.code = found->code, .enhanced = found->enhanced, .text = std::string(found->text)};
}

}  // namespace postern::dialect::vsl
