// Reads and writes accounts as JSON.
#pragma once

#include "admin/authenticator.h"
#include "admin/core.h"

namespace postern::admin {

/// Longest password that is taken, in octets.
inline constexpr std::size_t max_password = 1024;

/// The Account of docs/openapi.yaml. Blocks on the disk. Throws a Refusal if the store fails.
boost::json::object describe_account(const Core& core, const Authenticator& authenticator,
                                     const store::AccountRow& account);

/// The member "email" without surrounding blanks; throws 400 or 422.
std::string checked_email(dialect::webhook::BodyReader& body);
/// The member `name` as a new password; throws 400 or 422.
Secret checked_new_password(dialect::webhook::BodyReader& body, std::string_view name);

}  // namespace postern::admin
