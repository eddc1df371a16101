// The effects of scripts, as `postern explain` shows them.
#pragma once

#include <string>

#include <boost/json/array.hpp>

#include "policy/trace.h"

namespace postern::app {

/// A step's evidence, with the key that its table has, and for a hook with the resources it used.
std::string evidence_of(const policy::Step& step);
/// The copies that scripts made, with recipients and values.
boost::json::array copies_json(const policy::Evidence& evidence);
/// The same as lines of text; empty if no script made a copy.
std::string copies_text(const policy::Evidence& evidence);

}  // namespace postern::app
