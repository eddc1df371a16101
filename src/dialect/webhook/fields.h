// The JSON policies of the webhook dialect (docs/webhook-policies.md): text in, normalised fields out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/ip.h"
#include "base/secret.h"

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
};

}  // namespace postern::dialect::webhook
