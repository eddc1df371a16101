#include "dialect/kumo/encoded_words.h"

#include <algorithm>

#include "base/text.h"

namespace postern::dialect::kumo {

std::string encoded_words(std::string_view text, std::size_t before, std::string_view charset) {
  const std::string head = "=?" + std::string(charset) + "?B?";
  constexpr std::string_view tail = "?=";
  constexpr std::size_t longest_word = 75;
  const std::size_t frame = head.size() + tail.size();
  const std::size_t most =
      frame + 4 < longest_word ? (longest_word - frame) / 4 * 3 : std::size_t{3};
  const std::size_t taken = before + frame;
  std::size_t room = taken < 76 ? std::min((76 - taken) / 4 * 3, most) : 0;
  std::string out;
  bool first = true;
  while (!text.empty()) {
    std::size_t size = std::min(text.size(), room);
    // A character must not be split between words (RFC 2047 §5).
    const std::size_t whole = size;
    while (size < text.size() && size > 0 && (text[size] & 0xc0) == 0x80) --size;
    if (size == 0 && !first) size = whole;  // not UTF-8
    if (size > 0) {
      if (!first) out += "\r\n ";
      out.append(head).append(base64_encode(text.substr(0, size))).append(tail);
      text.remove_prefix(size);
    }
    first = false;  // if no word was written, the name left no room
    room = most;
  }
  return out;
}

}  // namespace postern::dialect::kumo
