// Replays recorded decisions from their record alone: without network, database or clock.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "base/task.h"
#include "policy/layer.h"
#include "policy/record.h"

namespace postern::replay {

/// Builds the engine of a definition. Fault::not_found for a layer that this version does not have.
Result<policy::Engine> engine_from(std::string_view definition);

/// Compiles recorded policies; `text(id, version)` returns Definition::text.
policy::DefinitionSource definition_source(
    std::function<Result<std::string>(const std::string& id, std::uint64_t version)> text);

/// The comparison of replayed and recorded decisions, one answer per decision.
struct Rederived {
  /// The result for one decision.
  struct Answer {
    bool asked = false;  ///< false: the record does not have the engine or verifier
    std::vector<std::string> differences;  ///< empty: the same
    /// For a login: it differs only because of data that records withhold, so that this is no
    /// contradiction between policy and record.
    bool hangs_on_withheld = false;
  };
  std::vector<Answer> answers;  ///< in the order of the trace
  /// Whether no decision differs, except for withheld data.
  bool agrees() const;
};

/// Replays each decision of a trace with the evidence of its time. `password`: that of the client,
/// for scripts that read it; null: unknown.
Task<Result<Rederived>> rederive(const policy::Trace& trace, const Secret* password = nullptr);

}  // namespace postern::replay
