// As pch.h, with Boost.Asio for the rooms that do input and output.
#include "pch.h"

#include <boost/asio.hpp>
