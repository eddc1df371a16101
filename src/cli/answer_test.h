// What tests see of a command.
#pragma once

#include <sstream>
#include <string>
#include <utility>

#include "cli/commands.h"

namespace postern::app {

/// The exit code and output of a command.
struct Answer {
  int code;         ///< exit code
  std::string out;  ///< standard output
  std::string err;  ///< standard error
};

/// Calls `run(given, streams)`; `terminal`: the input is typed.
template <class Run, class Given>
Answer answer_of(Run run, Given&& given, const std::string& input = "", bool terminal = false) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Streams streams{in, out, err, terminal};
  const int code = run(std::forward<Given>(given), streams);
  return {code, out.str(), err.str()};
}

}  // namespace postern::app
