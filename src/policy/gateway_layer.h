// The last layer of every engine: checks that no policy can switch off.
#pragma once

#include <memory>

#include "policy/dmarc_rule.h"
#include "smtp/limits.h"

namespace postern::policy {

class Layer;

/// At RCPT it refuses a recipient without a route, so that no configuration is an open relay by
/// omission. It comes last: other layers may refuse before it, none can overrule it. At the end of
/// data it refuses mail loops, oversized headers (before any layer is asked) and, according to
/// `dmarc`, unauthenticated mail.
std::shared_ptr<const Layer> gateway_layer(const smtp::Limits& limits = {},
                                           DmarcRule dmarc = DmarcRule::report);

}  // namespace postern::policy
