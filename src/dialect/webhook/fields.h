// The JSON policies of the webhook dialect (docs/webhook-policies.md): text in, normalised fields
// out.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/ip.h"
#include "base/secret.h"
#include "dialect/webhook/field_errors.h"

namespace postern::dialect::webhook {

/// One user of smtp_credentials; `hash` is bcrypt, cost 10 to 14.
struct CredentialFields {
  std::string username;
  Secret hash;
};

/// A policy's own words, valid and normalised.
struct PolicyFields {
  std::string name;
  std::vector<Cidr> allowed_source_ips;
  bool require_smtp_auth = false;
  std::vector<CredentialFields> smtp_credentials;
  bool require_spf = false;
  std::vector<std::string> allowed_spf_domains;  ///< A-labels; ".example.com" is any subdomain
  bool require_dkim = false;
  std::vector<std::string> allowed_dkim_domains;
  bool shadow = false;  ///< mode = "shadow": the controls are judged and traced, and refuse nothing
};

/// A password sent in the clear for `fields.smtp_credentials[at]`, whose hash is still empty.
struct PasswordToHash {
  std::size_t at = 0;
  Secret password;  ///< 1 to 72 octets without NUL
};

/// An accepted body: what the policy is to become.
struct PolicyWrite {
  PolicyFields fields;
  std::vector<PasswordToHash> to_hash;  ///< see hash_passwords()
  std::vector<std::string> changed;     ///< field names; empty: the version stays
  bool credentials_changed = false;     ///< the credentials' version grows too
};

/// Judges a body. With `stored` (PUT) omitted fields keep their value and the result of the merge
/// is judged; without (POST) `name` is required. Read-only fields are ignored, unknown ones
/// refused.
Parsed<PolicyWrite> parse_policy(const boost::json::object& body, const PolicyFields* stored);

/// Replaces each password by its hash and wipes it. `hash` (bcrypt, cost 12) takes 0.2 s a
/// password: not on an event loop.
void hash_passwords(PolicyWrite& write, const std::function<Secret(const Secret& password)>& hash);

/// The fields as the API shows them: lists as comma strings, "" when unset, `smtp_usernames` in the
/// place of the credentials. Ids, versions and times are the caller's to add.
boost::json::object to_json(const PolicyFields& fields);

}  // namespace postern::dialect::webhook
