// What `postern doctor` says: one line a finding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/exit_code.h"

namespace postern::doctor {

/// How bad a finding is.
enum class Level : std::uint8_t {
  ok,    ///< as it should be
  note,  ///< could not be looked at, or is only worth knowing
  warn,  ///< works, but should be changed
  fail,  ///< mail is lost, refused or unprotected
};
/// The enumerator's name.
std::string_view to_string(Level level);

/// The check that asks the running gateway. If nothing but this fails, the exit code is 69.
inline constexpr std::string_view server_check = "server";

/// The outcome of one check on one object.
struct Finding {
  Level level = Level::ok;  ///< how bad it is
  std::string check;        ///< which check: "ptr"
  std::string what;         ///< what was looked at and found; no secrets, no final dot
  std::string to_do;        ///< what to do, as a command if possible; empty: nothing
};
/// A finding of `check`.
Finding finding(Level level, std::string_view check, std::string what, std::string to_do = {});
/// In the order in which they were found.
using Findings = std::vector<Finding>;

/// One line for each finding. Words from outside are shown with hidden characters escaped.
std::string text_of(const Findings& findings);
/// {"level","findings":[{"level","check","what","to_do"}]} on one line with its end; the first
/// level is the worst of all.
std::string json_of(const Findings& findings);
/// ExitCode::ok if nothing fails, ExitCode::unavailable if only `server_check` does, else
/// ExitCode::no.
app::ExitCode exit_code_of(const Findings& findings);

}  // namespace postern::doctor
