#include "dialect/vsl/service.h"

#include <fmt/format.h>

#include "base/text.h"
#include "dialect/vsl/service_options.h"

namespace postern::dialect::vsl {

using script::demand;

void Service::no_method(std::string_view method) const {
  throw std::runtime_error(
      fmt::format("a {} service has no function '{}'", kind(), printable(method, 60)));
}

Task<Value> Service::call(script::Call&, std::string method, std::vector<Value>) {
  no_method(method);
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
