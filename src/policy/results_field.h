// Authentication results for people and programs: which signatures, their wording, and the
// Authentication-Results field. Payload, log and header all use these functions, so that they
// agree.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/ar/parse.h"
#include "policy/evidence.h"

namespace postern::policy {

/// The signatures to report, in the header's order. If there are more than `most`, verified ones
/// take precedence, so that many bad signatures cannot hide a good one. Points into `results`.
std::vector<const mailauth::dkim::SignatureResult*> told_signatures(
    const mailauth::dkim::Results& results, std::size_t most);
/// a= (RFC 6376 §3.5); "" if it is missing or unknown.
std::string_view algorithm_of(const mailauth::dkim::SignatureResult& signature);
/// Why a signature is not verified; "" if it is.
std::string_view trouble_of(const mailauth::dkim::SignatureResult& signature);
/// Why a chain did not pass; "" if it did or if there is none.
std::string trouble_of(const mailauth::arc::Verdict& verdict);

/// Whether SPF checked the HELO identity, since the reverse-path is null (RFC 7208 §2.4).
bool spf_by_helo(const Evidence& evidence);
/// The author's domain; "" unless it can be read from the message unambiguously.
std::string author_domain(const Evidence& evidence);
/// Whether SPF passed for a domain aligned with the author's (RFC 7489 §3.1.2), in the mode of its
/// DMARC record; relaxed without a record.
bool spf_aligned(const Evidence& evidence);
/// The same for d= of an acceptable signature (RFC 7489 §3.1.1).
bool aligned(const Evidence& evidence, const mailauth::dkim::SignatureResult& signature);

/// Signatures per Authentication-Results field at most.
inline constexpr std::size_t max_told_in_field = 20;

// Single methods of the field.
/// SPF (RFC 8601 §2.7.2), without the local part of the sender, for privacy.
mailauth::ar::MethodResult spf_result(const mailauth::spf::Result& verdict, bool by_helo);
/// DKIM (RFC 8601 §2.7.1), at most `most` signatures; "none" for a message without one.
std::vector<mailauth::ar::MethodResult> dkim_results(const mailauth::dkim::Results& results,
                                                     std::size_t most);
/// DMARC (RFC 8601 §2.7.6). policy.dmarc is the policy after sp=, pct= and t= (RFC 7489 §11.1).
mailauth::ar::MethodResult dmarc_result(const mailauth::dmarc::Result& verdict);
/// ARC (RFC 8617 §10.1, §10.2).
mailauth::ar::MethodResult arc_result(const mailauth::arc::Verdict& verdict,
                                      const IpAddress& client);
/// AUTH (RFC 8601 §2.7.4). Null: there is no login.
mailauth::ar::MethodResult auth_result(const Authentication* auth);

/// The content of Authentication-Results (RFC 8601 §2.2); methods that were not evaluated are left
/// out. mailauth::ar::write_field() writes the field.
mailauth::ar::AuthenticationResults results_of(const Evidence& evidence,
                                               std::string_view authserv_id);

}  // namespace postern::policy
