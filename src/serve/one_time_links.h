// One-time links for a terminal: its reader may set a password or create the first account.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "store/store.h"

namespace postern::app {

/// A link and its validity.
struct ShownLink {
  std::string url;                        ///< with the secret
  std::optional<store::Time> expires_at;  ///< nullopt: it does not expire
};

/// A link to set a new password for the account with this e-mail address; also while a gateway
/// runs. Fault::not_found: no such account. Blocks.
Result<ShownLink> make_reset_link(store::Store& store, const std::string& email,
                                  const std::string& public_url);

/// The link that creates the first account; it replaces the one before. nullopt: there is an
/// account. `lifetime`: nullopt: it lasts until it is used or replaced. Blocks.
Result<std::optional<ShownLink>> make_owner_link(
    store::Store& store, const std::string& public_url,
    std::optional<std::chrono::minutes> lifetime = std::nullopt);

}  // namespace postern::app
