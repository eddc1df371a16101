// The layer that every engine ends with: what no policy may switch off.
#pragma once

#include <memory>

#include "policy/dmarc_rule.h"
#include "policy/layer.h"
#include "smtp/limits.h"

namespace postern::policy {

/// At RCPT a recipient that no route owns is refused, so that no configuration is an open relay by
/// omission. It comes after all other layers: one of theirs may refuse first, none may overrule it.
/// At the end of data mail loops and oversized headers are refused, the latter before any layer is
/// asked, and, by `dmarc`, mail that nobody vouches for.
std::shared_ptr<const Layer> gateway_layer(const smtp::Limits& limits = {},
                                           DmarcRule dmarc = DmarcRule::report);

}  // namespace postern::policy
