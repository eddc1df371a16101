#include "doctor/program.h"

#include <gtest/gtest.h>

namespace postern::doctor {
namespace {

TEST(Program, gives_what_it_says) {
  const auto said = run_program({"printf", "%s", "one two"});
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(*said, "one two");
  EXPECT_EQ(*run_program({"env"}), "LC_ALL=C\n");
}

TEST(Program, that_fails_or_is_not_there) {
  EXPECT_EQ(run_program({"false"}).error().fault, Fault::permanent);
  EXPECT_EQ(run_program({"no-such-program"}).error().fault, Fault::not_found);
  EXPECT_EQ(run_program({"../bin/no"}).error().fault, Fault::not_found);
}

TEST(Program, that_says_too_much_is_ended) {
  EXPECT_EQ(run_program({"yes"}).error().fault, Fault::permanent);
}

}  // namespace
}  // namespace postern::doctor
