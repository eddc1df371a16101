// The layer that every engine ends with: what no policy may switch off.
#pragma once

#include <memory>

#include "policy/layer.h"
#include "smtp/limits.h"

namespace postern::policy {

/// At RCPT a recipient that no route owns is refused, so that no configuration is an open relay by
/// omission. It comes after all other layers: one of theirs may refuse first, none may overrule it.
/// At the end of data mail loops and oversized headers are refused and, with `enforce_dmarc`, mail
/// that its author's DMARC policy disowns.
std::shared_ptr<const Layer> gateway_layer(const smtp::Limits& limits = {},
                                           bool enforce_dmarc = false);

}  // namespace postern::policy
