// What the options of kumo.start_esmtp_listener hold. Each throws a sentence for a value that is
// none.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/ip.h"
#include "dialect/kumo/listener.h"

namespace postern::dialect::kumo {

/// "start_esmtp_listener: 'hostname' must be ...".
std::string in_option(std::string_view name, std::string_view sentence);

std::string text_of(std::string_view name, const boost::json::value& value);
std::uint64_t count_of(std::string_view name, const boost::json::value& value);
bool flag_of(std::string_view name, const boost::json::value& value);
/// RFC 5321 §4.3.1: the greeting names a host. One in its own letters becomes A-labels.
std::string hostname_of(std::string_view name, const boost::json::value& value);
std::vector<Cidr> networks_of(std::string_view name, const boost::json::value& value);
Listener::LineEndings line_endings_of(const boost::json::value& value);
std::chrono::milliseconds duration_of(std::string_view name, const boost::json::value& value);

/// Checks an option that has no effect here. "": what it asks for happens anyway, or nobody would
/// notice; else what happens instead.
std::string without_effect(std::string_view name, const boost::json::value& value);

}  // namespace postern::dialect::kumo
