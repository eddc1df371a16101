// Shared by tables of databases (sqlite, pgsql, ldap): the configuration file of `name = value`
// lines, the parts of a key that a query can use, and the conversion of results.
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

/// The configuration file of a table. Error messages have the file and the setting, never a value.
class TableConfig {
 public:
  /// `type`: "sqlite". Fault::malformed for a line that is not `name = value` and for a name that
  /// is not in `known`.
  static Result<TableConfig> parse(std::string_view type, std::string_view path,
                                   std::string_view text, std::span<const std::string_view> known);

  /// Whether the file sets it.
  bool has(std::string_view name) const { return lines_.contains(name); }
  /// The value, or `preset` if it is not set.
  std::string text(std::string_view name, std::string_view preset = {}) const;
  /// The words of the value, separated by commas and blanks.
  std::vector<std::string> words(std::string_view name, std::string_view preset = {}) const;
  /// A number; Fault::malformed.
  Result<std::uint64_t> number(std::string_view name, std::uint64_t preset) const;
  /// yes or no; Fault::malformed.
  Result<bool> flag(std::string_view name, bool preset) const;
  /// The error "FILE: what", Fault::malformed.
  tl::unexpected<Error> wrong(std::string_view what) const;

 private:
  std::string path_;
  std::map<std::string, std::string, std::less<>> lines_;
};

/// The parts of a key or a result that templates refer to. Views into `whole`.
struct KeyParts {
  /// Splits `user@domain`.
  explicit KeyParts(std::string_view whole);
  std::string_view whole;                ///< all of it
  std::string_view user;                 ///< before the last @; without one the whole key
  std::string_view domain;               ///< after it; empty: none
  std::vector<std::string_view> labels;  ///< of the domain, the last one first
};

/// Escapes a part so that it remains a value in the query.
using Quote = std::function<std::string(std::string_view)>;
/// For results: no escaping.
std::string unquoted(std::string_view text);

/// Whether the text is a valid template: no lone `%` at its end, no unknown letter.
bool is_template(std::string_view format);
/// Fills in a template: `%s %u %d` from `lower_case`, `%S %U %D %1`..`%9` from `key`. nullopt if a
/// part is missing, so that there is no query.
std::optional<std::string> expand(std::string_view format, const KeyParts& lower_case,
                                  const KeyParts& key, const Quote& quote);

/// The settings that all these tables have.
class QueryTable {
 public:
  /// Reads domain, result_format and expansion_limit. `depth`: nesting of the table.
  static Result<QueryTable> read(const TableConfig& config, const TableSources& sources,
                                 std::size_t depth);

  /// The result for a key that `domain` excludes, or of a failed lookup in `domain`; nullopt:
  /// query.
  std::optional<Found> outside(const KeyParts& key, policy::Replies* replies) const;
  /// Whether `domain` contains a remote table.
  bool is_remote() const;
  /// Template for each result.
  const std::string& result_format() const { return result_format_; }
  /// Number of results at most; 0: unlimited.
  std::uint64_t expansion_limit() const { return expansion_limit_; }

 private:
  std::string result_format_ = "%s";
  std::uint64_t expansion_limit_ = 0;
  std::vector<std::string> domains_;
  std::vector<std::shared_ptr<const Table>> domain_tables_;
};

/// Joins the results of a query to one value, separated by commas. Borrows all arguments.
class QueryResults {
 public:
  /// `name`: of the table, for messages.
  QueryResults(const QueryTable& table, std::string_view name, const KeyParts& key)
      : table_(table), name_(name), key_(key) {}
  /// Adds a result. False: stop, the lookup has failed.
  bool add(std::string_view result);
  /// The value; call it once.
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
