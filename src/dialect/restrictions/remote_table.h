// Tables that other programs serve: pgsql, mysql, ldap, memcache, tcp, socketmap. Nothing here uses
// a socket.
// A lookup answers from recorded replies, or says what must be asked; the gatherer asks according
// to kind() and passes the results to value_of(). The configuration files are Postfix's
// (pgsql_table(5), mysql_table(5), ldap_table(5), memcache_table(5)).
#pragma once

#include <chrono>
#include <span>
#include <variant>

#include "base/secret.h"
#include "dialect/restrictions/table_query.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {

/// tcp_table(5).
struct TcpTable {
  std::string service;  ///< "inet:127.0.0.1:7777"
};

/// socketmap_table(5).
struct SocketmapTable {
  std::string service;  ///< "inet:127.0.0.1:7777", "unix:/run/map"
  std::string map;      ///< name of the map
};

/// What the tables of SQL servers have in common.
struct SqlTable {
  std::vector<std::string> hosts;  ///< "host", "host:port", "unix:/path"
  std::string user;                ///< login
  Secret password;                 ///< login
  std::string dbname;              ///< database
  std::string query;               ///< template
};

/// pgsql_table(5). `hosts` may contain postgresql:// URIs; a path is a directory.
struct PgsqlTable : SqlTable {};

/// mysql_table(5). A path of `hosts` is a socket.
struct MysqlTable : SqlTable {
  bool tls = false;          ///< required of hosts that are not sockets
  std::string ca_file;       ///< of authorities; empty: none
  std::string ca_directory;  ///< likewise
  std::string certificate;   ///< our own; empty: none
  std::string key;           ///< of `certificate`
  std::string ciphers;       ///< empty: the library's
  bool verify_name = false;  ///< the certificate must be for the host's name
  /// Whether a statement that gives no rows at all, not even none, fails.
  bool require_result_set = true;
};

/// ldap_table(5).
struct LdapTable {
  /// Scope of a search (RFC 4511 §4.5.1.2).
  enum class Scope : std::uint8_t { subtree, base, one };
  std::vector<std::string> servers;     ///< URIs
  bool bind = true;                     ///< authenticate before the search
  std::string bind_dn;                  ///< empty: anonymous
  Secret bind_password;                 ///< of bind_dn
  bool start_tls = false;               ///< StartTLS (RFC 4511 §4.14)
  std::string ca_file;                  ///< empty: the system's certificates
  bool verify_certificate = true;       ///< of the server
  std::chrono::seconds timeout{10};     ///< of a lookup
  std::string search_base;              ///< template
  Scope scope = Scope::subtree;         ///< of the search
  std::string filter;                   ///< template
  std::vector<std::string> attributes;  ///< whose values are results
  std::uint64_t size_limit = 0;         ///< entries at most; 0: unlimited
};

/// memcache_table(5). The cache is read only: what the backup has is not stored in it.
struct MemcacheTable {
  std::string service;                  ///< "inet:127.0.0.1:11211", "unix:/run/memcached.sock"
  std::string key_format;               ///< template
  std::shared_ptr<const Table> backup;  ///< asked if the cache has no value; null: none
  unsigned tries = 2;                   ///< at least 1
  std::chrono::seconds pause{1};        ///< between two tries
  std::chrono::seconds timeout{2};      ///< of a try
  std::size_t longest_line = 1024;      ///< octets of a reply's line, with its CR
  std::size_t longest_value = 10'240;   ///< octets
};

/// A table that another program serves. Thread-safe.
class RemoteTable final : public NamedTable {
 public:
  /// The kinds, with their settings.
  using Kind =
      std::variant<TcpTable, SocketmapTable, PgsqlTable, MysqlTable, LdapTable, MemcacheTable>;

  /// `name`: "type:name"; `common`: settings of all query tables.
  RemoteTable(std::string name, Kind kind, QueryTable common);

  Found lookup(std::string_view key) const override { return lookup_alone(key); }
  Found lookup_among(std::string_view key, policy::Replies* replies) const override;
  /// tcp and socketmap: only whole keys are looked up.
  bool is_pattern() const override { return !is_query_; }
  std::optional<std::vector<std::string>> values() const override { return std::nullopt; }
  bool is_total() const override { return false; }
  std::size_t rows() const override;
  std::size_t memory() const override;
  std::vector<std::string> warnings() const override;

  // For the program that performs a lookup. `key`: the request of a Consultation.
  /// How to ask.
  const Kind& kind() const { return kind_; }
  /// The servers as configured, separated by commas, without passwords.
  std::string servers() const;
  /// pgsql, mysql: the SQL statement. `quote` escapes a value inside a string literal.
  std::string statement(std::string_view key, const Quote& quote) const;
  /// An LDAP search.
  struct Search {
    std::string base;    ///< base DN
    std::string filter;  ///< search filter
    bool fixed_base;     ///< the base is the same for all keys, so it must exist
  };
  /// ldap: the search for a key.
  Search search(std::string_view key) const;
  /// memcache: the key in the cache; nullopt: a cache has no such key, which would be empty or have
  /// white space.
  std::optional<std::string> cache_key(std::string_view key) const;
  /// The value of a key, from the results of a query.
  Found value_of(std::span<const std::string> results, std::string_view key) const;

 private:
  /// Whether the key has all parts that the templates use.
  bool has_all_parts(const KeyParts& key) const;
  /// The table behind a cache; null: none.
  const Table* backup() const;

  Kind kind_;
  QueryTable common_;
  bool is_query_;
};

/// The SQL server of a table; null: it has none.
const SqlTable* sql_of(const RemoteTable::Kind& kind);

/// Whether the service of a Consultation is a remote table.
bool is_remote_table(std::string_view service);
/// A successful lookup as Consultation::answer: "found VALUE" or "absent".
std::string recorded(const Found& found);

/// Escapes a value in an LDAP filter (RFC 4515 §3).
std::string filter_quoted(std::string_view value);
/// Escapes a value in a distinguished name (RFC 4514 §2.4).
std::string name_quoted(std::string_view value);

/// A configuration file for traces: without credentials and server addresses, of which a comment
/// has a digest (not of passwords), so that two versions which ask another server differ.
std::string without_secrets(std::string_view text);

}  // namespace postern::dialect::restrictions
