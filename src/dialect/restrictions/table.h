// Lookup tables with Postfix's names: "type:name". A table maps a whole key to a value; its caller
// decides which keys to try in which order (access.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/host_file.h"
#include "base/ip.h"
#include "policy/answers.h"

namespace postern::dialect::restrictions {

/// The result of a lookup.
/// What became of it.
struct Found {
  enum class Status {
    found,
    absent,
    failed,
    waiting,  ///< another program has the table and must be asked
  };
  Status status = Status::absent;  ///< of the lookup
  std::string value;               ///< if found; $1 and the like are filled in
  /// If failed: the table as configured, its server if it has one, and the cause. One sentence
  /// without secrets.
  std::string trouble;
};

/// A loaded table. Immutable; lookups are thread-safe and take bounded time. A RemoteTable answers
/// from recorded replies, never from a socket.
class Table {
 public:
  virtual ~Table() = default;
  /// "cidr:/etc/postfix/clients.cidr", for messages and traces.
  virtual const std::string& name() const = 0;
  /// Looks up a whole key. Exact-key tables fold ASCII case; regexp and pcre use the key unchanged.
  /// cidr takes addresses in text form and finds no other key.
  virtual Found lookup(std::string_view key) const = 0;
  /// Whether it is, or contains, another program's table: use find(); lookup() then always waits.
  bool is_remote() const { return is_remote_; }
  /// As lookup(), with the recorded replies of other programs. A missing reply is noted in
  /// `replies`, and the result is `waiting`. Null: no program can be asked; its tables are empty.
  Found find(std::string_view key, policy::Replies* replies) const {
    return is_remote_ ? lookup_among(key, replies) : lookup(key);
  }
  /// As lookup(address.to_string()); cidr does not need the text.
  virtual Found lookup_address(const IpAddress& address) const {
    return lookup(address.to_string());
  }
  /// Whether keys are patterns (regexp, pcre, static, cidr): only whole keys are looked up, never
  /// parts ("2001:db8::1" is a part of "2001:db8::1:2").
  virtual bool is_pattern() const = 0;
  /// Whether the keys that it is asked for are matched as patterns: of tables in turn (pipemap),
  /// those of the first alone. Restriction lists use is_pattern().
  virtual bool takes_patterns() const { return is_pattern(); }
  /// unionmap, pipemap: the tables in it that are asked about its own keys; others: none.
  virtual std::vector<const Table*> asked_alike() const { return {}; }
  /// Whether each result is one of texts that are known, whatever the key is.
  virtual bool has_fixed_results() const { return !is_remote_ && values().has_value(); }
  /// Whether the keys of its rows tell all cases apart which asked_alike() leaves: of pipemap, that
  /// each table hands the next one a text that is known.
  virtual bool hands_on_known_texts() const { return true; }
  /// Whether it is a cidr table: keys are addresses.
  virtual bool is_network() const { return false; }
  /// The distinct values of the table in source order, for the linter and for compiling them early;
  /// nullopt: unknown (a database). A value with groups is returned as written ("REJECT $1") if
  /// they cannot change its action; otherwise the result is nullopt.
  virtual std::optional<std::vector<std::string>> values() const = 0;
  /// Whether every key (for cidr every address) finds a value: static; cidr with 0.0.0.0/0 and
  /// ::/0; regexp and pcre whose last pattern matches everything.
  virtual bool is_total() const = 0;
  /// Line numbers of rows that an earlier row hides (a repeated key, a network within an earlier
  /// one); at most 100.
  virtual std::vector<std::size_t> hidden_rows() const { return {}; }
  /// Harmless or skipped parts of the source, "FILE line N: what"; at most 100.
  virtual std::vector<std::string> warnings() const { return {}; }
  /// A row of the source.
  struct Row {
    std::string key;   ///< cidr: the first address; regexp, pcre: the pattern without slashes
    std::string last;  ///< cidr: the last address; else empty
    /// Line in the source where the value occurs first, from 1 (inline: number of the row); 0:
    /// unknown.
    std::size_t line = 0;
  };
  /// Rows with this value, at most `most`, for the linter's witness; nullopt: unknown.
  virtual std::optional<std::vector<Row>> rows_with(std::string_view /*value*/,
                                                    std::size_t /*most*/) const {
    return std::nullopt;
  }
  /// What its rows are called in reports: keys in lower case, networks, patterns with their lines;
  /// none twice. nullopt: unknown (a database, tables in turn), or more than `most`.
  virtual std::optional<std::vector<std::string>> row_names(std::size_t /*most*/) const {
    return std::nullopt;
  }
  /// The name of the row that answers for a key; empty: none does, or it is unknown. For reports.
  virtual std::string row_named(std::string_view /*key*/) const { return {}; }
  /// All that its look-ups depend on, as a text: tables that have the same answer alike. What other
  /// programs and databases have is not in it.
  virtual std::string content() const;
  /// Number of rows; 0 for remote tables.
  virtual std::size_t rows() const = 0;
  /// Octets of memory, approximately.
  virtual std::size_t memory() const = 0;

 protected:
  /// For constructors.
  void set_remote(bool remote) { is_remote_ = remote; }
  /// find() of a remote table.
  virtual Found lookup_among(std::string_view key, policy::Replies* /*replies*/) const {
    return lookup(key);
  }

 private:
  bool is_remote_ = false;
};

/// How rows with an error are treated.
enum class BadRows : std::uint8_t {
  refuse,  ///< the table does not load
  skip,    ///< as in Postfix: the row is skipped with a warning
};

class RemoteTable;

/// Access to table sources; tests provide texts.
struct TableSources {
  /// Returns the text of a file. Error messages do not quote it.
  std::function<Result<std::string>(const std::string& path)> read;
  /// Finds a file that another library opens by its path, such as SQLite.
  std::function<Result<HostFile>(const std::string& path)> find = {};
  /// may_ask() for servers of tables and policy services; empty: all are allowed.
  std::function<Result<void>(std::string_view service)> ask = {};
  /// FileRules::closed, for readers that read the files again.
  std::vector<std::string> closed = {};
  BadRows bad_rows = BadRows::refuse;  ///< rows with an error
  /// As `read`, for a file with passwords, which must not be recorded; empty: use `read`.
  std::function<Result<std::string>(const std::string& path)> read_secret = {};
  /// Whether messages may quote the contents of files. If not, they have the file, the kind of
  /// problem, and the line if that may be disclosed.
  bool quotes = true;
  /// Called for each remote table that is opened; may be empty.
  std::function<void(std::shared_ptr<const RemoteTable>)> opened_remote = {};
  /// Tables, as "type:name", with rows `name: value` (aliases(5)), which postalias compiles instead
  /// of postmap. texthash: has no such rows.
  std::set<std::string, std::less<>> aliases = {};
  /// What open_table() has returned, by its argument. It returns the same again, so that a table
  /// which is named in several places is read once. Null: it opens the table each time.
  std::shared_ptr<std::map<std::string, Result<std::shared_ptr<const Table>>, std::less<>>> opened =
      {};
};
/// Sources in the file system. FileRules::largest limits the sum of all files that they read.
TableSources file_sources(FileRules rules = {});

/// Opens "type:name": hash, btree, lmdb, dbm, texthash, cdb and sdbm (reads the source file of the
/// compiled one: "hash:/etc/postfix/access" is /etc/postfix/access), inline ("inline:{ {k = v}, k=v
/// }"), cidr, regexp, pcre (a file, or "cidr:{ {rule}, {rule} }"), static, unionmap
/// ("unionmap:{t:a, t:b}"), pipemap, fail, sqlite, and remote tables: pgsql, mysql, ldap, memcache,
/// tcp, socketmap. A prefix "proxy:" is ignored. Fault::malformed with file and line of the first
/// error, Fault::not_found for a file, Fault::denied for a known type that is not supported (nis,
/// mongodb, ...). Does not ask other programs.
Result<std::shared_ptr<const Table>> open_table(std::string_view spec, const TableSources& sources);

/// Replaces a table that cannot be opened: every lookup fails with this sentence.
std::shared_ptr<const Table> failing_table(std::string_view name, std::string trouble);

/// Whether a word has the form "type:name".
bool is_table_spec(std::string_view word);

}  // namespace postern::dialect::restrictions
