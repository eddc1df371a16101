// kumo.dns: DNS lookups. They go through Inquiry, so that the record has the answers.
#include <algorithm>
#include <map>

#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/ask_dns.h"
#include "dialect/kumo/address_text.h"
#include "dialect/kumo/context.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/lib_dns.h"
#include "dialect/kumo/library.h"
#include "mailauth/names.h"
#include "policy/answers.h"
#include "script/state.h"

namespace postern::dialect::kumo {

using script::bind;
using script::Built;
using script::Call;
using script::demand;
using script::HostFunction;
using script::Many;

namespace {

using RecordTexts = std::vector<std::string>;
/// Postern has one resolver; the parameter is accepted and ignored.
using Resolver = std::optional<std::string>;

/// The records. An existing name without records gives an empty list; a name that does not exist is
/// an error.
Task<RecordTexts> records(Call& call, std::string name, dns::Type type) {
  dns::Answer answer = co_await ask_dns(call, name, type);
  const bool missing = answer.status == dns::Status::nx_domain;
  demand(!missing && !answer.trouble(), dns_sentence(name, type, answer));
  co_return std::move(answer.records);
}

std::string checked_domain(std::string_view text) {
  const auto name = mailauth::normalize_domain(text);
  demand(name.has_value(), "`" + printable(text, 128) + "` is no domain name");
  return *name;
}

IpAddress checked_address(std::string_view text) {
  const auto address = address_in(text);
  demand(address.has_value(), "`" + printable(text, 128) + "` is no IP address");
  return *address;
}

Task<RecordTexts> lookup_txt(Call& call, std::string name, Resolver) {
  RecordTexts found = co_await records(call, checked_domain(name), dns::Type::txt);
  co_return found;
}

Task<RecordTexts> lookup_addr(Call& call, std::string name, Resolver) {
  if (const auto address = IpAddress::from_text(name)) co_return RecordTexts{address->to_string()};
  RecordTexts found = co_await records(call, checked_domain(name), dns::Type::a);
  const RecordTexts more = co_await records(call, checked_domain(name), dns::Type::aaaa);
  found.insert(found.end(), more.begin(), more.end());
  co_return found;
}

Task<RecordTexts> lookup_ptr(Call& call, std::string ip, Resolver) {
  const std::string name = policy::reverse_name(checked_address(ip));
  RecordTexts found = co_await records(call, name, dns::Type::ptr);
  for (std::string& one : found) one += '.';
  co_return found;
}

/// The hosts that take mail of a domain.
struct MailHosts {
  std::string domain;
  std::map<std::int64_t, RecordTexts> by_preference;
  bool is_mx = true;
  bool is_literal = false;
};
/// The same as a Lua table. Its keys are numbers, which JSON objects cannot have.
struct MailTable : Built {
  MailHosts hosts;
};

MailTable mail_table(MailHosts hosts) {
  const auto push_table = [hosts](lua_State* L) {
    using script::stack::push;
    RecordTexts all;
    lua_newtable(L);
    lua_newtable(L);
    for (const auto& [preference, names] : hosts.by_preference) {
      all.insert(all.end(), names.begin(), names.end());
      script::stack::give(L, names);
      lua_rawseti(L, -2, preference);
    }
    lua_setfield(L, -2, "by_pref");
    script::stack::give(L, all);
    lua_setfield(L, -2, "hosts");
    push(L, std::string_view(hosts.domain));
    lua_setfield(L, -2, "domain_name");
    push(L, hosts.is_mx);
    lua_setfield(L, -2, "is_mx");
    push(L, hosts.is_literal);
    lua_setfield(L, -2, "is_domain_literal");
  };
  return {{push_table}, std::move(hosts)};
}

}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::Kept<postern::dialect::kumo::MailTable> {
  static json::value data(const dialect::kumo::MailTable& table) {
    json::array by_preference;
    for (const auto& [preference, names] : table.hosts.by_preference) {
      by_preference.push_back({preference, json::value_from(names)});
    }
    return {table.hosts.domain, by_preference, table.hosts.is_mx, table.hosts.is_literal};
  }
  static dialect::kumo::MailTable again(const json::value& kept) {
    dialect::kumo::MailHosts hosts{.domain = std::string(kept.at(0).as_string()),
                                   .is_mx = kept.at(2).as_bool(),
                                   .is_literal = kept.at(3).as_bool()};
    for (const json::value& one : kept.at(1).as_array()) {
      hosts.by_preference[one.at(0).as_int64()] =
          json::value_to<std::vector<std::string>>(one.at(1));
    }
    return dialect::kumo::mail_table(std::move(hosts));
  }
};

namespace postern::dialect::kumo {

namespace {

MailHosts literal_host(std::string_view text) {
  const auto address = address_in(text);
  demand(address.has_value(), "`" + printable(text, 128) + "` is no address literal");
  return {.domain = std::string(text),
          .by_preference = {{1, {address->to_string()}}},
          .is_mx = false,
          .is_literal = true};
}

Task<MailTable> lookup_mx(Call& call, std::string name, Resolver) {
  if (name.starts_with('[') && name.ends_with(']')) co_return mail_table(literal_host(name));
  const std::string domain = checked_domain(name);
  MailHosts hosts{.domain = domain + "."};
  const RecordTexts found = co_await records(call, domain, dns::Type::mx);
  for (const std::string& record : found) {
    const std::size_t blank = record.find(' ');
    const auto preference = parse_number(record.substr(0, blank));
    if (!preference || blank == std::string::npos) continue;
    std::string host = record.substr(blank + 1);
    if (!host.ends_with('.')) host += '.';
    hosts.by_preference[static_cast<std::int64_t>(*preference)].push_back(std::move(host));
  }
  for (auto& [preference, names] : hosts.by_preference) std::sort(names.begin(), names.end());
  if (hosts.by_preference.empty()) {
    // RFC 5321 §5.1: without MX records, the domain itself is the host.
    const RecordTexts addresses = co_await lookup_addr(call, domain, std::nullopt);
    demand(!addresses.empty(), "DNS: " + domain + " has neither MX nor address");
    hosts.by_preference[1].push_back(hosts.domain);
    hosts.is_mx = false;
  }
  co_return mail_table(std::move(hosts));
}

std::string ptr_host(std::string_view ip) { return policy::reverse_name(checked_address(ip)); }

std::string reverse_ip(std::string_view ip) {
  const std::string name = ptr_host(ip);
  return name.substr(0, name.rfind('.', name.rfind('.') - 1));
}

/// RFC 5782 §2.1.
Task<Many> rbl_lookup(Call& call, std::string ip, std::string base, Resolver) {
  const std::string name = reverse_ip(ip) + "." + checked_domain(base);
  const dns::Answer answer = co_await ask_dns(call, name, dns::Type::a);
  demand(!answer.trouble(), dns_sentence(name, dns::Type::a, answer));
  if (answer.records.empty()) co_return Many{{nullptr, nullptr}};
  const dns::Answer reason = co_await ask_dns(call, name, dns::Type::txt);
  json::value text;
  if (!reason.records.empty()) text = json::value(reason.records[0]);
  co_return Many{{json::value(answer.records[0]), std::move(text)}};
}

constexpr HostFunction dns_rows[] = {
    {"kumo.dns.lookup_mx", "domain: string, resolver?: string",
     "{domain_name: string, hosts: string[], by_pref: table<integer, string[]>, is_mx: boolean, "
     "is_domain_literal: boolean}",
     "The hosts that receive mail for a domain, in the order of preference and by preference; "
     "without MX records the domain itself. As with all lookups here, a name that does not exist "
     "and a failed lookup are errors; the last argument has no effect, as there is one resolver.",
     bind<&lookup_mx>},
    {"kumo.dns.lookup_txt", "name: string, resolver?: string", "string[]",
     "The TXT records; the strings of a record are joined.", bind<&lookup_txt>},
    {"kumo.dns.lookup_addr", "name: string, resolver?: string", "string[]",
     "The IPv4 addresses, then the IPv6 addresses.", bind<&lookup_addr>},
    {"kumo.dns.lookup_ptr", "ip: string, resolver?: string", "string[]",
     "The names of an address, each with its last dot.", bind<&lookup_ptr>},
    {"kumo.dns.rbl_lookup", "ip: string, base: string, resolver?: string", "string|nil, string|nil",
     "What a DNS block list says of an address, which may have a port: an address such as "
     "127.0.0.2 and the reason, or nil and nil when it is not listed.",
     bind<&rbl_lookup>},
    {"kumo.dns.ptr_host", "ip: string", "string",
     "The name that holds the PTR records of an address: `7.2.0.192.in-addr.arpa`. Sends no query.",
     bind<&ptr_host>},
    {"kumo.dns.reverse_ip", "ip: string", "string",
     "The same without its last two labels: `7.2.0.192`. Sends no query.", bind<&reverse_ip>},
};

}  // namespace

namespace {

/// The answer while the policy loads. All states of the policy, and its record, have the first
/// one.
Task<dns::Answer> ask_while_loading(Call& call, std::string name, dns::Type type) {
  constexpr std::string_view function = "kumo.dns";
  dns::Answer answer;
  if (const auto known = call.known_fact(function)) {
    const json::array& parts = known->as_array();
    answer.status = dns::parse_status(std::string_view(parts.at(0).as_string()))
                        .value_or(dns::Status::server_failure);
    answer.records = json::value_to<std::vector<std::string>>(parts.at(1));
    co_return answer;
  }
  const auto& ask = call.state().user<Handlers>().dns;
  demand(ask != nullptr, "DNS: there is none while the policy loads");
  answer = co_await ask({.name = lower(name), .type = type});
  json::array records;
  for (const std::string& one : answer.records) records.emplace_back(one);
  call.keep_fact(function, json::array{json::value(dns::to_string(answer.status)), records});
  co_return answer;
}

}  // namespace

Task<dns::Answer> ask_dns(Call& call, std::string name, dns::Type type) {
  if (call.context<Context>() == nullptr) {
    dns::Answer answer = co_await ask_while_loading(call, std::move(name), type);
    co_return answer;
  }
  Context& hook = hook_of(call);
  dns::Answer answer = co_await dialect::ask_dns(hook.inquiry, std::move(name), type);
  co_return answer;
}

script::HostTable dns_functions() { return dns_rows; }

}  // namespace postern::dialect::kumo
