#include "policy/questions/servers.h"

#include "base/text.h"

namespace postern::policy::questions {

namespace {

using ServersStatus = Servers::Status;

std::string host_of(std::string_view text) {
  text = trim(text);
  if (text.ends_with('.')) text.remove_suffix(1);
  return lower(text);
}

}  // namespace

Servers mail_hosts(std::string_view domain, Answers& answers) {
  const dns::Answer* found = answers.find(domain, dns::Type::mx);
  if (found == nullptr) return {};
  if (found->trouble()) return {.status = ServersStatus::trouble, .hosts = {}};
  Servers servers{.status = ServersStatus::none, .hosts = {}};
  if (found->status != dns::Status::found) return servers;
  for (const std::string& record : found->records) {
    const std::size_t blank = std::min(record.find(' '), record.size());
    const auto preference = parse_number(std::string_view(record).substr(0, blank)).value_or(0);
    servers.hosts.push_back({.name = host_of(std::string_view(record).substr(blank)),
                             .preference = static_cast<unsigned>(preference)});
  }
  if (servers.hosts.empty()) return servers;
  // RFC 7505 §3: one MX, whose host is the root.
  const bool null = servers.hosts.size() == 1 && servers.hosts.front().name.empty();
  servers.status = null ? ServersStatus::null_mx : ServersStatus::found;
  if (null) servers.hosts.clear();
  return servers;
}

Servers name_servers(std::string_view domain, Answers& answers) {
  for (;;) {
    const dns::Answer* found = answers.find(domain, dns::Type::ns);
    if (found == nullptr) return {};
    if (found->trouble()) return {.status = ServersStatus::trouble, .hosts = {}};
    if (found->status == dns::Status::found && !found->records.empty()) {
      Servers servers{.status = ServersStatus::found, .hosts = {}};
      for (const std::string& record : found->records) servers.hosts.push_back({host_of(record)});
      return servers;
    }
    const std::size_t dot = domain.find('.');
    if (dot == std::string_view::npos || dot + 1 == domain.size()) break;
    domain.remove_prefix(dot + 1);
  }
  return {.status = ServersStatus::none, .hosts = {}};
}

HostAddresses addresses_of(std::string_view host, Answers& answers, const Families& families) {
  HostAddresses addresses;
  const auto ask = [&](dns::Type type) {
    const dns::Answer* found = answers.find(host, type);
    addresses.waiting |= found == nullptr;
    if (found == nullptr) return;
    addresses.trouble |= found->trouble();
    for (const std::string& record : found->records) {
      if (const auto address = IpAddress::parse(record)) addresses.records.push_back(*address);
    }
  };
  if (families.v4) ask(dns::Type::a);
  if (families.v6) ask(dns::Type::aaaa);
  return addresses;
}

}  // namespace postern::policy::questions
