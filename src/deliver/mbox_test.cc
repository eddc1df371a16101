#include "deliver/mbox.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <regex>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/patience_test.h"
#include "base/sha256.h"
#include "base/temporary_folder_test.h"

namespace postern::deliver {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const mail::Mailbox mbox_owner{"bob", "example.net"};
const mail::Mailbox mbox_sender{"ann", "example.com"};
const std::string mbox_message = "From: ann@example.com\r\n\r\nHello.\r\n";

class MboxTest : public testing::Test {
 protected:
  Result<std::string> deliver(std::string octets = mbox_message,
                              const std::optional<mail::Mailbox>& sender = mbox_sender,
                              std::chrono::milliseconds lock_within = tests::patience) {
    std::string digest = sha256(octets);
    spool::BodyReader body(std::move(octets), std::move(digest));
    return Mbox(path_, lock_within).deliver(sender, mbox_owner, body);
  }
  std::string text() const { return tests::read_file(path_); }
  /// The messages as a reader of mboxrd sees them, without `From ` lines; empty if the file is not
  /// an mbox.
  std::vector<std::string> messages() const {
    static const std::regex separator(
        "From \\S+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]\\d \\d\\d:\\d\\d:\\d\\d \\d{4}");
    std::vector<std::string> found;
    std::istringstream in(text());
    std::string line;
    bool blank = true;
    while (std::getline(in, line)) {
      if (line.starts_with("From ")) {
        EXPECT_TRUE(blank && std::regex_match(line, separator)) << line;
        found.emplace_back();
        continue;
      }
      if (found.empty()) return {};
      blank = line.empty();
      static const std::regex quoted(">+From .*");
      found.back() += (std::regex_match(line, quoted) ? line.substr(1) : line) + "\n";
    }
    for (std::string& one : found) {
      EXPECT_TRUE(one.ends_with("\n\n")) << one;
      one.pop_back();
    }
    return found;
  }

  tests::TemporaryFolder folder_;
  std::string path_ = folder_.file("bob");
  const std::string trace_ = "Return-Path: <ann@example.com>\nDelivered-To: bob@example.net\n";
};

TEST_F(MboxTest, takes_messages_with_their_envelopes_on_top) {
  const auto first = deliver();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(*first, path_ + " at octet 0");
  const auto size = fs::file_size(path_);
  const auto second = deliver(mbox_message, std::nullopt);
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, path_ + " at octet " + std::to_string(size));
  EXPECT_EQ(messages(), (std::vector<std::string>{trace_ + "From: ann@example.com\n\nHello.\n",
                                                  "Return-Path: <>\nDelivered-To: bob@example.net\n"
                                                  "From: ann@example.com\n\nHello.\n"}));
  EXPECT_NE(text().find("\nFrom MAILER-DAEMON "), std::string::npos);
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(MboxTest, no_line_of_a_message_begins_another) {
  struct {
    std::string body;
    std::string stored;
  } const cases[] = {
      {"From x\r\n", ">From x\n"},
      {">From x\r\n>>From y\r\n", ">>From x\n>>>From y\n"},
      {"from x\r\nFromx\r\n >From\r\n> From z\r\n>Fro\r\n",
       "from x\nFromx\n >From\n> From z\n>Fro\n"},
      {"\r\n\r\nFrom mallory@example.org Sat Jan  3 01:05:34 1996\r\nFrom: ceo@example.net\r\n",
       "\n\n>From mallory@example.org Sat Jan  3 01:05:34 1996\nFrom: ceo@example.net\n"},
      {"a\r\r\nFrom x", "a\r\n>From x\n"},
      {">", ">\n"},
      {"Fr", "Fr\n"},
      {"x\r", "x\r\n"},
      {"", ""},
  };
  for (const auto& c : cases) {
    fs::remove(path_);
    ASSERT_TRUE(deliver("Subject: x\r\n\r\n" + c.body));
    ASSERT_EQ(messages().size(), 1u) << text();
    const std::string all = text();
    EXPECT_EQ(all.substr(all.find("\n\n") + 2), c.stored + "\n");
  }
}

TEST_F(MboxTest, from_lines_are_found_across_the_borders_of_pieces) {
  for (std::size_t before = spool::BodyReader::piece - 8; before <= spool::BodyReader::piece;
       ++before) {
    fs::remove(path_);
    ASSERT_TRUE(deliver(std::string(before - 2, 'x') + "\r\n>From y\r\n"));
    EXPECT_TRUE(text().ends_with("x\n>>From y\n\n")) << before;
  }
}

TEST_F(MboxTest, a_sender_stays_one_word) {
  ASSERT_TRUE(deliver(mbox_message, mail::Mailbox{"\"a b\t\"", "example.com"}));
  EXPECT_TRUE(text().starts_with("From \"a-b-\"@example.com ")) << text();
}

TEST_F(MboxTest, writers_wait_for_each_other) {
  const std::string octets = "Subject: x\r\n\r\n" + std::string(100'000, 'y') + "\r\nFrom z\r\n";
  // Fork before threads exist: a child would inherit the descriptor, and so the lock, of a thread.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (int n = 0; n < 10; ++n) {
      if (!deliver(octets)) _exit(1);
    }
    _exit(0);
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10; ++n) EXPECT_TRUE(deliver(octets));
    });
  }
  for (std::thread& thread : threads) thread.join();
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const auto all = messages();
  ASSERT_EQ(all.size(), 50u);
  for (const std::string& one : all) {
    EXPECT_EQ(one, trace_ + "Subject: x\n\n" + std::string(100'000, 'y') + "\nFrom z\n");
  }
}

TEST_F(MboxTest, a_lock_of_others_is_waited_for_and_then_temporary) {
  ASSERT_TRUE(deliver());
  const std::string before = text();
  {
    const int fd = open(path_.c_str(), O_RDWR);
    struct flock whole{};
    whole.l_type = F_WRLCK;
    ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &whole), 0);
    const auto done = deliver(mbox_message, mbox_sender, 50ms);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::temporary);
    EXPECT_EQ(done.error().message, path_ + " is locked by another");
    close(fd);
  }
  folder_.write("bob.lock", "");
  const auto done = deliver(mbox_message, mbox_sender, 50ms);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, path_ + ".lock is held by another");
  EXPECT_EQ(text(), before);
  EXPECT_TRUE(fs::exists(path_ + ".lock")) << "it is not ours";
  fs::last_write_time(path_ + ".lock", fs::file_time_type::clock::now() - 20min);
  EXPECT_TRUE(deliver()) << "whoever held it is gone";
}

// A program that rewrites the mailbox locks the file, writes another and renames it.
TEST_F(MboxTest, a_file_that_was_replaced_while_its_lock_was_waited_for_is_opened_again) {
  ASSERT_TRUE(deliver());
  const std::string other = text();
  const int fd = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  struct flock whole{};
  whole.l_type = F_WRLCK;
  ASSERT_EQ(fcntl(fd, F_OFD_SETLK, &whole), 0);
  Result<std::string> done;
  std::thread delivery([&] { done = deliver(); });
  std::this_thread::sleep_for(100ms);  // it waits for the lock, most likely
  folder_.write("next", other + other);
  fs::rename(folder_.file("next"), path_);
  close(fd);
  delivery.join();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(messages().size(), 3u);
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
}

TEST_F(MboxTest, a_damaged_message_leaves_the_file_as_it_was) {
  ASSERT_TRUE(deliver());
  const std::string before = text();
  spool::BodyReader body(std::string(3 * spool::BodyReader::piece, 'x'), std::string(32, '\0'));
  const auto done = Mbox(path_).deliver(mbox_sender, mbox_owner, body);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::damaged);
  EXPECT_EQ(text(), before);
  EXPECT_FALSE(fs::exists(path_ + ".lock"));
}

TEST_F(MboxTest, without_room_the_file_is_as_it_was) {
  ASSERT_TRUE(deliver());
  const std::string before = text();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit small{.rlim_cur = 100000, .rlim_max = limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const auto done = deliver(std::string(1 << 20, 'x'));
  setrlimit(RLIMIT_FSIZE, &limit);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().fault, Fault::temporary);
  EXPECT_EQ(text(), before);
}

TEST_F(MboxTest, what_a_killed_process_left_is_not_joined_with_the_next) {
  const std::string octets = "Subject: x\r\n\r\n" + std::string(300'000, 'y') + "\r\n";
  ASSERT_TRUE(deliver(octets));
  const std::string whole = text();
  for (const std::size_t cut : {whole.size() - 1, whole.size() - 2, whole.size() - 1000}) {
    fs::resize_file(path_, cut);
    ASSERT_TRUE(deliver());
    const auto all = messages();
    ASSERT_EQ(all.size(), 2u) << cut;
    EXPECT_EQ(all.back(), trace_ + "From: ann@example.com\n\nHello.\n");
    folder_.write("bob", whole);
  }
}

TEST_F(MboxTest, what_is_set_wrong_is_temporary_and_named) {
  fs::create_symlink(folder_.write("file", "x"), folder_.file("link"));
  struct {
    std::string path;
    std::string named;
  } const cases[] = {{folder_.file("missing/bob"), "missing/bob: No such file"},
                     {folder_.file("file/bob"), "file/bob: Not a directory"},
                     {folder_.path(), "Is a directory"},
                     {folder_.file("link"), "link: Too many levels of symbolic links"},
                     {"/dev/null", "/dev/null"}};
  for (const auto& c : cases) {
    path_ = c.path;
    const auto done = deliver();
    ASSERT_FALSE(done) << c.path;
    EXPECT_EQ(done.error().fault, Fault::temporary);
    EXPECT_NE(done.error().message.find(c.named), std::string::npos) << done.error().message;
  }
  path_ = folder_.file("file");
  EXPECT_EQ(text(), "x") << "nothing was written through the link";
}

}  // namespace
}  // namespace postern::deliver
