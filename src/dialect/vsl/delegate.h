// `delegate`: a message goes to another program, comes back, and the rules go on where they were.
#pragma once

#include <string>

#include "dialect/vsl/context.h"
#include "dialect/vsl/policy.h"

namespace postern::dialect::vsl {

/// Writes the field by which the message is known again and sends it to the service, whatever its
/// recipients' routes are; the rules end here.
void hand_out(Context& context, const Directive& directive, const SmtpService& service);

/// Of a message at the port that handed-out ones come back to: takes the field off and notes in the
/// draft where the rules go on. False: it is not one of ours.
bool take_back(Context& context);

/// The field in any other mail is a forgery, or a copy that has had its turn: it is taken off.
void drop_forged(Context& context);

}  // namespace postern::dialect::vsl
