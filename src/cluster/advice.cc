#include "cluster/advice.h"

#include <algorithm>
#include <string_view>

namespace postern::cluster {
namespace {

/// Words of an error, and what to do. PgsqlSession adds the SQLSTATE, since servers translate.
struct KnownTrouble {
  std::string_view words;
  std::string_view to_do;
  std::string_view to_do_of_owner = {};  ///< empty: the same
  bool lasts = false;
};

// The first that fits. 28000 may be a directory that is asked for passwords, and away.
constexpr KnownTrouble known_troubles[] = {
    {.words = "no password supplied",
     .to_do = "put it into a file, and name that: `[cluster] password_file`",
     .to_do_of_owner = "give the owner's: --owner-password-file FILE, or libpq's PGPASSFILE",
     .lasts = true},
    {.words = "SQLSTATE 28P01",
     .to_do = "correct the password in the file that `[cluster] password_file` names, or the role "
              "in `[cluster] database`",
     .to_do_of_owner = "correct the owner's password: --owner-password-file FILE, or libpq's "
                       "PGPASSFILE",
     .lasts = true},
    {.words = "SQLSTATE 28000",
     .to_do = "see that the role and the database in `[cluster] database` are right, and that "
              "`pg_hba.conf` of each database host lets them in from this machine",
     .to_do_of_owner = "see that the role of --owner and the database are right, and that "
                       "`pg_hba.conf` of each database host lets them in from this machine"},
    {.words = "SQLSTATE 3D000",
     .to_do = "correct the name of the database in `[cluster] database`, or make it: "
              "docs/cluster.md, \"Set it up\"",
     .lasts = true},
    {.words = "permission denied for database",
     .to_do = "let the role in: GRANT CONNECT ON DATABASE …, or `postern cluster init --owner ROLE "
              "--gateway ROLE`",
     .lasts = true},
    {.words = "permission denied for schema",
     .to_do = "name the role that owns the database: --owner ROLE",
     .lasts = true},
    {.words = "permission denied for sequence",
     .to_do = "name the role that owns the database: --owner ROLE",
     .lasts = true},
    {.words = "SQLSTATE 42501",
     .to_do = "give the role of the gateways its rights: `postern cluster init --gateway ROLE`",
     .lasts = true},
    {.words = "synchronous_standby_names is empty",
     .to_do = "on the primary: ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'; SELECT "
              "pg_reload_conf(); with Patroni: synchronous_mode; for a trial without a standby set "
              "`allow_one_copy = true`"},
    {.words = "another database than before",
     .to_do = "docs/cluster.md, \"When the database has lost something\""},
    {.words = "are being moved",
     .to_do = "run `postern cluster migrate` again as it was begun, until it ends"},
    {.words = "make a new database for another cluster",
     .to_do = "take `[cluster]` out of the configuration of the gateway with that directory, and "
              "start it"},
    {.words = "SQLSTATE 57P03", .to_do = "wait until the server has started, or see its log"},
    {.words = "is a standby",
     .to_do = "no host is the primary: start the primary, or promote the standby"},
    {.words = "Connection refused",
     .to_do = "start PostgreSQL there, or correct host and port in `[cluster] database`"},
    {.words = "no connection in time",
     .to_do = "see that its host is up, and that this machine reaches it"},
};

const KnownTrouble* known_of(const Error& error) {
  const auto* const found = std::ranges::find_if(known_troubles, [&](const KnownTrouble& one) {
    return error.message.find(one.words) != std::string::npos;
  });
  return found == std::end(known_troubles) ? nullptr : found;
}

}  // namespace

std::string advice_on(const Error& error, bool is_owner) {
  const KnownTrouble* const found = known_of(error);
  if (found == nullptr) return "";
  return std::string(is_owner && !found->to_do_of_owner.empty() ? found->to_do_of_owner
                                                                : found->to_do);
}

bool lasts(const Error& error) {
  const auto says = [&](std::string_view words) {
    return error.message.find(words) != std::string::npos;
  };
  const KnownTrouble* const found = known_of(error);
  return found != nullptr && found->lasts && !says("SQLSTATE 57P03") && !says("is a standby");
}

}  // namespace postern::cluster
