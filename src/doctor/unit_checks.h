// The service's unit of systemd: what the operator changed in it, and how far it shuts the gateway
// in.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "doctor/finding.h"
#include "doctor/program.h"

namespace postern::doctor {

/// What systemd has in force.
struct UnitFacts {
  std::string trouble;                ///< why it was not asked; empty: it was
  std::string file;                   ///< the unit; empty: there is none
  std::string packaged;               ///< the package's unit, which may not be `file`; empty: none
  std::vector<std::string> drop_ins;  ///< paths, in the order in which they apply
  bool stale = false;                 ///< files changed after systemd read them
  /// Of `systemd-analyze security`, in tenths: 0 best, 100 worst; nullopt: not known.
  std::optional<int> exposure;
};
/// Asks `systemctl` and `systemd-analyze`. Blocks.
UnitFacts look_at_unit(const RunProgram& run);
/// Warns of a unit that is more exposed than the package's (1.5), that replaces the package's, or
/// that systemd has not read again.
Findings check_unit(const UnitFacts& facts);

}  // namespace postern::doctor
