#include "doctor/finding.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/shown.h"
#include "config/handbook.h"

namespace postern::doctor {

std::string_view to_string(Level level) {
  constexpr std::array<std::string_view, 4> names = {"ok", "note", "warn", "fail"};
  return names[static_cast<std::size_t>(level)];
}

Finding finding(Level level, std::string_view check, std::string what, std::string to_do) {
  return {level, std::string(check), std::move(what), std::move(to_do)};
}

std::string text_of(const Findings& findings) {
  std::string out;
  for (const Finding& one : findings) {
    const std::string to_do =
        one.to_do.empty() ? "" : ". To do: " + shown(app::with_pages(one.to_do));
    out +=
        fmt::format("{:<5} {:<12} {}{}\n", to_string(one.level), one.check, shown(one.what), to_do);
  }
  return out;
}

std::string json_of(const Findings& findings) {
  boost::json::array list;
  Level worst = Level::ok;
  for (const Finding& one : findings) {
    worst = std::max(worst, one.level);
    list.push_back({{"level", to_string(one.level)},
                    {"check", one.check},
                    {"what", shown(one.what)},
                    {"to_do", shown(app::with_pages(one.to_do))}});
  }
  const boost::json::object whole = {{"level", to_string(worst)}, {"findings", std::move(list)}};
  return boost::json::serialize(whole) + "\n";
}

app::ExitCode exit_code_of(const Findings& findings) {
  const auto fails = [](const Finding& one) { return one.level == Level::fail; };
  const auto away = [&](const Finding& one) { return fails(one) && one.check == server_check; };
  const auto all = std::ranges::count_if(findings, fails);
  if (all == 0) return app::ExitCode::ok;
  return std::ranges::count_if(findings, away) == all ? app::ExitCode::unavailable
                                                      : app::ExitCode::no;
}

}  // namespace postern::doctor
