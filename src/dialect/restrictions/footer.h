// What every 4xx and 5xx reply goes through when it is sent: smtpd_reject_filter_maps, then
// smtpd_reject_footer_maps and smtpd_reject_footer.
#pragma once

#include <memory>
#include <optional>

#include "dialect/restrictions/rules.h"
#include "policy/reply_rewriter.h"

namespace postern::dialect::restrictions {

/// Whether `$name` is filled in.
bool is_footer_name(std::string_view name);

/// The reply that a value of smtpd_reject_filter_maps asks for, `550 5.7.1 no`. nullopt: its code
/// is not 4nn or 5nn, or its enhanced code begins with another digit.
std::optional<smtp::Reply> filtered_reply(std::string_view value);

/// Null if the lists have neither filter nor footer.
std::shared_ptr<const policy::ReplyRewriter> footer_of(std::shared_ptr<const ListPolicy> policy);

/// The reply with a footer, a template (postconf(5), smtpd_reject_footer): `\c` at its start joins
/// it to the last line, else it is a new line; `\n` begins another one. $client_address,
/// $client_port, $localtime and $server_name are filled in; other names stay empty
/// (is_footer_name()).
smtp::Reply with_footer(smtp::Reply reply, std::string_view footer, const ListPolicy& policy,
                        const policy::SessionFacts& session);

}  // namespace postern::dialect::restrictions
