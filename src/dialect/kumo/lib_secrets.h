// kumo.secrets, and where keys come from.
#pragma once

#include <string>

#include "base/task.h"
#include "script/bind.h"

namespace postern::dialect::kumo {

namespace json = boost::json;

/// What Vault has no secret for. A hook that judges a login and ends with it has refused the login:
/// then a user that does not exist looks as a wrong password does.
class NotFound : public script::Thrown {
 public:
  using Thrown::Thrown;
};

/// The octets that a key source names: a file's name, `{key_data = ...}`, or a secret of Vault.
/// They are left out of the call's logs from then on. Throws NotFound, and sentences that hold
/// neither token nor path of a secret.
Task<std::string> load_key(script::Call& call, json::value source);

}  // namespace postern::dialect::kumo
