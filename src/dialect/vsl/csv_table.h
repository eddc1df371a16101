// Tables in files of comma-separated values (RFC 4180), one for all threads of the process.
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

using CsvFields = std::vector<std::string>;

/// The row at `at`, which moves behind it; nullopt at the end of the text. Lines end in LF or CRLF,
/// blank ones are skipped, and blanks around a field without quotes are not part of it. Throws a
/// sentence where a quote is not closed.
struct CsvRow {
  CsvFields fields;
  std::size_t begin = 0;  ///< where its line begins
};
std::optional<CsvRow> next_csv_row(std::string_view text, std::size_t& at, char delimiter);

/// One line, with its LF; next_csv_row() reads the same fields from it.
std::string csv_line(const CsvFields& fields, char delimiter);

/// Everything waits for the disk: on a thread that may. Throws sentences.
class CsvTable {
 public:
  static constexpr std::size_t largest = 64u << 20;  ///< octets of a file

  /// The table of that file, the same one for all who name it. `path`: the real one.
  static std::shared_ptr<CsvTable> of(const std::string& path, char delimiter);

  CsvTable(std::string path, char delimiter) : path_(std::move(path)), delimiter_(delimiter) {}

  enum class Refresh { always, once };
  /// The first row whose first field is the key; empty: there is none. `always`: of a file that
  /// changed it is read again.
  CsvFields get(const std::string& key, Refresh refresh);
  /// Appends a row. When it returns the row is on stable storage; when it throws it is not there.
  void set(const CsvFields& fields);
  /// Takes out all rows whose first field is the key, and leaves the others as they stand. Readers
  /// see the old file or the new one.
  void remove(const std::string& key);

 private:
  /// Tells one state of the file from another.
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
  void replace(const std::string& text);

  const std::string path_;
  const char delimiter_;
  std::mutex mutex_;
  std::optional<Stamp> stamp_;  ///< of `text_`; nullopt: nothing was read yet
  std::string text_;
  std::unordered_map<std::string, std::size_t> first_;  ///< where a key's first row begins
};

}  // namespace postern::dialect::vsl
