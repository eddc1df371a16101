// Formats the queue's answers (docs/queue.md) as text.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "store/database.h"

namespace postern::app {

/// One line for the message and one for each recipient shown.
std::string listed_text(const boost::json::object& message, store::Time now);
/// One message with all details, and the commands that fit its state.
std::string message_text(const boost::json::object& message, store::Time now);
/// The table of destinations.
std::string destinations_text(const boost::json::object& answer, store::Time now);
/// The result of a verification.
std::string verification_text(const boost::json::object& found);

}  // namespace postern::app
