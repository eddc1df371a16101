#include "net/proxy_protocol.h"

#include <gtest/gtest.h>

namespace postern::net {
namespace {

using ProxyKind = ProxyHeader::Kind;

std::string v2(unsigned char command, unsigned char family, std::string_view addresses) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(0x20 | command);
  header += static_cast<char>(family);
  header += static_cast<char>(addresses.size() >> 8);
  header += static_cast<char>(addresses.size());
  return header.append(addresses);
}

TEST(ProxyProtocol, reads_version_1) {
  const auto header = parse_proxy_header("PROXY TCP4 192.0.2.7 192.0.2.1 4321 25\r\nEHLO x\r\n");
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->source.to_string(), "192.0.2.7");
  EXPECT_EQ((*header)->source_port, 4321);
  EXPECT_EQ((*header)->length, 40u);
}

TEST(ProxyProtocol, a_mapped_address_is_ipv4) {
  const auto header = parse_proxy_header("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 25\r\n");
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->source.to_string(), "192.0.2.7");
}

TEST(ProxyProtocol, every_prefix_of_a_header_is_incomplete) {
  for (const std::string& whole :
       {std::string("PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n"),
        v2(1, 0x11, std::string_view("\xc0\0\2\7\xc0\0\2\1\1\2\0\31", 12))}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto header = parse_proxy_header(std::string_view(whole).substr(0, size));
      ASSERT_TRUE(header) << size;
      EXPECT_FALSE(*header) << size;
    }
    EXPECT_TRUE(parse_proxy_header(whole)->has_value());
  }
}

TEST(ProxyProtocol, reads_version_2) {
  const auto header =
      parse_proxy_header(v2(1, 0x11, std::string_view("\xc0\0\2\7\xc0\0\2\1\1\2\0\31", 12)));
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->kind, ProxyKind::proxied);
  EXPECT_EQ((*header)->source.to_string(), "192.0.2.7");
  EXPECT_EQ((*header)->source_port, 258);
  EXPECT_EQ((*parse_proxy_header(v2(0, 0, "")))->kind, ProxyKind::local);
  EXPECT_EQ((*parse_proxy_header(v2(1, 0, "")))->kind, ProxyKind::unknown);
}

TEST(ProxyProtocol, refuses_what_is_none) {
  for (const std::string& bytes :
       {std::string("EHLO x\r\n"), std::string("PROXY TCP4 192.0.2.7\r\n"),
        std::string("PROXY TCP4 2001:db8::1 ::1 1 2\r\n"),
        std::string("PROXY TCP4 192.0.2.7 192.0.2.1 70000 25\r\n"),
        "PROXY TCP4 " + std::string(200, '1'), v2(1, 0x11, "short"), v2(1, 0x21, "shorter"),
        v2(5, 0x11, std::string(12, 'x')), v2(1, 0x11, std::string(600, 'x'))}) {
    EXPECT_FALSE(parse_proxy_header(bytes)) << bytes;
  }
}

}  // namespace
}  // namespace postern::net
