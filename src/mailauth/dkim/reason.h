// Why a signature did not pass: one value for each cause, for DKIM and ARC.
#pragma once

#include <cstdint>
#include <string_view>

namespace mailauth::dkim {

/// A DKIM result (RFC 8601 §2.7.1).
enum class Status : std::uint8_t { none, pass, fail, policy, neutral, temperror, permerror };

/// The cause of a result. `ok` means that the signature verified; the others are in the order of
/// the checks.
enum class Reason : std::uint8_t {
  ok,
  // The signature field is invalid (RFC 6376 §6.1.1).
  header_too_long,
  tags_malformed,
  tag_repeated,
  too_many_tags,
  tag_missing,
  version_unsupported,
  algorithm_unknown,
  algorithm_sha1,  ///< rsa-sha1: RFC 8301 §3.1
  form_unknown,
  domain_malformed,
  selector_malformed,
  identity_malformed,
  identity_outside_domain,
  query_unknown,
  fields_malformed,
  from_not_signed,
  body_hash_malformed,
  value_malformed,
  length_malformed,
  time_malformed,
  expires_before_signed,
  // The signature field is valid, but the signature is not accepted.
  over_limit,  ///< not evaluated: the message has more signatures than the limit
  expired,
  from_future,  ///< ARC only; DKIM has SignatureResult::from_future
  domain_is_public_suffix,
  // The key cannot be used (RFC 6376 §6.1.2).
  key_unavailable,  ///< DNS lookup failed temporarily
  key_missing,
  key_several,  ///< more than one TXT record
  key_record_too_long,
  key_tags_malformed,
  key_version_unsupported,
  key_revoked,
  key_type_unknown,
  key_malformed,
  key_too_short,  ///< RFC 8301 §3.2
  key_too_large,
  key_exponent,
  key_other_algorithm,
  key_hash_not_allowed,
  key_service_not_email,
  key_identity_not_exact,  ///< t=s, and i= is not in d= itself
  // The signature does not match the message (RFC 6376 §6.1.3).
  length_beyond_body,
  body_hash_mismatch,
  value_mismatch,
};

/// The result that `reason` leads to.
Status status_of(Reason reason);
/// A phrase in lower case, for logs and replies. It contains no text from the message.
std::string_view to_text(Reason reason);
/// The result as Authentication-Results writes it (RFC 8601 §2.7.1).
std::string_view to_text(Status status);

}  // namespace mailauth::dkim
