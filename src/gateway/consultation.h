#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/task.h"
#include "dialect/restrictions/remote_table.h"
#include "net/ldap_client.h"
#include "net/pgsql_client.h"
#include "net/work_pool.h"
#include "policy/evidence.h"

namespace postern::gateway {

/// The look-up tables of other programs that the lists name, and the connections to them.
/// Shared by sessions and threads. Databases are asked on the pool's threads, which block; the pool
/// outlives all sessions.
class RemoteTables {
 public:
  using Named =
      std::map<std::string, std::shared_ptr<const dialect::restrictions::RemoteTable>, std::less<>>;
  explicit RemoteTables(net::WorkPool& pool) : pool_(pool) {}
  /// From now on these. Look-ups in hand end with the tables they began with.
  void replace(const Named& tables);

  bool knows(std::string_view service) const;
  /// What a key finds in a table, as Consultation::answer has it. Takes at most
  /// `patience`. The error's sentence holds no secret.
  Task<Result<std::string>> look_up(std::string service, std::string key,
                                    std::chrono::milliseconds patience);

 private:
  using Table = std::shared_ptr<const dialect::restrictions::RemoteTable>;
  struct Known {
    Table table;
    std::shared_ptr<net::PgsqlClient> pgsql;  ///< of a pgsql table
    std::shared_ptr<net::LdapClient> ldap;    ///< of an ldap table
  };
  static Result<std::string> select(const Known& known, const std::string& key,
                                    std::chrono::steady_clock::time_point deadline);

  net::WorkPool& pool_;
  mutable std::mutex mutex_;
  std::map<std::string, Known, std::less<>> tables_;
};

/// Asks whom the question is for: one of `tables` (null: none), else a policy server
/// (net::ask_policy_server). For at most `patience`; adds what it said, or why it said nothing, to
/// evidence.consulted. `evidence` outlives the task.
Task<void> consult(policy::Consultation question, std::chrono::milliseconds patience,
                   std::shared_ptr<RemoteTables> tables, policy::Evidence& evidence);

}  // namespace postern::gateway
