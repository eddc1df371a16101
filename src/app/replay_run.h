// Recorded traffic through a draft, on all cores: one thread reads, the others parse and decide.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "app/replay_tally.h"
#include "base/error.h"
#include "dns/resolver.h"
#include "store/traces.h"

namespace postern::app {

struct ReplayOptions {
  std::size_t samples = 5;  ///< kept of each kind
  /// Policies of webhooks to judge by in the place of those recorded under the same id.
  std::vector<std::shared_ptr<const policy::WebhookPolicy>> policies = {};
  bool in_background = false;  ///< beside running mail: one worker, at low priority
  /// Asked for DNS answers that the records lack, 1000 questions and a minute of each worker at
  /// most; what it does not know then stays undecided. Null: nobody is asked. Outlives the run.
  dns::Resolver* dns_now = nullptr;
  /// When it becomes true no more questions are asked. May be null.
  const std::atomic<bool>* stop = nullptr;
};

/// Where recorded traffic comes from. `definition` is called on any thread.
struct TraceSource {
  std::function<Result<std::vector<store::NumberedRecord>>(const store::TraceSpan& span,
                                                           std::size_t most)>
      records;
  std::function<Result<std::string>(const std::string& id, std::uint64_t version)> definition;
};

/// `traces` outlives it.
TraceSource source_of(store::TraceReader& traces);

/// `progress` is called between batches on the calling thread with the transactions read so far;
/// when it answers false the rest is left out.
Result<ReplayTally> replay_traces(const TraceSource& traces, const store::TraceSpan& span,
                                  const dialect::Draft& draft, const ReplayOptions& options,
                                  const std::function<bool(std::uint64_t done)>& progress);

}  // namespace postern::app
