// Formats an explained trace for a terminal and as JSON.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <boost/json/object.hpp>

#include "policy/trace.h"
#include "replay/rederive.h"

namespace postern::app {

/// What is explained: a transaction with its decisions, and the same decisions made again.
struct Explanation {
  policy::Trace trace;              ///< the transaction
  bool live = false;                ///< decided now; nothing was sent
  bool password_given = false;      ///< made again with a password that the user gave
  Result<replay::Rederived> again;  ///< the decisions made again, or why they were not
  std::string note = {};            ///< what the decisions do not show; may be empty
  /// "main.cf:12:3" by Step::origin, of rules that a configuration file has.
  std::map<std::string, std::string, std::less<>> places = {};
};

/// Returns the text of a definition by id and version; Fault::not_found.
using DefinitionText = std::function<Result<std::string>(const std::string&, std::uint64_t)>;
/// Parses a record with its definitions and makes its decisions again from the record alone.
/// `password`: for scripts that judged a login, see replay::rederive(); null: unknown.
Result<Explanation> explanation_of(const std::string& record, DefinitionText definitions,
                                   const Secret* password = nullptr);

/// Where rules stand in files ("main.cf:12:3", by Step::origin), as the layers that decided have it.
std::map<std::string, std::string, std::less<>> places_of(const policy::Trace& trace);
/// Of a decision that was just made: live, and not made again.
Explanation explanation_of(policy::Trace trace);

/// Whether the client's last reply is, or would be, a refusal.
bool was_refused(const policy::Trace& trace);
/// The whole explanation as text with LF line ends.
std::string explanation_text(const Explanation& explanation, bool color);
/// The same without what differs from one run to the next: times, durations, and whether the
/// decisions were made again.
std::string lasting_text(const Explanation& explanation);
/// The whole explanation; see docs/explain.md.
boost::json::object explanation_json(const Explanation& explanation);

// Parts of it, for other views.
std::string shown(std::string_view text);  ///< valid UTF-8, whatever was sent
/// Code, enhanced code and text.
boost::json::object reply_json(const smtp::Reply& reply);
/// What layers did beyond their verdicts, shadow ones too: `[{"effect","layer","rule","origin",
/// "place","text","enforced"}]`.
boost::json::array effects_json(const Explanation& explanation, const policy::Decision& decision);
/// Where a rule of this origin stands: "main.cf:12:3", or null where no file is known.
boost::json::value place_json(const Explanation& explanation, const std::string& origin);
/// Size and header facts of the message.
boost::json::object message_json(const policy::MessageFacts& facts);
/// The client's part of a session.
boost::json::object client_json(const policy::SessionFacts& session);
/// SPF, DKIM, DMARC and ARC results.
boost::json::object authentication_json(const policy::Evidence& evidence);
/// Queries to tables and policy servers.
boost::json::array consulted_json(const policy::Consultations& consulted);
/// In the form that --dns reads.
boost::json::array dns_answers_json(const std::vector<policy::DnsRecord>& answers);
/// The differences, or why the decisions were not made again.
boost::json::object rederived_json(const Result<replay::Rederived>& again);

}  // namespace postern::app
