// One delivery attempt to other hosts as JSON for traces and explain.
#pragma once

#include <boost/json/fwd.hpp>

#include "relay/courier.h"

namespace postern::app {

/// Route, DNS answers, skipped hosts, connections and results; `message` is the one that was sent.
/// Contains the envelope's addresses, but no password.
boost::json::object attempt_json(const relay::AttemptReport& report,
                                 const smtp::OutboundMessage& message);

/// DNS answers in the form that `--dns` reads.
boost::json::array answers_json(const relay::Answers& answers);

}  // namespace postern::app
