#include "dialect/kumo/domain_map_bind.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/kumo/domain_map.h"
#include "dialect/kumo/shared_map.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

struct Domains : SharedMap<DomainMap<json::value>> {};
using ADomains = std::shared_ptr<Domains>;

void set_pattern(const ADomains& domains, std::string_view pattern, json::value value) {
  const auto entry = domains->to_change().entry(pattern);
  script::demand(entry.has_value(),
                 "`" + printable(pattern, 64) + "` " + (entry ? "" : entry.error().message));
  **entry = std::move(value);
}

ADomains domain_map_of(const json::object& entries) {
  auto domains = std::make_shared<Domains>();
  for (const auto& [pattern, value] : entries) set_pattern(domains, pattern, value);
  return domains;
}

}  // namespace
}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::Domains> {
  static constexpr std::string_view value = "DomainMap";
};
template <>
struct Kept<dialect::kumo::ADomains> {
  static json::value data(const dialect::kumo::ADomains& domains) {
    json::object entries;
    domains->get().for_each([&entries](std::string_view pattern, const json::value& value) {
      entries.insert_or_assign(pattern, value);
    });
    return entries;
  }
  static dialect::kumo::ADomains again(const json::value& entries) {
    return dialect::kumo::domain_map_of(entries.as_object());
  }
};
}  // namespace postern::script

namespace postern::dialect::kumo {

namespace {

ADomains make_domain_map(std::optional<json::value> entries) {
  if (!entries) return std::make_shared<Domains>();
  script::demand(entries->is_object(), "a table by domain is expected");
  return domain_map_of(entries->get_object());
}

json::value value_of_domain(ADomains domains, std::string_view domain) {
  const json::value* found = domains->get().find(domain);
  return found ? *found : json::value();
}

void put_pattern(ADomains domains, std::string_view pattern, json::value value) {
  set_pattern(domains, pattern, std::move(value));
}

constexpr script::HostFunction domain_map_rows[] = {
    {"kumo.domain_map.new", "entries?: table", "DomainMap",
     "A table by domain name in which `*.example.com` matches every name below example.com. "
     "Memoized functions may return it.",
     script::bind<&make_domain_map>},
    {"DomainMap:__index", "domain: string", "any", "The value for a domain; nil without one.",
     script::bind<&value_of_domain>},
    {"DomainMap:__newindex", "pattern: string, value: any", "", "Sets an entry.",
     script::bind<&put_pattern>},
};

}  // namespace

script::HostTable domain_map_functions() { return domain_map_rows; }

script::SharedClass domain_map_class() { return script::shared_class<Domains>(); }

}  // namespace postern::dialect::kumo
