// Pages that are made from tables of this folder and of dialect/capabilities.h.
#pragma once

#include <string>

namespace postern::dialect::restrictions {

/// docs/restriction-keywords.md: every word that restriction lists may hold, and the words of
/// Postfix that they may not.
std::string keyword_manual();
/// docs/capabilities.md: what Postern has in place of the parts of other mail servers.
std::string capability_manual();

}  // namespace postern::dialect::restrictions
