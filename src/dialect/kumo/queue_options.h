// The options of queues, as the queues helper's data files may set them for a domain, a tenant or a
// campaign.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace postern::dialect::kumo {

/// Every option there is. Postern acts on routing_domain alone; it keeps the others, so that a
/// script can ask for them and files written for KumoMTA load as they are.
const std::vector<std::string_view>& queue_options();
bool is_queue_option(std::string_view name);
/// Where Postern has what the option does: a sentence without its point; empty: the option works.
std::string_view instead_of_queue_option(std::string_view name);
/// What is wrong with a value: "must be a duration like '5 minutes': ..."; empty: nothing.
std::string check_queue_option(std::string_view name, const boost::json::value& value);

}  // namespace postern::dialect::kumo
