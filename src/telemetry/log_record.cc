#include "telemetry/log_record.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <sodium.h>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/shown.h"
#include "base/text.h"
#include "base/time_text.h"

namespace postern::telemetry {

namespace {

bool is_address_character(char c) {
  return static_cast<unsigned char>(c) > 0x20 && c != '<' && c != '>' && c != '"' && c != ',' &&
         c != ';' && c != '(' && c != ')' && c != 0x7f;
}

std::string shown_address(std::string_view address, const Discretion& discretion) {
  const std::size_t at = address.rfind('@');
  if (discretion.style == AddressStyle::domain) {
    return fmt::format("...@{}", address.substr(at + 1));
  }
  unsigned char hash[8];
  const std::string folded = lower(address);
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(folded.data()),
                     folded.size(), discretion.key.data(), discretion.key.size());
  return "h:" + hex_encode({reinterpret_cast<const char*>(hash), sizeof hash});
}

void append_json(std::string& out, std::string_view name, std::string_view value) {
  out += fmt::format(",\"{}\":{}", name, boost::json::serialize(boost::json::string_view(value)));
}

}  // namespace

std::string_view LogRecord::find(std::string_view name) const {
  for (const LogField& field : fields) {
    if (field_names[field.name] == name) return field.value;
  }
  return {};
}

std::string clean(std::string_view value) {
  if (value.size() <= max_value - 3 && std::ranges::all_of(value, is_printable_ascii)) {
    return std::string(value);  // most values are
  }
  std::string out;
  out.reserve(std::min(value.size(), max_value));
  while (!value.empty()) {
    const Character character = first_character(value);
    const std::string_view octets = value.substr(0, character.octets);
    std::string piece(octets);
    if (!character.well_formed || is_hidden(character.value)) {
      piece.clear();
      append_hidden(piece, character, octets);
    }
    if (out.size() + piece.size() > max_value - 3) {
      out += "...";
      return out;
    }
    out += piece;
    value.remove_prefix(octets.size());
  }
  return out;
}

std::string discreet(std::string text, const Discretion& discretion) {
  if (discretion.style == AddressStyle::full || text.find('@') == std::string::npos) return text;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    // A quoted local part may contain any character (RFC 5321 §4.1.2).
    const bool quoted = text[i] == '"' && (i == 0 || !is_address_character(text[i - 1]));
    if (quoted) {
      const std::size_t close = text.find("\"@", i + 1);
      if (close != std::string::npos) end = close + 1;
    }
    while (end < text.size() && is_address_character(text[end])) ++end;
    const std::string_view word(text.data() + i, end - i);
    const std::size_t at = word.rfind('@');
    const bool is_address = at != std::string_view::npos && at > 0 && at + 1 < word.size();
    if (end == i) {
      out += text[i++];
    } else {
      out += is_address ? shown_address(word, discretion) : std::string(word);
      i = end;
    }
  }
  return out;
}

std::string as_json(const LogRecord& record) {
  std::string out = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"event\":\"{}\"",
                                to_rfc3339(record.time, 6), to_string(record.level), record.event);
  if (!record.msg.empty()) append_json(out, "msg", record.msg);
  for (const LogField& field : record.fields) {
    if (field.is_bare) {
      out += fmt::format(",\"{}\":{}", field_names[field.name], field.value);
    } else {
      append_json(out, field_names[field.name], field.value);
    }
  }
  return out + "}\n";
}

std::string message_id_of(std::string_view event) {
  const std::string name = "postern:" + std::string(event);
  unsigned char hash[16];
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(name.data()),
                     name.size(), nullptr, 0);
  // A UUID of version 8 (RFC 9562 §5.8), the form of the journal's message ids.
  hash[6] = static_cast<unsigned char>((hash[6] & 0x0f) | 0x80);
  hash[8] = static_cast<unsigned char>((hash[8] & 0x3f) | 0x80);
  return hex_encode({reinterpret_cast<const char*>(hash), sizeof hash});
}

std::string as_journal(const LogRecord& record) {
  // Values contain no LF at this point, so NAME=value lines are sufficient.
  static constexpr int priorities[] = {7, 6, 4, 3};
  std::string sentence = record.msg.empty() ? as_text(record, false) : record.msg;
  sentence = sentence.substr(0, std::min(max_value, sentence.find('\n')));
  std::string out = fmt::format(
      "PRIORITY={}\nSYSLOG_IDENTIFIER=postern\nPOSTERN_EVENT={}\nMESSAGE_ID={}\nMESSAGE={}\n",
      priorities[static_cast<std::size_t>(record.level)], record.event, message_id_of(record.event),
      sentence);
  for (const LogField& field : record.fields) {
    out += fmt::format("POSTERN_{}={}\n", upper(field_names[field.name]), field.value);
  }
  return out;
}

}  // namespace postern::telemetry
