#include "dialect/vsl/service.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/vsl/service_options.h"

namespace postern::dialect::vsl {

using script::demand;

namespace {

using Does = ServiceMethod::Does;

constexpr ServiceMethod service_methods[] = {
    {"cmd", "run", 0, 1, Does::run},
    {"cmd", "cmd_run", 0, 1, Does::run},
    {"cmd", "run_cmd", 0, 1, Does::run},
    {"db:csv", "get", 1, 1, Does::read},
    {"db:csv", "db_query", 1, 1, Does::read},
    {"db:csv", "set", 1, 1, Does::write},
    {"db:csv", "db_add", 1, 1, Does::write},
    {"db:csv", "rm", 1, 1, Does::write},
    {"db:csv", "db_rm", 1, 1, Does::write},
    {"db:sqlite", "query", 1, 2, Does::query},
    {"db:sqlite", "db_query", 1, 2, Does::query},
    {"db:mysql", "query", 1, 2, Does::query},
    {"db:mysql", "db_query", 1, 2, Does::query},
};

}  // namespace

tl::expected<const ServiceMethod*, std::string> service_method(std::string_view kind,
                                                               std::string_view name,
                                                               std::size_t arguments) {
  const auto found = std::ranges::find_if(service_methods, [&](const ServiceMethod& one) {
    return one.kind == kind && one.name == name;
  });
  if (found == std::ranges::end(service_methods)) {
    return tl::unexpected(
        fmt::format("a {} service has no function '{}'", kind, printable(name, 60)));
  }
  if (arguments < found->least || arguments > found->most) {
    return tl::unexpected(
        fmt::format("function '{}' does not take {} parameter(s)", name, arguments));
  }
  return found;
}

std::string refused_access(std::string_view access, Does does) {
  if (access == "O_WRONLY" && does == Does::read) return "the database is write-only";
  if (access == "O_RDONLY" && does == Does::write) return "the database is read-only";
  return {};
}

Task<Value> Service::call(script::Call& call, std::string method, std::vector<Value> arguments) {
  const auto found = service_method(kind(), method, arguments.size());
  demand(found.has_value(), found ? "" : found.error());
  co_return co_await run(call, **found, std::move(arguments));
}

Task<Value> Service::run(script::Call&, const ServiceMethod&, std::vector<Value>) {
  co_return Value();
}

namespace {

ServicePtr make_smtp_service(const std::string& name, ServiceOptions options) {
  ServiceOptions delegator = options.map("delegator");
  SmtpService::Options read{.address = delegator.endpoint("address"),
                            .timeout = delegator.timeout(),
                            .receiver = options.endpoint("receiver")};
  delegator.done();
  options.done();
  return std::make_shared<SmtpService>(name, std::move(read));
}

}  // namespace

ServicePtr make_service(script::Call& call, const std::string& name, const std::string& kind,
                        const std::string& content, const Value& options) {
  const std::string type = content.empty() ? kind : kind + ":" + content;
  const std::string where = "service `" + printable(name, 60) + "`";
  const bool known = type == "cmd" || type == "smtp" || type == "db:csv" || type == "db:sqlite" ||
                     type == "db:mysql";
  demand(known,
         fmt::format("{}: unknown type `{}`; there are cmd, smtp, db:csv, db:sqlite and db:mysql",
                     where, printable(type, 60)));
  ServiceOptions read(where, options);
  if (type == "cmd") return make_cmd_service(call, name, std::move(read));
  if (type == "smtp") return make_smtp_service(name, std::move(read));
  if (type == "db:csv") return make_csv_service(call, name, std::move(read));
  if (type == "db:mysql") return make_mysql_service(call, name, std::move(read));
  return make_sqlite_service(call, name, std::move(read));
}

}  // namespace postern::dialect::vsl
