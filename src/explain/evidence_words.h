// Results that are given instead of a message, in the words of docs/policy-tests.md.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explain/play.h"

namespace postern::app {

/// Keys of `evidence`.
inline constexpr std::array<std::string_view, 12> evidence_keys{
    "arc",           "author",      "dkim",       "dmarc",    "dmarc_policy", "from_fields",
    "header_fields", "header_size", "message_id", "received", "size",         "spf"};

/// Whether the value of a key is a number.
bool is_evidence_count(std::string_view key);
/// The results that a key may have; empty: any text.
std::vector<std::string_view> evidence_results(std::string_view key);

/// `evidence` as it is written: valid keys and words.
struct EvidenceWords {
  std::map<std::string, std::string, std::less<>> words;     ///< by key, but `dkim`
  std::map<std::string, std::uint64_t, std::less<>> counts;  ///< by key
  std::optional<std::vector<std::string>> dkim;  ///< domains with an acceptable signature
};

/// The results that the words name.
FrozenEvidence frozen_from(const EvidenceWords& words);
/// The words of what a decision found out.
EvidenceWords words_of_evidence(const policy::Evidence& evidence);

}  // namespace postern::app
