// What becomes of a dialogue in both versions of a certificate, by the production evaluation of
// their lists.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "dialect/restrictions/layer.h"
#include "plan/certificate_dialogues.h"
#include "plan/certified_pair.h"

namespace postern::plan::certified {

/// Plays dialogues. Both versions get the same answers.
class Replay {
 public:
  /// `text` and `pair` outlive it. `has_rules`: of check_form(); what is not in the certificate is
  /// answered by chance then.
  Replay(const CertificateText& text, const CertifiedPair& pair, bool has_rules);

  /// "deliver", "hold", "discard", "refused", OLD first: of the straight dialogue, which the first
  /// refusal ends. Throws NotAsked: the certificate lacks a question that is asked.
  std::array<std::string, 2> fates_of(const Said& said) const;
  bool has_rules() const { return has_rules_; }

 private:
  dialect::restrictions::Evaluated evaluated(const dialect::restrictions::ListPolicy& lists,
                                             const Said& said, policy::Stage stage,
                                             policy::Evidence& evidence) const;
  dns::Answer answer_to(const dns::Question& asked, const Said& said) const;
  policy::Consultation answer_to(policy::Consultation asked, const Said& said) const;

  const std::vector<Question>& questions_;
  const std::array<const dialect::restrictions::ListPolicy*, 2>& lists_;
  /// They say at which moments the lists are asked.
  std::array<std::optional<dialect::restrictions::RestrictionsLayer>, 2> layers_;
  const bool has_rules_;
};

/// Whether the pattern of a question is found in the dialogue; nullopt: only the evaluation knows.
/// What the dialogue does not have is asked nowhere, so that both answers lead to the same.
std::optional<bool> is_found(const Question& question, const Said& said);

}  // namespace postern::plan::certified
