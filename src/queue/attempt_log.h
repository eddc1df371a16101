// What an attempt leaves in the log and in the metrics. Webhooks keep a delivery log of their own.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "queue/courier.h"

namespace postern::queue {

/// `webhook`, `relay`, `local`: labels of metrics.
std::string_view word_of(spool::RouteKind kind);

/// A result as it is stored and shown: `550 5.1.1 no such user`.
std::string text_of(const smtp::RecipientResult& result);

/// One line and one count a recipient. `settlements` is parallel to the errand's recipients.
void note_attempt(const Errand& errand, const Carried& carried,
                  const std::vector<spool::Settlement>& settlements,
                  std::chrono::steady_clock::duration took);

}  // namespace postern::queue
