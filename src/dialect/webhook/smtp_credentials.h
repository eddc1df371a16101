#pragma once

#include <optional>
#include <vector>

#include "dialect/webhook/body_reader.h"
#include "dialect/webhook/fields.h"

namespace postern::dialect::webhook {

/// The field smtp_credentials of a policy body, as text or array (see docs/webhook-policies.md).
struct CredentialsGiven {
  std::vector<CredentialFields> credentials;
  std::vector<PasswordToHash> to_hash;
};

/// nullopt: absent, or wrong with its sentence noted. `stored` gives the hashes that entries with a
/// user name alone keep; it may be null.
std::optional<CredentialsGiven> read_credentials(BodyReader& body,
                                                 const std::vector<CredentialFields>* stored);

}  // namespace postern::dialect::webhook
