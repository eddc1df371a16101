// Kills a process that puts and delivers messages at random moments, and checks what it
// acknowledged.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sha256.h"
#include "spool/spool_fixture.h"

namespace postern::spool {
namespace {

constexpr std::size_t sizes[] = {10, 5'000, 100'000, 262'144, 262'145, 700'000};

/// A body; its first octets are its number, which determines the rest.
std::string body_of(unsigned round, unsigned number) {
  std::string bytes = fmt::format("{}-{}\n", round, number);
  std::mt19937 random(round * 1'000'003 + number);
  const std::size_t size = bytes.size() + sizes[random() % std::size(sizes)];
  while (bytes.size() < size) bytes.push_back(static_cast<char>(random()));
  return bytes;
}

class SpoolCrashTest : public SpoolTest {
 protected:
  /// Puts messages until it is killed. Writes each acknowledged id into the pipe as "put ROUND
  /// NUMBER ID"; delivers every third message and then writes "gone ID".
  [[noreturn]] void child(unsigned round, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // it ends with the test in any case
    open();
    for (unsigned number = 0;; ++number) {
      std::string bytes = body_of(round, number);
      spool_->put(envelope(1 + number % 3), body(bytes), [=, this](Result<MessageId> id) {
        if (!id) _exit(3);
        say(out, fmt::format("put {} {} {}\n", round, number, *id));
        if (number % 3 != 0) return;
        // Settled without a claim: AttemptOutcome::delivered is always accepted.
        const MessageId gone = *id;
        say(out, fmt::format("settling {}\n", gone));
        spool_->settle({{.key = {gone, 0}}}, [=](const Result<void>& done) {
          if (!done) _exit(4);
          say(out, fmt::format("gone {}\n", gone));
        });
      });
      // A refusal would end the child; it pauses before too many messages wait.
      while (!spool_->ready(0)) usleep(200);
      if (number % 20 == 19) usleep(2000);
    }
  }
  static void say(int out, const std::string& line) {
    if (::write(out, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(5);
  }

  struct Promised {
    std::map<MessageId, std::string> put;  ///< ids with the checksums of the bodies
    std::set<MessageId> settling;
    std::set<MessageId> gone;
  };

  /// Whether the child has written `what` at the beginning of a line.
  static bool has_said(const std::string& said, std::string_view what) {
    std::ifstream lines(said);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(what)) return true;
    return false;
  }

  /// Runs a child, kills it after `microseconds` and reads its output; with `delivers` that time
  /// begins when the child has been told of a first delivery, however slow the machine is. False:
  /// it ended by itself.
  bool run(unsigned round, bool delivers, unsigned microseconds, Promised& promised) {
    // A file accepts any amount without a reader, and one call writes a line.
    const std::string said = folder_.file("said");
    const int out = ::open(said.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    const pid_t pid = fork();
    if (pid == 0) child(round, out);
    ::close(out);
    int status = 0;
    bool ended = false;
    while (delivers && !ended && !has_said(said, "gone")) {
      usleep(1000);
      ended = waitpid(pid, &status, WNOHANG) == pid;
    }
    if (!ended) {
      usleep(microseconds);
      ::kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
    }
    std::ifstream lines(said);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string what;
      words >> what;
      if (what == "put") {
        unsigned of = 0;
        unsigned number = 0;
        std::string id;
        words >> of >> number >> id;
        promised.put[id] = sha256(body_of(of, number));
      } else {
        std::string id;
        words >> id;
        (what == "gone" ? promised.gone : promised.settling).insert(id);
      }
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

  void check(const Promised& promised) {
    open();
    const auto found = spool_->verify();
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->wrong, 0u) << found->findings.front().what;
    EXPECT_EQ(spool_->counters().damaged, 0u);
    std::size_t in_files = 0;
    std::set<MessageId> there;
    MessageId before;
    while (true) {
      const auto messages = *spool_->list({}, before, 100);
      if (messages.empty()) break;
      before = messages.back().id;
      for (const Message& message : messages) {
        EXPECT_TRUE(there.insert(message.id).second);
        in_files += message.in_file ? 1 : 0;
        const auto body = read(message.id);
        ASSERT_TRUE(body) << body.error().message;
        // Messages that were committed without an acknowledgement are complete, too: see verify().
        const auto known = promised.put.find(message.id);
        if (known != promised.put.end()) EXPECT_TRUE(sha256(*body) == known->second);
      }
    }
    EXPECT_EQ(files().size(), in_files);
    for (const auto& [id, digest] : promised.put) {
      if (there.contains(id)) continue;
      // Only a message with one recipient that was being settled may be missing.
      EXPECT_TRUE(promised.settling.contains(id)) << id << " was acknowledged and is lost";
    }
    for (const MessageId& id : promised.gone) {
      const auto message = *spool_->get(id);
      if (message) EXPECT_EQ(message->envelope.recipients[0].state, State::delivered) << id;
    }
  }
};

// POSTERN_CRASH_ROUNDS is the number of kills; each round ends with a check of all acknowledged
// messages.
TEST_F(SpoolCrashTest, what_was_acknowledged_survives_kill_9) {
  const char* wanted = std::getenv("POSTERN_CRASH_ROUNDS");
  const unsigned rounds = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 10;
  std::random_device seed;
  std::mt19937 random(seed());
  Promised promised;
  for (unsigned round = 0; round < rounds; ++round) {
    // Some children are killed while they open the spool, of the others some after they delivered.
    const bool opens = round % 4 == 3;
    const bool delivers = !opens && round % 3 == 0;
    const unsigned life = opens ? random() % 15'000 : 20'000 + random() % 150'000;
    SCOPED_TRACE(fmt::format("round {}, killed {} us after its {}", round, life,
                             delivers ? "first delivery" : "start"));
    ASSERT_TRUE(run(round, delivers, life, promised)) << "the child ended by itself";
    check(promised);
    if (HasFailure()) return;
    // The next child would inherit an open spool with its lock and threads.
    spool_.reset();
  }
  EXPECT_FALSE(promised.put.empty());  // otherwise the test has shown nothing
  EXPECT_FALSE(promised.gone.empty());
}

}  // namespace
}  // namespace postern::spool
