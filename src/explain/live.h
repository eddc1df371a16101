#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/config.h"
#include "explain/options.h"
#include "policy/directory.h"
#include "policy/layer.h"
#include "relay/verified_addresses.h"

namespace postern::app {

/// What address verification remembers of an address, as Mailbox::text() writes it.
using RememberedAddress =
    std::function<std::optional<relay::VerifiedAddresses::Entry>(const std::string& address)>;

/// Decides on the message that the options describe, with the directory's policies. Nothing is
/// sent, no rate token is taken, and no host name is looked up for the client. Where a rule
/// verifies an address, `remembered` (null: nothing is) has the results of earlier probes.
/// Fault::malformed and Fault::not_found name the option. Blocks.
Result<policy::Trace> decide_live(const Config& config, const ExplainOptions& options,
                                  const policy::Directory& directory,
                                  const RememberedAddress& remembered = {});

}  // namespace postern::app
