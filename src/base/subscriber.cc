#include "base/subscriber.h"

namespace postern {

namespace {

/// The first octet of a key says what follows, so that no key of a name looks like one of these.
constexpr char is_v4 = '\4';
constexpr char is_v6 = '\6';

}  // namespace

IpAddress counted_address(const IpAddress& address) {
  using namespace std::string_view_literals;
  if (!address.is_known() || address.is_v4()) return address;
  constexpr std::string_view well_known = "\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00"sv;
  constexpr std::string_view local = "\x00\x64\xff\x9b\x00\x01"sv;
  const std::string_view octets = address.octets();
  // RFC 6052 §2.2: a prefix of 96 bits has the IPv4 address at its end. Zeros before it exclude the
  // shorter prefixes, which have a part of the IPv4 address there.
  const bool translated = octets.starts_with(well_known) ||
                          (octets.starts_with(local) && octets.substr(8, 4) == "\0\0\0\0"sv);
  if (!translated || octets[12] == '\0') return address;  // 0.0.0.0/8 is no host's (RFC 6890)
  std::uint32_t number = 0;
  for (const char octet : octets.substr(12))
    number = number << 8 | static_cast<unsigned char>(octet);
  return IpAddress::v4(number);
}

std::string subscriber_key(const IpAddress& address) {
  if (!address.is_known()) return "unknown";
  const IpAddress counted = counted_address(address);
  return (counted.is_v4() ? is_v4 : is_v6) +
         std::string(counted.octets().substr(0, counted.is_v4() ? 4 : 8));
}

std::string_view network_of_key(std::string_view key) {
  if (key.empty()) return key;
  if (key.front() == is_v4) return key.substr(0, 1 + 3);
  if (key.front() == is_v6) return key.substr(0, 1 + 6);
  return key;
}

std::string subnet_key(const IpAddress& address) {
  return std::string(network_of_key(subscriber_key(address)));
}

}  // namespace postern
