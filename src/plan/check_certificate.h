// Checks a certificate: a small second opinion on the proofs of plan. It knows nothing of how they
// are found: it goes through the paths of the certificate's diagram, plays members of the classes
// on both versions with the production evaluation of the lists, and compares (docs/plan.md).
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/restrictions/layer.h"
#include "plan/classes.h"
#include "policy/consultations.h"

namespace postern::plan {

/// Options of a check.
struct CertificateCheck {
  std::chrono::milliseconds time{60'000};  ///< then the rest is left out: Checked::sampled
  std::size_t most_paths = 50'000;         ///< more are not all gone through
  unsigned seed = 1;                       ///< of the members that are drawn
};

/// The result.
struct Checked {
  std::string fault;          ///< what is wrong, with the dialogue; empty: nothing was found
  std::size_t paths = 0;      ///< of the diagram that were gone through
  std::size_t dialogues = 0;  ///< that were played on both versions
  bool sampled = false;       ///< not all paths were gone through
  bool unreadable = false;    ///< it has another form, or is about other versions
  std::vector<std::string> claims = {};  ///< what it says, one sentence each
};

/// One version: its lists, with the text of all its tables.
struct CertifiedVersion {
  const dialect::restrictions::Loaded* lists = nullptr;  ///< null: it has none
  std::string digest;                                    ///< of all that decides
  /// What the gateway answers about addresses without asking anybody; null: nothing.
  std::function<std::optional<std::string>(const policy::Consultation&)> known = {};
  /// Whether a recipient at an address literal is not refused behind the lists; null: each is.
  std::function<bool(const mail::Mailbox&)> takes_literal = {};
  ServedSessions served = {};  ///< of its listeners
  /// Of its webhooks: what stands for many recipients is no address of them; null: none.
  const policy::Directory* directory = nullptr;
};

/// Checks a text that certificate_of() wrote. Blocks for CertificateCheck::time at most.
Checked check_certificate(std::string_view text, const CertifiedVersion& before,
                          const CertifiedVersion& after, const CertificateCheck& options = {});

}  // namespace postern::plan
