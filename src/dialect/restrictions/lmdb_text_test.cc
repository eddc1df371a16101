#include "dialect/restrictions/lmdb_text.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "dialect/restrictions/table.h"

namespace postern::dialect::restrictions {
namespace {

using testing::HasSubstr;

/// Files that postmap and postalias of Postfix 3.7 wrote.
const std::string lmdb_folder = POSTERN_SOURCE_DIR "/fuzz/corpus/fuzz_lmdb_file/";

std::string octets_of(const std::string& name) {
  std::ifstream file(lmdb_folder + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(LmdbText, what_postmap_wrote) {
  EXPECT_EQ(text_of_lmdb(octets_of("small.lmdb")).value(),
            "\"a b\"@example.org OK\nann@example.org REJECT no\n");
  EXPECT_EQ(text_of_lmdb(octets_of("none.lmdb")).value(), "");
  // Several pages, and a value on pages of its own.
  const std::string large = text_of_lmdb(octets_of("large.lmdb")).value();
  EXPECT_EQ(split(large, '\n').size(), 402u);
  EXPECT_THAT(large, HasSubstr("\nu399@example.org REJECT number 399\n"));
  EXPECT_THAT(large, HasSubstr("long@example.org REJECT word word"));
}

TEST(LmdbText, damaged_files_are_refused_or_read_within_their_bounds) {
  for (const char* name : {"small.lmdb", "large.lmdb"}) {
    const std::string whole = octets_of(name);
    for (std::size_t size = 0; size < whole.size(); size += 61) {
      const auto text = text_of_lmdb(std::string_view(whole).substr(0, size));
      EXPECT_FALSE(text) << name << " " << size;
    }
    for (std::size_t at = 0; at < whole.size(); at += 3) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
      const auto text = text_of_lmdb(damaged);
      if (text) EXPECT_LE(text->size(), damaged.size());
    }
  }
}

TEST(LmdbText, a_table_without_its_source) {
  const auto names = open_table("lmdb:" + lmdb_folder + "names", file_sources());
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ((*names)->lookup("Ann").value, "a@example.net");
  // As an alias file: the compiled one has no colons.
  TableSources sources = file_sources();
  sources.aliases.insert("lmdb:" + lmdb_folder + "names");
  const auto aliases = open_table("proxy:lmdb:" + lmdb_folder + "names", sources);
  ASSERT_TRUE(aliases) << aliases.error().message;
  EXPECT_EQ((*aliases)->lookup("bob").value, "b@example.net");
  const auto absent = open_table("lmdb:" + lmdb_folder + "absent", file_sources());
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error().message, HasSubstr("nor the compiled table beside it"));
}

TEST(LmdbText, accounts_are_names_without_the_rest) {
  EXPECT_EQ(source_text("/etc/passwd", "root:x:0:0:Root:/root:/bin/sh\nann:x:1:").value(),
            "root:\nann:\n");
  EXPECT_EQ(source_text("/etc/postfix/access", "a b\n").value(), "a b\n");
  const TableSources sources{.read = [](const std::string& path) -> Result<std::string> {
    return source_text(path, path == "/etc/group" ? "mail:x:8:\n" : "# a\nroot:x:0:\n+::\n");
  }};
  const auto accounts = open_table("proxy:unix:passwd.byname", sources);
  ASSERT_TRUE(accounts) << accounts.error().message;
  EXPECT_EQ((*accounts)->rows(), 1u);
  EXPECT_EQ((*accounts)->lookup("root").status, Found::Status::found);
  EXPECT_EQ((*accounts)->lookup("mail").status, Found::Status::absent);
  EXPECT_EQ((*open_table("unix:group.byname", sources))->lookup("mail").status,
            Found::Status::found);
}

}  // namespace
}  // namespace postern::dialect::restrictions
