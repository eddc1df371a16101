// Pages generated from the tables of this folder and of dialect/capabilities.h.
#pragma once

#include <string>

namespace postern::dialect::restrictions {

/// docs/restriction-keywords.md: the words of restriction lists, and Postfix's words that are not
/// supported.
std::string keyword_manual();
/// docs/capabilities.md: what Postern has in place of parts of other mail servers.
std::string capability_manual();

}  // namespace postern::dialect::restrictions
