// The text format for terminals: a live feed of decisions, and other events in words.
#include <ctime>

#include <fmt/format.h>

#include "telemetry/explain_hint.h"
#include "telemetry/log_record.h"

namespace postern::telemetry {

namespace {

struct Colors {
  std::string_view good, bad, later, dim, plain;
};

Colors colors(bool on) {
  if (!on) return {"", "", "", "", ""};
  return {"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"};
}

std::string clock_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void append_word(std::string& out, std::string_view word) {
  if (word.empty()) return;
  if (!out.empty()) out += ' ';
  out += word;
}

/// "12:00:03 refused 550 5.7.1 203.0.113.9 → invoices@in.example.net  policy high-security: source
/// IP not in allowlist  (postern explain 01J…)"
std::string decision_line(const LogRecord& record, std::string_view verb, std::string_view paint,
                          const Colors& color) {
  std::string out = fmt::format("{} {}{}{}", clock_time(record.time), paint, verb, color.plain);
  append_word(out, record.find("code"));
  append_word(out, record.find("enhanced_code"));
  append_word(out, record.find("client_ip"));
  if (const std::string_view to = record.find("rcpt_to"); !to.empty()) {
    append_word(out, "\xe2\x86\x92");
    append_word(out, to);
  }
  const std::string_view why = record.msg.empty() ? record.find("reply") : record.msg;
  if (!why.empty()) out += fmt::format("  {}", why);
  if (const std::string_view count = record.find("count"); !count.empty()) {
    out += fmt::format("  (\xc3\x97{})", count);
  }
  if (const std::string_view trace = record.find("trace"); !trace.empty()) {
    out += fmt::format("  {}(postern explain {}{}){}", color.dim, explain_options(), trace,
                       color.plain);
  }
  return out + '\n';
}

}  // namespace

namespace {

std::string& options_of_explain() {
  static std::string options;
  return options;
}

}  // namespace

void set_explain_options(std::string options) { options_of_explain() = std::move(options); }
const std::string& explain_options() { return options_of_explain(); }

std::string as_text(const LogRecord& record, bool color_on) {
  const Colors color = colors(color_on);
  if (record.event == "message.accepted")
    return decision_line(record, "accepted", color.good, color);
  constexpr std::string_view decision = "decision.";
  if (record.event.starts_with(decision)) {
    const std::string_view verb = record.event.substr(decision.size());
    return decision_line(record, verb, verb == "refused" ? color.bad : color.later, color);
  }
  const std::string_view paint = record.level == Level::error     ? color.bad
                                 : record.level == Level::warning ? color.later
                                                                  : color.plain;
  std::string out =
      fmt::format("{} {}{}{}", clock_time(record.time), paint, record.event, color.plain);
  if (!record.msg.empty()) out += fmt::format("  {}", record.msg);
  if (!record.fields.empty()) out += "  ";
  std::string fields;
  for (const LogField& field : record.fields) {
    const bool quotes = field.value.empty() || field.value.find(' ') != std::string::npos;
    append_word(fields, fmt::format("{}={}{}{}", field_names[field.name], quotes ? "\"" : "",
                                    field.value, quotes ? "\"" : ""));
  }
  return out + fields + '\n';
}

}  // namespace postern::telemetry
