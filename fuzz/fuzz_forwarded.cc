// The client of an HTTP request: whatever a client puts into its header, the result is an address
// that a trusted proxy named.
#include "invariant.h"
#include "net/forwarded.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  using fuzz::must;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const IpAddress proxy = *IpAddress::parse("10.0.0.1");
  const IpAddress stranger = *IpAddress::parse("192.0.2.1");
  const CidrSet trusted(std::vector<Cidr>{*Cidr::parse("10.0.0.0/8")});
  for (const char* name : {"x-forwarded-for", "forwarded"}) {
    const bool list = std::string_view(name) == "x-forwarded-for";
    must(net::client_of({{name, text}}, stranger, trusted) == stranger, "no proxy, no word");
    const IpAddress client = net::client_of({{name, text}}, proxy, trusted);
    const net::Hops hops = list ? net::forwarded_for(text) : net::forwarded(text);
    bool named = client == (hops.empty() ? proxy : IpAddress::unknown());
    for (const auto& hop : hops) named = named || (hop && *hop == client);
    must(named, "somebody that was named");
    // A proxy adds the address as a line of its own, or after a comma.
    const std::string seen = list ? "203.0.113.9" : "for=203.0.113.9";
    const IpAddress added = net::client_of({{name, text}, {name, seen}}, proxy, trusted);
    must(added.to_string() == "203.0.113.9", "the proxy's own line counts");
    const IpAddress appended = net::client_of({{name, text + ", " + seen}}, proxy, trusted);
    must(appended.to_string() == "203.0.113.9" || (!list && !appended.is_known()),
         "what the proxy appended counts, or nobody");
  }
  return 0;
}
