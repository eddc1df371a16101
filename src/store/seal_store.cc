#include "store/seal_store.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster/database.h"
#include "cluster/node.h"

namespace postern::store {
namespace {

using cluster::Clock;
namespace pg = net::pgsql;

struct Sealed {
  std::string_view table;
  std::vector<std::string_view> columns;
};

// All columns that Secrets are written to. Where one is left out, rows cannot be read.
const std::array<Sealed, 10> sealed_columns{
    Sealed{"account", {"password_hash", "totp_secret", "totp_pending", "signing_seed"}},
    Sealed{"backup_code", {"hash"}},
    Sealed{"refresh_token", {"hash"}},
    Sealed{"api_token", {"hash"}},
    Sealed{"link", {"hash"}},
    Sealed{"credential", {"hash"}},
    Sealed{"webhook", {"secret", "previous_secret"}},
    Sealed{"dkim_key", {"private_key"}},
    Sealed{"signing_key", {"key"}},
    Sealed{"server_secret", {"value"}}};

constexpr std::size_t sealed_at_once = 200;
constexpr std::chrono::minutes seal_patience{5};
constexpr int lock_of_seal = 7309;  ///< an advisory lock
/// Of the store's tables, that knows sealed secrets.
constexpr std::int64_t version_that_seals = 3;

tl::unexpected<Error> other_key(const std::string& there, const SecretSeal& seal) {
  return fail(Fault::denied,
              fmt::format("the secrets in the cluster's database are sealed with the key {}, and "
                          "the first one of `seal_key_file` is {}: give this gateway the file that "
                          "the others have",
                          there, seal.id()));
}

/// A transaction of the owner.
class Sealing {
 public:
  Sealing(net::PgsqlSession& session, const SecretSeal& seal) : session_(session), seal_(seal) {}

  Result<std::uint64_t> run() {
    for (const Sealed& one : sealed_columns) {
      if (Result<void> done = seal_table(one); !done) return tl::unexpected(done.error());
    }
    return values_;
  }

  Result<net::PgsqlRows> ask(std::string sql, std::vector<net::PgsqlValue> values = {}) {
    auto rows = session_.run({.sql = std::move(sql), .values = std::move(values)},
                             Clock::now() + seal_patience);
    if (rows) return std::move(*rows);
    return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
  }

  /// The key until now.
  std::string before;

 private:
  Result<void> seal_table(const Sealed& one) {
    // What triggers count and tell does not change.
    const std::string table(one.table);
    std::string sets;
    for (std::size_t at = 0; at < one.columns.size(); ++at) {
      sets += fmt::format("{}{} = ${}", at == 0 ? "" : ", ", one.columns[at], at + 2);
    }
    const std::string update = fmt::format("UPDATE {} SET {} WHERE ctid = $1::tid", table, sets);
    auto done = ask("ALTER TABLE " + table + " DISABLE TRIGGER USER");
    if (done) {
      done =
          ask(fmt::format("DECLARE seal_{0} NO SCROLL CURSOR FOR SELECT ctid::text, {1} FROM {0}",
                          table, fmt::join(one.columns, ", ")));
    }
    for (bool more = true; done && more;) {
      done = ask(fmt::format("FETCH {} FROM seal_{}", sealed_at_once, table));
      if (!done) break;
      more = done->size() == sealed_at_once;
      std::vector<net::PgsqlStatement> updates;
      for (std::size_t row = 0; row < done->size(); ++row) {
        auto values = sealed(*done, row, one);
        if (!values) return tl::unexpected(values.error());
        updates.push_back({.sql = update, .values = std::move(*values)});
      }
      if (updates.empty()) break;
      const auto written =
          session_.run(std::span<const net::PgsqlStatement>(updates), Clock::now() + seal_patience);
      if (!written) return fail(Fault::unreachable, "PostgreSQL: " + written.error().message);
    }
    if (done) done = ask("CLOSE seal_" + table);
    if (done) done = ask("ALTER TABLE " + table + " ENABLE TRIGGER USER");
    return done ? Result<void>() : tl::unexpected(done.error());
  }

  Result<std::vector<net::PgsqlValue>> sealed(const net::PgsqlRows& rows, std::size_t row,
                                              const Sealed& one) {
    std::vector<net::PgsqlValue> values{pg::text(rows.text(row, 0))};
    for (int at = 1; at <= static_cast<int>(one.columns.size()); ++at) {
      if (rows.is_null(row, at)) {
        values.push_back(pg::bytes({}));
        values.back().octets.reset();
        continue;
      }
      const std::string is = rows.text(row, at);
      const auto text = before.empty() ? std::optional(is) : seal_.open(is);
      if (!text) {
        return fail(Fault::malformed,
                    fmt::format("a value of {}.{} cannot be opened: it is damaged", one.table,
                                one.columns[static_cast<std::size_t>(at - 1)]));
      }
      values_ += text->empty() ? 0 : 1;
      values.push_back(pg::bytes(seal_.close(*text)));
    }
    return values;
  }

  net::PgsqlSession& session_;
  const SecretSeal& seal_;
  std::uint64_t values_ = 0;
};

Result<std::uint64_t> seal_in_transaction(net::PgsqlSession& session, const SecretSeal& seal) {
  Sealing sealing(session, seal);
  // Gateways ask for the key after they have joined: one that does so later waits, one that has
  // done so is seen below.
  const auto locked = sealing.ask(fmt::format("SELECT pg_advisory_xact_lock({})", lock_of_seal));
  if (!locked) return tl::unexpected(locked.error());
  const auto key = sealing.ask("SELECT key_id FROM seal");
  if (!key) return tl::unexpected(key.error());
  sealing.before = key->size() > 0 ? key->text(0, 0) : std::string();
  if (sealing.before == seal.id()) return 0;
  if (!sealing.before.empty() && !seal.knows(sealing.before)) {
    return other_key(sealing.before, seal);
  }
  const auto nodes =
      sealing.ask(fmt::format("SELECT name FROM node WHERE {} LIMIT 1", cluster::live_node()));
  if (!nodes) return tl::unexpected(nodes.error());
  if (nodes->size() > 0) {
    return fail(Fault::temporary,
                fmt::format("the gateway {} lives: stop all gateways before their secrets are "
                            "sealed with another key",
                            nodes->text(0, 0)));
  }
  // One that was silent for too long to be seen here ends when it comes back, and writes nothing.
  const auto retired =
      sealing.ask("UPDATE node SET replaced = true WHERE NOT ended AND NOT replaced");
  if (!retired) return tl::unexpected(retired.error());
  auto sealed = sealing.run();
  if (!sealed) return sealed;
  const auto noted = sealing.ask("UPDATE seal SET key_id = $1, at = now()", {pg::text(seal.id())});
  if (!noted) return tl::unexpected(noted.error());
  const auto kept = sealing.ask(
      "UPDATE schema_version SET compatible_from = greatest(compatible_from, $1::bigint) WHERE "
      "name = 'store'",
      {pg::integer(version_that_seals)});
  if (!kept) return tl::unexpected(kept.error());
  return sealed;
}

}  // namespace

bool is_sealed(std::string_view table, std::string_view column) {
  return std::ranges::any_of(sealed_columns, [&](const Sealed& one) {
    return one.table == table && std::ranges::find(one.columns, column) != one.columns.end();
  });
}

Result<std::string> sealed_with(net::PgsqlSession& session) {
  const std::vector<net::PgsqlStatement> statements = {
      {.sql = fmt::format("SELECT pg_advisory_xact_lock_shared({})", lock_of_seal), .values = {}},
      {.sql = "SELECT key_id FROM seal", .values = {}}};
  const auto rows = session.run(std::span<const net::PgsqlStatement>(statements),
                                Clock::now() + cluster::answer_limit);
  if (!rows) return fail(Fault::unreachable, "PostgreSQL: " + rows.error().message);
  return rows->back().size() > 0 ? rows->back().text(0, 0) : std::string();
}

Result<void> check_seal(net::PgsqlSession& session, const SecretSeal* seal) {
  const Result<std::string> there = sealed_with(session);
  if (!there) return tl::unexpected(there.error());
  if (seal == nullptr && there->empty()) return {};
  if (seal == nullptr) {
    return fail(Fault::denied,
                fmt::format("the secrets in the cluster's database are sealed with the key {}: set "
                            "`seal_key_file` to the file that the other gateways have",
                            *there));
  }
  if (there->empty()) {
    return fail(Fault::denied,
                "the secrets in the cluster's database are not sealed yet: stop all gateways, and "
                "run `postern cluster init` with this `seal_key_file`");
  }
  if (*there == seal->id()) return {};
  if (!seal->knows(*there)) return other_key(*there, *seal);
  return fail(Fault::denied,
              fmt::format("the secrets in the cluster's database are sealed with {}, which is not "
                          "the first key of `seal_key_file`: stop all gateways, and run `postern "
                          "cluster init` with this file",
                          *there));
}

Result<std::uint64_t> seal_store(net::PgsqlSession& session, const SecretSeal& seal) {
  const auto deadline = [] { return Clock::now() + seal_patience; };
  const auto begun = session.run({.sql = "BEGIN", .values = {}}, deadline());
  if (!begun) return fail(Fault::unreachable, "PostgreSQL: " + begun.error().message);
  auto sealed = seal_in_transaction(session, seal);
  if (!sealed) {
    session.roll_back(deadline());
    return sealed;
  }
  const net::PgsqlOutcome end = session.commit(deadline());
  if (end.end != net::PgsqlEnd::committed) {
    return fail(Fault::unreachable, "PostgreSQL: " + end.failure.message);
  }
  return sealed;
}

}  // namespace postern::store
