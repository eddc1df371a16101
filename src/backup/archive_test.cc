#include "backup/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backup/manifest.h"
#include "backup/restore.h"
#include "base/sha256.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "store/sqlite_store.h"

namespace postern::backup {
namespace {

using tests::TemporaryFolder;

/// Gives the text in pieces of `size` octets.
ArchiveReader::Source pieces(const std::string& text, std::size_t size = 1000) {
  return [&text, size, at = std::size_t{0}]() mutable -> Result<std::string_view> {
    const std::string_view piece = std::string_view(text).substr(at, size);
    at += piece.size();
    return piece;
  };
}

/// An archive of these files, with a manifest if there is one.
std::string archive_of(const std::vector<std::pair<std::string, std::string>>& files,
                       const Manifest* manifest) {
  std::string octets;
  auto writer = ArchiveWriter::open([&](std::string_view piece) {
    octets += piece;
    return true;
  });
  for (const auto& [name, text] : files) EXPECT_TRUE((*writer)->add_text(name, text));
  if (manifest != nullptr) {
    EXPECT_TRUE((*writer)->add_text(std::string(manifest_name), manifest_text(*manifest)));
  }
  EXPECT_TRUE((*writer)->close());
  return octets;
}

Manifest manifest_of(const std::vector<std::pair<std::string, std::string>>& files) {
  Manifest made{.postern = "1.2.3",
                .hostname = "mx.example.org",
                .time = *from_rfc3339("2026-01-02T03:04:05.678Z")};
  for (const auto& [name, text] : files) {
    made.files.push_back({.name = name, .size = text.size(), .sha256 = hex_encode(sha256(text))});
  }
  return made;
}

Result<Restored> extracted(const std::string& octets) {
  const TemporaryFolder folder;
  return extract(pieces(octets), folder.path());
}

TEST(Archive, names_stay_below_the_directory) {
  for (const char* name : {"a", "spool/bodies/XY/01", ".hidden", "a b", "ü", "...", "a/..b"}) {
    EXPECT_TRUE(is_safe_name(name)) << name;
  }
  for (const char* name :
       {"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\nb"}) {
    EXPECT_FALSE(is_safe_name(name)) << name;
  }
  EXPECT_FALSE(is_safe_name(std::string(256, 'a')));
  EXPECT_FALSE(is_safe_name(std::string_view("a\0b", 3)));
}

TEST(Archive, a_file_reads_back_with_its_checksum) {
  const TemporaryFolder folder;
  const std::string text(700'000, 'x');
  const std::string path = folder.write("source", text);
  std::string octets;
  auto writer = ArchiveWriter::open([&](std::string_view piece) {
    octets += piece;
    return true;
  });
  const auto added = (*writer)->add_file("ümlaut/" + std::string(150, 'n'), path);
  ASSERT_TRUE(added && *added);
  EXPECT_EQ((*added)->sha256, hex_encode(sha256(text)));
  EXPECT_EQ(*(*writer)->add_file("gone", folder.file("gone")), std::nullopt);
  ASSERT_TRUE((*writer)->close());
  auto reader = ArchiveReader::open(pieces(octets));
  const auto entry = (*reader)->next();
  ASSERT_TRUE(entry && *entry) << entry.error().message;
  EXPECT_EQ((*entry)->name, "ümlaut/" + std::string(150, 'n'));
  EXPECT_EQ((*entry)->size, text.size());
  std::string read;
  while (true) {
    const auto piece = (*reader)->read();
    ASSERT_TRUE(piece);
    if (piece->empty()) break;
    read += *piece;
  }
  EXPECT_EQ(read, text);
  EXPECT_EQ(*(*reader)->next(), std::nullopt);
}

TEST(Archive, a_sink_that_fails_ends_the_backup) {
  auto writer = ArchiveWriter::open([](std::string_view) {
    errno = ENOSPC;
    return false;
  });
  Result<void> done = (*writer)->add_text("a", std::string(10'000, 'x'));
  if (done) done = (*writer)->close();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::disk_full);
}

TEST(Manifest, reads_back) {
  Manifest made = manifest_of({{"a", "1"}, {"b/c", ""}});
  made.schemas = {{"postern.db", 7}};
  made.messages = 3;
  made.policies = 4;
  made.accounts = 5;
  const auto read = parse_manifest(manifest_text(made));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(manifest_text(*read), manifest_text(made));
  EXPECT_EQ(read->files.size(), 2U);
}

TEST(Manifest, refuses_what_it_does_not_know) {
  const std::string good = manifest_text(manifest_of({{"a", "1"}}));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const auto read = parse_manifest(text);
    return read ? std::nullopt : std::optional(read.error().fault);
  };
  EXPECT_EQ(with(R"("format":1)", R"("format":2)"), Fault::denied);
  EXPECT_EQ(with(R"("name":"a")", R"("name":"../a")"), Fault::malformed);
  EXPECT_EQ(with(R"("size":1)", R"("size":-1)"), Fault::malformed);
  EXPECT_EQ(with(R"("hostname")", R"("host")"), Fault::malformed);
  EXPECT_EQ(with("2026", "x026"), Fault::malformed);
  EXPECT_EQ(parse_manifest("[]").error().fault, Fault::malformed);
  EXPECT_EQ(parse_manifest("").error().fault, Fault::malformed);
}

TEST(Restore, takes_what_the_manifest_says_and_nothing_else) {
  const tests::TemporaryFolder folder;
  ASSERT_TRUE(store::SqliteStore::open(folder.file("postern.db")));
  const std::vector<std::pair<std::string, std::string>> files{
      {"a", "one"}, {"b/c", "two"}, {"postern.db", tests::read_file(folder.file("postern.db"))}};
  Manifest right = manifest_of(files);
  right.schemas["postern.db"] = 1;
  EXPECT_TRUE(extracted(archive_of(files, &right)));
  const auto refused = [](const std::string& octets) {
    const auto read = extracted(octets);
    return read ? std::nullopt : std::optional(read.error().fault);
  };
  EXPECT_EQ(refused(archive_of(files, nullptr)), Fault::malformed);
  EXPECT_EQ(refused(archive_of({files[0]}, &right)), Fault::malformed);
  EXPECT_EQ(refused(archive_of({files[0], {"b/c", "twO"}, files[2]}, &right)), Fault::malformed);
  EXPECT_EQ(refused(archive_of({files[0], files[1], files[2], {"d", ""}}, &right)),
            Fault::malformed);
  EXPECT_EQ(refused(archive_of({files[0], files[0]}, &right)), Fault::malformed);
  EXPECT_EQ(refused(archive_of({{"a", "one"}, {"a/c", "two"}}, &right)), Fault::malformed);
  Manifest newer = right;
  newer.schemas["other.db"] = 1;
  EXPECT_EQ(refused(archive_of(files, &newer)), Fault::denied);
  const std::string whole = archive_of(files, &right);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_EQ(refused(whole.substr(0, size)), Fault::malformed) << size;
  }
}

}  // namespace
}  // namespace postern::backup
