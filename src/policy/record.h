// A trace as JSON and back, so that a decision can be explained and made again offline. It holds no
// password, hash, secret or target URL; the policies it used are kept once, beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "policy/trace.h"
#include "policy/webhook.h"

namespace postern::policy {

/// Of what write_record writes; readers refuse a later one.
inline constexpr int record_schema = 1;

/// What many traces share: a policy's fields, or the layers of an engine.
struct Definition {
  std::string id;  ///< "pol_...", or "engine"
  std::uint64_t version = 0;
  std::string text;
};

/// What the trace refers to, each once.
std::vector<Definition> definitions_of(const Trace& trace);
/// The same without copies, for definitions may hold whole tables; some come several times.
/// `account`: whose it is, "" for the gateway's.
using TakeDefinition = std::function<void(const std::string& id, std::uint64_t version,
                                          const std::string& text, const std::string& account)>;
void each_definition(const Trace& trace, const TakeDefinition& take);

/// One line of JSON.
std::string write_record(const Trace& trace);

/// Where a record's references lead.
struct DefinitionSource {
  /// The recorded policy, compiled; its credentials are filled in from the record.
  std::function<Result<std::shared_ptr<WebhookPolicy>>(const std::string& id,
                                                       std::uint64_t version)>
      policy;
  /// Engine::definition by its version.
  std::function<Result<std::string>(std::uint64_t version)> engine;
};

/// Fault::malformed when the text is no record, or whatever the source says.
Result<Trace> read_record(std::string_view text, const DefinitionSource& source);

/// What is remembered of a message in the queue: its evidence without the DNS answers, which its
/// trace has.
std::string write_evidence(const Evidence& evidence, const std::string& trace_id);
/// Policies come with id and version alone: their controls have been judged. Fault::malformed.
Result<Evidence> read_evidence(std::string_view text);

/// Leaves of a parsed record what one account may see: other accounts' recipients keep their
/// address and reply, which the client has seen, and lose their route, rules and evidence.
void hide_other_accounts(boost::json::object& record, std::string_view account_id);

/// Leaves out of a parsed record what only making its logins again needs.
void hide_logins(boost::json::object& record);

/// The evidence as it was when this decision of the trace was made.
Evidence evidence_at(const Trace& trace, const Decision& decision);

/// How two answers to the same question differ, one sentence each; empty when they agree.
std::vector<std::string> differences(const Decision& recorded, const Decision& derived);

}  // namespace postern::policy
