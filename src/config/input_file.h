// Reads input files of commands as a whole: messages and DNS answers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <string>

#include "base/error.h"
#include "config/config.h"

namespace postern::app {

/// Limit in octets of a configuration to import, and of each file that it names.
inline constexpr std::size_t largest_import = std::size_t{64} << 20;

/// Reads a file named on the command line, which may be a pipe; `-` is `in`. Fault::not_found names
/// the file and the reason; Fault::limit: it has more than `largest` octets. Blocks.
Result<std::string> read_input(const std::string& name, std::istream& in,
                               std::size_t largest = std::size_t{2} << 30);

/// The file of a configuration as it was read.
struct ConfigSource {
  std::string file;  ///< absolute; "-": standard input; empty: the embedded defaults
  std::string text;  ///< its octets
};
/// As load_config(), and keeps what it has read, also of a file that is wrong. Blocks.
ConfigResult load_config(const std::filesystem::path& file, const LoadOptions& options,
                         ConfigSource& source);

/// Replaces each LF line end by CRLF, as SMTP needs it (RFC 5321 §2.3.8).
std::string with_crlf(const std::string& text);

}  // namespace postern::app
