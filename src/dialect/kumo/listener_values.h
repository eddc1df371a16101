// Readers of the options of kumo.start_esmtp_listener. Each throws a sentence for a wrong value.
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

/// The text of an error: "start_esmtp_listener: 'hostname' must be ...".
std::string in_option(std::string_view name, std::string_view sentence);

/// A string, which may be empty.
std::string text_of(std::string_view name, const boost::json::value& value);
/// A positive integer.
std::uint64_t count_of(std::string_view name, const boost::json::value& value);
/// A boolean.
bool flag_of(std::string_view name, const boost::json::value& value);
/// A host name for the greeting (RFC 5321 §4.3.1). An internationalized name becomes A-labels.
std::string hostname_of(std::string_view name, const boost::json::value& value);
/// A list of networks, which may be empty.
std::vector<Cidr> networks_of(std::string_view name, const boost::json::value& value);
/// 'Deny', 'Allow' or 'Fix'.
Listener::LineEndings line_endings_of(const boost::json::value& value);
/// A duration: seconds, or text like '5 minutes'.
std::chrono::milliseconds duration_of(std::string_view name, const boost::json::value& value);

/// Checks an option that Postern does not implement. Returns what happens instead; empty: what the
/// option asks for happens anyway, or its absence has no visible effect.
std::string without_effect(std::string_view name, const boost::json::value& value);

}  // namespace postern::dialect::kumo
