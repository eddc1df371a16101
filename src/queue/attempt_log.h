// What an attempt adds to the log and to the metrics. Webhooks have a delivery log of their own.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "queue/delivery_agent.h"

namespace postern::queue {

/// `webhook`, `relay`, `local`: a label of metrics.
std::string_view word_of(spool::RouteKind kind);

/// A result as it is stored and displayed: `550 5.1.1 no such user`.
std::string text_of(const smtp::RecipientResult& result);

/// Writes one log line and counts one attempt for each recipient. `settlements` and the results are
/// parallel to the recipients of the task. `took`: the duration of the attempt.
void note_attempt(const DeliveryTask& task, const Carried& carried,
                  const std::vector<spool::Settlement>& settlements,
                  std::chrono::steady_clock::duration took);

}  // namespace postern::queue
