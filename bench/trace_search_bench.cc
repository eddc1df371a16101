// What searches and charts cost over many traces: writes them (as wide as real ones), then asks.
//   trace_search_bench [traces] [file]
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "store/trace_words.h"
#include "store/traces.h"

namespace {

using namespace postern;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// A month of them by SQL alone: 1000 webhooks of 100 accounts, a tenth refused, records of 2 kB.
void fill(const std::string& path, long count) {
  {
    const auto made = store::TraceWriter::open(path);
  }
  sqlite3* database = nullptr;
  sqlite3_open(path.c_str(), &database);
  const std::string rows =
      "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(count) +
      ") INSERT INTO trace (seq, id, time, outcome, client_ip, mail_from, rcpt, webhook_id,"
      " account_id, code, record) SELECT i, printf('01JD%022d', i),"
      " (strftime('%s','now') * 1000) - 2592000000 + i * (2592000000 / " +
      std::to_string(count) +
      "), iif(i % 10 = 0, 'rejected', 'accepted'), printf('203.0.%d.%d', i % 113, i % 251),"
      " printf('sender%d@domain%d.example', i % 50000, i % 7000),"
      " printf('webhook-%d@hooks.example.net', i % 1000), printf('wh_%023d', i % 1000),"
      " printf('acc_%022d', i % 100), iif(i % 10 = 0, 550, 250), zeroblob(2000) FROM n;";
  const std::string summaries =
      "INSERT INTO summary SELECT seq, id, time, outcome, client_ip, mail_from, rcpt, webhook_id,"
      " account_id, code, iif(code = 550, '5.7.1', '2.0.0'), iif(code = 550,"
      " 'source address is not in the allowlist of the policy', 'delivered as msg_1'),"
      " iif(code = 550, 'webhook', ''), iif(code = 550, 'client_in_networks', ''),"
      " iif(code = 550, 'pol_01HX0000000000000000000000/allowed_source_ips', ''),"
      " iif(code = 550, client_ip || ' is in none of 2 networks', ''), 0 FROM trace;";
  const std::string counts =
      "INSERT INTO tally SELECT time / 300000, 'g', outcome, iif(code = 550, 550, 0),"
      " iif(code = 550, '5.7.1', ''), '', iif(code = 550, 'client_in_networks', ''), COUNT(*)"
      " FROM summary GROUP BY 1, 3, 4;"
      "INSERT INTO tally SELECT time / 300000, 'w' || webhook_id, outcome, iif(code = 550, 550, 0),"
      " iif(code = 550, '5.7.1', ''), '', iif(code = 550, 'client_in_networks', ''), COUNT(*)"
      " FROM summary WHERE time > (strftime('%s','now') - 172800) * 1000 GROUP BY 1, 2, 3, 4;";
  for (const std::string& sql : {"PRAGMA synchronous = OFF; BEGIN;" + rows, summaries,
                                 counts + "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"}) {
    char* error = nullptr;
    if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error) != SQLITE_OK) {
      std::printf("%s\n", error);
    }
  }
  sqlite3_close(database);
}

void ask(store::TraceReader& reader, const char* words, store::TraceSearch search = {}) {
  const auto parsed = store::parse_trace_words(words);
  for (const char* when : {"first", "again"}) {
    const auto begin = Clock::now();
    const auto found = reader.search(search, *parsed);
    if (!found) std::printf("%s\n", found.error().message.c_str());
    const std::string more =
        found->complete ? "" : ", goes on below trace " + std::to_string(found->next);
    std::printf("%-46s %s %7.2f ms, %zu found%s\n", *words != '\0' ? words : "(newest)", when,
                milliseconds_since(begin), found->rows.size(), more.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const long count = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1'000'000;
  const std::string path = argc > 2 ? argv[2] : "trace_search_bench.db";
  if (!std::filesystem::exists(path)) {
    const auto begin = Clock::now();
    fill(path, count);
    std::printf("%ld traces written in %.1f s\n", count, milliseconds_since(begin) / 1000);
  }
  const auto reader = std::move(*store::TraceReader::open(path));
  ask(*reader, "");
  ask(*reader, "ip:203.0.7.7");
  ask(*reader, "ip:203.0.113.0/24");
  ask(*reader, "reply:\"550 5.7.1\"");
  ask(*reader, "reply:451");
  ask(*reader, "rule:client from:@domain77.example");
  ask(*reader, "from:nobody");
  ask(*reader, "nobody", {.account_id = "acc_0000000000000000000007"});
  ask(*reader, "nobody", {.webhook_id = "wh_00000000000000000000007"});
  const auto before = "from:sender7@ before:" + std::string("2100-01-01");
  ask(*reader, before.c_str());
  const auto middle = store::now() - std::chrono::hours(24 * 15);
  store::TraceWords words;
  words.before = middle;
  auto begin = Clock::now();
  const auto found = reader->search({}, words);
  std::printf("%-46s       %7.2f ms, %zu found\n", "before: the middle of the month",
              milliseconds_since(begin), found->rows.size());
  for (const int days : {1, 30}) {
    for (const bool one : {false, true}) {
      store::TallyQuery query{.account_id = {},
                              .webhook_id = {},
                              .from = store::now() - std::chrono::hours(24 * days),
                              .until = store::now()};
      if (one) query.webhook_id = "wh_00000000000000000000007";
      begin = Clock::now();
      const auto rows = reader->tallies(query);
      std::printf("counts of %2d days, %-28s       %7.2f ms, %zu rows\n", days,
                  one ? "one webhook" : "the gateway", milliseconds_since(begin), rows->size());
    }
  }
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) ids.push_back("wh_" + std::to_string(i));
  begin = Clock::now();
  (void)reader->day_counts(ids, store::now());
  std::printf("%-46s       %7.2f ms\n", "24 h counts of 200 webhooks", milliseconds_since(begin));
  return 0;
}
