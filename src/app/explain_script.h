// What scripts did, as `postern explain` shows it.
#pragma once

#include <string>

#include <boost/json/array.hpp>

#include "policy/trace.h"

namespace postern::app {

/// A step's evidence; of a hook with what it has used.
std::string evidence_of(const policy::Step& step);
/// The message as scripts left it, for whom, and with which values.
boost::json::array copies_json(const policy::Evidence& evidence);
/// The same as lines of text; empty when no script has spoken.
std::string copies_text(const policy::Evidence& evidence);

}  // namespace postern::app
