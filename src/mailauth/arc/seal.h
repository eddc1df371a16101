// Adding an ARC Set, RFC 8617 §5.1.
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

struct SealOptions {
  std::string domain;  ///< may have U-labels
  std::string selector;
  std::int64_t time = 0;  ///< t=, Unix time
  /// h= of the message signature. Empty: default_fields() of DKIM and the DKIM-Signature fields.
  std::vector<std::string> fields;
};

/// Three whole fields, each with its CRLF; put on top of the message in this order.
struct SealFields {
  std::string seal;
  std::string message_signature;
  std::string authentication_results;
  std::string text() const { return seal + message_signature + authentication_results; }
};

/// The set that comes next. `verdict` is what validating this message said, `header` is its header,
/// `body` a finished hasher of its body in relaxed form. `results` is what the results say: an
/// authserv-id, a semicolon and so on, as ar::write() or gathered_results() give it.
/// Nullopt: nothing is to be added, because the chain ended or has 50 sets. A temporary error when
/// the verdict is temperror.
postern::Result<std::optional<SealFields>> seal(const dkim::SigningKey& key,
                                                const SealOptions& options,
                                                const HeaderView& header,
                                                const dkim::BodyHasher& body,
                                                const Verdict& verdict, std::string_view results);

/// What the Authentication-Results fields of `header` with one of our `own` ids say, put together
/// under `authserv_id` in their order; comments remain. "none" when they say nothing.
std::string gathered_results(const HeaderView& header, const ar::OwnIds& own,
                             std::string_view authserv_id);

}  // namespace mailauth::arc
