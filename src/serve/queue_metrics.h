#pragma once

#include "base/error.h"
#include "spool/spool.h"

namespace postern::app {

/// Sets the queue's gauges to its current state. Blocks: reads an index of the queue.
Result<void> show_queue(spool::Spool& spool);

}  // namespace postern::app
