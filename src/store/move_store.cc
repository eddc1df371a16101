#include "store/move_store.h"

#include <array>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "base/sha256.h"
#include "cluster/database.h"
#include "store/seal_store.h"

namespace postern::store {
namespace {

using cluster::Clock;

// A row comes after those that it refers to.
constexpr std::array<std::string_view, 14> moved_tables{
    "account",  "backup_code",   "session",    "refresh_token", "api_token",
    "link",     "policy",        "credential", "webhook",       "domain",
    "dkim_key", "list_revision", "audit",      "signing_key"};
constexpr std::string_view secrets_table = "server_secret";

constexpr std::size_t moved_at_once = 200;
constexpr std::size_t most_columns = 32;
/// A piece of rows, and the commit, which waits for a standby.
constexpr std::chrono::minutes move_patience{5};

Clock::time_point move_deadline() { return Clock::now() + move_patience; }

/// Numbers and times in decimal digits; texts and octets as they are; nullopt: NULL.
using Value = std::optional<std::string>;
using Values = std::vector<Value>;

enum class Type { number, flag, time, octets };

struct Column {
  std::string name;
  Type type = Type::octets;
  std::string in_sqlite;  ///< what a value becomes there: "INTEGER", "TEXT" or "BLOB"
  bool is_sequence = false;
  bool is_sealed = false;
};

struct Table {
  std::string name;
  std::vector<Column> columns;

  std::string list() const {
    std::string names;
    for (const Column& column : columns) names += (names.empty() ? "" : ", ") + column.name;
    return names;
  }
};

/// The sum of the digests of rows, in any order.
struct Digest {
  std::uint64_t rows = 0;
  std::string sum = std::string(32, '\0');

  void add(const Values& row) {
    Sha256 one;
    for (const Value& value : row) {
      one.add(value ? fmt::format("{}:", value->size()) : "-");
      if (value) one.add(*value);
    }
    const std::string digest = one.finish();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = static_cast<char>(sum[i] ^ digest[i]);
    ++rows;
  }
  bool operator==(const Digest&) const = default;
};

using Take = std::function<Result<void>(const Values&)>;

template <std::size_t... I>
Result<std::int64_t> run_with(Database& database, std::string_view sql, const Values& row,
                              std::index_sequence<I...> /*all*/) {
  return database.execute(sql, row[I]...);
}

template <std::size_t N = 1>
Result<std::int64_t> run(Database& database, std::string_view sql, const Values& row) {
  if constexpr (N > most_columns) {
    return fail(Fault::bug, "a table has too many columns");
  } else {
    if (row.size() == N) return run_with(database, sql, row, std::make_index_sequence<N>());
    return run<N + 1>(database, sql, row);
  }
}

/// The tables of one gateway.
class Sqlite {
 public:
  explicit Sqlite(Database& database) : database_(database) {}

  Result<void> each(const Table& table, const Take& take) {
    Result<void> taken;
    const Result<void> done =
        database_.each("SELECT " + table.list() + " FROM " + table.name, [&](const Row& row) {
          Values values;
          for (int at = 0; at < static_cast<int>(table.columns.size()); ++at) {
            values.push_back(row.optional_text(at));
          }
          taken = take(values);
          return taken.has_value();
        });
    return done ? taken : done;
  }
  Result<void> add(const Table& table, const Values& row) {
    std::string places;
    for (const Column& column : table.columns) {
      places += fmt::format("{}CAST(? AS {})", places.empty() ? "" : ", ", column.in_sqlite);
    }
    return ran("INSERT INTO " + table.name + " (" + table.list() + ") VALUES (" + places + ")",
               row);
  }
  Result<void> set(const Table& table, const Values& row) {
    std::string sets;
    std::string where;
    for (std::size_t at = 0; at < table.columns.size(); ++at) {
      const Column& column = table.columns[at];
      const std::string is =
          fmt::format("{} = CAST(?{} AS {})", column.name, at + 1, column.in_sqlite);
      const bool is_key = column.name == "id";
      std::string& part = is_key ? where : sets;
      part += (part.empty() ? "" : is_key ? " AND " : ", ") + is;
    }
    return ran("UPDATE " + table.name + " SET " + sets + " WHERE " + where, row);
  }
  Result<void> empty(const Table& table) { return ran("DELETE FROM " + table.name, {}); }
  Result<void> flush() { return {}; }
  Result<void> after(const Table& /*table*/) { return {}; }

 private:
  Result<void> ran(const std::string& sql, const Values& row) {
    const auto done = row.empty() ? database_.execute(sql) : run(database_, sql, row);
    return done ? Result<void>() : tl::unexpected(done.error());
  }
  Database& database_;
};

net::PgsqlValue value_of(const Column& column, const Value& value) {
  namespace pg = net::pgsql;
  const auto number = [&] { return value ? std::strtoll(value->c_str(), nullptr, 10) : 0; };
  net::PgsqlValue made{0, value};
  if (column.type == Type::number) made = pg::integer(number());
  if (column.type == Type::flag) made = pg::boolean(number() != 0);
  if (column.type == Type::time) made = pg::time(from_millis(number()));
  if (!value) made.octets.reset();
  return made;
}

Value value_of(const Column& column, const net::PgsqlRows& rows, std::size_t row, int at) {
  if (rows.is_null(row, at)) return std::nullopt;
  if (column.type == Type::octets) return rows.text(row, at);
  if (column.type != Type::time) return std::to_string(rows.integer(row, at));
  const auto time = std::chrono::floor<std::chrono::milliseconds>(rows.time(row, at));
  return std::to_string(time.time_since_epoch().count());
}

/// The tables of a cluster, in a transaction.
class Pgsql {
 public:
  Pgsql(net::PgsqlSession& session, const SecretSeal* seal) : session_(session), seal_(seal) {}

  Result<net::PgsqlRows> ask(net::PgsqlStatement statement) {
    auto rows = session_.run(std::move(statement), move_deadline());
    if (rows) return std::move(*rows);
    const bool is_ours = rows.error().state.starts_with("2") || rows.error().state.starts_with("4");
    return fail(is_ours ? Fault::permanent : Fault::unreachable,
                "PostgreSQL: " + rows.error().message);
  }
  Result<void> each(const Table& table, const Take& take) {
    // A statement is prepared once: one name for each shape of rows.
    const std::string cursor = "moved_" + table.name;
    const auto begun = ask({.sql = fmt::format("DECLARE {} NO SCROLL CURSOR FOR SELECT {} FROM {}",
                                               cursor, table.list(), table.name),
                            .values = {}});
    if (!begun) return tl::unexpected(begun.error());
    for (;;) {
      const auto rows =
          ask({.sql = fmt::format("FETCH {} FROM {}", moved_at_once, cursor), .values = {}});
      if (!rows) return tl::unexpected(rows.error());
      for (std::size_t row = 0; row < rows->size(); ++row) {
        Values values;
        for (std::size_t at = 0; at < table.columns.size(); ++at) {
          const Column& column = table.columns[at];
          Value value = value_of(column, *rows, row, static_cast<int>(at));
          if (seal_ != nullptr && column.is_sealed && value) {
            value = seal_->open(*value);
            if (!value) {
              return fail(Fault::malformed, fmt::format("a value of {}.{} cannot be opened",
                                                        table.name, column.name));
            }
          }
          values.push_back(std::move(value));
        }
        if (Result<void> taken = take(values); !taken) return taken;
      }
      if (rows->size() < moved_at_once) break;
    }
    const auto closed = ask({.sql = "CLOSE " + cursor, .values = {}});
    return closed ? Result<void>() : tl::unexpected(closed.error());
  }
  Result<void> add(const Table& table, const Values& row) {
    std::string places;
    for (std::size_t at = 1; at <= row.size(); ++at) {
      places += fmt::format("{}${}", at == 1 ? "" : ", ", at);
    }
    return queue("INSERT INTO " + table.name + " (" + table.list() + ") VALUES (" + places + ")",
                 table, row);
  }
  Result<void> set(const Table& table, const Values& row) {
    std::string sets;
    std::string where;
    for (std::size_t at = 0; at < table.columns.size(); ++at) {
      const std::string& name = table.columns[at].name;
      const bool is_key = name == "id";
      std::string& part = is_key ? where : sets;
      part += fmt::format("{}{} = ${}", part.empty() ? "" : is_key ? " AND " : ", ", name, at + 1);
    }
    return queue("UPDATE " + table.name + " SET " + sets + " WHERE " + where, table, row);
  }
  Result<void> empty(const Table& table) {
    const auto done = ask({.sql = "DELETE FROM " + table.name, .values = {}});
    return done ? Result<void>() : tl::unexpected(done.error());
  }
  /// Sends what add() and set() have collected.
  Result<void> flush() {
    if (waiting_.empty()) return {};
    const auto done = session_.run(waiting_, move_deadline());
    waiting_.clear();
    if (done) return {};
    return fail(Fault::permanent, "PostgreSQL: " + done.error().message);
  }
  /// Later rows are numbered behind the ones that were added.
  Result<void> after(const Table& table) {
    for (const Column& column : table.columns) {
      if (!column.is_sequence) continue;
      const auto set =
          ask({.sql = fmt::format("SELECT setval(pg_get_serial_sequence('{0}', '{1}'), "
                                  "1 + coalesce(max({1}), 0), false) FROM {0}",
                                  table.name, column.name),
               .values = {}});
      if (!set) return tl::unexpected(set.error());
    }
    return {};
  }

 private:
  Result<void> queue(std::string sql, const Table& table, const Values& row) {
    net::PgsqlStatement statement{.sql = std::move(sql), .values = {}};
    for (std::size_t at = 0; at < row.size(); ++at) {
      const Column& column = table.columns[at];
      const bool seals = seal_ != nullptr && column.is_sealed && row[at];
      statement.values.push_back(value_of(column, seals ? Value(seal_->close(*row[at])) : row[at]));
    }
    waiting_.push_back(std::move(statement));
    return waiting_.size() < moved_at_once ? Result<void>() : flush();
  }
  net::PgsqlSession& session_;
  const SecretSeal* const seal_;
  std::vector<net::PgsqlStatement> waiting_;
};

Result<Table> describe(Database& sqlite, Pgsql& pgsql, std::string_view name) {
  const auto rows = pgsql.ask(
      {.sql =
           "SELECT column_name::text, data_type::text, is_identity = 'YES' FROM "
           "information_schema.columns WHERE table_schema = current_schema() AND table_name = $1 "
           "ORDER BY ordinal_position",
       .values = {net::pgsql::text(name)}});
  if (!rows) return tl::unexpected(rows.error());
  Table table{.name = std::string(name), .columns = {}};
  for (std::size_t row = 0; row < rows->size(); ++row) {
    Column column{.name = rows->text(row, 0), .is_sequence = rows->boolean(row, 2)};
    column.is_sealed = is_sealed(name, column.name);
    const std::string type = rows->text(row, 1);
    if (type == "bigint") column.type = Type::number;
    if (type == "boolean") column.type = Type::flag;
    if (type.starts_with("timestamp")) column.type = Type::time;
    const auto there = sqlite.one(
        "SELECT type FROM pragma_table_info(?1) WHERE name = ?2",
        [](const Row& found) { return found.text(0); }, name, column.name);
    if (!there) return tl::unexpected(there.error());
    if (!*there) return fail(Fault::bug, table.name + "." + column.name + " is in one database");
    column.in_sqlite = **there;
    table.columns.push_back(std::move(column));
  }
  const auto count = sqlite.number("SELECT count(*) FROM pragma_table_info(?1)", std::string(name));
  if (!count || *count != static_cast<std::int64_t>(table.columns.size())) {
    return fail(Fault::bug, "the columns of " + table.name + " differ");
  }
  return table;
}

template <class Side>
Result<Digest> digest_of(Side& side, const Table& table) {
  Digest digest;
  const Result<void> read = side.each(table, [&](const Values& row) {
    digest.add(row);
    return Result<void>();
  });
  if (!read) return tl::unexpected(read.error());
  return digest;
}

/// Rows first; then those with counts or a number of their own, which triggers have changed, once
/// more: their key is `id`.
template <class From, class To>
Result<void> copy(From& from, To& to, const std::vector<Table>& all) {
  for (auto table = all.rbegin(); table != all.rend(); ++table) {
    if (Result<void> emptied = to.empty(*table); !emptied) return emptied;
  }
  for (const Table& table : all) {
    Result<void> done = from.each(table, [&](const Values& row) { return to.add(table, row); });
    if (done) done = to.flush();
    if (done) done = to.after(table);
    if (!done) return done;
  }
  for (const Table& table : all) {
    if (table.name != "account" && table.name != "policy") continue;
    Result<void> done = from.each(table, [&](const Values& row) { return to.set(table, row); });
    if (done) done = to.flush();
    if (!done) return done;
  }
  return {};
}

template <class From, class To>
Result<std::vector<MovedRows>> compare(From& from, To& to, const std::vector<Table>& all) {
  std::vector<MovedRows> moved;
  for (const Table& table : all) {
    const auto one = digest_of(from, table);
    if (!one) return tl::unexpected(one.error());
    const auto other = digest_of(to, table);
    if (!other) return tl::unexpected(other.error());
    if (*one != *other) {
      return fail(Fault::conflict, fmt::format("the rows of `{}` differ: {} here, {} there",
                                               table.name, one->rows, other->rows));
    }
    moved.push_back({.table = table.name, .rows = one->rows});
  }
  return moved;
}

template <class From, class To>
Result<std::vector<MovedRows>> move(From& from, To& to, const std::vector<Table>& all) {
  const auto there = digest_of(to, all.front());  // accounts
  if (!there) return tl::unexpected(there.error());
  if (there->rows != 0) {
    auto same = compare(from, to, all);
    if (!same && same.error().fault == Fault::conflict) {
      return fail(Fault::conflict, "there are other accounts already: " + same.error().message);
    }
    return same;
  }
  if (Result<void> copied = copy(from, to, all); !copied) return tl::unexpected(copied.error());
  return compare(from, to, all);
}

}  // namespace

Result<std::vector<MovedRows>> move_store(Database& sqlite, net::PgsqlSession& pgsql, MoveTo to,
                                          const SecretSeal* seal) {
  if (Result<void> known = check_seal(pgsql, seal); !known) return tl::unexpected(known.error());
  Pgsql cluster(pgsql, seal);
  Sqlite local(sqlite);
  Result<Transaction> transaction = Transaction::begin(sqlite);
  if (!transaction) return tl::unexpected(transaction.error());
  if (const auto begun = cluster.ask({.sql = "BEGIN", .values = {}}); !begun) {
    return tl::unexpected(begun.error());
  }
  const auto moved = [&]() -> Result<std::vector<MovedRows>> {
    std::vector<Table> all;
    for (const std::string_view name : moved_tables) {
      auto table = describe(sqlite, cluster, name);
      if (!table) return tl::unexpected(table.error());
      all.push_back(std::move(*table));
    }
    auto table = describe(sqlite, cluster, secrets_table);
    if (!table) return tl::unexpected(table.error());
    all.push_back(std::move(*table));
    return to == MoveTo::pgsql ? move(local, cluster, all) : move(cluster, local, all);
  }();
  if (!moved) {
    pgsql.roll_back(move_deadline());
    return moved;
  }
  const net::PgsqlOutcome end = pgsql.commit(move_deadline());
  if (end.end != net::PgsqlEnd::committed) {
    return fail(Fault::unreachable, "PostgreSQL: " + end.failure.message);
  }
  if (Result<void> done = transaction->commit(); !done) return tl::unexpected(done.error());
  return moved;
}

}  // namespace postern::store
