// Adds an ARC Set to a message (RFC 8617 §5.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "mailauth/ar/strip.h"
#include "mailauth/arc/validate.h"
#include "mailauth/dkim/sign.h"

namespace mailauth::arc {

/// What to write into an ARC Set.
struct SealOptions {
  std::string domain;     ///< d=; may have U-labels
  std::string selector;   ///< s=; may have U-labels
  std::int64_t time = 0;  ///< t=: seconds since 1970
  /// The names for h= of the message signature. Empty: dkim::default_fields() and the
  /// DKIM-Signature fields.
  std::vector<std::string> fields;
};

/// Three complete fields, each with its CRLF. Put them at the top of the message in this order.
struct SealFields {
  std::string seal;                    ///< ARC-Seal
  std::string message_signature;       ///< ARC-Message-Signature
  std::string authentication_results;  ///< ARC-Authentication-Results
  /// The three fields in their order.
  std::string text() const { return seal + message_signature + authentication_results; }
};

/// The next ARC Set. `header` is the header of the message, `verdict` the result of validating the
/// message, and `body` a finished hasher of its body in relaxed form. `results` is the body of an
/// Authentication-Results field, from ar::write() or gathered_results(). Nullopt: no set is added,
/// because the chain has ended or has 50 sets (RFC 8617 §5.1.2, §4.2.1). Fault::temporary: the
/// verdict is temperror. Fault::malformed: wrong options or results. Fault::bug: `verdict` or
/// `body` does not suit the message.
postern::Result<std::optional<SealFields>> seal(const dkim::SigningKey& key,
                                                const SealOptions& options,
                                                const HeaderView& header,
                                                const dkim::BodyHasher& body,
                                                const Verdict& verdict, std::string_view results);

/// Joins the Authentication-Results fields of `header` that have one of our `own` ids into one body
/// under `authserv_id`, in their order and with their comments. "none" when they have no results.
std::string gathered_results(const HeaderView& header, const ar::OwnIds& own,
                             std::string_view authserv_id);

}  // namespace mailauth::arc
