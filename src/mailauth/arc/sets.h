// Finds and reads the ARC Sets of a message (RFC 8617 §4.2): three fields from each sealing host,
// linked by an instance number. validate.h verifies them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mailauth/arc/verdict.h"
#include "mailauth/dkim/signature.h"
#include "mailauth/header.h"

namespace mailauth::arc {

/// The highest instance (RFC 8617 §4.2.1); the lowest is 1.
inline constexpr std::uint32_t max_instance = 50;

/// An ARC-Seal (RFC 8617 §4.1.3).
struct Seal {
  dkim::Algorithm algorithm = dkim::Algorithm::rsa_sha256;  ///< a=
  Status chain_status = Status::none;                       ///< cv=
  std::string domain;                                       ///< d= in normal form
  std::string selector;                                     ///< s= in normal form
  std::string value;                                        ///< b= decoded

  /// The name of the key record (RFC 6376 §3.6.2.1).
  std::string key_name() const { return selector + "._domainkey." + domain; }
};
/// Parses the body of an ARC-Seal field, without i=. Errors: seal_malformed, seal_has_fields.
tl::expected<Seal, Trouble> parse_seal(std::string_view field_body);

/// Parses an ARC-Message-Signature (RFC 8617 §4.1.2). Returns the readings to try, usually one.
/// Without c= there are two: simple/simple as in RFC 6376 §3.5, and relaxed/relaxed, which some
/// sealers mean.
tl::expected<std::vector<dkim::Signature>, Trouble> parse_message_signature(
    std::string_view field_body);

/// One set: the indexes of its fields in HeaderView::fields().
struct ArcSet {
  std::size_t results = HeaderView::npos;            ///< ARC-Authentication-Results
  std::size_t message_signature = HeaderView::npos;  ///< ARC-Message-Signature
  std::size_t seal = HeaderView::npos;               ///< ARC-Seal
};

/// The sets of a header, instance 1 first: complete sets 1 to N without a gap, N at most 50
/// (RFC 8617 §5.2 steps 1 and 3). Empty when there is no ARC field.
tl::expected<std::vector<ArcSet>, Trouble> find_sets(const HeaderView& header);

/// The highest instance in any ARC field, even when the sets are broken; 0 when there is none.
std::uint32_t highest_instance(const HeaderView& header);

/// Whether the newest seal has ended the chain with cv=fail. No set may be added then
/// (RFC 8617 §5.1.2).
bool is_ended(const HeaderView& header);

}  // namespace mailauth::arc
