#include "policy/questions/servers.h"

#include <gtest/gtest.h>

namespace postern::policy::questions {
namespace {

using ServersStatus = Servers::Status;

dns::Answer found(std::vector<std::string> records) {
  return {.status = dns::Status::found, .records = std::move(records)};
}
const dns::Answer missing{.status = dns::Status::nx_domain, .records = {}};
const dns::Answer empty{.status = dns::Status::no_data, .records = {}};
const dns::Answer failed{.status = dns::Status::server_failure, .records = {}};

std::string names_of(const Servers& servers) {
  std::string out;
  for (const auto& host : servers.hosts) {
    out += (out.empty() ? "" : " ") + std::to_string(host.preference) + ":" + host.name;
  }
  return out;
}

TEST(MailHosts, AreThoseOfTheMxRecordsInTheirOrder) {
  const std::vector<DnsRecord> records{
      {{"several.example", dns::Type::mx}, found({"20 Second.example", "10 first.example"})},
      {{"null.example", dns::Type::mx}, found({"0 ."})},
      {{"bare.example", dns::Type::mx}, empty},
      {{"absent.example", dns::Type::mx}, missing},
      {{"broken.example", dns::Type::mx}, failed}};
  Answers answers(records);
  EXPECT_EQ(names_of(mail_hosts("several.example", answers)), "20:second.example 10:first.example");
  EXPECT_EQ(mail_hosts("null.example", answers).status, ServersStatus::null_mx);
  EXPECT_EQ(mail_hosts("bare.example", answers).status, ServersStatus::none);
  EXPECT_EQ(mail_hosts("absent.example", answers).status, ServersStatus::none);
  EXPECT_EQ(mail_hosts("broken.example", answers).status, ServersStatus::trouble);
  EXPECT_FALSE(answers.wanted());
  EXPECT_EQ(mail_hosts("other.example", answers).status, ServersStatus::waiting);
  EXPECT_EQ(answers.wanted(), (dns::Question{"other.example", dns::Type::mx}));
}

TEST(NameServers, AreThoseOfTheNearestParentThatHasSome) {
  const std::vector<DnsRecord> records{
      {{"deep.sub.example", dns::Type::ns}, missing},
      {{"sub.example", dns::Type::ns}, empty},
      {{"example", dns::Type::ns}, found({"ns1.example", "ns2.example"})},
      {{"lone.test", dns::Type::ns}, missing},
      {{"test", dns::Type::ns}, missing},
      {{"a.broken.example", dns::Type::ns}, missing},
      {{"broken.example", dns::Type::ns}, failed}};
  Answers answers(records);
  EXPECT_EQ(names_of(name_servers("deep.sub.example", answers)), "0:ns1.example 0:ns2.example");
  EXPECT_EQ(name_servers("lone.test", answers).status, ServersStatus::none);
  EXPECT_EQ(name_servers("a.broken.example", answers).status, ServersStatus::trouble);
  EXPECT_FALSE(answers.wanted());
  EXPECT_EQ(name_servers("x.lone.test", answers).status, ServersStatus::waiting);
  EXPECT_EQ(answers.wanted(), (dns::Question{"x.lone.test", dns::Type::ns}));
}

TEST(HostAddresses, AreOfTheFamiliesThatCount) {
  const std::vector<DnsRecord> records{
      {{"host.example", dns::Type::a}, found({"192.0.2.1", "192.0.2.2"})},
      {{"host.example", dns::Type::aaaa}, found({"2001:db8::1"})},
      {{"half.example", dns::Type::a}, found({"192.0.2.3"})},
      {{"half.example", dns::Type::aaaa}, failed}};
  Answers answers(records);
  EXPECT_EQ(addresses_of("host.example", answers, {}).records.size(), 3u);
  EXPECT_EQ(addresses_of("host.example", answers, {.v4 = false, .v6 = true}).records.size(), 1u);
  const HostAddresses half = addresses_of("half.example", answers, {});
  EXPECT_TRUE(half.trouble);
  EXPECT_EQ(half.records.size(), 1u);
  EXPECT_FALSE(answers.wanted());
  EXPECT_TRUE(addresses_of("new.example", answers, {}).waiting);
}

}  // namespace
}  // namespace postern::policy::questions
