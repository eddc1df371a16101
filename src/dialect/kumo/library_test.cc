#include "dialect/kumo/library.h"

#include <sqlite3.h>

#include <regex>
#include <set>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/lib_test.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {
namespace {

bool is(std::string_view text, const char* pattern) {
  return std::regex_match(std::string(text), std::regex(pattern));
}

// The manual is generated from the rows.
TEST(Library, every_row_says_what_the_function_is) {
  std::set<std::string_view> names;
  for (const script::HostTable table : library()) {
    EXPECT_FALSE(table.empty());
    for (const script::HostFunction& row : table) {
      EXPECT_TRUE(names.insert(row.name).second) << row.name << " is there twice";
      EXPECT_TRUE(
          is(row.name, R"((kumo(\.[a-z]+)?|sqlite)\.[a-z0-9_]+|[A-Z][A-Za-z]+[.:][a-z0-9_]+)"))
          << row.name;
      EXPECT_TRUE(is(row.help, R"([A-Z0-9`].*\.)")) << row.name;
      EXPECT_TRUE(is(row.parameters, R"(((\.\.\.|[a-z_]+\??): .+)?)")) << row.name;
      EXPECT_NE(row.call, nullptr);
    }
  }
  EXPECT_GT(names.size(), 150u);
}

TEST(Library, loads_as_a_whole) {
  testing::Library all(library());
  all.expect({{"result(kumo.json_encode(kumo.string.splitn(kumo.encode.hex_encode 'ab', 2, '1')))",
               R"("[\"6\",\"62\"]")"},
              {"kumo.string.nothing()",
               "error: policy.lua:1: kumo.string.nothing is not available in Postern"}});
}

class AlwaysThere final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, policy::Evidence&) override { co_return; }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    dns::Answer answer{.status = dns::Status::found, .records = {"192.0.2.1"}};
    if (question.type == dns::Type::mx) answer.records = {"10 mx.example", "1 a.example"};
    evidence.dns.push_back({std::move(question), std::move(answer)});
    co_return;
  }
};

TEST(Library, a_script_runs_again_from_its_record) {
  const tests::TemporaryFolder folder;
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(folder.file("a.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw,
                         "create table t (a, b); insert into t values (null, 1), (null, 2), "
                         "('x', 3)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  policy::Evidence evidence;
  AlwaysThere gatherer;
  policy::Tape tape;
  policy::Inquiry inquiry(evidence, gatherer, tape);
  Context context{.evidence = evidence, .inquiry = inquiry};
  testing::Library all(library(), {.directory = folder.path(), .roots = {}});
  all.context = &context;
  const char* scripts[] = {
      "local d = require 'sqlite'.open 'a.db' local r = d:execute 'select a from t' "
      "result(r[3], r[1], d:execute 'select a, b from t'[2].b)",
      "result(pcall(require 'sqlite'.open, 'none.db'))",
      "local d = require 'sqlite'.open 'a.db' result(pcall(d.execute, d, 'select nonsense'))",
      "local d = kumo.digest.hmac_sha256({key_data = 'Jefe'}, 'm') result(d.hex, d == "
      "kumo.digest.hmac_sha256({key_data = 'Jefe'}, 'm'))",
      "local m = kumo.dns.lookup_mx 'example.com' result(m.by_pref[10], m.by_pref[1], m.hosts, "
      "m.is_mx, m.domain_name)",
      "result(kumo.dns.lookup_addr 'example.com', kumo.dns.rbl_lookup('192.0.2.7', 'bl.example'))",
      "result(kumo.time.now().rfc3339, kumo.time.from_unix_timestamp(1).elapsed.microseconds)",
      "local u = kumo.uuid result(u.new_v1().urn, u.new_v4().urn, u.new_v6().urn, u.new_v7().urn)",
      "result(kumo.time.epoch_millis(), kumo.time.since_millis(5))",
      "kumo.sleep(0.001) result(kumo.time.start_timer 'x':done())",
      "result(kumo.crypto.verify_password('s3cr3t', "
      "'$2y$04$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q'))",
  };
  for (const char* text : scripts) {
    const std::string again = all.replayed(text);
    EXPECT_FALSE(all.raised) << text << (all.raised ? all.raised->message : "");
    EXPECT_NE(all.first, "") << text;
    EXPECT_EQ(again, all.first) << text;
  }
}

TEST(Library, a_secret_is_left_out_of_a_record_however_it_is_written) {
  script::testing::TestWorld world;
  script::Call call(world, {}, nullptr);
  call.keep_secret("quo\"te\nline");
  call.record();
  call.tell("f", json::array{"it is quo\"te\nline"});
  EXPECT_EQ(call.told()[0].answer, R"(["it is <withheld 1>"])");
}

}  // namespace
}  // namespace postern::dialect::kumo
