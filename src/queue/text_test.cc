#include <thread>

#include <gtest/gtest.h>

#include "base/patience_test.h"
#include "queue/delivery_agent.h"
#include "spool/spool_fixture.h"

namespace postern::queue {
namespace {

class TextTest : public spool::SpoolTest {
 protected:
  TextTest() : SpoolTest(spool::Engine::pgsql) { open(); }
};

TEST_F(TextTest, a_node_that_lost_its_name_sends_no_octet_more) {
  const auto id = put(envelope(), std::string(10'000, 'x'));
  ASSERT_TRUE(id) << id.error().message;
  Text text(*spool_, *id, *spool_->body(*id));
  EXPECT_EQ(text.read(0, 1000).size(), 1000u);
  EXPECT_TRUE(text.may_deliver());

  const auto session = *database_->connect();
  ASSERT_TRUE(session->run({.sql = "UPDATE node SET replaced = true", .values = {}},
                           cluster::Clock::now() + tests::patience));
  ASSERT_TRUE(tests::eventually([&] { return node_->is_replaced(); }));
  EXPECT_TRUE(text.read(1000, 1000).empty());
  ASSERT_TRUE(text.trouble());
  EXPECT_EQ(text.trouble()->fault, Fault::unreachable);
  EXPECT_FALSE(text.damaged()) << "the message is as it was";
  EXPECT_FALSE(text.may_deliver());
}

}  // namespace
}  // namespace postern::queue
