// What is told of a message's verdicts: which signatures, in which words, and the
// Authentication-Results field. Payload, log and header say the same because they ask here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mailauth/ar/parse.h"
#include "policy/evidence.h"

namespace postern::policy {

/// The signatures to tell of, in the header's order: all, unless there are more than `most`; then
/// those that verified before the others, so that a flood of junk hides none of them.
std::vector<const mailauth::dkim::SignatureResult*> told_signatures(
    const mailauth::dkim::Results& results, std::size_t most);
/// a=, "" when the signature has none that is known.
std::string_view algorithm_of(const mailauth::dkim::SignatureResult& signature);
/// Why a signature vouches for nothing; "" when it does.
std::string_view trouble_of(const mailauth::dkim::SignatureResult& signature);
/// Why a chain did not pass; "" when it did, or when there is none.
std::string trouble_of(const mailauth::arc::Verdict& verdict);

/// The name that SPF was asked about is that of HELO: the reverse-path is null (RFC 7208 §2.4).
bool spf_by_helo(const Evidence& evidence);
/// The author's domain; "" unless all read the same one out of the message.
std::string author_domain(const Evidence& evidence);
/// RFC 7489 §3.1: SPF passed for a name that belongs to the author's domain, in the mode that its
/// DMARC record asks for, relaxed without a record.
bool spf_aligned(const Evidence& evidence);
/// The same of an acceptable signature's d=.
bool aligned(const Evidence& evidence, const mailauth::dkim::SignatureResult& signature);

/// Signatures in one Authentication-Results field.
inline constexpr std::size_t max_told_in_field = 20;

// Single verdicts as the field says them.
/// RFC 8601 §2.7.2. The local part is not anybody else's business.
mailauth::ar::MethodResult spf_result(const mailauth::spf::Result& verdict, bool by_helo);
/// RFC 8601 §2.7.1, at most `most` of them; none of a message without a signature.
std::vector<mailauth::ar::MethodResult> dkim_results(const mailauth::dkim::Results& results,
                                                     std::size_t most);
/// RFC 8601 §2.7.6; policy.dmarc is the policy after sp=, pct= and t= (RFC 7489 §11.1).
mailauth::ar::MethodResult dmarc_result(const mailauth::dmarc::Result& verdict);
/// RFC 8617 §10.1, §10.2.
mailauth::ar::MethodResult arc_result(const mailauth::arc::Verdict& verdict,
                                      const IpAddress& client);
/// RFC 8601 §2.7.4.
mailauth::ar::MethodResult auth_result(const std::optional<Authentication>& auth);

/// The evidence as Authentication-Results (RFC 8601 §2.2); what was not evaluated is not mentioned.
/// mailauth::ar::write_field() makes the field of it.
mailauth::ar::AuthenticationResults results_of(const Evidence& evidence,
                                               std::string_view authserv_id);

}  // namespace postern::policy
