#include "dialect/restrictions/transport_row.h"

#include <gtest/gtest.h>

namespace postern::dialect::restrictions {
namespace {

std::string row(std::string_view value) {
  const auto found = route_in_row(value);
  if (!found) return "! " + found.error().message;
  if (!*found) return "-";
  std::string out;
  for (const std::string& to : **found) out += (out.empty() ? "" : ", ") + to;
  return out;
}

TEST(TransportRow, is_read_as_a_route) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"smtp:[10.0.0.5]:2525", "[10.0.0.5]:2525"},
      {"relay:[mx.example.net]", "mx.example.net"},
      {"SMTP:hub.example", "mx:hub.example"},
      {":[ipv6:2001:db8::1]", "[2001:db8::1]"},
      {":[a.example]:submission, [b.example]", "a.example:587, b.example"},
      {"smtp", "mx"},
      {"smtp:", "mx"},
      {":", "-"},
      {"", "-"},
      {"discard:", "discard"},
      {"error:5.1.1 no such user", "error:550 5.1.1 no such user"},
      {"error:gone", "error:550 5.0.0 gone"},
      {"error:4.2.1 busy", "error:550 5.2.1 busy"},
      {"smtp:[error:550 5.1.1 x.y]", "! `[error:550 5.1.1 x.y]` is not a next hop"},
      {"retry:", "error:450 4.0.0 mail for this address waits"},
      {"lmtp:unix:private/lmtp", "! the transport lmtp is not SMTP: `lmtp:unix:private/lmtp`"},
      {"smtp:[10.0.0.5", "! `[10.0.0.5` is not a next hop"},
      {"smtp:[a.example]:465",
       "! TLS from the first octet (port 465) is not supported; use port 587"},
  };
  for (const auto& [value, wanted] : cases) EXPECT_EQ(row(value), wanted) << value;
}

}  // namespace
}  // namespace postern::dialect::restrictions
