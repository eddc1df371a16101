// Where the service that the package installs has its files.
#pragma once

#include <string_view>

namespace postern::app {

/// The configuration: what `postern setup` writes, and the unit names.
inline constexpr std::string_view service_config = "/etc/postern/postern.toml";
/// The data directory.
inline constexpr std::string_view service_data_dir = "/var/lib/postern";

}  // namespace postern::app
