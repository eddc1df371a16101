// An explained trace, on a terminal and as JSON.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "dialect/rederive.h"
#include "policy/trace.h"

namespace postern::app {

/// What there is to explain: a transaction with its decisions, and those made once more.
struct Explanation {
  policy::Trace trace;
  bool live = false;  ///< decided just now; nothing was sent
  Result<dialect::Rederived> again;
};

/// Whether the client got, or would get, a refusal as its last word.
bool was_refused(const policy::Trace& trace);
std::string explanation_text(const Explanation& explanation, bool color);
boost::json::object explanation_json(const Explanation& explanation);

}  // namespace postern::app
