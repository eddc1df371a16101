// Routes and their keys: accepted ones read back unchanged, and name hosts and ports that can be
// connected to. Rows of transport maps, likewise.
#include "base/text.h"
#include "dialect/restrictions/transport_row.h"
#include "invariant.h"
#include "mail/hostname.h"
#include "relay/route.h"

namespace {

using namespace postern;
using fuzz::must;

void check_route(const relay::Route& route) {
  for (const auto& group : route.hosts) {
    must(!group.empty(), "a group has hosts");
    for (const relay::RouteHost& host : group) {
      must(host.port != 0, "a port is a port");
      if (host.address) {
        must(IpAddress::from_text(host.name) == host.address, "an address is called as itself");
      } else {
        must(mail::is_hostname(host.name) && lower(host.name) == host.name, "a host has a name");
      }
    }
  }
  must((route.kind == relay::Route::Kind::hosts) == !route.hosts.empty(), "only lists have hosts");
  if (route.kind == relay::Route::Kind::error) {
    must(route.refusal.code / 100 == route.refusal.enhanced.klass, "an error has one class");
    for (const char c : route.refusal.text) must(is_printable_ascii(c), "a reply is printable");
  }
  const auto again = relay::parse_route(relay::to_texts(route));
  must(again && *again == route, "a route reads back");
}

}  // namespace

/// The first line is a key, each further one an item of the route.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string_view> lines = split(text, '\n');
  const auto route = relay::parse_route({lines.begin() + 1, lines.end()});
  if (route) check_route(*route);

  // A row of a transport map; the names of hosts in it are checked where the route is parsed.
  if (const auto row = dialect::restrictions::route_in_row(lines.front()); row && *row) {
    must(!(*row)->empty(), "a row has hops");
    const auto in_row = relay::parse_route(**row);
    if (in_row) check_route(*in_row);
    if ((*row)->front().starts_with("error:")) must(in_row.has_value(), "a reply is a route");
  }

  relay::RouteTable table;
  (void)table.add("*", lines.front(), relay::Route{.kind = relay::Route::Kind::discard});
  table = {};
  if (!table.add(lines.front(), relay::Route{.kind = relay::Route::Kind::discard})) return 0;
  must(!table.add(lines.front(), relay::Route{}), "a key is there once");
  if (lines.front() == "*")
    must(table.find("a", "b.example", {}).kind == relay::Route::Kind::discard, "* is everybody");
  return 0;
}
