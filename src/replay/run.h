// Decides recorded traffic with a draft, on all cores: one thread reads, the others parse and
// decide.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "dns/resolver.h"
#include "replay/tally.h"
#include "store/traces.h"

namespace postern::replay {

/// Options of a replay.
struct ReplayOptions {
  std::size_t samples = 5;  ///< kept of each kind of change
  /// Policies that replace the recorded ones with the same id.
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies = {};
  bool in_background = false;  ///< while mail is processed: one worker at low priority
  /// Answers DNS queries that the records lack: at most 1000 queries and one minute per worker;
  /// later ones stay unanswered, and their decisions undecided. Null: no queries. Outlives the run.
  dns::Resolver* dns_now = nullptr;
  /// When it becomes true, no more queries are sent. May be null.
  const std::atomic<bool>* stop = nullptr;
};

/// A source of recorded traffic. `definition` is called on any thread.
struct TraceSource {
  /// The next records of a span, oldest first, at most `most`; empty: the end.
  std::function<Result<std::vector<store::NumberedRecord>>(const store::TraceSpan& span,
                                                           std::size_t most)>
      records;
  /// The text of a definition.
  std::function<Result<std::string>(const std::string& id, std::uint64_t version)> definition;
};

/// Reads from `traces`, which outlives the result.
TraceSource source_of(store::TraceReader& traces);

/// From now on this thread has a low priority, as work beside live mail has.
void let_mail_go_first();

/// Runs a replay. `progress` is called between batches on the calling thread, with the number of
/// transactions read; if it returns false, the rest is skipped. Blocks.
Result<ReplayTally> replay_traces(const TraceSource& traces, const store::TraceSpan& span,
                                  const Draft& draft, const ReplayOptions& options,
                                  const std::function<bool(std::uint64_t done)>& progress);

}  // namespace postern::replay
