// A recorded decision made again from its record alone: no network, no database, no clock.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
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
    bool asked = false;                    ///< false: no record of who made it
    std::vector<std::string> differences;  ///< empty: the same
    /// Of a login: it differs for something that no record holds, so that nothing is said against
    /// the policy or the record.
    bool hangs_on_withheld = false;
  };
  std::vector<Answer> answers;
  /// Nothing differs that hangs on the record alone.
  bool agrees() const;
};

/// Makes each decision of a trace again, on the evidence as it was. `password`: what the client
/// signed in with, for scripts that look into it; null: nobody knows.
Task<Result<Rederived>> rederive(const policy::Trace& trace, const Secret* password = nullptr);

}  // namespace postern::dialect
