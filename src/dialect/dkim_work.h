// DKIM signatures that scripts request, made off the event loop.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "mailauth/dkim/sign.h"
#include "script/world.h"

namespace postern::dialect {

/// The field "DKIM-Signature: ..." with CRLF. Signed with the current time unless the options have
/// one.
Task<Result<std::string>> signed_field(script::World& world,
                                       std::shared_ptr<const mailauth::dkim::SigningKey> key,
                                       mailauth::dkim::SignOptions options, std::string message);

}  // namespace postern::dialect
