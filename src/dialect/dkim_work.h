// A DKIM signature that a script asks for, made where it does not hold up the event loop.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "mailauth/dkim/sign.h"
#include "script/world.h"

namespace postern::dialect {

/// The field "DKIM-Signature: ..." with its CRLF; signed now, unless the options say when.
Task<Result<std::string>> signed_field(script::World& world,
                                       std::shared_ptr<const mailauth::dkim::SigningKey> key,
                                       mailauth::dkim::SignOptions options, std::string message);

}  // namespace postern::dialect
