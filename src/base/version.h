// Which Postern this is, as the build knows it (src/CMakeLists.txt).
#pragma once

#include <string_view>

namespace postern {

struct Version {
  std::string_view number;    ///< "0.1.0"
  std::string_view revision;  ///< commit the build was made of, or "unknown"
  std::string_view compiler;
};

Version current_version();

}  // namespace postern
