// What the files of host functions share.
#pragma once

#include <string>
#include <string_view>

#include "dialect/vsl/context.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

/// The address that a parameter means: an address object, or a string, identifier or other object
/// of text that is one. Throws "invalid type conversion expected: `address`, ...".
mail::Mailbox address_from(const Value& value);
/// The text of a string or an object. Throws for values of other types.
std::string text_from(const Value& value);

/// Numbers, text, lists and maps; null is a unit.
Value value_of(const json::value& value);

/// Text that came in a message: octets that are not UTF-8 are taken as Latin-1, so that scripts,
/// logs and records can hold it.
std::string readable(std::string_view text);

/// The whole message as rules left it. Throws too early and where it is not kept.
std::string message_text(Context& context);

}  // namespace postern::dialect::vsl
