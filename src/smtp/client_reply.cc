#include "smtp/client_reply.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace postern::smtp {
namespace {

constexpr std::size_t max_text = 1024;

std::optional<EnhancedCode> own_enhanced(const ServerReply& reply) {
  if (reply.lines.empty()) return std::nullopt;
  std::string_view text = reply.lines.front();
  const auto found = take_enhanced(text);
  return found && found->klass == reply.code / 100 ? found : std::nullopt;
}

}  // namespace

bool ServerReply::has_enhanced() const { return own_enhanced(*this).has_value(); }

EnhancedCode ServerReply::enhanced() const {
  return own_enhanced(*this).value_or(EnhancedCode{static_cast<std::uint8_t>(code / 100), 0, 0});
}

std::string ServerReply::text() const {
  std::string joined;
  for (const std::string& line : lines) {
    if (joined.size() > max_text) break;
    if (!joined.empty()) joined += ' ';
    joined += line;
  }
  return printable(joined, max_text - std::string_view("...").size());
}

void ReplyReader::clear() {
  reply_ = {};
  held_.clear();
  complete_ = false;
}

ReplyReader::Status ReplyReader::take(std::string_view& input) {
  if (complete_) clear();
  while (!input.empty()) {
    const std::size_t lf = input.find('\n');
    const std::string_view part = input.substr(0, lf == std::string_view::npos ? lf : lf + 1);
    if (held_.size() + part.size() > max_line) return Status::broken;
    held_ += part;
    input.remove_prefix(part.size());
    if (lf == std::string_view::npos) return Status::need_input;
    std::string_view line = held_;
    line.remove_suffix(line.ends_with("\r\n") ? 2 : 1);
    bool last = false;
    if (!add_line(line, last)) return Status::broken;
    held_.clear();
    complete_ = last;
    if (last) return Status::reply;
  }
  return Status::need_input;
}

bool ReplyReader::add_line(std::string_view line, bool& last) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) ||
      !is_digit(line[2])) {
    return false;
  }
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-') return false;
  const auto code = static_cast<std::uint16_t>(parse_number(line.substr(0, 3)).value());
  if (!reply_.lines.empty() && code != reply_.code) return false;
  if (reply_.lines.size() == max_lines) return false;
  reply_.code = code;
  last = line.size() == 3 || line[3] == ' ';
  reply_.lines.emplace_back(line.substr(std::min<std::size_t>(line.size(), 4)));
  return true;
}

}  // namespace postern::smtp
