#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/task.h"
#include "dialect/restrictions/remote_table.h"
#include "net/ldap_client.h"
#include "net/sql_client.h"
#include "net/work_pool.h"
#include "policy/evidence.h"

namespace postern::gateway {

/// The remote look-up tables that the restriction lists name, and the connections to them.
/// Thread-safe. Databases are queried on threads of the pool, which block; the pool outlives all
/// sessions.
class RemoteTables {
 public:
  /// Tables by the names that policy::Consultation::service has.
  using Named =
      std::map<std::string, std::shared_ptr<const dialect::restrictions::RemoteTable>, std::less<>>;
  /// Without tables until replace().
  explicit RemoteTables(net::WorkPool& pool) : pool_(pool) {}
  /// Replaces all tables. A look-up that is running ends with its old table.
  void replace(const Named& tables);

  /// Whether there is such a table.
  bool knows(std::string_view service) const;
  /// Looks up a key; the result has the form of Consultation::answer. Takes at most `patience`. The
  /// error's sentence holds no secret.
  Task<Result<std::string>> look_up(std::string service, std::string key,
                                    std::chrono::milliseconds patience);

 private:
  using Table = std::shared_ptr<const dialect::restrictions::RemoteTable>;
  struct Known {
    Table table;
    std::shared_ptr<net::SqlClient> sql;    ///< null if not a pgsql or mysql table
    std::shared_ptr<net::LdapClient> ldap;  ///< null if not an ldap table
  };
  /// Asks a cache. One with a backup that let a key wait is left alone for a while.
  Task<Result<std::string>> ask_cache(const dialect::restrictions::MemcacheTable& cache,
                                      std::string key, std::chrono::milliseconds patience);
  static Result<std::string> select(const Known& known, const std::string& key,
                                    std::chrono::steady_clock::time_point deadline);

  net::WorkPool& pool_;
  mutable std::mutex mutex_;
  std::map<std::string, Known, std::less<>> tables_;
  /// By server: until when it is not asked.
  std::map<std::string, std::chrono::steady_clock::time_point, std::less<>> resting_;
};

/// Adds the answer or the error to evidence.consulted.
void add_answer(policy::Consultation question, const Result<std::string>& answer,
                policy::Evidence& evidence);

/// Asks the table `question.service` if `tables` (null: none) has it, else a policy server
/// (net::ask_policy_server). Takes at most `patience`. Adds the answer or the error to
/// evidence.consulted. `evidence` outlives the task. A question about an address fails: only the
/// running gateway asks mail hosts.
Task<void> consult(policy::Consultation question, std::chrono::milliseconds patience,
                   std::shared_ptr<RemoteTables> tables, policy::Evidence& evidence);

}  // namespace postern::gateway
