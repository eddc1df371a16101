#pragma once

#include <optional>
#include <string>

namespace postern::app {

class Instance;

/// For a gateway without a configuration: on its first start makes an owner account, a webhook that
/// keeps mail in the built-in inbox and one whose policy refuses this machine; the owner's password
/// goes into a file of the data directory. Until the owner has signed in, what to type begins with
/// a link with which a password is chosen. Returns what to type next, nullopt when it cannot tell.
std::optional<std::string> first_steps(Instance& instance);

}  // namespace postern::app
