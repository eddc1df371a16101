// As pch.h, with Boost.Asio and Boost.JSON for the rooms that do input and output.
#include "pch.h"

#include <deque>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <boost/asio.hpp>
#include <boost/json.hpp>
