// `delegate`: a message goes to another program and comes back; then the rules continue after that
// directive.
#pragma once

#include <string>

#include "dialect/vsl/context.h"
#include "dialect/vsl/policy.h"

namespace postern::dialect::vsl {

/// Adds the delegation field to the message, sends it to the service instead of its recipients'
/// next hops, and ends the rules.
void hand_out(Context& context, const Directive& directive, const SmtpService& service);

/// Called for a message at the port where delegated ones come back. Removes the field and notes in
/// the draft where the rules continue. False: the message was not delegated by us.
bool take_back(Context& context);

/// Removes the field from any other message. There it is forged, or already redeemed.
void drop_forged(Context& context);

}  // namespace postern::dialect::vsl
