#include "net/stream.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/write.hpp>

#include "base/patience_test.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

class StreamTest : public testing::Test {
 protected:
  StreamTest()
      : stream_([this] {
          tcp::acceptor acceptor(loop_, {asio::ip::address_v4::loopback(), 0});
          client_.connect(acceptor.local_endpoint());
          return acceptor.accept();
        }()) {}

  void send(std::string_view text) { asio::write(client_, asio::buffer(text)); }
  void look(std::size_t seen) {
    done_ = false;
    loop_.restart();  // the loop stops when it has no work
    const auto task = [](StreamTest* test, std::size_t from) -> Task<void> {
      test->shown_ = co_await test->stream_.peek(100, from);
      test->done_ = true;
    };
    asio::co_spawn(loop_, task(this, seen), asio::detached);
  }
  bool finished() {
    return tests::eventually([this] { return loop_.poll(), done_; });
  }

  asio::io_context loop_;
  tcp::socket client_{loop_};
  Stream stream_;
  std::string shown_;
  bool done_ = false;
};

TEST_F(StreamTest, a_look_waits_for_more_than_was_seen) {
  send("PROXY");
  look(0);
  ASSERT_TRUE(finished());
  EXPECT_EQ(shown_, "PROXY");
  look(5);
  // No polling: once the work of the start is done, the loop sleeps in the kernel.
  EXPECT_TRUE(tests::eventually([this] { return loop_.run_for(300ms) == 0; }));
  EXPECT_FALSE(done_);
  send(" UNKNOWN");
  ASSERT_TRUE(finished());
  EXPECT_EQ(shown_, "PROXY UNKNOWN");
}

TEST_F(StreamTest, a_look_ends_with_the_stream) {
  send("PROXY");
  look(0);
  ASSERT_TRUE(finished());
  look(5);
  loop_.run_for(50ms);
  client_.shutdown(tcp::socket::shutdown_send);
  ASSERT_TRUE(finished());
  EXPECT_EQ(shown_, "");
  look(5);
  ASSERT_TRUE(finished());
  EXPECT_EQ(shown_, "");
}

TEST_F(StreamTest, a_look_ends_when_it_is_cancelled) {
  send("PROXY");
  look(5);
  loop_.run_for(50ms);
  stream_.cancel();
  ASSERT_TRUE(finished());
  EXPECT_EQ(shown_, "");
}

}  // namespace
}  // namespace postern::net
