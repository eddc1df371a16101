#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::app {

/// Converts a zone file (RFC 1035 §5) to JSON for dns::RecordedResolver. Record types that no check
/// queries are skipped; without $ORIGIN all names are absolute. Fault::malformed names the line.
Result<std::string> zone_to_json(std::string_view text);

}  // namespace postern::app
