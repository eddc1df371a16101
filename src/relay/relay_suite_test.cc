// Plays tests/suites/relay/dialogue.json over sockets: relay_sink.py is the server, and its checker
// judges the transcripts.
#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "relay/courier.h"
#include "smtp/relay_suite_test.h"

namespace postern::relay {
namespace {

namespace asio = boost::asio;
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
               "3600", nullptr);
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

/// The route of a case: its hosts in order, by name if they have one.
std::shared_ptr<const RelayConfig> config_for(const boost::json::object& test, const Sink& sink) {
  const auto& client = test.at("client").as_object();
  const smtp::ClientOptions options = smtp::suite_options(client);
  auto config = std::make_shared<RelayConfig>();
  config->routing.hostname = options.ehlo_name;
  RouteSettings& settings = config->settings.emplace_back();
  settings.name = text(test.at("id"));
  settings.chunking = options.chunking;
  settings.send_8bit = options.send_8bit;
  if (options.credentials)
    settings.login = RouteLogin{options.credentials->user, options.credentials->password};
  const std::string ca = smtp::text_or(client, "ca");
  settings.tls = net::TlsClientContext::make(ca.empty() ? ca : smtp::folder + ca).value();
  if (const auto* tlsa = client.if_contains("tlsa")) {
    for (const auto& record : tlsa->as_array()) settings.tlsa.push_back(text(record));
  }
  std::vector<std::string> to;
  const auto& hosts = test.at("hosts").as_array();
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const auto* names = client.if_contains("names");
    to.push_back((names != nullptr ? text(names->at(i)) : std::string("[127.0.0.1]")) + ":" +
                 std::to_string(sink.port(text(test.at("id")), text(hosts[i].at("name")))));
  }
  Route route = parse_route(to).value();
  route.tls = parse_tls_level(text(client.at("tls"))).value_or(TlsLevel::encrypt);
  route.settings = 1;
  EXPECT_TRUE(config->routes.add(text(test.at("domain")), route));
  return config;
}

/// Every name resolves to this machine.
class HereResolver final : public dns::Resolver {
 public:
  Task<dns::Answer> lookup(dns::Question question, std::chrono::milliseconds) override {
    if (question.type != dns::Type::a) co_return dns::Answer{.status = dns::Status::no_data};
    co_return dns::Answer{.status = dns::Status::found, .records = {"127.0.0.1"}};
  }
};

Task<void> play_attempt(const boost::json::object* test, const Sink* sink,
                        boost::json::object* outcomes) {
  const smtp::OutboundMessage message = smtp::suite_message(*test);
  const std::string octets = smtp::content(text(test->at("message").at("content")));
  const TextSource source = [&octets](std::uint64_t offset, std::size_t room) {
    return std::string_view(octets).substr(offset, room);
  };
  HereResolver resolver;
  Courier courier(config_for(*test, *sink), resolver);
  const AttemptReport report = co_await courier.attempt(message, source);
  courier.close_idle();
  boost::json::object outcome;
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    const smtp::RecipientResult& result = report.results[i];
    boost::json::object one{{"class", smtp::class_name(result.klass)},
                            {"enhanced", result.enhanced.to_string()}};
    if (result.code != 0) one["code"] = result.code;
    outcome[message.recipients[i].address] = std::move(one);
  }
  (*outcomes)[text(test->at("id"))] = std::move(outcome);
}

/// A few at a time: the hosts' time limits are realistic.
Task<void> play_in_turn(const boost::json::array* cases, std::size_t* next, const Sink* sink,
                        boost::json::object* outcomes) {
  while (*next < cases->size()) {
    const std::size_t mine = (*next)++;
    co_await play_attempt(&(*cases)[mine].as_object(), sink, outcomes);
  }
}

TEST(RelaySuite, PlaysTheDialoguesOverSockets) {
  const tests::TemporaryFolder folder;
  boost::json::object outcomes;
  const auto& cases = smtp::suite().at("cases").as_array();
  {
    const Sink sink(folder.file("transcripts"));
    asio::io_context loop(1);
    std::size_t next = 0;
    for (int lane = 0; lane < 16; ++lane) {
      asio::co_spawn(loop, play_in_turn(&cases, &next, &sink, &outcomes),
                     [](const std::exception_ptr& error) {
                       if (error) std::rethrow_exception(error);
                     });
    }
    loop.run();
    folder.write("outcomes", boost::json::serialize(outcomes));
    const std::string command = "python3 " + smtp::folder + "relay_sink.py check " + smtp::folder +
                                "dialogue.json " + folder.file("transcripts") + " " +
                                folder.file("outcomes") + " --json " + folder.file("faults") +
                                " > " + folder.file("log");
    // A server reads for a while after its last reply before it writes its transcript. Without one
    // of them its case has faults.
    (void)tests::eventually([&] {
      ::sleep(1);
      const int status = std::system(command.c_str());
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1) << status;
      return status == 0;
    });
  }
  EXPECT_EQ(outcomes.size(), cases.size());
  const auto faults = boost::json::parse(tests::read_file(folder.file("faults"))).as_object();
  EXPECT_EQ(faults.size(), cases.size());
  std::size_t passed = 0;
  for (const auto& [id, wrong] : faults) {
    EXPECT_TRUE(wrong.as_array().empty()) << id << ": " << wrong;
    passed += wrong.as_array().empty() ? 1 : 0;
  }
  EXPECT_EQ(passed, cases.size());
}

}  // namespace
}  // namespace postern::relay
