// The tables and lists of one version in a script (plan/smt.h): which rows a dialogue finds, in the
// order in which they are looked up (docs/restriction-lists.md, "Access tables").
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dialect/restrictions/rules.h"
#include "plan/smt_sheet.h"

namespace postern::plan::smt {

/// Rows in the order in which they are tried: a condition and a value.
using Ordered = std::vector<std::pair<std::string, std::string>>;

/// The classes of a domain (docs/restriction-lists.md, "Destinations"): at most one holds.
struct DomainTerms {
  std::string local;    ///< mydestination, and addresses of this host
  std::string alias;    ///< virtual_alias_domains
  std::string mailbox;  ///< virtual_mailbox_domains
  std::string relay;    ///< relay_domains
};

/// States what a version's tables find. All throw LeftOut.
class Tables {
 public:
  /// Both outlive this object.
  Tables(Sheet& sheet, const dialect::restrictions::ListPolicy& policy)
      : sheet_(sheet), policy_(policy) {}

  /// Of the domain of "sender" or "rcpt".
  const DomainTerms& classes(const std::string& who);
  /// The client is in mynetworks.
  std::string in_mynetworks();
  /// The address of "sender" or "rcpt" is not in the table of its domain.
  std::string unlisted(const std::string& who);

  /// Of check_client_access.
  Ordered client_rows(const dialect::restrictions::Table& table);
  /// Of a table about a name.
  Ordered name_rows(const std::string& variable, const dialect::restrictions::Table& table) const;
  /// Of a table about the address of "sender" or "rcpt".
  Ordered address_rows(const std::string& who, const dialect::restrictions::Table& table);

 private:
  std::string in(const dialect::restrictions::Maps& maps, const std::string& who,
                 const DomainTerms& classes);
  std::string is_local_part(const std::string& who, const std::string& text);
  std::string is_base(const std::string& who, const std::string& text);
  std::string is_name(const std::string& variable, const std::string& key) const;

  Sheet& sheet_;
  const dialect::restrictions::ListPolicy& policy_;
  std::map<std::string, DomainTerms> classes_;
};

}  // namespace postern::plan::smt
