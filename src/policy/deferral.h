// A list may put a reason to defer off until its end. The step that then refuses names the rule
// that had the reason, in its detail.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/verdict.h"

namespace postern::policy {

/// A rule that had a reason to defer.
struct RaisedBy {
  std::string_view check;   ///< Step::check
  std::string_view origin;  ///< Step::origin; may be empty
};

/// `detail`, after the name and place of the rule: "deferred by reject_unknown_sender_domain
/// (smtpd_sender_restrictions:2): no rule refused".
std::string with_raiser(RaisedBy rule, std::string_view detail);

/// The rule that raised a deferral, if it is not the one that refuses. It borrows from the verdict.
std::optional<RaisedBy> raised_by(const Verdict& verdict);
/// The detail without the rule. It borrows from `detail`.
std::string_view without_raiser(std::string_view detail);

}  // namespace postern::policy
