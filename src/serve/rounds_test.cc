#include "serve/rounds.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "base/temporary_folder_test.h"
#include "net/work_pool.h"
#include "telemetry/log.h"

namespace postern::app {
namespace {

using ::testing::HasSubstr;

class Rounds : public ::testing::Test {
 protected:
  Rounds() {
    telemetry::LogOptions options;
    options.format = telemetry::LogFormat::json;
    telemetry::LogOutput output;
    output.fd = fd_;
    telemetry::log::start(options, output);
  }
  ~Rounds() override {
    telemetry::log::stop();
    ::close(fd_);
  }
  /// The log lines of one round.
  std::string round(std::function<Task<Result<void>>()> work) {
    boost::asio::io_context loop;
    auto done =
        boost::asio::co_spawn(loop, in_round("inboxes", std::move(work)), boost::asio::use_future);
    loop.run();
    done.get();
    telemetry::log::flush();
    return tests::read_file(folder_.file("log"));
  }

  tests::TemporaryFolder folder_;
  int fd_ = ::open(folder_.file("log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
};

TEST_F(Rounds, say_nothing_of_what_worked) {
  EXPECT_EQ(round([]() -> Task<Result<void>> { co_return Result<void>(); }), "");
}

TEST_F(Rounds, tell_of_trouble) {
  const std::string logged =
      round([]() -> Task<Result<void>> { co_return fail(Fault::permanent, "the disk is gone"); });
  EXPECT_THAT(logged, HasSubstr("the disk is gone"));
  EXPECT_THAT(logged, HasSubstr("inboxes"));
  EXPECT_THAT(logged, HasSubstr("api.housekeeping"));
}

TEST_F(Rounds, outlive_what_a_pool_job_throws) {
  net::WorkPool pool(1, 10);
  const std::string logged = round([&pool]() -> Task<Result<void>> {
    const auto ran = co_await pool.run([]() -> int { throw std::bad_alloc(); });
    co_return Result<void>();
  });
  EXPECT_THAT(logged, HasSubstr("bad_alloc"));
}

}  // namespace
}  // namespace postern::app
