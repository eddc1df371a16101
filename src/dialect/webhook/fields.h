// The JSON of webhook policies (docs/webhook-policies.md): a body to normalised fields.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "base/ip.h"
#include "base/secret.h"
#include "dialect/webhook/field_errors.h"

namespace postern::dialect::webhook {

/// A user of smtp_credentials.
struct CredentialFields {
  std::string username;  ///< not empty
  Secret hash;           ///< bcrypt, cost 10 to 14
};

/// The fields of a policy, valid and normalised.
struct PolicyFields {
  std::string name;                                ///< for people
  std::vector<Cidr> allowed_source_ips;            ///< empty: any address
  bool require_smtp_auth = false;                  ///< the client must authenticate
  std::vector<CredentialFields> smtp_credentials;  ///< in the order given
  bool require_spf = false;                        ///< SPF must pass
  std::vector<std::string>
      allowed_spf_domains;    ///< A-labels; ".example.com" matches its subdomains
  bool require_dkim = false;  ///< a DKIM signature must pass
  std::vector<std::string> allowed_dkim_domains;  ///< as allowed_spf_domains
  std::vector<std::string> checks;  ///< names of `policy::questions::offered`, in the order given
  bool shadow = false;  ///< mode = "shadow": the controls are judged and traced, but refuse nothing
};

/// How a field is written in bodies and edited in a form.
enum class FieldKind : std::uint8_t { name, flag, networks, domains, checks, mode, credentials };

/// What documents and pages say of a field. docs/openapi.yaml, docs/webhook-policies.md and
/// web/src/lib/policy-fields.ts are made from it (made_documents_test.cc).
struct FieldText {
  std::string_view name;        ///< in bodies, answers of the API and recorded definitions
  std::string_view label;       ///< in forms and documents
  std::string_view hint = {};   ///< below the label, a sentence; `code` is between backticks
  std::string_view needs = {};  ///< the flag without which the list is refused; "": none
  std::string_view write = {};  ///< description in the API's document; "": none
  /// Values that are refused, for the manual; "": those that every field of the kind refuses.
  std::string_view refused = {};
  bool if_set = false;               ///< answers of the API leave it out while it is empty or false
  FieldKind kind = FieldKind::name;  ///< set by the row
};

/// The texts of all fields: those that answers show, in their order, then smtp_credentials.
std::vector<FieldText> field_texts();

/// A plain password for `fields.smtp_credentials[at]`, whose hash is still empty.
struct PasswordToHash {
  std::size_t at = 0;  ///< index
  Secret password;     ///< 1 to 72 octets without NUL
};

/// An accepted body: the policy after it.
struct PolicyWrite {
  PolicyFields fields;                  ///< after the merge
  std::vector<PasswordToHash> to_hash;  ///< for hash_passwords()
  std::vector<std::string>
      changed;  ///< names of changed fields; empty: the version does not change
  bool credentials_changed = false;  ///< a new version of the credentials is stored, too
};

/// Validates a body. With `stored` (PUT), absent fields keep their value and the merged policy is
/// validated; without it (POST), `name` is required. Read-only fields are ignored, unknown ones are
/// errors.
Parsed<PolicyWrite> parse_policy(const boost::json::object& body, const PolicyFields* stored);

/// Replaces each password by its hash and wipes it. `hash` (bcrypt, cost 12) takes 0.2 s per
/// password: do not call it on an event loop.
void hash_passwords(PolicyWrite& write, const std::function<Secret(const Secret& password)>& hash);

/// The fields as the API answers them: lists as comma-separated strings, "" if empty; a field with
/// FieldText::if_set is absent instead. `smtp_usernames` stands in place of the credentials. The
/// caller adds ids, versions and times.
boost::json::object to_json(const PolicyFields& fields);

/// The fields without credentials as a JSON text: WebhookPolicy::definition, which the store and
/// traces keep.
std::string definition_of(const PolicyFields& fields);
/// Parses a definition. Fault::malformed.
Result<PolicyFields> fields_of(std::string_view definition);

}  // namespace postern::dialect::webhook
