// Answers of policy servers and rows of tables that permit or refuse by parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::dialect::restrictions {
struct ListPolicy;
struct Loaded;
}  // namespace postern::dialect::restrictions

namespace postern::plan {

/// The keywords and restriction classes that another program may answer with, and that may judge
/// one dialogue differently in two versions of lists; those that permit with `reject` behind them,
/// those that refuse with `permit`, so that it shows what they do, whatever stands behind in the
/// list, also those that may refuse with another code. What others permit or refuse is the same in
/// both, so that answers which always permit or refuse show all that they may do. Both texts are
/// Loaded::definition.
std::vector<std::string> answers_by_settings(std::string_view before, std::string_view after);

/// An answer that is an error of the configuration, which refuses behind warn_if_reject, too: the
/// rule lacks its argument.
inline constexpr std::string_view answer_with_an_error = "reject_rbl_client";

/// Whether rules that another program may answer with may lead to refusals with another code in two
/// versions, and the answers that are tried do not show it. Both texts are Loaded::definition.
bool codes_not_followed(std::string_view before, std::string_view after);

/// What two versions decide before any list, and not alike; one sentence each. Of forms of
/// addresses, and of mail to the sender of probes.
struct AheadOfLists {
  std::optional<std::string> envelopes;     ///< strict_rfc821_envelopes
  std::optional<std::string> probe_sender;  ///< address_verify_sender and what it is made of
};
/// Both have lists.
AheadOfLists ahead_of_lists(const dialect::restrictions::ListPolicy& before,
                            const dialect::restrictions::ListPolicy& after);

/// Rules that another program may answer with, and that are not followed into its answers though
/// they may judge otherwise.
struct NotFollowed {
  std::string text;           ///< one sentence
  bool only_foreign = false;  ///< only mail to foreign destinations
};
/// Those of two versions; both have lists.
std::vector<NotFollowed> not_followed(const dialect::restrictions::Loaded& before,
                                      const dialect::restrictions::Loaded& after);

}  // namespace postern::plan
