#include "doctor/unit_checks.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"

namespace postern::doctor {

namespace {

constexpr std::string_view unit = "postern.service";

/// "1.4" in tenths.
std::optional<int> tenths(std::string_view text) {
  const std::size_t dot = text.find('.');
  const auto whole = parse_number(text.substr(0, dot));
  const auto part = dot == std::string_view::npos ? std::optional<std::uint64_t>(0)
                                                  : parse_number(text.substr(dot + 1));
  if (!whole || !part || *whole > 10 || *part > 9) return std::nullopt;
  return static_cast<int>(*whole * 10 + *part);
}

/// From "→ Overall exposure level for postern.service: 1.4 OK 🙂".
std::optional<int> exposure_in(std::string_view table) {
  constexpr std::string_view words = "exposure level for ";
  const std::size_t line = table.rfind(words);
  if (line == std::string_view::npos) return std::nullopt;
  const std::size_t colon = table.find(": ", line);
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view rest = table.substr(colon + 2);
  return tenths(rest.substr(0, rest.find_first_not_of("0123456789.")));
}

std::string exposure_text(int tenths) { return fmt::format("{}.{}", tenths / 10, tenths % 10); }

}  // namespace

UnitFacts look_at_unit(const RunProgram& run) {
  UnitFacts facts;
  const auto shown =
      run({"systemctl", "show", "--property=FragmentPath,DropInPaths,NeedDaemonReload",
           std::string(unit)});
  if (!shown) {
    facts.trouble = "systemd does not run here";
    return facts;
  }
  for (const std::string_view line : split(*shown, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, equals);
    const std::string_view value = trim(line.substr(equals + 1));
    if (name == "FragmentPath") facts.file = value;
    if (name == "NeedDaemonReload") facts.stale = value == "yes";
    if (name != "DropInPaths") continue;
    for (const std::string_view path : split(value, ' ')) {
      if (!path.empty()) facts.drop_ins.emplace_back(path);
    }
  }
  if (facts.file.empty()) return facts;
  for (const std::string_view folder : {"/usr/lib/systemd/system", "/lib/systemd/system"}) {
    const std::filesystem::path path = std::filesystem::path(folder) / unit;
    std::error_code unreadable;
    if (facts.packaged.empty() && std::filesystem::exists(path, unreadable)) {
      facts.packaged = path.string();
    }
  }
  const auto table = run({"systemd-analyze", "security", "--no-pager", std::string(unit)});
  if (table) facts.exposure = exposure_in(*table);
  return facts;
}

Findings check_unit(const UnitFacts& facts) {
  constexpr std::string_view check = "unit";
  constexpr int most = 15;
  if (!facts.trouble.empty()) {
    return {finding(Level::note, check, "not looked at: " + facts.trouble)};
  }
  if (facts.file.empty()) {
    return {finding(Level::note, check, fmt::format("there is no {}", unit),
                    "the package installs it; see docs/deploy.md")};
  }
  Findings found;
  const std::string of =
      facts.drop_ins.empty()
          ? std::string(unit)
          : printable(fmt::format("{} with {}", unit, fmt::join(facts.drop_ins, ", ")), 400);
  if (facts.stale) {
    found.push_back(finding(Level::warn, check,
                            fmt::format("{} changed, and systemd has not read it again", of),
                            "systemctl daemon-reload"));
  }
  // After `make install` it is the only one.
  if (facts.file.starts_with("/etc/") && !facts.packaged.empty()) {
    found.push_back(finding(
        Level::warn, check,
        fmt::format("{} replaces {}, the unit of the package: upgrades do not change it",
                    printable(facts.file, 200), facts.packaged),
        fmt::format("keep your own settings alone: systemctl edit {}, and remove the file", unit)));
  }
  if (facts.exposure && *facts.exposure > most) {
    found.push_back(finding(Level::warn, check,
                            fmt::format("{} has exposure {}, and the package's at most {}", of,
                                        exposure_text(*facts.exposure), exposure_text(most)),
                            fmt::format("systemd-analyze security {} names what is open", unit)));
  }
  if (!facts.exposure) {
    found.push_back(
        finding(Level::note, check, fmt::format("{}: systemd-analyze gives no exposure", of)));
  }
  if (found.empty()) {
    found.push_back(finding(Level::ok, check,
                            fmt::format("{} has exposure {}", of, exposure_text(*facts.exposure))));
  }
  return found;
}

}  // namespace postern::doctor
