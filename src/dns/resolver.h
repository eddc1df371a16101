#pragma once

#include <chrono>

#include "base/task.h"
#include "dns/dns.h"

namespace postern::dns {

/// Answers questions. Never throws and never fails: trouble is Answer::status. An implementation
/// may be called from any I/O thread and resumes the caller on its own executor.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Waits `limit` at most; then Status::timeout.
  virtual Task<Answer> lookup(Question question, std::chrono::milliseconds limit) = 0;
};

}  // namespace postern::dns
