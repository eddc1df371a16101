// Traces as JSON, so that a decision can be explained and replayed offline. A record holds no
// password, hash, secret or target URL; the policies that it used are stored once, separately.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/error.h"

namespace postern::policy {

struct Decision;
struct Evidence;
struct Trace;
struct WebhookPolicy;

/// Version of the format that write_record() writes; readers refuse later ones.
inline constexpr int record_schema = 1;

/// A part that many traces share: a policy's fields, or the layers of an engine.
struct Definition {
  std::string id;             ///< "pol_...", or "engine"
  std::uint64_t version = 0;  ///< of the policy or the engine
  std::string text;           ///< JSON
};

/// The definitions that the trace refers to, each once.
std::vector<Definition> definitions_of(const Trace& trace);
/// Receives a definition. `account`: its owner, "" for the gateway.
using TakeDefinition = std::function<void(const std::string& id, std::uint64_t version,
                                          const std::string& text, const std::string& account)>;
/// As definitions_of(), without copies (definitions may hold whole tables); may repeat some.
void each_definition(const Trace& trace, const TakeDefinition& take);

/// One line of JSON.
std::string write_record(const Trace& trace);

/// Resolves the references of a record.
struct DefinitionSource {
  /// The recorded policy, compiled. Its credentials are filled in from the record.
  std::function<Result<std::shared_ptr<WebhookPolicy>>(const std::string& id,
                                                       std::uint64_t version)>
      policy;
  /// Engine::definition() of this version.
  std::function<Result<std::string>(std::uint64_t version)> engine;
};

/// Fault::malformed if the text is no record; else the errors of `source`.
Result<Trace> read_record(std::string_view text, const DefinitionSource& source);

/// The evidence of a queued message as JSON, without the DNS answers, which its trace has.
std::string write_evidence(const Evidence& evidence, const std::string& trace_id);
/// Its policies have only id and version: their controls were judged before. Fault::malformed.
Result<Evidence> read_evidence(std::string_view text);

/// Reduces a parsed record to what one account may see. Recipients of other accounts keep address
/// and reply, which the client saw; their route, rules and evidence are removed.
void hide_other_accounts(boost::json::object& record, std::string_view account_id);

/// Removes from a parsed record the parts that are only needed to replay its logins.
void hide_logins(boost::json::object& record);

/// The evidence at the time of this decision of the trace.
Evidence evidence_at(const Trace& trace, const Decision& decision);

/// The differences between two decisions of the same question, a sentence each; empty: none.
std::vector<std::string> differences(const Decision& recorded, const Decision& derived);

}  // namespace postern::policy
