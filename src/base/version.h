// The version of this build, and what is compiled in (src/CMakeLists.txt).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

/// All views are string literals.
struct Version {
  std::string_view number;    ///< "0.1.0"
  std::string_view revision;  ///< the commit it was built from, or "unknown"
  std::string_view compiler;  ///< name and version
};

/// Thread-safe.
Version current_version();

/// The release of the distribution that it was built on: "bookworm"; "unknown". Packages of one
/// suite do not serve another.
std::string_view build_suite();

/// A part of other people's code inside the binary. All views are string literals.
struct Component {
  std::string_view name;     ///< of the package
  std::string_view version;  ///< or "unknown", where the build did not find the package installed
  std::string_view origin;   ///< "deb" or "npm"
};

/// What was compiled in, in the order of packaging/compiled-in, then of packaging/npm-parts.
/// Thread-safe.
std::span<const Component> compiled_in();
/// SHA-256 of that list, in hexadecimal digits: equal where the parts are equal. Of the lines "NAME
/// VERSION ORIGIN", each with a line feed.
std::string compiled_in_digest();

/// The files of the shared libraries that this process has loaded, sorted: "libssl.so.3". Symbolic
/// links are not followed. Thread-safe.
std::vector<std::string> loaded_libraries();

}  // namespace postern
