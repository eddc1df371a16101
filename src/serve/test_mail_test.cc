#include "serve/test_mail.h"

#include <gtest/gtest.h>

namespace postern::app {
namespace {

ListenerConfig listener(gateway::ListenerTls tls, ProxyProtocol proxy, std::uint16_t port) {
  ListenerConfig made;
  made.tls = tls;
  made.proxy_protocol = proxy;
  made.address.port = port;
  return made;
}

TEST(TestMailListener, is_the_first_that_a_plain_client_can_use) {
  const auto off = ProxyProtocol::off;
  const auto required = ProxyProtocol::required;
  EXPECT_EQ(usable_listener({}), nullptr);
  EXPECT_EQ(usable_listener({listener(gateway::ListenerTls::implicit, off, 1),
                             listener(gateway::ListenerTls::starttls, required, 2)}),
            nullptr);
  const std::vector<ListenerConfig> some = {listener(gateway::ListenerTls::implicit, off, 1),
                                            listener(gateway::ListenerTls::none, required, 2),
                                            listener(gateway::ListenerTls::required, off, 3),
                                            listener(gateway::ListenerTls::none, off, 4)};
  ASSERT_NE(usable_listener(some), nullptr);
  EXPECT_EQ(usable_listener(some)->address.port, 3);
}

TEST(TestMailListener, a_wildcard_is_reached_over_loopback) {
  for (const auto& [listening, dialled] :
       {std::pair{"0.0.0.0", "127.0.0.1"}, {"::", "::1"}, {"192.0.2.25", "192.0.2.25"}}) {
    EXPECT_EQ(reachable(*IpAddress::parse(listening)).to_string(), dialled);
  }
}

TEST(TraceWatch, knows_a_connection_by_its_client) {
  TraceWatch watch;
  policy::Trace trace;
  trace.id = "T1";
  trace.evidence.session.client_ip = *IpAddress::parse("127.0.0.1");
  trace.evidence.session.client_port = 4000;
  watch.ended(trace);  // not watched
  const TraceWatch::Watched mine(watch, {*IpAddress::parse("127.0.0.1"), 4000});
  const TraceWatch::Watched other(watch, {*IpAddress::parse("127.0.0.1"), 4001});
  EXPECT_FALSE(mine.trace_id());
  watch.ended(trace);
  EXPECT_EQ(mine.trace_id(), "T1");
  EXPECT_FALSE(other.trace_id());
}

}  // namespace
}  // namespace postern::app
