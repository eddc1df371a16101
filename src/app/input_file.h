// Files that a command reads whole: messages and DNS answers.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

#include "base/error.h"

namespace postern::app {

/// Octets of a configuration to import, and of a file that it names.
inline constexpr std::size_t largest_import = std::size_t{64} << 20;

/// The octets of what a command line names, which may be a pipe; `-` is `in`. Fault::not_found
/// names the file and why; Fault::limit: it has more than `largest` octets.
Result<std::string> read_input(const std::string& name, std::istream& in,
                               std::size_t largest = std::size_t{2} << 30);

/// A message on disk may end its lines in LF; on the wire they end in CRLF.
std::string with_crlf(const std::string& text);

}  // namespace postern::app
