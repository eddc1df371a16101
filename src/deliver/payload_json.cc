#include "deliver/payload_json.h"

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/text.h"

namespace postern::deliver {
namespace {

constexpr std::size_t buffer_size = std::size_t{32} * 1024;
/// Octets encoded at a time; a multiple of three, so that padding occurs only at the end.
constexpr std::size_t base64_chunk = std::size_t{12} * 1024;

}  // namespace

void JsonWriter::flush_if_full() {
  if (json_.text().size() < buffer_size) return;
  if (result_) result_ = body_.append(json_.text());
  json_.text().clear();
}

void JsonWriter::string(std::string_view text) {
  begin_string();
  string_piece(text);
  end_string();
}

void JsonWriter::value(const boost::json::value& value) {
  json_.raw(boost::json::serialize(value));
  flush_if_full();
}

void JsonWriter::string_piece(std::string_view text) {
  while (!text.empty()) {
    json_.string_piece(text.substr(0, buffer_size));
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
    json_.text() += base64_encode(carried_);
    carried_.clear();
  }
  while (octets.size() >= 3) {
    const std::size_t size = std::min(octets.size() / 3 * 3, base64_chunk);
    json_.text() += base64_encode(octets.substr(0, size));
    octets.remove_prefix(size);
    flush_if_full();
  }
  carried_ = std::string(octets);
}

void JsonWriter::end_string() {
  if (!carried_.empty()) json_.text() += base64_encode(carried_);
  carried_.clear();
  json_.end_string();
  flush_if_full();
}

Result<void> JsonWriter::finish() {
  if (result_) result_ = body_.append(json_.text());
  json_.text().clear();
  return result_;
}

}  // namespace postern::deliver
