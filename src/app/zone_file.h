#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::app {

/// A zone in the form of name servers (RFC 1035 §5) as JSON for dns::RecordedResolver. Records of
/// types that no check asks for are skipped; without $ORIGIN every name counts as complete.
/// Fault::malformed names the line.
Result<std::string> zone_to_json(std::string_view text);

}  // namespace postern::app
