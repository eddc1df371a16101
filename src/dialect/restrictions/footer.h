// smtpd_reject_footer and smtpd_reject_footer_maps: text after every 4xx and 5xx reply.
#pragma once

#include <memory>

#include "dialect/restrictions/rules.h"
#include "policy/reply_rewriter.h"

namespace postern::dialect::restrictions {

/// Whether `$name` is filled in.
bool is_footer_name(std::string_view name);

/// Null if the lists have no footer.
std::shared_ptr<const policy::ReplyRewriter> footer_of(std::shared_ptr<const ListPolicy> policy);

/// The reply with a footer, a template (postconf(5), smtpd_reject_footer): `\c` at its start joins
/// it to the last line, else it is a new line; `\n` begins another one. $client_address,
/// $client_port, $localtime and $server_name are filled in; other names stay empty
/// (is_footer_name()).
smtp::Reply with_footer(smtp::Reply reply, std::string_view footer, const ListPolicy& policy,
                        const policy::SessionFacts& session);

}  // namespace postern::dialect::restrictions
