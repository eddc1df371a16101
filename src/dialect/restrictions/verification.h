// Address verification as the lists see it: what the parameters say, and the questions to the
// gateway, whose answers stand in the evidence.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/address.h"
#include "policy/evidence.h"

namespace postern::dialect::restrictions {

/// What reject_unverified_sender or reject_unverified_recipient answers.
struct UnverifiedWords {
  std::uint16_t defer_code = 450;  ///< unverified_*_defer_code; 2xx: passes
  std::string reason;              ///< unverified_*_reject_reason; empty: what was found out
  bool refuses_now = false;        ///< unverified_*_tempfail_action = defer
  bool operator==(const UnverifiedWords&) const = default;
};

/// The parameters of address verification.
struct Verification {
  UnverifiedWords sender;                    ///< of reject_unverified_sender
  UnverifiedWords recipient;                 ///< of reject_unverified_recipient
  std::string probe_local;                   ///< address_verify_sender, its local part
  std::string probe_domain;                  ///< its domain; both empty: the null reverse-path
  bool is_bounce_sender = false;             ///< its local part is that of double_bounce_sender
  std::chrono::seconds sender_ttl{0};        ///< address_verify_sender_ttl; 0: it never changes
  unsigned poll_count = 3;                   ///< address_verify_poll_count, at least 1
  std::chrono::seconds poll_delay{3};        ///< address_verify_poll_delay, at least 1
  std::chrono::seconds positive_refresh{0};  ///< address_verify_positive_refresh_time
  std::chrono::seconds positive_expire{0};   ///< address_verify_positive_expire_time
  std::chrono::seconds negative_refresh{0};  ///< address_verify_negative_refresh_time
  std::chrono::seconds negative_expire{0};   ///< address_verify_negative_expire_time
  bool negative_cache = true;                ///< parameter address_verify_negative_cache
  bool keeps = true;                         ///< address_verify_map is not empty
  bool operator==(const Verification&) const = default;

  /// The reverse-path of a probe at this time; empty: the null reverse-path.
  std::string probe_sender(std::chrono::system_clock::time_point now) const;
  /// Whether mail to the address is an answer to a probe, as probe_sender() was lately or is soon.
  bool is_probe_sender(const mail::Mailbox& address,
                       std::chrono::system_clock::time_point now) const;
  /// Whether probe_sender() can be nobody's mailbox: double_bounce_sender, or a part that changes.
  bool has_no_mailbox() const { return is_bounce_sender || sender_ttl.count() > 0; }
  /// Whether the address is one of probe_sender() at any time, if its changing part is right.
  bool may_be_probe_sender(const mail::Mailbox& address) const;
};

/// An answer of the gateway: one of the words and the reason, as "undeliverable no such user".
struct VerificationAnswer {
  /// What is known of the address.
  enum class Kind : std::uint8_t { deliverable, undeliverable, deferred, failed };
  Kind kind = Kind::failed;  ///< `failed`: the gateway could not verify it
  std::string why;           ///< one line
};
/// Reads the answer of a consultation.
VerificationAnswer verification_answer(const policy::Consultation& answered);

}  // namespace postern::dialect::restrictions
