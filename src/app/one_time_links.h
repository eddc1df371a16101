// One-time links that a terminal shows: whoever can read it may let somebody in.
#pragma once

#include <optional>
#include <string>

#include "store/store.h"

namespace postern::app {

struct ShownLink {
  std::string url;
  std::optional<store::Time> expires_at;
};

/// A link with which the account of this e-mail address gets a new password, also beside a running
/// gateway. Fault::not_found: there is no such account.
Result<ShownLink> make_reset_link(store::Store& store, const std::string& email,
                                  const std::string& public_url);

/// The link with which the first account is made, in the place of the one of the last start;
/// nullopt when there is an account.
Result<std::optional<ShownLink>> make_owner_link(store::Store& store,
                                                 const std::string& public_url);

}  // namespace postern::app
