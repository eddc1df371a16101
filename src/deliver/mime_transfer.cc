#include "deliver/mime_transfer.h"

#include <array>

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

namespace postern::deliver {
namespace {

GMimeContentEncoding encoding_of(Transfer transfer) {
  if (transfer == Transfer::base64) return GMIME_CONTENT_ENCODING_BASE64;
  if (transfer == Transfer::quoted_printable) return GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
  return GMIME_CONTENT_ENCODING_UUENCODE;
}

/// Longest line held back until it is complete.
constexpr std::size_t max_line = 4096;

/// Blanks after the "=" of a soft line break are not data (RFC 2045 §6.7 rule 3). GMime keeps them.
void drop_padding(std::string& lines) {
  std::size_t to = 0;
  std::size_t equals = std::string::npos;  // after the last "=" followed only by blanks
  for (const char c : lines) {
    if (c == '\r' || c == '\n') {
      if (equals != std::string::npos) to = equals;
      equals = std::string::npos;
    }
    lines[to++] = c;
    if (c == '=') {
      equals = to;
    } else if (c != ' ' && c != '\t') {
      equals = std::string::npos;
    }
  }
  lines.resize(to);
}

enum Base64Octet : unsigned char { sextet, blank, pad, foreign };

constexpr std::array<unsigned char, 256> kinds = [] {
  std::array<unsigned char, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = static_cast<char>(i);
    out[i] = is_alnum(c) || c == '+' || c == '/'               ? sextet
             : c == ' ' || c == '\t' || c == '\r' || c == '\n' ? blank
             : c == '='                                        ? pad
                                                               : foreign;
  }
  return out;
}();

}  // namespace

void Base64Check::feed(std::string_view bytes) {
  for (const char c : bytes) {
    const unsigned char kind = kinds[static_cast<unsigned char>(c)];
    if (kind == sextet && padding_ == 0) {
      ++sextets_;
    } else if (kind == pad) {
      ++padding_;
    } else if (kind != blank) {
      damaged_ = true;
    }
  }
}

bool Base64Check::is_damaged() const {
  const std::size_t over = sextets_ % 4;
  return damaged_ || over == 1 || (over != 0 && padding_ < 4 - over);
}

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

TransferDecoder::TransferDecoder(Transfer transfer) : transfer_(transfer) {
  if (transfer != Transfer::identity) {
    gmime::start();
    filter_ = g_mime_filter_basic_new(encoding_of(transfer), FALSE);
  }
}

TransferDecoder::~TransferDecoder() {
  if (filter_ != nullptr) g_object_unref(filter_);
}

void TransferDecoder::feed(std::string_view bytes, std::string& out) {
  if (filter_ == nullptr) {
    out += bytes;
    return;
  }
  if (transfer_ == Transfer::base64) return filter(bytes, out, g_mime_filter_filter);
  // GMime decodes lines correctly only if it gets whole lines.
  const std::size_t end = bytes.rfind('\n') + 1;
  if (end == 0 && held_.size() + bytes.size() < max_line) {
    held_ += bytes;
    return;
  }
  held_ += bytes.substr(0, end == 0 ? bytes.size() : end);
  if (transfer_ == Transfer::quoted_printable) drop_padding(held_);
  if (transfer_ == Transfer::uuencode) to_end(held_);
  filter(held_, out, g_mime_filter_filter);
  held_ = end == 0 ? std::string_view() : bytes.substr(end);
}

void TransferDecoder::finish(std::string& out) {
  if (filter_ == nullptr) return;
  if (transfer_ == Transfer::quoted_printable) drop_padding(held_ += '\n');
  // GMime drops an unpadded last group, so pad it.
  filter(transfer_ == Transfer::base64 ? "==" : held_, out, g_mime_filter_complete);
  if (transfer_ == Transfer::quoted_printable && !out.empty() && out.back() == '\n') out.pop_back();
}

/// Cuts what follows the "end" line: at the start of a piece GMime would decode that line as data.
void TransferDecoder::to_end(std::string& lines) {
  std::size_t at = lines.substr(0, 3) == "end" ? 0 : lines.find("\nend");
  if (at != 0 && at != std::string::npos) ++at;
  if (!ended_ && at != std::string::npos && lines.find_first_of("\r\n", at) == at + 3) {
    lines.resize(at);
    ended_ = true;
  } else if (ended_) {
    lines.clear();
  }
}

void TransferDecoder::filter(std::string_view bytes, std::string& out, FilterStep step) {
  char* decoded = nullptr;
  size_t size = 0;
  size_t prespace = 0;
  // GMime's decoders do not write to their input.
  step(filter_, const_cast<char*>(bytes.data()), bytes.size(), 0, &decoded, &size, &prespace);
  out.append(decoded, size);
}

}  // namespace postern::deliver
