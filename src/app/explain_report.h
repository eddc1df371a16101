// An explained trace, on a terminal and as JSON.
#pragma once

#include <functional>
#include <string>

#include <boost/json/object.hpp>

#include "dialect/rederive.h"
#include "policy/trace.h"

namespace postern::app {

/// What there is to explain: a transaction with its decisions, and those made once more.
struct Explanation {
  policy::Trace trace;
  bool live = false;            ///< decided just now; nothing was sent
  bool password_given = false;  ///< made again with what somebody says the password was
  Result<dialect::Rederived> again;
  std::string note = {};  ///< what the decisions above do not show; empty: nothing
};

using DefinitionText = std::function<Result<std::string>(const std::string&, std::uint64_t)>;
/// Reads a record with its definitions and makes its decisions again, from the record alone.
/// `password`: for scripts that judged a login, see dialect::rederive(); null: nobody knows it.
Result<Explanation> explanation_of(const std::string& record, DefinitionText definitions,
                                   const Secret* password = nullptr);

/// Whether the client got, or would get, a refusal as its last word.
bool was_refused(const policy::Trace& trace);
std::string explanation_text(const Explanation& explanation, bool color);
boost::json::object explanation_json(const Explanation& explanation);

// Pieces of it, for other views of the same.
std::string shown(std::string_view text);  ///< valid UTF-8, whatever was sent
boost::json::object reply_json(const smtp::Reply& reply);
boost::json::object message_json(const policy::MessageFacts& facts);
boost::json::object client_json(const policy::SessionFacts& session);
boost::json::object authentication_json(const policy::Evidence& evidence);
boost::json::array consulted_json(const std::vector<policy::Consultation>& consulted);
boost::json::array dns_answers_json(const std::vector<policy::DnsRecord>& answers);
boost::json::object rederived_json(const Result<dialect::Rederived>& again);

}  // namespace postern::app
