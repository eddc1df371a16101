#include "deliver/payload_json.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/text.h"

namespace postern::deliver {
namespace {

constexpr std::size_t buffer_size = std::size_t{32} * 1024;
/// Octets encoded at a time; a multiple of three, so that no padding stands in the middle.
constexpr std::size_t base64_chunk = std::size_t{12} * 1024;

}  // namespace

void json_escape(std::string_view text, std::string& out) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(done, i - done);
    done = i + 1;
    out += '\\';
    switch (c) {
      case '"':
        out += '"';
        break;
      case '\\':
        out += '\\';
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      default:
        out += "u00";
        out += digits[c >> 4];
        out += digits[c & 15];
    }
  }
  out += text.substr(done);
}

void JsonWriter::flush_if_full() {
  if (buffer_.size() < buffer_size) return;
  if (result_) result_ = body_.append(buffer_);
  buffer_.clear();
}

void JsonWriter::separate() {
  if (comma_) buffer_ += ',';
  comma_ = true;
}

void JsonWriter::open(char bracket) {
  separate();
  buffer_ += bracket;
  comma_ = false;
}

void JsonWriter::close(char bracket) {
  buffer_ += bracket;
  comma_ = true;
  flush_if_full();
}

void JsonWriter::key(std::string_view name) {
  separate();
  buffer_ += '"';
  json_escape(name, buffer_);
  buffer_ += "\":";
  comma_ = false;
}

void JsonWriter::string(std::string_view text) {
  begin_string();
  string_piece(text);
  end_string();
}

void JsonWriter::value(const boost::json::value& value) {
  separate();
  buffer_ += boost::json::serialize(value);
  flush_if_full();
}

void JsonWriter::begin_string() {
  separate();
  buffer_ += '"';
}

void JsonWriter::string_piece(std::string_view text) {
  while (!text.empty()) {
    json_escape(text.substr(0, buffer_size), buffer_);
    text.remove_prefix(std::min(text.size(), buffer_size));
    flush_if_full();
  }
}

void JsonWriter::base64_piece(std::string_view octets) {
  if (!carried_.empty()) {
    const std::size_t missing = std::min(3 - carried_.size(), octets.size());
    carried_ += octets.substr(0, missing);
    octets.remove_prefix(missing);
    if (carried_.size() < 3) return;
    buffer_ += base64_encode(carried_);
    carried_.clear();
  }
  while (octets.size() >= 3) {
    const std::size_t size = std::min(octets.size() / 3 * 3, base64_chunk);
    buffer_ += base64_encode(octets.substr(0, size));
    octets.remove_prefix(size);
    flush_if_full();
  }
  carried_ = std::string(octets);
}

void JsonWriter::end_string() {
  if (!carried_.empty()) buffer_ += base64_encode(carried_);
  carried_.clear();
  buffer_ += '"';
  flush_if_full();
}

Result<void> JsonWriter::finish() {
  if (result_) result_ = body_.append(buffer_);
  buffer_.clear();
  return result_;
}

}  // namespace postern::deliver
