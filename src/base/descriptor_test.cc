#include "base/descriptor.h"

#include <fcntl.h>

#include <gtest/gtest.h>

namespace postern {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(Descriptor, closes_what_it_owns_and_keeps_errno) {
  int number = -1;
  {
    const Descriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(one.is_open());
    number = one.get();
    EXPECT_TRUE(is_open(number));
    errno = ENOSPC;
  }
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_FALSE(is_open(number));
  EXPECT_FALSE(Descriptor().is_open());
}

TEST(Descriptor, moves_and_gives_away) {
  Descriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = one.get();
  Descriptor other(std::move(one));
  EXPECT_EQ(one.get(), -1);  // NOLINT(bugprone-use-after-move): it has none
  Descriptor third(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int replaced = third.get();
  third = std::move(other);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_EQ(third.release(), number);
  EXPECT_TRUE(is_open(number));
  Descriptor(number).close();
  EXPECT_FALSE(is_open(number));
}

}  // namespace
}  // namespace postern
