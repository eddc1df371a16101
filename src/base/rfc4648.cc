#include "base/rfc4648.h"

#include <array>
#include <optional>

#include "base/text.h"

namespace postern {

namespace {

struct Alphabet {
  std::string_view letters;
  unsigned bits;   ///< per letter
  unsigned group;  ///< letters of a complete group
};

const Alphabet& alphabet(Base base) {
  static constexpr std::array<Alphabet, 5> all = {
      {{"0123456789abcdef", 4, 2},
       {"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5, 8},
       {"0123456789ABCDEFGHIJKLMNOPQRSTUV", 5, 8},
       {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6, 4},
       {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6, 4}}};
  return all[static_cast<std::size_t>(base)];
}

tl::unexpected<Error> wrong(std::size_t at, const char* what) {
  return fail(Fault::malformed, "at octet " + std::to_string(at + 1) + ": " + what);
}

/// The letters before the padding; an error if the padding is wrong.
Result<std::string_view> without_padding(std::string_view text, const Alphabet& in,
                                         Padding padding) {
  const std::size_t end = text.find_last_not_of('=') + 1;
  const std::string_view letters = text.substr(0, end);
  if (padding == Padding::without || in.group == 2) {
    if (end != text.size()) return wrong(end, "padding where there is none");
    return letters;
  }
  const std::size_t wanted = (in.group - letters.size() % in.group) % in.group;
  if (text.size() - end < wanted) return wrong(text.size(), "padding is missing");
  if (text.size() - end > wanted) return wrong(end + wanted, "too much padding");
  return letters;
}

}  // namespace

std::string encode(std::string_view octets, Base base, Padding padding) {
  const Alphabet& in = alphabet(base);
  std::string text;
  text.reserve((octets.size() * 8 / in.bits + in.group) / in.group * in.group);
  unsigned waiting = 0;
  unsigned count = 0;
  const unsigned mask = (1u << in.bits) - 1;
  for (const char c : octets) {
    waiting = (waiting << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= in.bits;) {
      count -= in.bits;
      text += in.letters[(waiting >> count) & mask];
    }
    waiting &= (1u << count) - 1;
  }
  if (count > 0) text += in.letters[(waiting << (in.bits - count)) & mask];
  if (padding == Padding::with) {
    while (text.size() % in.group != 0) text += '=';
  }
  return text;
}

Result<std::string> decode(std::string_view text, Base base, Padding padding) {
  const Alphabet& in = alphabet(base);
  const auto letters = without_padding(text, in, padding);
  if (!letters) return tl::unexpected(letters.error());
  std::string octets;
  octets.reserve(letters->size() * in.bits / 8);
  unsigned waiting = 0;
  unsigned count = 0;
  for (std::size_t i = 0; i < letters->size(); ++i) {
    const char c = base == Base::hex ? to_lower((*letters)[i]) : (*letters)[i];
    const std::size_t value = in.letters.find(c);
    if (value == std::string_view::npos) return wrong(i, "no letter of the alphabet");
    waiting = (waiting << in.bits) | static_cast<unsigned>(value);
    count += in.bits;
    if (count >= 8) {
      count -= 8;
      octets += static_cast<char>(waiting >> count);
      waiting &= (1u << count) - 1;
    }
  }
  // No number of octets encodes to this many letters.
  if (count >= in.bits) return wrong(text.size(), "the text ends too early");
  // RFC 4648 §3.5: otherwise several texts would decode to the same octets.
  if (waiting != 0) return wrong(letters->size() - 1, "bits are set that stand for nothing");
  return octets;
}

}  // namespace postern
