#include "deliver/maildir.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/sha256.h"
#include "base/temporary_folder_test.h"

namespace postern::deliver {
namespace {

namespace fs = std::filesystem;

const mail::Mailbox maildir_owner{"bob", "example.net"};
const mail::Mailbox maildir_sender{"ann", "example.com"};
const std::string maildir_message =
    "Received: by mx.example.org\r\nFrom: ann@example.com\r\n\r\nHello.\r\n";

spool::BodyReader reader(std::string octets) {
  std::string digest = sha256(octets);
  return {std::move(octets), std::move(digest)};
}

class MaildirTest : public testing::Test {
 protected:
  Result<std::string> deliver(std::string octets = maildir_message,
                              std::string host = "mx.example.org") {
    spool::BodyReader body = reader(std::move(octets));
    return Maildir(path_, std::move(host)).deliver(maildir_sender, maildir_owner, body);
  }
  std::size_t files(const std::string& folder) const {
    std::error_code none;
    return static_cast<std::size_t>(std::distance(
        fs::directory_iterator(path_ + "/" + folder, none), fs::directory_iterator()));
  }
  std::string read(const std::string& name) const {
    return tests::read_file(path_ + "/new/" + name);
  }

  tests::TemporaryFolder folder_;
  std::string path_ = folder_.file("bob");
};

TEST_F(MaildirTest, is_made_and_takes_a_message_with_its_envelope_on_top) {
  const Result<std::string> name = deliver();
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(read(*name),
            "Return-Path: <ann@example.com>\nDelivered-To: bob@example.net\n"
            "Received: by mx.example.org\nFrom: ann@example.com\n\nHello.\n");
  EXPECT_TRUE(fs::is_directory(path_ + "/cur"));
  EXPECT_EQ(files("tmp"), 0u);
  struct stat status{};
  ASSERT_EQ(stat((path_ + "/new/" + *name).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(MaildirTest, writes_a_null_reverse_path) {
  spool::BodyReader body = reader(maildir_message);
  const auto name = Maildir(path_, "mx.example.org").deliver(std::nullopt, maildir_owner, body);
  ASSERT_TRUE(name);
  EXPECT_TRUE(read(*name).starts_with("Return-Path: <>\nDelivered-To: bob@example.net\n"));
}

TEST_F(MaildirTest, line_ends_survive_the_borders_of_pieces) {
  // A CR before anything but LF belongs to the message.
  for (const std::size_t before : {spool::BodyReader::piece - 1, spool::BodyReader::piece}) {
    const std::string start(before, 'x');
    const Result<std::string> name = deliver(start + "\r\n\r\r\ny\rz\r");
    ASSERT_TRUE(name);
    EXPECT_TRUE(read(*name).ends_with("x\n\r\ny\rz\r"));
  }
}

TEST_F(MaildirTest, takes_a_large_and_an_empty_message) {
  const Result<std::string> large = deliver(std::string(5 << 20, 'x'));
  ASSERT_TRUE(large);
  EXPECT_GT(read(*large).size(), std::size_t{5} << 20);
  const Result<std::string> empty = deliver("");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(read(*empty).ends_with("Delivered-To: bob@example.net\n"));
}

TEST_F(MaildirTest, a_host_name_never_leads_elsewhere) {
  const Result<std::string> name = deliver(maildir_message, "../../a:b/c");
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(name->find('/'), std::string::npos);
  EXPECT_EQ(name->find(':'), std::string::npos);
  EXPECT_EQ(files("new"), 1u);
}

TEST_F(MaildirTest, threads_never_take_the_same_name) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this] {
      for (int n = 0; n < 25; ++n) EXPECT_TRUE(deliver());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(files("new"), 200u);
  EXPECT_EQ(files("tmp"), 0u);
}

TEST_F(MaildirTest, a_damaged_message_is_never_there) {
  std::string octets(3 * spool::BodyReader::piece, 'x');
  spool::BodyReader body(octets, std::string(32, '\0'));
  const auto done = Maildir(path_, "mx.example.org").deliver(maildir_sender, maildir_owner, body);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::damaged);
  EXPECT_EQ(files("new") + files("tmp"), 0u);
}

TEST_F(MaildirTest, a_killed_process_leaves_whole_messages_only) {
  const std::string octets = std::string(300000, 'x') + "\r\n";
  const Result<std::string> first = deliver(octets);
  ASSERT_TRUE(first);
  const std::size_t size = read(*first).size();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (;;) {
      if (!deliver(octets)) _exit(1);
    }
  }
  bool alive = true;
  while (alive && files("new") < 5) alive = waitpid(child, nullptr, WNOHANG) == 0;
  ASSERT_TRUE(alive);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (const auto& file : fs::directory_iterator(path_ + "/new")) {
    EXPECT_EQ(file.file_size(), size) << file.path();
  }
  EXPECT_LE(files("tmp"), 1u);
}

TEST_F(MaildirTest, without_room_nothing_is_there_and_the_message_waits) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{.rlim_cur = 100000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Result<std::string> done = deliver(std::string(1 << 20, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::temporary);
  EXPECT_NE(done.error().message.find("/tmp/"), std::string::npos) << done.error().message;
  EXPECT_EQ(files("new") + files("tmp"), 0u);
}

TEST_F(MaildirTest, what_is_set_wrong_is_temporary_and_named) {
  // Root may write anywhere, but files in place of directories stop it too.
  folder_.write("file", "x");
  struct {
    std::string path;
    std::string named;
  } const cases[] = {{folder_.file("missing/bob"), "missing/bob: No such file"},
                     {folder_.file("file"), "file/cur: Not a directory"},
                     {folder_.file("file/bob"), "file/bob: Not a directory"},
                     {"/proc/postern", "making /proc/postern"}};
  for (const auto& c : cases) {
    path_ = c.path;
    const Result<std::string> done = deliver();
    ASSERT_FALSE(done) << c.path;
    EXPECT_EQ(done.error().fault, Fault::temporary);
    EXPECT_NE(done.error().message.find(c.named), std::string::npos) << done.error().message;
  }
  EXPECT_FALSE(fs::exists(folder_.file("missing")));
}

TEST_F(MaildirTest, a_message_that_cannot_be_moved_leaves_nothing) {
  ASSERT_TRUE(deliver());
  fs::remove_all(path_ + "/new");
  folder_.write("bob/new", "a file where new/ should be");
  const Result<std::string> done = deliver();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::temporary);
  EXPECT_EQ(files("tmp"), 0u);
}

}  // namespace
}  // namespace postern::deliver
