// What an attempt of the relay did, as JSON for traces and explain.
#pragma once

#include <boost/json/fwd.hpp>

#include "relay/courier.h"

namespace postern::app {

/// Route, DNS answers, hosts left out, connections and results; `message` is the one that was
/// tried. Addresses are as in the envelope; no password is in it.
boost::json::object attempt_json(const relay::AttemptReport& report,
                                 const smtp::OutboundMessage& message);

/// DNS answers as `--dns` reads them.
boost::json::array answers_json(const relay::Answers& answers);

}  // namespace postern::app
