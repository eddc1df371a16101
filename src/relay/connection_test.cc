// The driver with hosts that violate the protocol: cases that need time and sockets.
#include "relay/connection.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include "base/patience_test.h"

namespace postern::relay {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using smtp::ResultClass;

/// One connection of a host, in its own thread with blocking calls.
class Peer {
 public:
  using Script = std::function<void(Peer&)>;

  explicit Peer(Script script)
      : acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        socket_(loop_),
        thread_([this, script = std::move(script)] {
          boost::system::error_code error;
          acceptor_.accept(socket_, error);
          if (!error) script(*this);
        }) {}
  ~Peer() { thread_.join(); }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  /// False when the client has closed the connection.
  bool say(const std::string& text) {
    boost::system::error_code error;
    asio::write(socket_, asio::buffer(text), error);
    return !error;
  }
  /// A line from the client; empty when it has closed the connection.
  std::string hear() {
    boost::system::error_code error;
    const std::size_t size = asio::read_until(socket_, buffer_, "\r\n", error);
    if (error) return {};
    const auto* begin = static_cast<const char*>(buffer_.data().data());
    std::string line(begin, size);
    buffer_.consume(size);
    return line;
  }
  /// Waits until the client closes the connection, with or without reading.
  void wait_for_end() {
    while (!hear().empty()) {
    }
  }
  /// The session up to the 354, one command at a time.
  void take_envelope() {
    say("220 mx.example\r\n");
    hear();
    say("250 mx.example\r\n");
    hear();
    say("250 ok\r\n");
    hear();
    say("250 ok\r\n");
    hear();
    say("354 go\r\n");
  }

 private:
  asio::io_context loop_;
  tcp::acceptor acceptor_;
  tcp::socket socket_;
  asio::streambuf buffer_;
  std::thread thread_;
};

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    message_.reverse_path = "a@example.com";
    message_.recipients = {{"b@example.org", "", ""}};
    message_.size = octets_.size();
    host_.address = IpAddress::from_text("127.0.0.1").value();
    host_.longest_wait = tests::patience;
  }

  Task<void> run(Result<Conversation>* result) {
    *result = co_await deliver(host_, message_, source_);
  }

  Result<Conversation> deliver_to(std::uint16_t port) {
    host_.port = port;
    Result<Conversation> result = fail(Fault::bug, "did not end");
    asio::io_context loop(1);
    asio::co_spawn(loop, run(&result), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    loop.run();
    return result;
  }

  Host host_;
  std::string octets_ = "Subject: x\r\n\r\nhello\r\n";
  smtp::OutboundMessage message_;
  TextSource source_ = [this](std::uint64_t offset, std::size_t room) {
    return std::string_view(octets_).substr(offset, room);
  };
};

TEST_F(ConnectionTest, a_host_that_says_nothing_is_left) {
  Peer peer([](Peer& p) { p.wait_for_end(); });
  host_.longest_wait = 200ms;
  const auto said = deliver_to(peer.port());
  ASSERT_TRUE(said);
  EXPECT_EQ(said->results[0].enhanced, (smtp::EnhancedCode{4, 4, 2}));
  EXPECT_EQ(said->results[0].text, "no reply in time");
  EXPECT_TRUE(said->results[0].next_host);
}

TEST_F(ConnectionTest, the_time_is_for_the_reply_not_for_each_of_its_lines) {
  Peer peer([](Peer& p) {
    while (p.say("220-wait\r\n")) std::this_thread::sleep_for(60ms);
  });
  host_.longest_wait = 300ms;
  const auto said = deliver_to(peer.port());
  ASSERT_TRUE(said);
  EXPECT_EQ(said->results[0].text, "no reply in time");
}

TEST_F(ConnectionTest, silence_after_the_message_is_uncertain) {
  std::atomic<bool> whole{false};
  Result<Conversation> said = fail(Fault::bug, "not tried");
  // A busy machine may be too late with the replies to the commands.
  for (host_.longest_wait = 300ms; !whole && host_.longest_wait < tests::patience;
       host_.longest_wait *= 4) {
    Peer peer([&](Peer& p) {
      p.take_envelope();
      for (std::string line = p.hear(); !line.empty(); line = p.hear()) whole = line == ".\r\n";
    });
    said = deliver_to(peer.port());
  }
  ASSERT_TRUE(said);
  EXPECT_TRUE(said->results[0].uncertain);
  EXPECT_FALSE(said->results[0].next_host);
}

TEST_F(ConnectionTest, a_refusal_is_heard_while_the_host_reads_nothing) {
  octets_.assign(64u << 20, 'x');
  for (std::size_t i = 77; i < octets_.size(); i += 78) octets_.replace(i - 1, 2, "\r\n");
  octets_.replace(octets_.size() - 2, 2, "\r\n");
  message_.size = octets_.size();
  Result<Conversation> said = fail(Fault::bug, "not tried");
  // A busy machine may be too late with the replies.
  for (host_.longest_wait = 600ms; host_.longest_wait < tests::patience; host_.longest_wait *= 4) {
    std::promise<void> over;
    Peer peer([&](Peer& p) {
      p.take_envelope();
      std::this_thread::sleep_for(200ms);  // the client's writes are blocked, most likely
      p.say("552 5.3.4 too big\r\n");
      over.get_future().wait();
    });
    said = deliver_to(peer.port());
    over.set_value();
    if (said && said->results[0].klass == ResultClass::permanent) break;
  }
  ASSERT_TRUE(said);
  EXPECT_EQ(said->results[0].klass, ResultClass::permanent) << said->results[0].text;
  EXPECT_EQ(said->results[0].code, 552);
}

TEST_F(ConnectionTest, a_message_that_cannot_be_read_is_not_ended) {
  std::string heard;
  {
    Peer peer([&heard](Peer& p) {
      p.take_envelope();
      for (std::string line = p.hear(); !line.empty(); line = p.hear()) heard += line;
    });
    message_.size = octets_.size() + 10;
    source_ = [this](std::uint64_t offset, std::size_t room) {
      return std::string_view(octets_).substr(std::min<std::size_t>(offset, octets_.size()), room);
    };
    const auto said = deliver_to(peer.port());
    ASSERT_TRUE(said);
    EXPECT_EQ(said->results[0].enhanced, (smtp::EnhancedCode{4, 3, 0}));
  }
  EXPECT_EQ(heard.find("\r\n.\r\n"), std::string::npos);
}

TEST_F(ConnectionTest, octets_behind_starttls_are_injected_though_they_come_later) {
  std::string heard;
  {
    Peer peer([&heard](Peer& p) {
      p.say("220 mx.example\r\n");
      p.hear();
      p.say("250-mx.example\r\n250 STARTTLS\r\n");
      p.hear();
      // The reply fills the driver's buffer, so what follows it waits in the kernel.
      p.say("220 " + std::string(506, 'x') + "\r\n250 injected\r\n");
      heard = p.hear();
    });
    host_.tls = net::TlsClientContext::make("").value();
    const auto said = deliver_to(peer.port());
    ASSERT_TRUE(said);
    EXPECT_EQ(said->results[0].enhanced, (smtp::EnhancedCode{4, 7, 0})) << said->results[0].text;
    EXPECT_FALSE(said->done.retry_without_tls);
  }
  EXPECT_EQ(heard, "");
}

TEST_F(ConnectionTest, a_port_that_refuses_is_temporary) {
  asio::io_context loop;
  tcp::acceptor acceptor(loop);
  acceptor.open(tcp::v4());
  acceptor.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));  // bound, not listening
  const auto said = deliver_to(acceptor.local_endpoint().port());
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().fault, Fault::temporary);
}

}  // namespace
}  // namespace postern::relay
