#include "dialect/kumo/domain_map_bind.h"

#include <boost/json.hpp>

#include "dialect/kumo/domain_map.h"

namespace postern::dialect::kumo {

namespace {

namespace json = boost::json;

struct Domains {
  DomainMap<json::value> map;
};
using SharedDomains = std::shared_ptr<Domains>;

void set(const SharedDomains& domains, std::string_view pattern, json::value value) {
  script::demand(is_domain_pattern(pattern), "a key is a domain, `*.` and a domain, or `*`, not `" +
                                                 printable(pattern, 64) + "`");
  domains->map[pattern] = std::move(value);
}

}  // namespace
}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::Domains> {
  static constexpr std::string_view value = "DomainMap";
};
}  // namespace postern::script

namespace postern::dialect::kumo {

namespace {

SharedDomains make(std::optional<json::value> entries) {
  auto domains = std::make_shared<Domains>();
  if (!entries) return domains;
  script::demand(entries->is_object(), "a table by domain is expected");
  for (auto& [pattern, value] : entries->get_object()) set(domains, pattern, std::move(value));
  return domains;
}

json::value get(SharedDomains domains, std::string_view domain) {
  const json::value* found = domains->map.find(domain);
  return found ? *found : json::value();
}

void put(SharedDomains domains, std::string_view pattern, json::value value) {
  set(domains, pattern, std::move(value));
}

constexpr script::HostFunction functions[] = {
    {"kumo.domain_map.new", "entries?: table", "DomainMap",
     "A table by domain name in which `*.example.com` is every name below example.com.",
     script::bind<&make>},
    {"DomainMap:__index", "domain: string", "any", "What holds for a domain; nil: nothing.",
     script::bind<&get>},
    {"DomainMap:__newindex", "pattern: string, value: any", "", "Sets an entry.",
     script::bind<&put>},
};

}  // namespace

script::HostTable domain_map_functions() { return functions; }

}  // namespace postern::dialect::kumo
