// Shared by readers of table sources: logical lines, rows with errors, braces.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// Octets of a source text at most; offsets in tables have 32 bits.
inline constexpr std::size_t max_table_text = std::size_t{1} << 30;
/// Nesting of if ... endif, and of tables in tables, at most.
inline constexpr std::size_t max_table_nesting = 64;

/// White space as in C's isspace(), without the line feed.
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}
/// Without blanks at both ends.
std::string_view trim_blanks(std::string_view text);
/// Removes and returns the first word of `text`; also removes the blanks after it.
std::string_view take_word(std::string_view& text);

/// The logical lines of a text, without comments and blank lines. A line that begins with a blank
/// continues the one before. Borrows `text`.
class LogicalLines {
 public:
  /// Before the first line: call next().
  explicit LogicalLines(std::string_view text) : rest_(text) {}
  /// Reads the next line; false at the end.
  bool next();
  /// The line without blanks at its end. It begins with a blank only if there was no line to
  /// continue. Valid until next().
  std::string_view text() const { return text_; }
  std::size_t number() const { return number_; }  ///< of its first physical line, from 1

 private:
  bool read_physical();

  std::string_view rest_;
  std::string_view physical_;  ///< read ahead, if has_physical_
  bool has_physical_ = false;
  std::size_t line_ = 0;
  std::string_view text_;
  std::string joined_;
  std::size_t number_ = 0;
};

/// Octets of a logical line's key: up to the first blank that is neither quoted nor escaped. npos:
/// an unclosed quote.
std::size_t key_length(std::string_view line);

/// Whether sources of this type are lines of key and value: hash, texthash, cdb, ...
bool is_exact_type(std::string_view type);

/// Collects the problems of one source's rows; at most 100 of each kind.
class RowReport {
 public:
  /// `file`: for messages.
  RowReport(std::string_view file, BadRows mode);
  /// Reports a bad row. True: go on; false: stop, see error().
  [[nodiscard]] bool bad(std::size_t line, std::string_view what);
  /// Reports a harmless problem.
  void warn(std::size_t line, std::string_view what);
  /// Reports a row that an earlier row hides.
  void hidden(std::size_t line);

  /// The error of the bad row, Fault::malformed.
  tl::unexpected<Error> error() const { return fail(Fault::malformed, error_); }
  /// Moves the warnings out.
  std::vector<std::string> take_warnings() { return std::move(warnings_); }
  /// Moves the line numbers out.
  std::vector<std::size_t> take_hidden() { return std::move(hidden_); }

 private:
  static constexpr std::size_t most = 100;
  std::string file_;
  BadRows mode_;
  std::string error_;
  std::vector<std::string> warnings_;
  std::vector<std::size_t> hidden_;
};

/// Base of loaded tables: name, warnings and hidden rows.
class NamedTable : public Table {
 public:
  /// `name`: "type:name".
  explicit NamedTable(std::string name) : name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  std::vector<std::string> warnings() const override { return warnings_; }
  std::vector<std::size_t> hidden_rows() const override { return hidden_; }

 protected:
  /// lookup() of a table that may contain a remote one: with no recorded replies.
  Found lookup_alone(std::string_view key) const {
    static const policy::Consultations nothing;
    policy::Replies replies(nothing);
    return lookup_among(key, &replies);
  }
  void keep(RowReport& report) {
    warnings_ = report.take_warnings();
    hidden_ = report.take_hidden();
  }

 private:
  std::string name_;
  std::vector<std::string> warnings_;
  std::vector<std::size_t> hidden_;
};

/// Distinct values in the order of first appearance.
class ValueList {
 public:
  /// The id of a value, new or known. `line`: its position; that of the first appearance is kept.
  std::uint32_t id(std::string_view value, std::size_t line);
  /// Line of the first appearance.
  std::size_t line(std::uint32_t id) const { return lines_[id]; }
  const std::string& operator[](std::uint32_t id) const { return *order_[id]; }
  /// Copies all values.
  std::vector<std::string> list() const;
  /// Octets on the heap, approximately.
  std::size_t memory() const;

 private:
  std::map<std::string, std::uint32_t, std::less<>> ids_;
  std::vector<const std::string*> order_;
  std::vector<std::size_t> lines_;
};

/// A word of `{ a, b {c d} }`. Words are separated by commas and white space; braces group and
/// nest.
struct BracedWord {
  std::string text;    ///< without its outer braces
  bool group = false;  ///< the word was one group in braces
};
/// The words. Fault::malformed for unbalanced braces.
Result<std::vector<BracedWord>> braced_words(std::string_view text);

/// The rules of a file, or those of "{ {rule}, {rule} }", one a line.
struct SourceText {
  std::string file;  ///< name for messages
  std::string text;  ///< rules
};
/// Reads `name`, a path or rules in braces.
Result<SourceText> read_source(std::string_view type, std::string_view name,
                               const TableSources& sources);

/// A table, or why it does not open.
using OpenedTable = Result<std::shared_ptr<const Table>>;
/// hash, texthash and the like. `spec`: name of the table; `path`: the part after "type:".
OpenedTable open_exact(std::string spec, std::string_view path, const TableSources& sources);
/// inline
OpenedTable open_inline(std::string spec, std::string_view name, const TableSources& sources);
/// unix: names of /etc/passwd or /etc/group.
OpenedTable open_accounts(std::string spec, std::string_view name, const TableSources& sources);
/// cidr
OpenedTable open_cidr(std::string spec, std::string_view name, const TableSources& sources);
/// regexp and pcre.
enum class PatternKind : std::uint8_t { posix, perl };
/// regexp or pcre
OpenedTable open_pattern(std::string spec, PatternKind kind, std::string_view name,
                         const TableSources& sources);
/// sqlite. `depth`: nesting so far, for tables in `domain`.
OpenedTable open_sqlite(std::string spec, std::string_view path, const TableSources& sources,
                        std::size_t depth);
/// pgsql, mysql, ldap, memcache, tcp, socketmap
bool is_remote_type(std::string_view type);
/// Opens a remote table; does not connect. `depth`: nesting so far, for tables in its settings.
OpenedTable open_remote(std::string spec, std::string_view type, std::string_view name,
                        const TableSources& sources, std::size_t depth);
/// Opens a table inside `unionmap:` or `pipemap:`, or in the settings of another. `depth`: nesting
/// so far; beyond 8 it is an error.
OpenedTable open_nested(std::string_view spec, const TableSources& sources, std::size_t depth);

}  // namespace postern::dialect::restrictions
