#include "deliver/mime_date.h"

#include <fmt/core.h>
#include <gmime/gmime.h>

#include "base/text.h"

namespace postern::deliver {
namespace {

/// As GMime wants it: "10.00.00" is read as midnight there, and so is "10:00:00+0200".
std::string repaired(std::string_view field) {
  std::string text;
  for (const char c : field.substr(0, 256)) {
    const bool behind_digit = !text.empty() && is_digit(text.back());
    if ((c == '+' || c == '-') && behind_digit && text.find(':') != std::string::npos) text += ' ';
    text += c == '.' && behind_digit ? ':' : c;
  }
  return text;
}

}  // namespace

std::optional<std::string> date_to_rfc3339(std::string_view field) {
  const std::string text = repaired(field);
  if (text.find(':') == std::string::npos) return std::nullopt;
  GDateTime* local = g_mime_utils_header_decode_date(text.c_str());
  if (local == nullptr) return std::nullopt;
  GDateTime* utc = g_date_time_to_utc(local);
  g_date_time_unref(local);
  if (utc == nullptr) return std::nullopt;
  std::string instant = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                                    g_date_time_get_year(utc), g_date_time_get_month(utc),
                                    g_date_time_get_day_of_month(utc), g_date_time_get_hour(utc),
                                    g_date_time_get_minute(utc), g_date_time_get_second(utc));
  g_date_time_unref(utc);
  return instant;
}

}  // namespace postern::deliver
