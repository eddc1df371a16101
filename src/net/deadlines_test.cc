#include "net/deadlines.h"

#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "net/stream.h"

namespace postern::net {
namespace {

using std::chrono::microseconds;

struct Watch final : PeerWaits {
  void begin() override {}
  bool end() override { return true; }
  bool pass(microseconds time) override {
    passed.push_back(time);
    return goes_on;
  }
  std::vector<microseconds> passed;
  bool goes_on = true;
};

TEST(Deadlines, time_in_which_the_thread_stood_still_does_not_pass) {
  boost::asio::io_context loop;
  Stream stream{boost::asio::ip::tcp::socket(loop)};
  Watch watch;
  stream.watch(&watch);
  Deadlines deadlines;
  const Deadlines::Entry entry(deadlines, stream);
  const Deadlines::Clock::time_point start = Deadlines::Clock::now();
  deadlines.sweep(start);
  watch.passed.clear();
  deadlines.sweep(start + std::chrono::milliseconds(100));
  deadlines.sweep(start + std::chrono::seconds(3));
  EXPECT_EQ(watch.passed,
            (std::vector<microseconds>{std::chrono::milliseconds(100), Deadlines::interval}));
  EXPECT_FALSE(stream.cancelled());
  watch.goes_on = false;
  deadlines.sweep(start + std::chrono::seconds(4));
  EXPECT_TRUE(stream.cancelled());
}

}  // namespace
}  // namespace postern::net
