// One part of the dialogues that the checker of a certificate plays. They can be played at the same
// time: a part only stops when an earlier one has found a fault.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

#include "plan/certificate_replay.h"
#include "plan/certificate_text.h"
#include "plan/certified_pair.h"
#include "plan/check_certificate.h"

namespace postern::plan::certified {

/// How many parts there are, on however many cores: what is drawn depends on it.
inline constexpr std::size_t parts = 8;

/// What the parts play. They change nothing in it but `faulty`.
struct Subject {
  const CertificateText& text;  ///< outlives it, as the next two do
  const CertifiedPair& pair;
  const Replay& replay;
  const CertificateCheck& options;
  std::chrono::steady_clock::time_point deadline;
  std::vector<std::size_t> own = {};  ///< classes of recipients at domains of this host, or relayed
  /// The lowest number of a part that has found a fault: those above need not go on.
  std::atomic<std::size_t> faulty = parts;
};

/// Plays the part with this number, below `parts`. The same for the same seed, if there is time and
/// no earlier part finds a fault. Thread-safe.
Checked play_part(Subject& subject, std::size_t number);

}  // namespace postern::plan::certified
