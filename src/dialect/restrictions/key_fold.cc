#include "dialect/restrictions/key_fold.h"

#include <glib.h>

#include <algorithm>

#include "base/owned.h"
#include "base/text.h"

namespace postern::dialect::restrictions {

std::string fold_key(std::string_view key) {
  const bool ascii = std::ranges::none_of(key, [](char c) { return (c & 0x80) != 0; });
  // The library ends at a NUL.
  if (ascii || key.find('\0') != std::string_view::npos || !is_utf8(key)) return lower(key);
  const Owned<char, g_free> folded(g_utf8_casefold(key.data(), static_cast<gssize>(key.size())));
  return folded.get();
}

}  // namespace postern::dialect::restrictions
