// Lookup tables as Postfix names them: "type:name". A table takes a whole key and gives a value;
// what keys to try in which order is the caller's business (access.h).
#pragma once

#include <cstdint>
#include <functional>
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

/// What a look-up found out.
struct Found {
  enum class Status {
    found,
    absent,
    failed,
    waiting,  ///< the table is another program's, which has to be asked
  };
  Status status = Status::absent;
  std::string value;    ///< of a found key, $1 and the like filled in
  std::string trouble;  ///< of a failed look-up, one sentence without secrets
};

/// A loaded table. Immutable; look-ups are safe from any thread and take bounded time. What a table
/// of another program says (RemoteTable) comes from what was asked before, never from a socket.
class Table {
 public:
  virtual ~Table() = default;
  /// "cidr:/etc/postfix/clients.cidr", for messages and traces.
  virtual const std::string& name() const = 0;
  /// Exact-key tables fold ASCII case; regexp and pcre see the key as it is. cidr looks up
  /// addresses in text form and knows no other key.
  virtual Found lookup(std::string_view key) const = 0;
  /// Whether it, or a table within it, is another program's: then find() is the way to look up,
  /// and lookup() only ever waits.
  bool is_remote() const { return is_remote_; }
  /// lookup(), with what other programs said before. What they have to be asked is noted there, and
  /// the result is `waiting`. Null: nobody can be asked, and what is theirs counts as absent.
  Found find(std::string_view key, policy::Replies* replies) const {
    return is_remote_ ? lookup_among(key, replies) : lookup(key);
  }
  /// The same as lookup(address.to_string()); cidr spares itself the text.
  virtual Found lookup_address(const IpAddress& address) const {
    return lookup(address.to_string());
  }
  /// Whether keys are patterns (regexp, pcre, static, cidr): then a search asks for the whole key
  /// alone, never for its parts ("2001:db8::1" is a part of "2001:db8::1:2").
  virtual bool is_pattern() const = 0;
  /// cidr, and nothing else: keys are addresses.
  virtual bool is_network() const { return false; }
  /// Every value that a look-up can give, each once, for the linter and for compiling them ahead;
  /// nullopt when nobody can tell (a database). A value with groups stands as written ("REJECT $1")
  /// where they cannot change its action; else nobody can tell. The order is that of the source.
  virtual std::optional<std::vector<std::string>> values() const = 0;
  /// Whether every key (every address, for cidr) finds something: static; cidr with 0.0.0.0/0 and
  /// ::/0; regexp and pcre whose last pattern matches everything.
  virtual bool is_total() const = 0;
  /// Rows that an earlier row hides: a repeated key, a network within an earlier one. Their line
  /// numbers, at most 100.
  virtual std::vector<std::size_t> hidden_rows() const { return {}; }
  /// What the source has that is harmless or was skipped, "FILE line N: what", at most 100.
  virtual std::vector<std::string> warnings() const { return {}; }
  struct Row {
    std::string key;   ///< cidr: the first address; regexp, pcre: the pattern without its slashes
    std::string last;  ///< cidr: the last address
    /// Where in the source the value stands first, from 1 (inline: the how many-eth row); 0: not
    /// known.
    std::size_t line = 0;
  };
  /// The rows that give such a value, at most `most`, for the linter's witness; nullopt when nobody
  /// can tell.
  virtual std::optional<std::vector<Row>> rows_with(std::string_view /*value*/,
                                                    std::size_t /*most*/) const {
    return std::nullopt;
  }
  virtual std::size_t rows() const = 0;
  /// Octets of memory, roughly.
  virtual std::size_t memory() const = 0;

 protected:
  /// For constructors.
  void set_remote(bool remote) { is_remote_ = remote; }
  /// Of a remote table.
  virtual Found lookup_among(std::string_view key, policy::Replies* /*replies*/) const {
    return lookup(key);
  }

 private:
  bool is_remote_ = false;
};

/// What becomes of a row with a mistake.
enum class BadRows : std::uint8_t {
  refuse,  ///< the table does not load
  skip,    ///< as Postfix has it: the row is left out and becomes a warning
};

class RemoteTable;

/// How table sources are read; tests hand in texts.
struct TableSources {
  /// The text of a file; the sentence of a failure never holds any of it.
  std::function<Result<std::string>(const std::string& path)> read;
  /// A file that something else opens by its path, such as SQLite.
  std::function<Result<HostFile>(const std::string& path)> find = {};
  /// may_ask() for servers of tables and policy services; empty: any may be asked.
  std::function<Result<void>(std::string_view service)> ask = {};
  /// FileRules::closed of them, for those who read the files again.
  std::vector<std::string> closed = {};
  BadRows bad_rows = BadRows::refuse;
  /// The same for a file that holds passwords, which nobody may keep; `read` where it is empty.
  std::function<Result<std::string>(const std::string& path)> read_secret = {};
  /// Whether messages may quote what is written in files. Else they say which file, where it can be
  /// told which line, and what kind of trouble it is.
  bool quotes = true;
  /// Told of every table of another program that is opened; may be empty.
  std::function<void(std::shared_ptr<const RemoteTable>)> opened_remote = {};
  /// Tables, as "type:name", whose rows are `name: value` (aliases(5)): what postalias makes tables
  /// of, not postmap. texthash: has no such rows.
  std::set<std::string, std::less<>> aliases = {};
};
/// From the file system. FileRules::largest is for all files together that these sources read.
TableSources file_sources(FileRules rules = {});

/// Opens "type:name": hash, btree, lmdb, dbm, texthash (the source file beside the compiled one is
/// read: "hash:/etc/postfix/access" is /etc/postfix/access; cdb and sdbm too), inline ("inline:{ {k
/// = v}, k=v }"), cidr, regexp, pcre (a file, or "cidr:{ {rule}, {rule} }"), static, unionmap
/// ("unionmap:{t:a, t:b}"), pipemap, fail, sqlite, and tables of other programs: pgsql, ldap, tcp,
/// socketmap. "proxy:" in front is taken off. Fault::malformed with file and line of the first
/// mistake, Fault::not_found for a file, Fault::denied for a type that is known and not carried
/// (nis, mysql, ...). No program is asked.
Result<std::shared_ptr<const Table>> open_table(std::string_view spec, const TableSources& sources);

/// What stands for a table that could not be opened: every look-up fails with this sentence.
std::shared_ptr<const Table> failing_table(std::string_view name, std::string trouble);

/// Whether a word looks like "type:name".
bool is_table_spec(std::string_view word);

}  // namespace postern::dialect::restrictions
