// The ARC Sets of a message, RFC 8617 §4.2: three fields of every host that sealed, held together
// by their instance number. Here they are found and read; validate.h says whether they hold.
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

/// RFC 8617 §4.2.1: instances run from 1 to 50.
inline constexpr std::uint32_t max_instance = 50;

/// RFC 8617 §4.4: what came of a chain.
enum class Status : std::uint8_t {
  none,  ///< there is no ARC field
  pass,
  fail,
  temperror,  ///< a key could not be fetched. No value of cv=, but one of RFC 8601
};
std::string_view to_text(Status status);

/// Why a chain did not pass.
enum class Reason : std::uint8_t {
  ok,
  header_too_long,
  header_ambiguous,    ///< HeaderView::ambiguous()
  instance_malformed,  ///< no i=, or none from 1 to 50
  field_repeated,      ///< two of a kind with the same instance
  set_incomplete,      ///< a field is missing, or a whole set
  seal_malformed,
  seal_has_fields,  ///< ARC-Seal with h=, RFC 8617 §4.1.3
  message_signature_malformed,
  message_signature_covers_seal,  ///< h= names ARC-Seal
  failed_before,                  ///< the newest seal says cv=fail
  status_wrong,                   ///< cv= is not none at 1 and pass above it
  message_signature_failed,       ///< the newest one; `detail` says how
  seal_failed,                    ///< any one; `detail` says how
  too_many_keys,                  ///< more key lookups than the limit
  key_unavailable,                ///< DNS did not answer
};
/// A lower-case phrase that names no value of the message.
std::string_view to_text(Reason reason);

/// What is wrong, and with which set (0: with none in particular).
struct Trouble {
  Reason reason = Reason::ok;
  std::uint32_t instance = 0;
  dkim::Reason detail = dkim::Reason::ok;
};

/// ARC-Seal, RFC 8617 §4.1.3.
struct Seal {
  dkim::Algorithm algorithm = dkim::Algorithm::rsa_sha256;
  Status chain_status = Status::none;  ///< cv=
  std::string domain;                  ///< A-labels, lower case
  std::string selector;
  std::string value;  ///< octets of b=

  std::string key_name() const { return selector + "._domainkey." + domain; }
};
tl::expected<Seal, Trouble> parse_seal(std::string_view field_body);

/// RFC 8617 §4.1.2. The readings to try, one as a rule: without c= RFC 6376 §3.5 means
/// simple/simple, but sealers exist that mean relaxed/relaxed.
tl::expected<std::vector<dkim::Signature>, Trouble> parse_message_signature(
    std::string_view field_body);

/// One set: which fields of the header it is made of, as indices into HeaderView::fields().
struct ArcSet {
  std::size_t results = HeaderView::npos;
  std::size_t message_signature = HeaderView::npos;
  std::size_t seal = HeaderView::npos;
};

/// The sets of a header, instance 1 first: exactly 1 to N, each complete, N at most 50 (RFC 8617
/// §5.2 steps 1 and 3). Empty when there is no ARC field at all.
tl::expected<std::vector<ArcSet>, Trouble> find_sets(const HeaderView& header);

/// The highest instance any ARC field claims, however broken the sets are; 0 when none does.
std::uint32_t highest_instance(const HeaderView& header);

/// Whether the newest seal ended the chain already (cv=fail); then nobody adds to it (RFC 8617
/// §5.1.2).
bool is_ended(const HeaderView& header);

}  // namespace mailauth::arc
