#include "serve/service_manager.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/patience_test.h"
#include "base/temporary_folder_test.h"
#include "base/thread.h"

namespace postern::app {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// Sets variables of the environment, and removes them at the end.
class Environment {
 public:
  ~Environment() {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
  }
  void set(const std::string& name, const std::string& value) {
    names_.push_back(name);
    ::setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::vector<std::string> names_;
};

/// What systemd has at NOTIFY_SOCKET.
class Manager {
 public:
  explicit Manager(const std::string& path)
      : descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Manager() { ::close(descriptor_); }

  /// The next message; "" if there is none within `limit`.
  std::string next(milliseconds limit) const {
    timeval time{.tv_sec = limit.count() / 1000, .tv_usec = limit.count() % 1000 * 1000};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    char text[512];
    const ssize_t got = ::recv(descriptor_, text, sizeof text, 0);
    return got < 0 ? "" : std::string(text, static_cast<std::size_t>(got));
  }
  void forget() const {
    while (!next(milliseconds(1)).empty()) {
    }
  }

 private:
  int descriptor_;
};

/// A loop with its thread.
class Loop {
 public:
  Loop() : thread_(named_thread("loop", [this] { context.run(); })) {}
  ~Loop() {
    context.stop();
    thread_.join();
  }
  boost::asio::io_context context{1};

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context.get_executor()};
  std::thread thread_;
};

TEST(ServiceManager, is_told_by_a_datagram_and_may_be_absent) {
  Environment environment;
  tell_manager("READY=1");  // nobody listens
  const tests::TemporaryFolder folder;
  const Manager manager(folder.file("notify"));
  environment.set("NOTIFY_SOCKET", folder.file("notify"));
  tell_manager("READY=1\nSTATUS=here");
  EXPECT_EQ(manager.next(tests::patience), "READY=1\nSTATUS=here");
  tell_manager(reloading_state());
  const std::string reloading = manager.next(tests::patience);
  EXPECT_THAT(reloading, HasSubstr("RELOADING=1\nMONOTONIC_USEC="));
}

TEST(ServiceManager, the_watchdog_is_that_of_this_process) {
  Environment environment;
  EXPECT_FALSE(watchdog_interval());
  environment.set("WATCHDOG_USEC", "30000000");
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(10));
  environment.set("WATCHDOG_PID", std::to_string(::getpid() + 1));
  EXPECT_FALSE(watchdog_interval());
  environment.set("WATCHDOG_PID", std::to_string(::getpid()));
  EXPECT_EQ(watchdog_interval(), std::chrono::seconds(10));
  environment.set("WATCHDOG_USEC", "0");
  EXPECT_FALSE(watchdog_interval());
  environment.set("WATCHDOG_USEC", "soon");
  EXPECT_FALSE(watchdog_interval());
}

TEST(Heartbeat, ticks_only_while_every_loop_turns) {
  Environment environment;
  const tests::TemporaryFolder folder;
  const Manager manager(folder.file("notify"));
  environment.set("NOTIFY_SOCKET", folder.file("notify"));
  environment.set("WATCHDOG_USEC", "60000");
  Loop one;
  Loop other;
  const auto heartbeat = Heartbeat::start(
      [&](const std::shared_ptr<const void>& turn) {
        for (Loop* loop : {&one, &other}) boost::asio::post(loop->context, [turn] { (void)turn; });
      },
      [] { return std::string("well"); });
  ASSERT_TRUE(heartbeat);
  EXPECT_EQ(manager.next(tests::patience), "WATCHDOG=1\nSTATUS=well");
  EXPECT_EQ(manager.next(tests::patience), "WATCHDOG=1") << "the status is told once";
  // One loop stands still: at most the round that it has answered is told.
  std::atomic<bool> blocked{false};
  boost::asio::post(other.context, [&] {
    blocked = true;
    while (blocked) std::this_thread::sleep_for(milliseconds(1));
  });
  ASSERT_TRUE(tests::eventually([&] { return blocked.load(); }));
  manager.forget();
  int told = 0;
  while (told < 9 && !manager.next(milliseconds(300)).empty()) ++told;
  EXPECT_LE(told, 1);
  blocked = false;
  EXPECT_EQ(manager.next(tests::patience), "WATCHDOG=1");
}

TEST(Heartbeat, there_is_none_without_a_service_manager) {
  EXPECT_FALSE(Heartbeat::start([](const auto&) {}, [] { return std::string(); }));
}

TEST(Heartbeat, a_loop_that_ended_is_not_waited_for) {
  std::optional<boost::asio::io_context> ended(1);
  EXPECT_FALSE(
      loops_turn([&](const auto& turn) { boost::asio::post(*ended, [turn] { (void)turn; }); },
                 milliseconds(20)));
  EXPECT_TRUE(loops_turn(
      [&](const auto& turn) {
        boost::asio::post(*ended, [turn] { (void)turn; });
        ended.reset();
      },
      tests::patience));
}

/// Sockets at consecutive descriptors, as systemd passes them from 3 on.
class Sockets : public ::testing::Test {
 protected:
  static constexpr int first = 200;

  ~Sockets() override {
    for (int i = 0; i < used_; ++i) ::close(first + i);
  }

  /// Returns its port.
  std::uint16_t add(int type = SOCK_STREAM, bool listens = true) {
    const int made = ::socket(AF_INET, type, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    if (listens) EXPECT_EQ(::listen(made, 5), 0);
    socklen_t length = sizeof address;
    ::getsockname(made, reinterpret_cast<sockaddr*>(&address), &length);
    ::dup2(made, first + used_++);
    ::close(made);
    return ntohs(address.sin_port);
  }
  void pass(const std::string& names) {
    environment_.set("LISTEN_PID", std::to_string(::getpid()));
    environment_.set("LISTEN_FDS", std::to_string(used_));
    environment_.set("LISTEN_FDNAMES", names);
  }
  static std::string complaint() {
    const auto found = passed_sockets(first);
    return found ? "" : found.error().message;
  }

  Environment environment_;
  int used_ = 0;
};

TEST_F(Sockets, are_found_by_name_with_their_addresses) {
  const std::uint16_t smtp = add();
  const std::uint16_t submission = add();
  pass("smtp:submission");
  const auto found = passed_sockets(first);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].name, "smtp");
  EXPECT_EQ((*found)[0].descriptor, first);
  EXPECT_EQ((*found)[0].address.to_string(), fmt::format("127.0.0.1:{}", smtp));
  EXPECT_EQ((*found)[1].address.port, submission);
  EXPECT_EQ(::fcntl(first, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(Sockets, of_another_process_are_not_ours) {
  add();
  pass("smtp");
  environment_.set("LISTEN_PID", std::to_string(::getpid() + 1));
  EXPECT_TRUE(passed_sockets(first)->empty());
}

TEST_F(Sockets, must_listen_for_tcp) {
  add(SOCK_STREAM, false);
  pass("smtp");
  EXPECT_THAT(complaint(), HasSubstr("`smtp` of the socket unit is no TCP socket that listens"));
  ::close(first);
  used_ = 0;
  add(SOCK_DGRAM, false);
  EXPECT_THAT(complaint(), HasSubstr("no TCP socket that listens"));
  environment_.set("LISTEN_FDS", "2");
  EXPECT_THAT(complaint(), HasSubstr("LISTEN_FDS is 2, and LISTEN_FDNAMES has 1 names"));
  environment_.set("LISTEN_FDS", "many");
  EXPECT_THAT(complaint(), HasSubstr("LISTEN_FDS is `many`"));
}

TEST(PassedSockets, belong_to_listeners_by_name) {
  const Endpoint v4 = *Endpoint::parse("0.0.0.0:25");
  const Endpoint v6 = *Endpoint::parse("[::]:25");
  const std::vector<PassedSocket> sockets{{"smtp", 3, v4}, {"smtp", 4, v6}};
  Config config;
  std::vector<ListenerConfig>& listeners = config.listeners;
  listeners.assign(2, ListenerConfig());
  listeners[0].name = "mx";
  listeners[0].address.passed = "smtp";
  listeners[1].name = "local";
  take_addresses(sockets, config);
  EXPECT_EQ(listeners[0].address.to_string(), "[::]:25") << "it covers both families";
  EXPECT_EQ(listeners[0].address.passed, "smtp");
  EXPECT_EQ(listeners[1].address.to_string(), "127.0.0.1:2525");
  EXPECT_TRUE(match_sockets(sockets, config));

  const auto none = match_sockets({}, config);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "listener `mx`: no socket `smtp` was passed (none was)");
  const auto other = match_sockets({{"mail", 3, v4}}, config);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("no socket `smtp` was passed (there are: mail)"));
  listeners[0].address = v4;
  const auto unused = match_sockets(sockets, config);
  ASSERT_FALSE(unused);
  EXPECT_THAT(unused.error().message, HasSubstr("a socket `smtp` was passed, and no [[listener]]"));

  config.api.address = {IpAddress::v6({}), 0, "api"};
  listeners[0].address.passed = "smtp";
  EXPECT_EQ(match_sockets(sockets, config).error().message,
            "[api]: no socket `api` was passed (there are: smtp)");
  const std::vector<PassedSocket> both{{"smtp", 3, v4}, {"api", 4, *Endpoint::parse("[::1]:8025")}};
  take_addresses(both, config);
  EXPECT_TRUE(match_sockets(both, config));
  EXPECT_EQ(config.api.address.to_string(), "[::1]:8025");
  EXPECT_EQ(descriptors_of(both, "api"), std::vector<int>{4});
}

}  // namespace
}  // namespace postern::app
