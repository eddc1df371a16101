#include "dns/dns.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace postern::dns {
namespace {

constexpr std::array<std::pair<Type, std::string_view>, 9> type_names{{{Type::a, "A"},
                                                                       {Type::ns, "NS"},
                                                                       {Type::cname, "CNAME"},
                                                                       {Type::ptr, "PTR"},
                                                                       {Type::mx, "MX"},
                                                                       {Type::txt, "TXT"},
                                                                       {Type::aaaa, "AAAA"},
                                                                       {Type::tlsa, "TLSA"},
                                                                       {Type::caa, "CAA"}}};
constexpr std::array<std::pair<Status, std::string_view>, 6> statuses{
    {{Status::found, "found"},
     {Status::no_data, "no_data"},
     {Status::nx_domain, "nx_domain"},
     {Status::server_failure, "server_failure"},
     {Status::timeout, "timeout"},
     {Status::bogus, "bogus"}}};

}  // namespace

std::string_view to_string(Type type) {
  for (const auto& [value, name] : type_names)
    if (value == type) return name;
  return "?";
}

std::string_view to_string(Status status) {
  for (const auto& [value, name] : statuses)
    if (value == status) return name;
  return "?";
}

std::optional<Type> parse_type(std::string_view text) {
  for (const auto& [value, name] : type_names)
    if (iequals(name, text)) return value;
  return std::nullopt;
}

std::optional<Status> parse_status(std::string_view text) {
  for (const auto& [value, name] : statuses)
    if (name == text) return value;
  return std::nullopt;
}

}  // namespace postern::dns
