#include "dialect/vsl/hosts.h"

#include <algorithm>

#include "base/strangers.h"
#include "base/text.h"
#include "dialect/ask_dns.h"
#include "dialect/vsl/constants.h"
#include "dialect/vsl/watch.h"
#include "mail/address.h"
#include "policy/questions/client_in.h"

namespace postern::dialect::vsl {

namespace {

using script::demand;
using Type = Object::Type;

void add_text(const std::string& text, Hosts& hosts) {
  demand_text(refused_hosts, text);
  const bool v6 = text.find(':') != std::string::npos;
  if (const auto range = Object::make(v6 ? Type::rg6 : Type::rg4, text)) {
    hosts.networks.push_back(*(*range)->network());
  } else {
    hosts.names.push_back(mail::Domain::parse(text)->text());
  }
}

void add_object(const ObjectPtr& object, Hosts& hosts) {
  switch (object->type()) {
    case Type::ip4:
    case Type::ip6:
    case Type::rg4:
    case Type::rg6:
      hosts.networks.push_back(*object->network());
      return;
    case Type::fqdn:
    case Type::string:
      return add_text(object->text(), hosts);
    case Type::regex:
      hosts.patterns.push_back(object);
      return;
    case Type::file:
    case Type::group:
      for (const ObjectPtr& member : object->members()) add_object(member, hosts);
      return;
    case Type::address:
    case Type::identifier:
    case Type::code:
      break;
  }
  demand(false, "allowed_hosts takes addresses, ranges, names or groups of them, not a `" +
                    std::string(to_string(object->type())) + "`");
}

void add_host(const Value& value, Hosts& hosts) {
  if (const auto* object = std::get_if<ObjectPtr>(&value.is)) return add_object(*object, hosts);
  if (const auto* text = std::get_if<std::string>(&value.is)) return add_text(*text, hosts);
  const auto* array = std::get_if<Value::Array>(&value.is);
  demand(array != nullptr,
         "allowed_hosts takes addresses, ranges, names or groups of them, not a `" +
             std::string(type_of(value)) + "`");
  for (const Value& one : *array) add_host(one, hosts);
}

}  // namespace

Hosts hosts_of(const Value& value) {
  Hosts hosts;
  add_host(value, hosts);
  return hosts;
}

std::optional<IpAddress> stranger_among(const Hosts& hosts) {
  if (const auto found = stranger_in(hosts.networks)) return found;
  if (hosts.patterns.empty()) return std::nullopt;
  return stranger_where([&](const IpAddress& one) {
    const std::string text = one.to_string();
    return std::ranges::any_of(hosts.patterns,
                               [&](const ObjectPtr& pattern) { return pattern->matches(text); }) ||
           std::ranges::any_of(hosts.networks,
                               [&](const Cidr& network) { return network.contains(one); });
  });
}

Task<HostMatch> match_client(Context& context, Hosts hosts) {
  const IpAddress client = context.evidence.session.client_ip;
  if (!client.is_known()) co_return HostMatch{false, "the client's address is unknown"};
  Watch* watch = watching();
  if (watch != nullptr) watch->client_in(hosts.networks);
  const auto listed = policy::questions::client_in(context.evidence, hosts.networks);
  if (listed) co_return HostMatch{true, listed.words()};
  const std::string text = client.to_string();
  for (const ObjectPtr& pattern : hosts.patterns) {
    const auto given = watch != nullptr ? watch->client_matches(pattern->text()) : std::nullopt;
    if (given ? *given : pattern->matches(text)) {
      co_return HostMatch{true, text + " matches " + printable(pattern->text(), 100)};
    }
  }
  const dns::Type type = client.is_v4() ? dns::Type::a : dns::Type::aaaa;
  std::size_t unknown = 0;
  for (const std::string& name : hosts.names) {
    const dns::Answer answer = co_await ask_dns(context.inquiry, name, type);
    if (answer.trouble()) ++unknown;
    for (const std::string& record : answer.records) {
      if (IpAddress::from_text(record) == client) {
        co_return HostMatch{true, text + " is an address of " + name};
      }
    }
  }
  std::string detail = text + " is in none of " + std::to_string(hosts.count()) + " hosts";
  if (unknown > 0) detail += ", DNS failed for " + std::to_string(unknown) + " of them";
  co_return HostMatch{false, std::move(detail)};
}

}  // namespace postern::dialect::vsl
