// What tables that ask a database share (sqlite, pgsql, ldap): the configuration file with its
// `name = value` lines, the parts of a key that a query names, and what becomes of the results.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// A table's configuration file. Errors name the file and the setting, never a value.
class TableConfig {
 public:
  /// `type`: "sqlite". Fault::malformed for a line that is not `name = value`, and for a name that
  /// is not in `known`.
  static Result<TableConfig> parse(std::string_view type, std::string_view path,
                                   std::string_view text, std::span<const std::string_view> known);

  bool has(std::string_view name) const { return lines_.contains(name); }
  /// `preset` where it is not set.
  std::string text(std::string_view name, std::string_view preset = {}) const;
  /// Words between commas and blanks.
  std::vector<std::string> words(std::string_view name, std::string_view preset = {}) const;
  Result<std::uint64_t> number(std::string_view name, std::uint64_t preset) const;
  Result<bool> flag(std::string_view name, bool preset) const;
  /// "FILE: what", Fault::malformed.
  tl::unexpected<Error> wrong(std::string_view what) const;

 private:
  std::string path_;
  std::map<std::string, std::string, std::less<>> lines_;
};

/// The parts of a key or a value that templates name. `whole` outlives it.
struct KeyParts {
  explicit KeyParts(std::string_view whole);
  std::string_view whole;
  std::string_view user;
  std::string_view domain;
  std::vector<std::string_view> labels;  ///< of the domain, the last first
};

/// How a part is written into a query: so that it stays a value there.
using Quote = std::function<std::string(std::string_view)>;
std::string unquoted(std::string_view text);

/// A template ends in no lone `%` and has no letter without a meaning.
bool is_template(std::string_view format);
/// `%s %u %d` speak of `lower_case`, `%S %U %D %1`..`%9` of the key. nullopt when a part is
/// missing, which suppresses all.
std::optional<std::string> expand(std::string_view format, const KeyParts& lower_case,
                                  const KeyParts& key, const Quote& quote);

/// The settings that all of them have.
class QueryTable {
 public:
  /// domain, result_format, expansion_limit.
  static Result<QueryTable> read(const TableConfig& config, const TableSources& sources);

  /// Set when `domain` keeps the key out, or cannot be asked.
  std::optional<Found> outside(const KeyParts& key, policy::Replies* replies) const;
  /// Whether one of the tables in `domain` is another program's.
  bool is_remote() const;
  const std::string& result_format() const { return result_format_; }
  std::uint64_t expansion_limit() const { return expansion_limit_; }

 private:
  std::string result_format_ = "%s";
  std::uint64_t expansion_limit_ = 0;
  std::vector<std::string> domains_;
  std::vector<std::shared_ptr<const Table>> domain_tables_;
};

/// Makes one value of what a query gave, with commas between. All arguments outlive it.
class QueryResults {
 public:
  QueryResults(const QueryTable& table, std::string_view name, const KeyParts& key)
      : table_(table), name_(name), key_(key) {}
  /// False: enough, the result is a failure.
  bool add(std::string_view result);
  Found take() { return std::move(all_); }

 private:
  bool fail_with(std::string_view why);

  const QueryTable& table_;
  const std::string_view name_;
  const KeyParts& key_;
  std::uint64_t count_ = 0;
  Found all_;
};

}  // namespace postern::dialect::restrictions
