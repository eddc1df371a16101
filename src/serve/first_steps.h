#pragma once

#include <optional>
#include <string>

namespace postern::app {

class Instance;

/// For a gateway without a configuration. On the first start, creates an owner account, a webhook
/// that keeps mail in the built-in inbox, and one whose policy rejects this machine; writes the
/// owner's password to a file in the data directory. Returns instructions for the user, which begin
/// with a link for setting a password until the owner has logged in; nullopt after an error.
/// Blocks.
std::optional<std::string> first_steps(Instance& instance);

}  // namespace postern::app
