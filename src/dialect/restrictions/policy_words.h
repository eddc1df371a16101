// The words of restriction lists that tell one dialogue from another: what the comparison of
// policies (src/plan) makes its classes from.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strangers.h"
#include "dialect/restrictions/rules.h"
#include "policy/dns_list.h"

namespace postern::dialect::restrictions {

/// Words of one or several policies. Keys are as in their tables, in lower case.
struct PolicyWords {
  std::vector<AddressRange> clients;     ///< networks of clients
  std::set<std::string> client_keys;     ///< keys of tables about the client, without networks
  std::set<std::string> network_keys;    ///< those that are networks, which a name may end like
  std::set<std::string> helo_keys;       ///< keys of tables about HELO
  std::set<std::string> sender_keys;     ///< keys of tables about the sender
  std::set<std::string> recipient_keys;  ///< keys of tables about the recipient
  std::set<std::string> domains;         ///< domains of this server
  std::set<std::string> mailbox_keys;    ///< keys of local_recipient_maps and the like
  std::set<std::string> logins;          ///< login names
  std::set<std::string> owned_keys;      ///< keys of tables that say whose a sender is
  std::set<std::string> locals;   ///< local parts that mean something at each domain of this server
  std::set<std::string> actions;  ///< restriction classes, which an answer of a program may name
  /// Answers of programs that name keywords or classes which decide by what is in this policy:
  /// "reject_sender_login_mismatch", "a_class, reject". Set before add().
  std::vector<std::string> answers;
  std::vector<policy::DnsList> zones;       ///< lists in DNS
  bool asks_login = false;                  ///< a rule looks at the login
  bool asks_tls = false;                    ///< a rule looks at TLS
  bool asks_client_name = false;            ///< a rule looks at the client's name
  bool asks_listed_sender = false;          ///< whether the sender exists is asked
  bool asks_sender_form = false;            ///< whether the sender is fully qualified is asked
  bool asks_recipient_form = false;         ///< whether the recipient is fully qualified is asked
  bool asks_early = false;                  ///< whether commands come ahead of a reply is asked
  bool asks_programs = false;               ///< a policy server, or a program with rows, is asked
  bool address_patterns = false;            ///< a table of addresses has patterns
  bool asks_servers = false;                ///< a policy server is asked
  bool recipient_patterns = false;          ///< a table about the recipient has patterns
  bool asks_rows = false;                   ///< a program serves the rows of an access table
  bool asks_owners = false;                 ///< a program serves the owners of senders
  bool recipient_permits = false;           ///< a table about the recipient may permit
  std::vector<const ListPolicy*> policies;  ///< that were added; they outlive this object
  /// Rules whose answers cannot be listed: of verified addresses, of servers of a domain, of
  /// databases.
  std::set<const Rule*> opaque;
  /// Tables of domains, networks and mailboxes whose answers cannot be listed:
  /// "sqlite:/etc/postfix/people.cf".
  std::set<std::string> not_listed;
  std::set<const Table*> patterns;  ///< tables of patterns, also in those that are asked in turn

  /// Adds those of a policy.
  void add(const ListPolicy& policy);

  /// What the tables about the client, those with patterns and of programs left out, say about a
  /// name: the actions of the rows that they find. Texts of replies are left out.
  std::string rows_of_client(std::string_view name) const;

  /// Rules with a table about the client's name, and their policies.
  std::vector<std::pair<const ListPolicy*, const Rule*>> client_rules;
};

}  // namespace postern::dialect::restrictions
