// Plays tests/suites/relay/dialogue.json over sockets: relay_sink.py is the other side, and its
// checker says what was right.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <utility>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "relay/connection.h"
#include "smtp/client_attempt.h"
#include "smtp/relay_suite_test.h"

namespace postern::relay {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using smtp::text;

/// relay_sink.py with all hosts of all cases.
class Sink {
 public:
  explicit Sink(const std::string& transcripts) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execlp("python3", "python3", (smtp::folder + "relay_sink.py").c_str(), "serve",
               (smtp::folder + "dialogue.json").c_str(), "--out", transcripts.c_str(), "--seconds",
               "120", nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    std::FILE* out = ::fdopen(ends[0], "r");
    char* line = nullptr;
    std::size_t room = 0;
    const ssize_t size = ::getline(&line, &room, out);
    EXPECT_GT(size, 0) << "relay_sink.py does not start";
    if (size > 0) ports_ = boost::json::parse(line).at("ports").as_object();
    std::free(line);
    std::fclose(out);
  }
  ~Sink() {
    ::kill(child_, SIGTERM);
    ::waitpid(child_, nullptr, 0);
  }
  std::uint16_t port(const std::string& test, const std::string& host) const {
    return ports_.at(test).at(host).to_number<std::uint16_t>();
  }

 private:
  ::pid_t child_ = -1;
  boost::json::object ports_;
};

Host host_for(const boost::json::object& test, const smtp::DeliveryAttempt::Dial& dial,
              const Sink& sink) {
  const auto& client = test.at("client").as_object();
  Host host;
  host.address = IpAddress::from_text("127.0.0.1").value();
  host.port = sink.port(text(test.at("id")), text(test.at("hosts").at(dial.host).at("name")));
  host.options = smtp::suite_options(client);
  if (dial.without_tls) host.options.tls = smtp::TlsLevel::none;
  if (const auto* names = client.if_contains("names")) {
    host.peer.names = {text(names->at(dial.host))};
  }
  host.peer.verify = host.options.tls == smtp::TlsLevel::verify;
  const std::string ca = smtp::text_or(client, "ca");
  host.tls = net::TlsClientContext::make(ca.empty() ? ca : smtp::folder + ca).value();
  return host;
}

Task<void> play(const boost::json::object* test, const Sink* sink, boost::json::object* outcomes) {
  const smtp::OutboundMessage message = smtp::suite_message(*test);
  const std::string octets = smtp::content(text(test->at("message").at("content")));
  const TextSource source = [&octets](std::uint64_t offset, std::size_t room) {
    return std::string_view(octets).substr(offset, room);
  };
  smtp::DeliveryAttempt attempt(message, test->at("hosts").as_array().size());
  while (const auto dial = attempt.next()) {
    Host host = host_for(*test, *dial, *sink);
    const auto said = co_await deliver(std::move(host), attempt.remaining(), source);
    if (said) {
      attempt.finished(said->results, said->done);
    } else {
      attempt.unreachable(said.error().message);
    }
  }
  boost::json::object outcome;
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    const smtp::RecipientResult& result = attempt.results()[i];
    boost::json::object one{{"class", smtp::class_name(result.klass)},
                            {"enhanced", result.enhanced.to_string()}};
    if (result.code != 0) one["code"] = result.code;
    outcome[message.recipients[i].address] = std::move(one);
  }
  (*outcomes)[text(test->at("id"))] = std::move(outcome);
}

TEST(RelaySuite, PlaysTheDialoguesOverSockets) {
  const fs::path folder = fs::temp_directory_path() / ("relay_suite." + std::to_string(::getpid()));
  fs::create_directories(folder);
  boost::json::object outcomes;
  const auto& cases = smtp::suite().at("cases").as_array();
  {
    const Sink sink(folder / "transcripts");
    asio::io_context loop(1);
    for (const auto& test : cases) {
      asio::co_spawn(loop, play(&test.as_object(), &sink, &outcomes),
                     [](const std::exception_ptr& error) {
                       if (error) std::rethrow_exception(error);
                     });
    }
    loop.run();
    // A server reads on for a while behind its last reply before it writes its transcript.
    std::uintmax_t seen = 0;
    for (int i = 0; i < 20; ++i) {
      ::sleep(2);
      const std::uintmax_t size = fs::file_size(folder / "transcripts");
      if (size == std::exchange(seen, size)) break;
    }
  }
  EXPECT_EQ(outcomes.size(), cases.size());
  std::ofstream(folder / "outcomes") << boost::json::serialize(outcomes);
  const std::string command = "python3 " + smtp::folder + "relay_sink.py check " + smtp::folder +
                              "dialogue.json " + (folder / "transcripts").string() + " " +
                              (folder / "outcomes").string() + " --json " +
                              (folder / "faults").string() + " > " + (folder / "log").string();
  const int status = std::system(command.c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << status;
  const auto faults = boost::json::parse(smtp::read_file(folder / "faults")).as_object();
  EXPECT_EQ(faults.size(), cases.size());
  std::size_t passed = 0;
  for (const auto& [id, wrong] : faults) {
    // The driver has no DANE yet: it verifies by names, so this certificate is refused.
    if (id == "tls-dane") {
      EXPECT_FALSE(wrong.as_array().empty()) << "DANE is there: play this case";
      continue;
    }
    EXPECT_TRUE(wrong.as_array().empty()) << id << ": " << wrong;
    passed += wrong.as_array().empty() ? 1 : 0;
  }
  EXPECT_EQ(passed, cases.size() - 1);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace postern::relay
