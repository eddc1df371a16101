// The file of a backup: a tar stream, compressed with zstd, of regular files alone. Only this
// header knows libarchive.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/owned.h"

struct archive;

namespace postern::backup {

/// What the archive has of a file.
struct FileEntry {
  std::string name;         ///< below the data directory, with slashes: is_safe_name()
  std::uint64_t size = 0;   ///< octets
  std::string sha256 = {};  ///< of the octets, 64 hexadecimal digits
};

/// Whether a restore may create a file of this name: relative, at most 1024 octets, without empty
/// parts, "." and "..", and without control characters.
bool is_safe_name(std::string_view name);
/// Whether a file with this name belongs to a database beside it: a journal, which SQLite acts on
/// when it opens the database, a write-ahead log, an index of one. No backup has such a file.
bool is_beside_database(std::string_view name);
/// Opens a file for reading; not through a symbolic link in its last part, and without waiting.
int open_file(const std::string& path);
/// How a file is opened, if not like that.
using Opener = std::function<int(const std::string& path)>;

/// Writes an archive. For one thread at a time. Faults of all functions: `disk_full`, `permanent`.
class ArchiveWriter {
 public:
  /// Takes the octets of the archive in their order; false: writing failed, `errno` says why.
  using Sink = std::function<bool(std::string_view octets)>;
  /// `sink` is called until close() returned.
  static Result<std::unique_ptr<ArchiveWriter>> open(Sink sink);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  /// Adds the file at `path` as long as it is now, and returns its entry; nullopt: it does not
  /// exist any more, or is no regular file. Fault::temporary: it became shorter while it was read.
  /// `open` gives a descriptor, which is closed here; -1: `errno` says why.
  Result<std::optional<FileEntry>> add_file(const std::string& name, const std::string& path,
                                            const Opener& open = open_file);
  /// Adds a file with this content.
  Result<void> add_text(const std::string& name, std::string_view octets);
  /// Writes the end. Must be the last call.
  Result<void> close();

 private:
  explicit ArchiveWriter(Sink sink) : sink_(std::move(sink)) {}
  Result<void> begin(const std::string& name, std::uint64_t size);
  Result<void> write(std::string_view octets);
  tl::unexpected<Error> trouble();

  Sink sink_;
  archive* archive_ = nullptr;
};

/// Reads an archive that nobody vouches for. For one thread at a time. Fault::malformed: anything
/// but a stream of regular files with safe names, each once.
class ArchiveReader {
 public:
  /// The next octets of the archive, valid until the next call; empty: the end.
  using Source = std::function<Result<std::string_view>()>;
  /// Reads no octet yet.
  static Result<std::unique_ptr<ArchiveReader>> open(Source source);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next file, with the size that it claims and without a checksum; nullopt: the end.
  Result<std::optional<FileEntry>> next();
  /// The next octets of the current file, valid until the next call; empty: its end.
  Result<std::string_view> read();

 private:
  explicit ArchiveReader(Source source) : source_(std::move(source)) {}
  tl::unexpected<Error> trouble();

  Source source_;
  std::optional<Error> failed_;  ///< of the source
  archive* archive_ = nullptr;
  std::string buffer_;
};

}  // namespace postern::backup
