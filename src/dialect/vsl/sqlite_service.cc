// `service N db:sqlite`: an SQLite database. Queries take parameters, so that a sender's text never
// becomes SQL.
#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/sqlite_connection.h"
#include "dialect/vsl/service_options.h"
#include "script/blocking.h"
#include "script/world.h"

namespace postern::dialect::vsl {

using script::Clock;
using script::demand;

namespace {

json::value bound_parameter(const Value& value) {
  if (std::holds_alternative<Unit>(value.is)) return nullptr;
  if (const auto* number = std::get_if<std::int64_t>(&value.is)) return *number;
  if (const auto* number = std::get_if<double>(&value.is)) return *number;
  if (const auto* flag = std::get_if<bool>(&value.is)) return std::int64_t{*flag};
  return json::string(argument_text(value, "a parameter"));
}

std::vector<json::value> parameters_of(const Value& value) {
  std::vector<json::value> parameters;
  if (const auto* map = std::get_if<Value::Map>(&value.is)) {
    json::object named;
    for (const auto& [name, one] : *map) named[name] = bound_parameter(one);
    parameters.emplace_back(std::move(named));
    return parameters;
  }
  const auto* array = std::get_if<Value::Array>(&value.is);
  demand(array != nullptr, "the parameters of a query are an array or a map");
  for (const Value& one : *array) parameters.push_back(bound_parameter(one));
  return parameters;
}

Value cell_of(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_int64()) return std::to_string(value.get_int64());
  return fmt::format("{}", value.to_number<double>());
}

class SqliteService final : public Service {
 public:
  SqliteService(std::string name, SqliteOptions options)
      : Service(std::move(name)),
        timeout_(options.busy),
        connection_(std::make_shared<SqliteConnection>(std::move(options))) {}
  std::string_view kind() const override { return "db:sqlite"; }

 private:
  Task<Value> run(script::Call& call, const ServiceMethod& /*method*/,
                  std::vector<Value> arguments) override {
    const auto* sql = std::get_if<std::string>(&arguments.front().is);
    demand(sql != nullptr, "a query is a string");
    std::vector<json::value> parameters;
    if (arguments.size() == 2) parameters = parameters_of(arguments.back());
    const auto deadline = std::min(Clock::now() + timeout_, call.deadline());
    co_await connection_->take_turn(deadline);
    const script::Turn turn(connection_->turns());
    const auto result = std::make_shared<json::value>();
    const auto writes = call.world().simulates() ? SqliteWrites::left_out : SqliteWrites::done;
    auto job = [connection = connection_, result, text = *sql, parameters = std::move(parameters),
                deadline, writes] {
      *result = connection->execute(text, parameters, deadline, SqliteRows::as_arrays, writes);
    };
    const Result<void> done = co_await script::blocking(call, std::move(job));
    demand(done.has_value(), done ? "" : done.error().message);
    if (result->is_null()) call.leaves_undone("change service `" + printable(name(), 60) + "`");
    co_return rows_of(*result);
  }

  static Value rows_of(const json::value& result) {
    Value::Array rows;
    if (!result.is_array()) return rows;  // a statement without rows
    for (const json::value& one : result.get_array()) {
      Value::Array row;
      for (const json::value& cell : one.as_array()) row.push_back(cell_of(cell));
      rows.push_back(Value(std::move(row)));
    }
    return rows;
  }

  const std::chrono::milliseconds timeout_;
  const std::shared_ptr<SqliteConnection> connection_;
};

}  // namespace

ServicePtr make_sqlite_service(script::Call& call, const std::string& name,
                               ServiceOptions options) {
  const std::string access = options.one_of("access", {"O_RDWR", "O_RDONLY"});
  SqliteOptions read{
      .path = policy_file(call, options.text("path"), "service `" + printable(name, 60) + "`"),
      .busy = options.timeout(),
      .writable = access == "O_RDWR"};
  options.done();
  return std::make_shared<SqliteService>(name, std::move(read));
}

}  // namespace postern::dialect::vsl
