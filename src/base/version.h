// The version of this build (src/CMakeLists.txt).
#pragma once

#include <string_view>

namespace postern {

/// All views are string literals.
struct Version {
  std::string_view number;    ///< "0.1.0"
  std::string_view revision;  ///< the commit it was built from, or "unknown"
  std::string_view compiler;  ///< name and version
};

/// Thread-safe.
Version current_version();

}  // namespace postern
