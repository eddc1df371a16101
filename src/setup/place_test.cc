#include "setup/place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "base/temporary_folder_test.h"
#include "config/schema.h"

namespace postern::setup {
namespace {

using tests::read_file;
using tests::TemporaryFolder;

void write(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder),
                                                std::filesystem::directory_iterator()));
}

TEST(Place, says_what_is_there) {
  const TemporaryFolder folder;
  const std::string file = folder.file("postern.toml");
  EXPECT_EQ(compare(file, "a\n"), There::nothing);
  write(file, "a\n");
  EXPECT_EQ(compare(file, "a\n"), There::same);
  std::string there;
  EXPECT_EQ(compare(file, "b\n", &there), There::other);
  EXPECT_EQ(there, "a\n");
  write(file, app::example_config());
  EXPECT_EQ(compare(file, "b\n"), There::example);
  write(file, app::example_config() + "# mine\n");
  EXPECT_EQ(compare(file, "b\n"), There::other);
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_FALSE(compare(file, "b\n"));
}

// The unit runs as a user that owns nothing, with ProtectHome=yes.
TEST(Place, says_why_the_service_cannot_read_a_file) {
  const TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  const std::string file = folder.file("mx.pem");
  write(file, "x");
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(hidden_from_service(file), "");
  EXPECT_EQ(hidden_from_service(folder.file("none")), "");
  ::chmod(file.c_str(), 0640);
  EXPECT_EQ(hidden_from_service(file), "other users may not read " + file);
  // As /etc/letsencrypt/live, whose links lead to another closed folder.
  const std::string closed = folder.file("live");
  std::filesystem::create_directory(closed);
  ::chmod(file.c_str(), 0644);
  std::filesystem::create_symlink("../mx.pem", closed + "/mx.pem");
  EXPECT_EQ(hidden_from_service(closed + "/mx.pem"), "");
  ::chmod(closed.c_str(), 0700);
  EXPECT_EQ(hidden_from_service(closed + "/mx.pem"), "other users may not enter " + closed);
  write(closed + "/own.pem", "x");
  ::chmod((closed + "/own.pem").c_str(), 0644);
  std::filesystem::create_symlink("live/own.pem", folder.file("link.pem"));
  EXPECT_EQ(hidden_from_service(folder.file("link.pem")), "other users may not enter " + closed);
}

TEST(Place, a_dangling_link_is_something) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink(folder.file("nowhere"), folder.file("postern.toml"));
  EXPECT_FALSE(compare(folder.file("postern.toml"), "b\n"));
}

TEST(Place, puts_a_new_file_that_all_may_read) {
  const TemporaryFolder folder;
  const std::string file = folder.file("postern.toml");
  const ::mode_t before = ::umask(0077);
  ASSERT_TRUE(put(file, "a\n", false));
  ::umask(before);
  struct stat about{};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0644u);
  EXPECT_EQ(read_file(file), "a\n");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(Place, replaces_only_what_it_is_told_to) {
  const TemporaryFolder folder;
  const std::string file = folder.file("postern.toml");
  write(file, "mine\n");
  const Result<void> refused = put(file, "a\n", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::conflict);
  EXPECT_EQ(read_file(file), "mine\n");
  EXPECT_EQ(files_in(folder.path()), 1u) << "a draft remains";
  ASSERT_TRUE(put(file, "a\n", true));
  EXPECT_EQ(read_file(file), "a\n");
}

TEST(Place, a_pipe_is_not_waited_for) {
  const TemporaryFolder folder;
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto found = compare(pipe, "a\n", nullptr);
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().message, ::testing::HasSubstr("not a regular file"));
}

TEST(Place, an_error_leaves_nothing) {
  const TemporaryFolder folder;
  EXPECT_FALSE(put(folder.file("no/such/folder"), "a\n", false));
  std::filesystem::create_directory(folder.file("taken"));
  write(folder.file("taken/x"), "");
  EXPECT_FALSE(put(folder.file("taken"), "a\n", true));
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(Difference, shows_changes_with_some_lines_around) {
  EXPECT_EQ(difference("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(difference("", "a\n"), "+a\n");
  EXPECT_EQ(difference("a\nb\nc\n", "a\nx\nc\nd\n"), " a\n-b\n+x\n c\n+d\n");
  EXPECT_EQ(difference("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\n5\n6\n7\n8\n0\n"),
            "...\n 6\n 7\n 8\n-9\n+0\n");
}

TEST(Difference, does_not_compute_for_ever) {
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "x\n";
  EXPECT_THAT(difference(many, "a\n"), ::testing::HasSubstr("too many lines"));
}

}  // namespace
}  // namespace postern::setup
