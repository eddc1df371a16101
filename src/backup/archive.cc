#include "backup/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "base/disk_full.h"
#include "base/sha256.h"
#include "base/text.h"

namespace postern::backup {
namespace {

constexpr std::size_t piece = 1 << 18;
using Entry = Owned<archive_entry, archive_entry_free>;

}  // namespace

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.size() > 1024) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return std::ranges::all_of(split(name, '/'), [](std::string_view part) {
    return !part.empty() && part != "." && part != ".." && part.size() <= 255;
  });
}

bool is_beside_database(std::string_view name) {
  return name.ends_with("-journal") || name.ends_with("-wal") || name.ends_with("-shm");
}

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::open(Sink sink) {
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(std::move(sink)));
  writer->archive_ = archive_write_new();
  if (writer->archive_ == nullptr) throw std::bad_alloc();
  archive* const to = writer->archive_;
  const auto put = [](archive* self, void* data, const void* octets,
                      std::size_t size) -> la_ssize_t {
    const auto* const owner = static_cast<ArchiveWriter*>(data);
    if (owner->sink_({static_cast<const char*>(octets), size}))
      return static_cast<la_ssize_t>(size);
    archive_set_error(self, errno, "%s", std::strerror(errno));
    return -1;
  };
  // Names are octets: pax would otherwise convert them from the locale's character set.
  if (archive_write_set_format_pax_restricted(to) != ARCHIVE_OK ||
      archive_write_set_format_option(to, nullptr, "hdrcharset", "BINARY") != ARCHIVE_OK ||
      archive_write_add_filter_zstd(to) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(to, 1) != ARCHIVE_OK ||
      archive_write_open(to, writer.get(), nullptr, put, nullptr) != ARCHIVE_OK) {
    return writer->trouble();
  }
  return writer;
}

ArchiveWriter::~ArchiveWriter() {
  sink_ = [](std::string_view) { return true; };  // what is left to write is of no use
  if (archive_ != nullptr) archive_write_free(archive_);
}

tl::unexpected<Error> ArchiveWriter::trouble() {
  const char* const why = archive_error_string(archive_);
  return fail(is_disk_full(archive_errno(archive_)) ? Fault::disk_full : Fault::permanent,
              fmt::format("writing the backup: {}", why == nullptr ? "unknown error" : why));
}

Result<void> ArchiveWriter::begin(const std::string& name, std::uint64_t size) {
  const Entry entry(archive_entry_new());
  if (!entry) throw std::bad_alloc();
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0600);
  if (archive_write_header(archive_, entry.get()) != ARCHIVE_OK) return trouble();
  return {};
}

Result<void> ArchiveWriter::write(std::string_view octets) {
  while (!octets.empty()) {
    const la_ssize_t done = archive_write_data(archive_, octets.data(), octets.size());
    if (done <= 0) return trouble();
    octets.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

int open_file(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

Result<std::optional<FileEntry>> ArchiveWriter::add_file(const std::string& name,
                                                         const std::string& path,
                                                         const Opener& open) {
  const auto cannot = [&] {
    return fail(Fault::permanent, fmt::format("reading {}: {}", path, std::strerror(errno)));
  };
  struct stat about{};
  const int fd = open(path);
  if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR)) return std::nullopt;
  if (fd < 0) return cannot();
  const auto shut = [](const int* opened) { ::close(*opened); };
  const std::unique_ptr<const int, decltype(shut)> closing(&fd, shut);
  if (::fstat(fd, &about) != 0) return cannot();
  if (!S_ISREG(about.st_mode)) return std::nullopt;
  FileEntry added{.name = name, .size = static_cast<std::uint64_t>(about.st_size)};
  if (Result<void> begun = begin(name, added.size); !begun) return tl::unexpected(begun.error());
  Sha256 sum;
  std::string buffer(piece, '\0');
  for (std::uint64_t left = added.size; left > 0;) {
    const ssize_t got = ::read(fd, buffer.data(), std::min<std::uint64_t>(left, piece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot();
    if (got == 0) {
      return fail(Fault::temporary, fmt::format("{} became shorter while it was read", path));
    }
    const std::string_view octets(buffer.data(), static_cast<std::size_t>(got));
    sum.add(octets);
    if (Result<void> written = write(octets); !written) return tl::unexpected(written.error());
    left -= octets.size();
  }
  added.sha256 = hex_encode(sum.finish());
  return added;
}

Result<void> ArchiveWriter::add_text(const std::string& name, std::string_view octets) {
  if (Result<void> begun = begin(name, octets.size()); !begun) return begun;
  return write(octets);
}

Result<void> ArchiveWriter::close() {
  if (archive_write_close(archive_) != ARCHIVE_OK) return trouble();
  return {};
}

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(Source source) {
  std::unique_ptr<ArchiveReader> reader(new ArchiveReader(std::move(source)));
  reader->archive_ = archive_read_new();
  if (reader->archive_ == nullptr) throw std::bad_alloc();
  archive* const from = reader->archive_;
  const auto get = [](archive* self, void* data, const void** octets) -> la_ssize_t {
    auto* const owner = static_cast<ArchiveReader*>(data);
    Result<std::string_view> got = owner->source_();
    if (!got) {
      owner->failed_ = got.error();
      archive_set_error(self, EIO, "%s", got.error().message.c_str());
      return -1;
    }
    *octets = got->data();
    return static_cast<la_ssize_t>(got->size());
  };
  reader->buffer_.resize(piece);
  if (archive_read_support_filter_zstd(from) != ARCHIVE_OK ||
      archive_read_support_format_tar(from) != ARCHIVE_OK ||
      archive_read_open(from, reader.get(), nullptr, get, nullptr) != ARCHIVE_OK) {
    return reader->trouble();
  }
  return reader;
}

ArchiveReader::~ArchiveReader() {
  if (archive_ != nullptr) archive_read_free(archive_);
}

tl::unexpected<Error> ArchiveReader::trouble() {
  if (failed_) return tl::unexpected(*failed_);
  const char* const why = archive_error_string(archive_);
  return fail(Fault::malformed,
              fmt::format("this is not a whole backup: {}",
                          why == nullptr ? "unknown error" : printable(why, 200)));
}

Result<std::optional<FileEntry>> ArchiveReader::next() {
  archive_entry* entry = nullptr;
  const int found = archive_read_next_header(archive_, &entry);
  if (found == ARCHIVE_EOF) return std::nullopt;
  if (found != ARCHIVE_OK) return trouble();
  const char* const name = archive_entry_pathname(entry);
  if (name == nullptr || !is_safe_name(name) || is_beside_database(name)) {
    return fail(Fault::malformed,
                fmt::format("the backup has a file with a name that is refused: {}",
                            name == nullptr ? "" : printable(name, 200)));
  }
  const bool plain =
      archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr &&
      archive_entry_symlink(entry) == nullptr && archive_entry_sparse_count(entry) == 0 &&
      archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0;
  if (!plain) {
    return fail(Fault::malformed,
                fmt::format("the backup has something that is no regular file: {}", name));
  }
  return FileEntry{.name = name, .size = static_cast<std::uint64_t>(archive_entry_size(entry))};
}

Result<std::string_view> ArchiveReader::read() {
  const la_ssize_t got = archive_read_data(archive_, buffer_.data(), buffer_.size());
  if (got < 0) return trouble();
  return std::string_view(buffer_.data(), static_cast<std::size_t>(got));
}

}  // namespace postern::backup
