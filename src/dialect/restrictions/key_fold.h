// The form in which tables compare keys: upper and lower case are the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::dialect::restrictions {

/// The key folded as by Postfix 3.0 and later with smtputf8_enable: UTF-8 by the full case folding
/// of Unicode ("ÁLICE" is "álice", "Straße" is "strasse"), without normalization and without a
/// locale; ASCII letters to lower case. Of a key that is not UTF-8, or contains a NUL, only ASCII
/// letters are folded. Idempotent.
std::string fold_key(std::string_view key);

/// A domain, or the domain of an address or of a name below it (`.domain`), as addresses have it
/// when they are looked up: lower case, with A-labels for its U-labels (RFC 6531 §3.2). nullopt:
/// the domain is ASCII, or none of IDNA2008.
std::optional<std::string> with_a_labels(std::string_view key);

/// Whether the key is ASCII without capitals, so that fold_key() returns it as it is. Quick.
bool is_folded(std::string_view key);

/// A bit for each length of a key; the last one is for all that are longer. A mask of these answers
/// most misses without a look at the keys.
inline std::uint64_t length_bit(std::string_view key) {
  return std::uint64_t{1} << std::min<std::size_t>(key.size(), 63);
}

}  // namespace postern::dialect::restrictions
