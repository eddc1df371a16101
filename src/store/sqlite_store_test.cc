#include "store/sqlite_store.h"

#include "base/temporary_folder_test.h"
#include "store/sqlite_schema.h"

#include <gtest/gtest.h>

namespace postern::store {
namespace {

TEST(SqliteStore, the_common_questions_use_an_index) {
  const auto database = std::move(*Database::open(":memory:", control_schema()));
  const char* const questions[] = {
      "SELECT id FROM webhook WHERE account_id = 'a' ORDER BY seq DESC LIMIT 20",
      "SELECT id FROM webhook WHERE account_id = 'a' AND is_active = 1 ORDER BY seq DESC LIMIT 20",
      "SELECT id FROM webhook WHERE address = 'a'",
      "SELECT id FROM webhook WHERE policy_id = 'p' ORDER BY seq",
      "UPDATE webhook SET policy_id = NULL WHERE policy_id = 'p'",
      "SELECT id FROM webhook WHERE domain = 'd' AND account_id <> 'a' AND is_active",
      "SELECT id FROM policy WHERE account_id = 'a' ORDER BY seq DESC LIMIT 20",
      "SELECT username FROM credential WHERE policy_id = 'p' ORDER BY position",
      "SELECT id FROM audit WHERE account_id = 'a' ORDER BY seq DESC LIMIT 50",
      "SELECT id FROM api_token WHERE hash = 'h'",
      "SELECT id FROM account WHERE email = 'e'",
      "SELECT id FROM account WHERE length(signing_seed) > 0",
      "DELETE FROM session WHERE expires_at < 5",
      "SELECT id FROM domain WHERE verified AND checked_at < 5 ORDER BY checked_at LIMIT 5",
  };
  for (const char* question : questions) {
    const auto plan = database->all(std::string("EXPLAIN QUERY PLAN ") + question,
                                    [](const Row& row) { return row.text(3); });
    ASSERT_TRUE(plan) << plan.error().message;
    for (const std::string& step : *plan) {
      EXPECT_TRUE(!step.starts_with("SCAN") || step.find("account_signing") != std::string::npos)
          << question << " -> " << step;
      if (std::string(question).find("position") == std::string::npos) {
        EXPECT_EQ(step.find("TEMP B-TREE"), std::string::npos) << question << " -> " << step;
      }
    }
  }
}

}  // namespace
}  // namespace postern::store
