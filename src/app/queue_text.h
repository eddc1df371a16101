// The queue's answers (docs/queue.md) as text for people.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "store/database.h"

namespace postern::app {

/// One line, and one for each recipient shown.
std::string listed_text(const boost::json::object& message, store::Time now);
std::string message_text(const boost::json::object& message, store::Time now);
std::string destinations_text(const boost::json::object& answer, store::Time now);
std::string verification_text(const boost::json::object& found);

}  // namespace postern::app
