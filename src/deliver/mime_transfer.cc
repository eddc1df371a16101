#include "deliver/mime_transfer.h"

#include "base/text.h"

namespace postern::deliver {
namespace {

constexpr std::array<signed char, 256> base64_values = [] {
  std::array<signed char, 256> table{};
  table.fill(-1);
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
  }
  return table;
}();

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = to_lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

}  // namespace

Transfer transfer_named(std::string_view value, bool& known) {
  value = trim(value);
  const std::string name = lower(value.substr(0, value.find_first_of(" \t\r\n;(\"")));
  known = true;
  if (name == "base64") return Transfer::base64;
  if (name == "quoted-printable") return Transfer::quoted_printable;
  if (name == "x-uuencode" || name == "uuencode" || name == "uue" || name == "x-uue") {
    return Transfer::uuencode;
  }
  known = name.empty() || name == "7bit" || name == "8bit" || name == "binary";
  return Transfer::identity;
}

void TransferDecoder::feed(std::string_view bytes, std::string& out) {
  switch (transfer_) {
    case Transfer::identity:
      out += bytes;
      break;
    case Transfer::base64:
      base64(bytes, out);
      break;
    case Transfer::quoted_printable:
      quoted_printable(bytes, out);
      break;
    case Transfer::uuencode:
      uuencode(bytes, out);
      break;
  }
}

// RFC 2045 §6.8: characters outside the alphabet are skipped; padding ends the data.
void TransferDecoder::base64(std::string_view bytes, std::string& out) {
  if (ended_) return;
  for (const char c : bytes) {
    if (c == '=') {
      if (digits_ >= 2 && digits_ + ++pads_ >= 4) {
        finish(out);
        ended_ = true;
        return;
      }
      continue;
    }
    const signed char value = base64_values[static_cast<unsigned char>(c)];
    if (value < 0) continue;
    pads_ = 0;
    bits_ = bits_ << 6 | static_cast<std::uint32_t>(value);
    if (++digits_ < 4) continue;
    const char group[3] = {static_cast<char>(bits_ >> 16), static_cast<char>(bits_ >> 8),
                           static_cast<char>(bits_)};
    out.append(group, 3);
    bits_ = 0;
    digits_ = 0;
  }
}

// RFC 2045 §6.7: "=XX" is an octet, "=" at the end of a line (blanks after it allowed, rule 3)
// joins it to the next; any other "=" stands for itself.
void TransferDecoder::quoted_printable(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!held_.empty()) {
    joined = std::exchange(held_, std::string());
    joined += bytes;
    bytes = joined;
  }
  while (!bytes.empty()) {
    const std::size_t equals = bytes.find('=');
    out += bytes.substr(0, equals);
    if (equals == std::string_view::npos) return;
    bytes.remove_prefix(equals);
    const std::size_t end = bytes.find_first_not_of(" \t", 1);
    const bool unfinished = end == std::string_view::npos ||
                            (bytes[end] == '\r' && end + 1 == bytes.size()) ||
                            (end == 1 && hex_value(bytes[1]) >= 0 && bytes.size() < 3);
    if (unfinished && bytes.size() < 4096) {
      held_ = std::string(bytes);
      return;
    }
    if (end != std::string_view::npos && bytes[end] == '\n') {
      bytes.remove_prefix(end + 1);
    } else if (end != std::string_view::npos && bytes.substr(end, 2) == "\r\n") {
      bytes.remove_prefix(end + 2);
    } else if (bytes.size() >= 3 && hex_value(bytes[1]) >= 0 && hex_value(bytes[2]) >= 0) {
      out += static_cast<char>(hex_value(bytes[1]) << 4 | hex_value(bytes[2]));
      bytes.remove_prefix(3);
    } else {
      out += '=';
      bytes.remove_prefix(1);
    }
  }
}

void TransferDecoder::uuencoded_line(std::string_view line, std::string& out) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (!in_file_) {
    in_file_ = line.substr(0, 6) == "begin ";
    return;
  }
  if (line.empty() || line == "end" || line == "`") return;
  const auto six = [&](std::size_t i) -> std::uint32_t {
    return i < line.size() ? (static_cast<unsigned char>(line[i]) - 0x20u) & 0x3Fu : 0u;
  };
  std::size_t length = six(0);
  for (std::size_t i = 1; length > 0 && i < line.size(); i += 4) {
    const std::uint32_t bits = six(i) << 18 | six(i + 1) << 12 | six(i + 2) << 6 | six(i + 3);
    for (int shift = 16; shift >= 0 && length > 0; shift -= 8, --length) {
      out += static_cast<char>(bits >> shift);
    }
  }
}

void TransferDecoder::uuencode(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      if (held_.size() < 4096) held_ += bytes.substr(0, 4096);
      return;
    }
    if (held_.empty()) {
      uuencoded_line(bytes.substr(0, end), out);
    } else {
      held_ += bytes.substr(0, std::min<std::size_t>(end, 4096));
      uuencoded_line(held_, out);
      held_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

void TransferDecoder::finish(std::string& out) {
  if (transfer_ == Transfer::base64) {
    if (ended_) return;
    if (digits_ == 2) out += static_cast<char>(bits_ >> 4);
    if (digits_ == 3) {
      out += static_cast<char>(bits_ >> 10);
      out += static_cast<char>(bits_ >> 2);
    }
    bits_ = 0;
    digits_ = 0;
    return;
  }
  if (held_.empty()) return;
  const std::string rest = std::exchange(held_, std::string());
  if (transfer_ == Transfer::uuencode) {
    uuencoded_line(rest, out);
  } else if (rest.find_first_not_of("= \t\r\n") != std::string::npos) {
    out += rest;
  }
}

}  // namespace postern::deliver
