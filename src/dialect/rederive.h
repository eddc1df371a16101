// A recorded decision made again from its record alone: no network, no database, no clock.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "policy/layer.h"
#include "policy/record.h"

namespace postern::dialect {

/// The engine that a definition describes. Fault::not_found names a layer this version cannot
/// build.
Result<policy::Engine> engine_from(std::string_view definition);

/// Recorded policies, compiled: `text(id, version)` gives a Definition's text.
policy::DefinitionSource definition_source(
    std::function<Result<std::string>(const std::string& id, std::uint64_t version)> text);

/// One answer per decision of the trace.
struct Rederived {
  struct Answer {
    bool asked = false;                    ///< false: no engine made it, so none can make it again
    std::vector<std::string> differences;  ///< empty: the same
  };
  std::vector<Answer> answers;
  bool agrees() const;
};

/// Makes each decision of a trace again, on the evidence as it was.
Task<Result<Rederived>> rederive(const policy::Trace& trace);

}  // namespace postern::dialect
