#include "dialect/vsl/csv_table.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <stdexcept>
#include <system_error>

#include "base/descriptor.h"
#include "base/file_io.h"
#include "base/text.h"

namespace postern::dialect::vsl {

namespace {

[[noreturn]] void fail_with_errno(const std::string& what, int code = errno) {
  throw std::runtime_error(what + ": " + std::generic_category().message(code));
}

/// How often a removal starts again because the file has changed meanwhile.
constexpr int most_attempts = 10;

class CsvFile {
 public:
  CsvFile(const std::string& path, int flags, mode_t mode = 0)
      : file_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (!file_.is_open()) fail_with_errno(path);
  }
  explicit CsvFile(int fd) : file_(fd) {}
  int fd() const { return file_.get(); }

 private:
  const Descriptor file_;
};

/// The octets that one call has written; -1: none, for the reason in `errno`.
ssize_t write_once(int fd, std::string_view octets) {
  for (;;) {
    const ssize_t written = ::write(fd, octets.data(), octets.size());
    if (written >= 0 || errno != EINTR) return written;
  }
}

std::string read_all(int fd, const std::string& path) {
  std::string text;
  char piece[65536];
  for (;;) {
    const ssize_t size = ::read(fd, piece, sizeof piece);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) fail_with_errno("reading " + path);
    if (size == 0) return text;
    text.append(piece, static_cast<std::size_t>(size));
    if (text.size() > CsvTable::largest) throw std::runtime_error(path + ": larger than 64 MiB");
  }
}

/// A new file beside the table. The destructor removes it unless it has replaced the table.
class Replacement {
 public:
  explicit Replacement(const std::string& path)
      : path_(path), name_(path + ".XXXXXX"), file_(::mkostemp(name_.data(), O_CLOEXEC)) {
    if (file_.fd() < 0) fail_with_errno("making a file beside " + path);
  }
  ~Replacement() {
    if (!moved_) ::unlink(name_.c_str());
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void take_rights_of(int fd) const {
    struct stat status{};
    const bool same_owner =
        ::fstat(fd, &status) == 0 && ::fchown(file_.fd(), status.st_uid, status.st_gid) == 0;
    // If the owner cannot be kept, only the gateway's user may read the file: no other user gains
    // access.
    if (::fchmod(file_.fd(), same_owner ? status.st_mode & 0777 : 0600) != 0)
      fail_with_errno(name_);
  }
  int fd() const { return file_.fd(); }
  void flush() const {
    if (::fsync(file_.fd()) != 0) fail_with_errno("flushing " + name_);
  }
  void move() {
    if (::rename(name_.c_str(), path_.c_str()) != 0) fail_with_errno("moving to " + path_);
    moved_ = true;
    const CsvFile directory(path_.substr(0, path_.rfind('/') + 1), O_RDONLY | O_DIRECTORY);
    if (::fsync(directory.fd()) != 0) fail_with_errno("flushing the folder of " + path_);
  }

 private:
  const std::string path_;
  std::string name_;
  const CsvFile file_;
  bool moved_ = false;
};

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Reads a field in quotes; `at` is after the first quote.
std::string quoted_field(std::string_view text, std::size_t& at) {
  std::string field;
  for (;;) {
    const std::size_t quote = text.find('"', at);
    if (quote == std::string_view::npos) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
      throw std::runtime_error("line " + std::to_string(line) + ": a quote is not closed");
    }
    field += text.substr(at, quote - at);
    at = quote + 1;
    if (at >= text.size() || text[at] != '"') return field;
    field += '"';
    ++at;
  }
}

}  // namespace

std::optional<CsvRow> next_csv_row(std::string_view text, std::size_t& at, char delimiter) {
  // Skips blank lines.
  std::size_t begin = at;
  for (;;) {
    if (begin >= text.size()) {
      at = text.size();
      return std::nullopt;
    }
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const auto line = text.substr(begin, end - begin);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) break;
    if (delimiter == '\t' && line.find('\t') != std::string_view::npos) break;
    begin = end + 1;
  }
  CsvRow row{.fields = {}, .begin = begin};
  at = begin;
  for (;;) {
    while (at < text.size() && is_blank(text[at]) && text[at] != delimiter) ++at;
    std::string field;
    if (at < text.size() && text[at] == '"') {
      ++at;
      field = quoted_field(text, at);
    }
    // Nothing should follow a field in quotes; text that does is part of the field.
    const char ends[] = {delimiter, '\n'};
    const std::size_t end =
        std::min(text.find_first_of(std::string_view(ends, 2), at), text.size());
    std::string_view rest = text.substr(at, end - at);
    while (!rest.empty() && (is_blank(rest.back()) || rest.back() == '\r')) rest.remove_suffix(1);
    row.fields.push_back(field + std::string(rest));
    at = std::min(end + 1, text.size());
    if (end >= text.size() || text[end] == '\n') return row;
    if (at >= text.size()) {
      row.fields.emplace_back();
      return row;
    }
  }
}

std::string csv_line(const CsvFields& fields, char delimiter) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line += delimiter;
    const std::string& field = fields[i];
    const bool plain = !field.empty() && !is_blank(field.front()) && !is_blank(field.back()) &&
                       field.find(delimiter) == std::string::npos &&
                       field.find_first_of("\"\r\n") == std::string::npos;
    if (plain) {
      line += field;
      continue;
    }
    line += '"';
    for (const char c : field) line += c == '"' ? "\"\"" : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

std::shared_ptr<CsvTable> CsvTable::of(const std::string& path, char delimiter) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, char>, std::weak_ptr<CsvTable>> tables;
  const std::lock_guard lock(mutex);
  std::erase_if(tables, [](const auto& one) { return one.second.expired(); });
  auto& place = tables[{path, delimiter}];
  auto table = place.lock();
  if (!table) {
    table = std::make_shared<CsvTable>(path, delimiter);
    place = table;
  }
  return table;
}

CsvTable::Stamp CsvTable::stamp_of(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) fail_with_errno(path);
  if (!S_ISREG(status.st_mode)) throw std::runtime_error(path + ": it is no file");
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void CsvTable::take(std::string text, Stamp stamp) {
  std::unordered_map<std::string, std::size_t> first;
  try {
    std::size_t at = 0;
    while (auto row = next_csv_row(text, at, delimiter_)) {
      first.emplace(std::move(row->fields.front()), row->begin);
    }
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path_ + ": " + error.what());
  }
  text_ = std::move(text);
  first_ = std::move(first);
  stamp_ = stamp;
}

void CsvTable::refresh(Refresh refresh) {
  if (stamp_ && refresh == Refresh::once) return;
  const CsvFile file(path_, O_RDONLY);
  const Stamp stamp = stamp_of(file.fd(), path_);
  if (stamp_ == stamp) return;
  take(read_all(file.fd(), path_), stamp);
}

CsvFields CsvTable::get(const std::string& key, Refresh refresh_when) {
  const std::lock_guard lock(mutex_);
  refresh(refresh_when);
  const auto found = first_.find(key);
  if (found == first_.end()) return {};
  std::size_t at = found->second;
  return next_csv_row(text_, at, delimiter_)->fields;
}

void CsvTable::set(const CsvFields& fields) {
  const std::lock_guard lock(mutex_);
  refresh(Refresh::always);
  std::string line = csv_line(fields, delimiter_);
  if (!text_.empty() && !text_.ends_with('\n')) line.insert(0, "\n");
  if (text_.size() + line.size() > largest) throw std::runtime_error(path_ + ": it is full");
  const CsvFile file(path_, O_WRONLY | O_APPEND);
  const Stamp before = stamp_of(file.fd(), path_);
  // One call: the octets of two programs that append never mix, and no row is within another.
  const ssize_t written = write_once(file.fd(), line);
  const bool whole = written == static_cast<ssize_t>(line.size());
  if (!whole || ::fdatasync(file.fd()) != 0) {
    const int code = errno;
    stamp_.reset();
    blank_out(file.fd(), written);
    if (whole) fail_with_errno("flushing " + path_, code);
    if (written < 0) fail_with_errno("writing " + path_, code);
    throw std::runtime_error("writing " + path_ + ": a row did not fit, the disk is full");
  }
  const Stamp after = stamp_of(file.fd(), path_);
  if (before != *stamp_ || after.size != before.size + static_cast<off_t>(line.size())) {
    stamp_.reset();  // another program wrote meanwhile
    return;
  }
  const std::size_t begin = text_.size();
  text_ += line;
  first_.emplace(fields.front(), begin);
  stamp_ = after;
}

void CsvTable::blank_out(int appended, ssize_t count) const {
  const off_t end = ::lseek(appended, 0, SEEK_CUR);  // where this descriptor's write ended
  if (count <= 0 || end < count) return;
  // Overwriting needs no space, and unlike truncation it leaves what others appended since.
  const CsvFile file(path_, O_WRONLY);  // pwrite() ignores the offset with O_APPEND
  if (stamp_of(file.fd(), path_).inode != stamp_of(appended, path_).inode) return;
  const std::string blank(static_cast<std::size_t>(count), '\n');
  const ssize_t done = ::pwrite(file.fd(), blank.data(), blank.size(), end - count);
  if (done != count || ::fdatasync(file.fd()) != 0) {
    fail_with_errno(path_ + ": a part of a row is left in it");
  }
}

void CsvTable::remove(const std::string& key) {
  const std::lock_guard lock(mutex_);
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    refresh(Refresh::always);
    if (!first_.contains(key) || replace(without(key))) return;
  }
  throw std::runtime_error(path_ + ": another program changes it all the time");
}

std::string CsvTable::without(const std::string& key) const {
  std::string kept;
  std::size_t at = 0;
  std::size_t from = 0;
  while (const auto row = next_csv_row(text_, at, delimiter_)) {
    if (row->fields.front() != key) continue;
    kept += text_.substr(from, row->begin - from);
    from = at;
  }
  return kept + text_.substr(from);
}

bool CsvTable::replace(const std::string& text) {
  Replacement file(path_);
  file.take_rights_of(CsvFile(path_, O_RDONLY).fd());
  if (!write_all(file.fd(), text)) fail_with_errno("writing " + path_);
  file.flush();
  // Another program may have appended a row since the table was read.
  if (stamp_of(CsvFile(path_, O_RDONLY).fd(), path_) != *stamp_) return false;
  file.move();
  take(text, stamp_of(file.fd(), path_));
  return true;
}

}  // namespace postern::dialect::vsl
