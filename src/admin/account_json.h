// An account as the API reads and writes it.
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"

namespace postern::admin {

/// The Account of docs/openapi.yaml.
Task<boost::json::object> describe_account(Core& core, Authenticator& authenticator,
                                           store::AccountRow account);

/// The member "email", without blanks around it; throws 400 or 422.
std::string checked_email(dialect::webhook::BodyReader& body);
/// A password that may become an account's; throws 400 or 422.
Secret checked_new_password(dialect::webhook::BodyReader& body, std::string_view name);

}  // namespace postern::admin
