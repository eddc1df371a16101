// Tables that other programs hold: pgsql, ldap, tcp, socketmap. Nothing here touches a socket. A
// look-up answers from what was asked before, or says what has to be asked; whoever gathers
// evidence performs it by kind() and hands the results to value_of(). Configuration files are
// those of Postfix (pgsql_table(5), ldap_table(5)).
#pragma once

#include <chrono>
#include <span>
#include <variant>

#include "base/secret.h"
#include "dialect/restrictions/table_query.h"
#include "dialect/restrictions/table_source.h"

namespace postern::dialect::restrictions {

struct TcpTable {
  std::string service;  ///< "inet:127.0.0.1:7777"
};

struct SocketmapTable {
  std::string service;  ///< "inet:127.0.0.1:7777", "unix:/run/map"
  std::string map;      ///< which of its maps
};

struct PgsqlTable {
  std::vector<std::string> hosts;  ///< "host", "host:port", "unix:/directory", postgresql:// URIs
  std::string user;
  Secret password;
  std::string dbname;
  std::string query;
};

struct LdapTable {
  enum class Scope : std::uint8_t { subtree, base, one };
  std::vector<std::string> servers;  ///< URIs
  bool bind = true;
  std::string bind_dn;
  Secret bind_password;
  bool start_tls = false;
  std::string ca_file;
  bool verify_certificate = true;
  std::chrono::seconds timeout{10};
  std::string search_base;
  Scope scope = Scope::subtree;
  std::string filter;
  std::vector<std::string> attributes;
  std::uint64_t size_limit = 0;  ///< entries; 0: no limit
};

class RemoteTable final : public NamedTable {
 public:
  using Kind = std::variant<TcpTable, SocketmapTable, PgsqlTable, LdapTable>;

  RemoteTable(std::string name, Kind kind, QueryTable common);

  Found lookup(std::string_view key) const override { return lookup_alone(key); }
  Found lookup_among(std::string_view key, policy::Replies* replies) const override;
  /// tcp and socketmap: the server is asked for whole keys alone.
  bool is_pattern() const override { return !is_query_; }
  std::optional<std::vector<std::string>> values() const override { return std::nullopt; }
  bool is_total() const override { return false; }
  std::size_t rows() const override { return 0; }
  std::size_t memory() const override { return sizeof *this; }

  // For those who perform a look-up. `key` is the request of a Consultation.
  const Kind& kind() const { return kind_; }
  /// pgsql: the statement; `quote` makes the inside of a string literal.
  std::string statement(std::string_view key, const Quote& quote) const;
  struct Search {
    std::string base;
    std::string filter;
    bool fixed_base;  ///< it is the same for all keys, so it must exist
  };
  /// ldap.
  Search search(std::string_view key) const;
  /// What the results of a query make.
  Found value_of(std::span<const std::string> results, std::string_view key) const;

 private:
  /// Every template can be filled in with this key.
  bool has_all_parts(const KeyParts& key) const;

  Kind kind_;
  QueryTable common_;
  bool is_query_;
};

/// Whether a Consultation's service is such a table.
bool is_remote_table(std::string_view service);
/// A look-up that did not fail, as Consultation::answer has it: "found VALUE" or "absent".
std::string recorded(const Found& found);

/// RFC 4515 §3 and RFC 4514 §2.4: a value within a filter, and within a name.
std::string filter_quoted(std::string_view value);
std::string name_quoted(std::string_view value);

/// A configuration file less what logs in or says where the server is: for a trace.
std::string without_secrets(std::string_view text);

}  // namespace postern::dialect::restrictions
