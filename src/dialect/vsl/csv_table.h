// Tables in files of comma-separated values (RFC 4180 §2), shared by all threads of the process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace postern::dialect::vsl {

/// The fields of a row, unquoted.
using CsvFields = std::vector<std::string>;

/// A parsed row.
struct CsvRow {
  CsvFields fields;       ///< at least one
  std::size_t begin = 0;  ///< the offset of its line
};
/// Parses the row at `at`, and moves `at` after it. nullopt: the end of the text. Lines end in LF
/// or CRLF; blank lines are skipped, and so are blanks around an unquoted field. Throws a sentence
/// if a quote is not closed.
std::optional<CsvRow> next_csv_row(std::string_view text, std::size_t& at, char delimiter);

/// The line of a row, with LF. next_csv_row() reads the same fields from it.
std::string csv_line(const CsvFields& fields, char delimiter);

/// A table in a file. Its functions block on the disk and throw sentences. Safe from any thread.
/// Other programs may append to the file meanwhile, with O_APPEND and one write() for each row.
class CsvTable {
 public:
  static constexpr std::size_t largest = 64u << 20;  ///< of a file, in octets

  /// The table of a file, shared by all users of `path`, which must be the real path.
  static std::shared_ptr<CsvTable> of(const std::string& path, char delimiter);

  /// Use of() instead.
  CsvTable(std::string path, char delimiter) : path_(std::move(path)), delimiter_(delimiter) {}

  /// When get() checks whether the file has changed: at every call, or before the first only.
  enum class Refresh { always, once };
  /// The first row whose first field is `key`; empty: there is none.
  CsvFields get(const std::string& key, Refresh refresh);
  /// Appends a row. When it returns, the row is on stable storage; if it throws, no row
  /// was added, and what was already written has become blank lines. Octets of other programs are
  /// never changed.
  void set(const CsvFields& fields);
  /// Removes all rows whose first field is `key`; other lines stay as they are. The file is
  /// replaced atomically. A row that another program appends while the new file is written stays;
  /// one that it appends between the last look at the old file and the replacement, or later
  /// through a descriptor of the old file, is lost.
  void remove(const std::string& key);

 private:
  /// Identifies a version of the file.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0;  ///< ns
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(int fd, const std::string& path);

  void refresh(Refresh refresh);
  void take(std::string text, Stamp stamp);
  /// Makes blank lines of the last `count` octets that were written through `appended`; at most 0:
  /// none were. Throws if it cannot.
  void blank_out(int appended, ssize_t count) const;
  /// The file without the rows of `key`.
  std::string without(const std::string& key) const;
  /// False: the file is not `text_` any more, and nothing was replaced.
  bool replace(const std::string& text);

  const std::string path_;
  const char delimiter_;
  std::mutex mutex_;
  std::optional<Stamp> stamp_;  ///< of `text_`; nullopt: nothing was read yet
  std::string text_;
  std::unordered_map<std::string, std::size_t> first_;  ///< the offset of a key's first row
};

}  // namespace postern::dialect::vsl
