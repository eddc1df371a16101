// The functions that compiled `service N kind = #{...}` and `N.method(...)` call.
#include "dialect/vsl/context.h"
#include "dialect/vsl/library.h"
#include "dialect/vsl/service.h"

namespace postern::dialect::vsl {

/// All further arguments, as values.
struct Values {
  std::vector<Value> list;
};

}  // namespace postern::dialect::vsl

template <>
struct postern::script::FromScript<postern::dialect::vsl::Values> {
  static dialect::vsl::Values take(lua_State* L, int index) {
    dialect::vsl::Values values;
    for (int i = index; i <= lua_gettop(L); ++i) {
      values.list.push_back(dialect::vsl::value_at(L, i));
    }
    return values;
  }
};

namespace postern::dialect::vsl {

namespace {

using script::bind;
using script::Call;

ServicePtr make(Call& call, std::string name, std::string kind, std::string content,
                Value options) {
  return make_service(call, name, kind, content, options);
}

Task<Value> ask_service(Call& call, ServicePtr service, std::string method, Values arguments) {
  rule_of(call);  // throws while the policy loads: the answer would never be refreshed
  Value answer = co_await service->call(call, std::move(method), std::move(arguments.list));
  co_return answer;
}

constexpr script::HostFunction service_rows[] = {
    {"vsl.make_service", "name: string, kind: string, content: string, options: map", "service", "",
     bind<&make>},
    {"vsl.call_service", "service: service, method: string, ...: any", "any", "",
     bind<&ask_service>},
};

}  // namespace

Group service_functions() { return {service_rows, {}}; }

}  // namespace postern::dialect::vsl
