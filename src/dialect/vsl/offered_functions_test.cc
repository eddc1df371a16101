#include "policy/questions/offered.h"

#include "dialect/vsl/functions_test.h"

namespace postern::dialect::vsl {
namespace {

using policy::Stage;

using OfferedFunctions = testing::Functions;

TEST_F(OfferedFunctions, each_question_is_a_function_from_its_stage_on) {
  for (const auto& one : policy::questions::offered) {
    const Signature found = signature_of(one.name);
    ASSERT_NE(found.function, nullptr) << one.name;
    EXPECT_EQ(found.from, one.from) << one.name;
    EXPECT_EQ(found.most, 0u) << one.name;
  }
}

TEST_F(OfferedFunctions, helo_literal_is_client) {
  const std::string ask = "r(vsl.helo_literal_is_client())";
  at(Stage::helo);
  expect({{ask, "true"}});
  evidence.session.helo = "[203.0.113.9]";
  expect({{ask, "true"}});
  evidence.session.helo = "[203.0.113.8]";
  expect({{ask, "false"}});
  evidence.session.helo.clear();
  EXPECT_EQ(answer(ask), "error: no name was given");
  at(Stage::connect);
  EXPECT_EQ(answer(ask),
            "error: the field: `helo_literal_is_client` is not defined yet, it only is available "
            "from the `helo` stage");
}

}  // namespace
}  // namespace postern::dialect::vsl
