// An edit whose commit was sent, and whose end nobody knows.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace postern::store {

inline constexpr std::string_view in_doubt_words = "the change may have been stored: ";

/// The error of a write that may have been stored. `error`: why its end is not known.
inline Error in_doubt(const Error& error) {
  return {Fault::unreachable, std::string(in_doubt_words) + error.message};
}
/// Whether this is one.
inline bool is_in_doubt(const Error& error) { return error.message.starts_with(in_doubt_words); }

}  // namespace postern::store
