// Templates of replies: default_rbl_reply, rbl_reply_maps, smtpd_reject_footer. Private to this
// folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace postern::dialect::restrictions {

/// Returns the value of a name; "" if it has none.
using TemplateValue = std::function<std::string(std::string_view name)>;

/// Fills in `$n ${n} $(n) ${n?text} ${n:text}`; the text may contain more of them. `$$` is a dollar
/// sign. Values are not expanded again.
std::string fill_template(std::string_view text, const TemplateValue& value);

}  // namespace postern::dialect::restrictions
