// The words by which the rooms know what a simulation (`postern explain`, `postern test`) leaves
// undone.
#pragma once

#include <string_view>

namespace postern {

/// Begins the sentence of a script's error about an action whose result it needs.
inline constexpr std::string_view not_simulated = "not done in a simulation: ";
/// Before a program's path: policy::Consultation::service of a program that a script runs. The
/// request is its arguments with blanks between them, the answer its exit code.
inline constexpr std::string_view program_service = "cmd:";

}  // namespace postern
