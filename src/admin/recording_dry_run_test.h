// A dry-run that keeps what it was asked and accepts; for tests.
#pragma once

#include <boost/json/object.hpp>

#include "admin/ports.h"

namespace postern::admin {

class RecordingDryRun final : public DryRun {
 public:
  DryRunRequest seen;
  Task<Result<boost::json::object>> decide(DryRunRequest request) override {
    seen = std::move(request);
    co_return boost::json::object{{"decision", "accept"}};
  }
};

}  // namespace postern::admin
