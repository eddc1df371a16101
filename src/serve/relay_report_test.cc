#include "serve/relay_report.h"

#include <gtest/gtest.h>
#include <boost/json.hpp>

namespace postern::app {
namespace {

TEST(RelayReport, tells_of_dns_connections_and_recipients) {
  relay::AttemptReport report;
  report.route = "*";
  report.next_hop = {"[mx.example.net]"};
  report.contact = relay::Contact::delivered;
  report.dns[{"mx.example.net", dns::Type::a}] = {.status = dns::Status::found,
                                                  .records = {"192.0.2.1"}};
  report.skipped = {{"mx2.example.net", relay::Why::no_address}};
  relay::ConnectionReport refused{.host = "mx.example.net", .error = "Connection refused"};
  relay::ConnectionReport taken{.host = "mx.example.net",
                                .address = IpAddress::parse("192.0.2.1").value(),
                                .source = "192.0.2.9",
                                .tls_version = "TLSv1.3",
                                .verified = true};
  taken.result = {.klass = smtp::ResultClass::delivered, .code = 250, .enhanced = {2, 0, 0}};
  report.connections = {refused, taken};
  report.results = {
      taken.result,
      {.klass = smtp::ResultClass::temporary, .enhanced = {4, 4, 2}, .uncertain = true}};
  report.connection_of = {1, relay::no_connection};
  smtp::OutboundMessage message;
  message.recipients = {{"a@example.org", "", ""}, {"b@example.org", "", ""}};

  const boost::json::value out = attempt_json(report, message);
  EXPECT_EQ(out.at_pointer("/contact"), "delivered");
  EXPECT_EQ(out.at_pointer("/dns/0/records/0"), "192.0.2.1");
  EXPECT_EQ(out.at_pointer("/skipped/0/why"), "no-address");
  EXPECT_EQ(out.at_pointer("/connections/0/error"), "Connection refused");
  EXPECT_FALSE(out.at_pointer("/connections/0").as_object().contains("result"));
  EXPECT_EQ(out.at_pointer("/connections/1/tls/verified"), true);
  EXPECT_EQ(out.at_pointer("/connections/1/result/code"), 250);
  EXPECT_EQ(out.at_pointer("/recipients/0/connection"), 1);
  EXPECT_TRUE(out.at_pointer("/recipients/1/connection").is_null());
  EXPECT_EQ(out.at_pointer("/recipients/1/uncertain"), true);
  EXPECT_FALSE(out.at_pointer("/recipients/1").as_object().contains("code"));
}

}  // namespace
}  // namespace postern::app
