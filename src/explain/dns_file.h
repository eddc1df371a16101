// DNS answers that a command reads from a file instead of asking for them.
#pragma once

#include <istream>
#include <memory>
#include <string>

#include "base/error.h"
#include "dns/resolver.h"

namespace postern::app {

/// Answers only from a --dns file, a zone or JSON (docs/explain.md); `-` is `in`. Fault::malformed
/// names the file and line; Fault::not_found. Blocks.
Result<std::unique_ptr<dns::Resolver>> dns_from_file(const std::string& name, std::istream& in);

}  // namespace postern::app
