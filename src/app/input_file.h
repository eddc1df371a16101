// Files that a command reads whole: messages and DNS answers.
#pragma once

#include <iosfwd>
#include <string>

#include "base/error.h"

namespace postern::app {

/// The octets of a file; `-` is `in`. Fault::not_found names the file and why.
Result<std::string> read_input(const std::string& name, std::istream& in);

/// A message on disk may end its lines in LF; on the wire they end in CRLF.
std::string with_crlf(const std::string& text);

}  // namespace postern::app
