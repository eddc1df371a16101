// What the readers of table sources share: logical lines, what becomes of bad rows, braces.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {

/// No source text is longer, in octets; offsets into a table are 32 bits wide.
inline constexpr std::size_t max_table_text = std::size_t{1} << 30;
/// if ... endif, and tables within tables, nest no deeper.
inline constexpr std::size_t max_table_nesting = 64;

/// White space as C's isspace has it, without the line end.
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}
std::string_view trim_blanks(std::string_view text);
/// Takes the word off that `text` begins with, and the blanks behind it.
std::string_view take_word(std::string_view& text);

/// The logical lines of a text: comments and blank lines left out, wherever they stand; a line that
/// begins with blank continues the one before. `text` must outlive it.
class LogicalLines {
 public:
  explicit LogicalLines(std::string_view text) : rest_(text) {}
  bool next();
  /// Without blanks at its end. It begins with one only if it had nothing to continue. Valid until
  /// next().
  std::string_view text() const { return text_; }
  std::size_t number() const { return number_; }  ///< of its first line, from 1

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

/// How many octets of a logical line are its key: up to the first blank outside quotes that no
/// backslash protects. npos: a quote is not closed.
std::size_t key_length(std::string_view line);

/// Whether the sources of such tables are lines of a key and a value: hash, texthash, cdb, ...
bool is_exact_type(std::string_view type);

/// Collects what is wrong with the rows of one source.
class RowReport {
 public:
  RowReport(std::string_view file, BadRows mode);
  /// A bad row. Reading goes on when it returns true; otherwise error() says why not.
  [[nodiscard]] bool bad(std::size_t line, std::string_view what);
  void warn(std::size_t line, std::string_view what);
  void hidden(std::size_t line);

  tl::unexpected<Error> error() const { return fail(Fault::malformed, error_); }
  std::vector<std::string> take_warnings() { return std::move(warnings_); }
  std::vector<std::size_t> take_hidden() { return std::move(hidden_); }

 private:
  static constexpr std::size_t most = 100;
  std::string file_;
  BadRows mode_;
  std::string error_;
  std::vector<std::string> warnings_;
  std::vector<std::size_t> hidden_;
};

/// Name, warnings and hidden rows of a loaded table.
class NamedTable : public Table {
 public:
  explicit NamedTable(std::string name) : name_(std::move(name)) {}
  const std::string& name() const override { return name_; }
  std::vector<std::string> warnings() const override { return warnings_; }
  std::vector<std::size_t> hidden_rows() const override { return hidden_; }

 protected:
  /// lookup() of a table that may hold another program's: with nothing said yet.
  Found lookup_alone(std::string_view key) const {
    const std::vector<policy::Consultation> nothing;
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

/// Distinct values in the order of their first appearance.
class ValueList {
 public:
  /// `line`: where it stands; the first counts.
  std::uint32_t id(std::string_view value, std::size_t line);
  std::size_t line(std::uint32_t id) const { return lines_[id]; }
  const std::string& operator[](std::uint32_t id) const { return *order_[id]; }
  std::vector<std::string> list() const;
  std::size_t memory() const;

 private:
  std::map<std::string, std::uint32_t, std::less<>> ids_;
  std::vector<const std::string*> order_;
  std::vector<std::size_t> lines_;
};

/// The words of `{ a, b {c d} }`: separated by commas and white space, braces group and nest.
/// `group` is set for a word that is one group; its braces and the blanks within them are off.
struct BracedWord {
  std::string text;
  bool group = false;
};
Result<std::vector<BracedWord>> braced_words(std::string_view text);

/// The rules of a file, or of "{ {rule}, {rule} }" a line each, and what to call it in messages.
struct SourceText {
  std::string file;
  std::string text;
};
Result<SourceText> read_source(std::string_view type, std::string_view name,
                               const TableSources& sources);

using OpenedTable = Result<std::shared_ptr<const Table>>;
/// `spec` is what the table is called; `name` the part behind "type:".
OpenedTable open_exact(std::string spec, std::string_view path, const TableSources& sources);
OpenedTable open_inline(std::string spec, std::string_view name, const TableSources& sources);
OpenedTable open_cidr(std::string spec, std::string_view name, const TableSources& sources);
enum class PatternKind : std::uint8_t { posix, perl };
OpenedTable open_pattern(std::string spec, PatternKind kind, std::string_view name,
                         const TableSources& sources);
OpenedTable open_sqlite(std::string spec, std::string_view path, const TableSources& sources);
bool is_remote_type(std::string_view type);
OpenedTable open_remote(std::string spec, std::string_view type, std::string_view name,
                        const TableSources& sources);
/// Tables that `unionmap:` and `pipemap:` hold, and the like.
OpenedTable open_nested(std::string_view spec, const TableSources& sources, std::size_t depth);

}  // namespace postern::dialect::restrictions
