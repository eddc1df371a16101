// The options of queues that the queues helper's data files may set for a domain, a tenant or a
// campaign.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace postern::dialect::kumo {

/// The names of all options. Postern acts on routing_domain only. It keeps the others, so that
/// scripts can read them and KumoMTA's files load unchanged.
const std::vector<std::string_view>& queue_options();
/// Whether there is such an option.
bool is_queue_option(std::string_view name);
/// Where Postern configures what the option does: a sentence without its full stop. Empty: the
/// option works.
std::string_view instead_of_queue_option(std::string_view name);
/// What is wrong with a value: "must be a duration: ...". Empty: nothing.
std::string check_queue_option(std::string_view name, const boost::json::value& value);

}  // namespace postern::dialect::kumo
