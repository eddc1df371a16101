// What tests of sessions share: a recorder that keeps the traces, and buckets that are full.
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "gateway/ports.h"

namespace postern::gateway {

class KeepingRecorder final : public TransactionRecorder {
 public:
  void ended(policy::Trace trace) override {
    const std::lock_guard lock(mutex);
    traces.push_back(std::move(trace));
  }
  std::mutex mutex;
  std::vector<policy::Trace> traces;
};

class FullBuckets final : public RateProbe {
 public:
  double tokens(const policy::Webhook&) override { return 1; }
};

}  // namespace postern::gateway
