// A DryRun that records its request and accepts; for tests.
#pragma once

#include <boost/json/object.hpp>

#include "admin/ports.h"

namespace postern::admin {

/// Records the last request.
class RecordingDryRun final : public DryRun {
 public:
  /// The last request.
  DryRunRequest seen;
  Task<Result<boost::json::object>> decide(DryRunRequest request) override {
    seen = std::move(request);
    co_return boost::json::object{{"decision", "accept"}};
  }
};

}  // namespace postern::admin
