#pragma once

#include <optional>
#include <vector>

#include "dialect/webhook/body_reader.h"
#include "dialect/webhook/fields.h"

namespace postern::dialect::webhook {

/// The field smtp_credentials, given as text or array (docs/webhook-policies.md).
struct CredentialsGiven {
  std::vector<CredentialFields> credentials;  ///< a hash is empty if its password is in to_hash
  std::vector<PasswordToHash> to_hash;        ///< plain passwords
};

/// nullopt: absent, or invalid with an error in `body`. Entries with only a user name keep their
/// hash in `stored`, which may be null.
std::optional<CredentialsGiven> read_credentials(BodyReader& body,
                                                 const std::vector<CredentialFields>* stored);

}  // namespace postern::dialect::webhook
