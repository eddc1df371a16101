// Shared by the files of host functions.
#pragma once

#include <string>
#include <string_view>

#include "dialect/vsl/context.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/value.h"

namespace postern::dialect::vsl {

/// The parameters of functions of one address.
inline constexpr std::string_view one_address = "address: address|string";

/// The address that a parameter means: an address object, or a string, identifier or other object
/// whose text is one. Throws "invalid type conversion expected: `address`, ...".
mail::Mailbox address_from(const Value& value);
/// The text of a string or an object. Throws a sentence for other types.
std::string text_from(const Value& value);

/// Any JSON value: an object becomes a map, null a unit.
Value value_of(const json::value& value);

/// Text from a message as UTF-8. If it is not UTF-8, all of it is read as Latin-1, so that scripts,
/// logs and records can hold it.
std::string readable(std::string_view text);

/// The whole message as the rules left it; before it is received, the fields that rules added.
/// Throws a sentence if it was not kept.
std::string message_text(Context& context);

}  // namespace postern::dialect::vsl
