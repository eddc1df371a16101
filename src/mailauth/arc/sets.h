// Finds and reads the ARC Sets of a message (RFC 8617 §4.2): three fields from each sealing host,
// linked by an instance number. validate.h verifies them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mailauth/dkim/signature.h"
#include "mailauth/header.h"

namespace mailauth::arc {

/// The highest instance (RFC 8617 §4.2.1); the lowest is 1.
inline constexpr std::uint32_t max_instance = 50;

/// The chain validation status (RFC 8617 §4.4).
enum class Status : std::uint8_t {
  none,  ///< there is no ARC field
  pass,
  fail,
  temperror,  ///< a key could not be fetched; a result of RFC 8601 §2.7.1, not a value of cv=
};
/// The status as cv= and Authentication-Results write it.
std::string_view to_text(Status status);

/// Why a chain did not pass.
enum class Reason : std::uint8_t {
  ok,
  header_too_long,
  header_ambiguous,    ///< HeaderView::ambiguous()
  instance_malformed,  ///< i= is missing or not from 1 to 50
  field_repeated,      ///< two fields of one kind have the same instance
  set_incomplete,      ///< a field or a whole set is missing
  seal_malformed,
  seal_has_fields,  ///< an ARC-Seal has h= (RFC 8617 §4.1.3)
  message_signature_malformed,
  message_signature_covers_seal,  ///< h= names ARC-Seal
  failed_before,                  ///< the newest seal says cv=fail
  status_wrong,                   ///< cv= is not none in set 1 and pass in the others
  message_signature_failed,       ///< the newest one; `detail` says why
  seal_failed,                    ///< any seal; `detail` says why
  too_many_keys,                  ///< more key lookups than the limit
  key_unavailable,                ///< DNS lookup failed temporarily
};
/// A phrase in lower case, for logs and replies. It contains no text from the message.
std::string_view to_text(Reason reason);

/// Why a chain did not pass.
struct Trouble {
  Reason reason = Reason::ok;              ///< the cause
  std::uint32_t instance = 0;              ///< of the set at fault; 0: no particular set
  dkim::Reason detail = dkim::Reason::ok;  ///< the cause in a signature or its key
};

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
