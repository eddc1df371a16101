// The levels of findings, as tests compare them.
#pragma once

#include <string>

#include "doctor/finding.h"

namespace postern::doctor {

inline std::string levels(const Findings& findings) {
  std::string out;
  for (const Finding& one : findings) out += std::string(to_string(one.level)) + " ";
  return out;
}

}  // namespace postern::doctor
