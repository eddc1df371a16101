#include "policy/answers.h"
#include "policy/dns_list.h"

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

using dns::Type;

DnsRecord record(std::string name, Type type, std::vector<std::string> texts) {
  return {{std::move(name), type}, {.status = dns::Status::found, .records = std::move(texts)}};
}
DnsRecord record(std::string name, Type type, dns::Status status) {
  return {{std::move(name), type}, {.status = status, .records = {}}};
}

/// Answers missing questions with "does not exist", and records them.
template <class Ask>
auto settle(std::vector<DnsRecord>& records, Ask ask) {
  for (;;) {
    Answers answers(records);
    auto result = ask(answers);
    if (!answers.wanted()) return result;
    records.push_back(
        record(answers.wanted()->name, answers.wanted()->type, dns::Status::nx_domain));
  }
}

const IpAddress asking_client = *IpAddress::parse("198.51.100.7");

// 0.2 added the attributes; decisions recorded before still replay.
TEST(RepliesOfServices, requests_of_older_records_are_found) {
  const std::string head = "request=smtpd_access_policy\nsender=a@example.com\n";
  const Consultations known{{.service = "inet:127.0.0.1:9", .request = head + "\n"}};
  Replies replies(known);
  EXPECT_NE(replies.find("inet:127.0.0.1:9", head + "server_address=192.0.2.1\nserver_port=25\n\n"),
            nullptr);
  EXPECT_EQ(replies.find("inet:127.0.0.1:9", head + "server_port=25\nsize=1\n\n"), nullptr);
  EXPECT_EQ(replies.find("inet:127.0.0.1:8", head + "server_port=25\n\n"), nullptr);
}

// 0.2 said nothing of certificates; the attributes were empty.
TEST(RepliesOfServices, requests_without_certificates_are_found) {
  const std::string head = "request=smtpd_access_policy\nsender=a@example.com\n";
  const std::string empty = "ccert_subject=\nccert_fingerprint=\nencryption_protocol=TLSv1.3\n";
  const std::string full = "ccert_subject=a\nccert_fingerprint=AA\nencryption_protocol=TLSv1.3\n";
  const std::string server = "server_address=192.0.2.1\nserver_port=25\n\n";
  const std::string service = "inet:127.0.0.1:9";
  for (const std::string& recorded : {head + empty + server, head + empty + "\n"}) {
    const Consultations known{{.service = service, .request = recorded}};
    EXPECT_NE(Replies(known).find(service, head + full + server), nullptr);
  }
  const Consultations other{
      {.service = service, .request = head + "ccert_subject=b\nccert_fingerprint=\n\n"}};
  EXPECT_EQ(Replies(other).find(service, head + "ccert_subject=a\nccert_fingerprint=AA\n\n"),
            nullptr);
}

// Records of 0.2 have the session as the instance.
TEST(RepliesOfServices, requests_with_another_instance_are_found) {
  const std::string head = "request=smtpd_access_policy\nsender=a@example.com\n";
  const std::string service = "inet:127.0.0.1:9";
  const Consultations known{{.service = service, .request = head + "instance=S1\nsize=1\n\n"}};
  for (const std::string instance : {"instance=M1\n", "instance=\n", "instance=longer\n"}) {
    EXPECT_NE(Replies(known).find(service, head + instance + "size=1\n\n"), nullptr) << instance;
    EXPECT_EQ(Replies(known).find(service, head + instance + "size=2\n\n"), nullptr) << instance;
  }
  EXPECT_EQ(Replies(known).find(service, head + "size=1\n\n"), nullptr);
}

TEST(ClientName, is_verified_by_its_address) {
  const std::string ptr = "7.100.51.198.in-addr.arpa";
  struct {
    std::vector<DnsRecord> records;
    ClientName::Status status;
    std::string name, reverse;
  } const cases[] = {
      {{record(ptr, Type::ptr, {"mx.example.com"}),
        record("mx.example.com", Type::a, {"192.0.2.1", "198.51.100.7"})},
       ClientName::Status::verified,
       "mx.example.com",
       "mx.example.com"},
      {{record(ptr, Type::ptr, {"a.example.com", "b.example.com"}),
        record("a.example.com", Type::a, {"192.0.2.1"}),
        record("b.example.com", Type::a, {"198.51.100.7"})},
       ClientName::Status::verified,
       "b.example.com",
       "b.example.com"},
      {{record(ptr, Type::ptr, {"mx.example.com"})},
       ClientName::Status::unverified,
       "",
       "mx.example.com"},
      {{}, ClientName::Status::none, "", ""},
      // What is no host name is no name of a client, though it has the address.
      {{record(ptr, Type::ptr, {"192.0.2.0/24"}),
        record("192.0.2.0/24", Type::a, {"198.51.100.7"})},
       ClientName::Status::none,
       "",
       ""},
      {{record(ptr, Type::ptr, {"198.51.100.7", "a b.example.com", "b.example.com"}),
        record("198.51.100.7", Type::a, {"198.51.100.7"}),
        record("b.example.com", Type::a, {"198.51.100.7"})},
       ClientName::Status::verified,
       "b.example.com",
       "b.example.com"},
      {{record(ptr, Type::ptr, dns::Status::timeout)}, ClientName::Status::trouble, "", ""},
      {{record(ptr, Type::ptr, {"mx.example.com"}),
        record("mx.example.com", Type::a, dns::Status::server_failure)},
       ClientName::Status::trouble,
       "",
       "mx.example.com"},
  };
  for (const auto& one : cases) {
    auto records = one.records;
    const ClientName name =
        settle(records, [](Answers& answers) { return client_name(asking_client, answers); });
    EXPECT_EQ(name.status, one.status);
    EXPECT_EQ(name.name, one.name);
    EXPECT_EQ(name.reverse_name, one.reverse);
  }
}

TEST(ClientName, reverse_names) {
  EXPECT_EQ(reverse_name(asking_client), "7.100.51.198.in-addr.arpa");
  EXPECT_EQ(reverse_name(*IpAddress::parse("2001:db8::1")),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST(MailDomainQuestion, looks_for_mx_then_addresses) {
  const auto judge = [](std::vector<DnsRecord> records) {
    return settle(records, [](Answers& answers) { return mail_domain("Example.COM", answers); });
  };
  EXPECT_EQ(judge({record("example.com", Type::mx, {"10 mx.example.com"})}), MailDomain::exists);
  EXPECT_EQ(judge({record("example.com", Type::mx, {"0 ."})}), MailDomain::null_mx);
  EXPECT_EQ(judge({record("example.com", Type::mx, {"0 .", "10 mx.example.com"})}),
            MailDomain::exists);
  EXPECT_EQ(judge({record("example.com", Type::a, {"192.0.2.1"})}), MailDomain::exists);
  EXPECT_EQ(judge({record("example.com", Type::aaaa, {"2001:db8::1"})}), MailDomain::exists);
  EXPECT_EQ(judge({}), MailDomain::missing);
  EXPECT_EQ(judge({record("example.com", Type::mx, dns::Status::bogus)}), MailDomain::trouble);
  EXPECT_EQ(judge({record("example.com", Type::a, dns::Status::timeout)}), MailDomain::trouble);
  // A domain with an address exists, even if the MX lookup fails.
  for (const Type type : {Type::a, Type::aaaa}) {
    EXPECT_EQ(judge({record("example.com", Type::mx, dns::Status::server_failure),
                     record("example.com", type, {type == Type::a ? "192.0.2.1" : "2001:db8::1"})}),
              MailDomain::exists);
  }
}

TEST(DnsListQuestion, filters_and_reasons) {
  const auto judge = [](std::string_view list, std::vector<DnsRecord> records) {
    return settle(records, [list](Answers& answers) {
      return DnsList::parse(list)->look_up(asking_client, answers);
    });
  };
  const std::string name = "7.100.51.198.bl.example.net";
  const auto a = record(name, Type::a, {"127.0.0.4"});
  EXPECT_EQ(judge("bl.example.net", {}).status, DnsList::Status::not_listed);
  EXPECT_EQ(judge("bl.example.net", {a}).status, DnsList::Status::listed);
  EXPECT_EQ(judge("bl.example.net", {a, record(name, Type::txt, {"spam", "see https"})}).reason,
            "spam / see https");
  EXPECT_EQ(judge("bl.example.net", {record(name, Type::a, dns::Status::server_failure)}).status,
            DnsList::Status::trouble);
  for (const char* in :
       {"=127.0.0.4", "=127.0.0.[2..4]", "=127.0.0.[1;3..9]", "=[127;128].0.0.4"}) {
    EXPECT_EQ(judge("bl.example.net" + std::string(in), {a}).status, DnsList::Status::listed) << in;
  }
  for (const char* out : {"=127.0.0.3", "=127.0.0.[5..6]", "=127.0.1.[1;3..9]"}) {
    EXPECT_EQ(judge("bl.example.net" + std::string(out), {a}).status, DnsList::Status::not_listed)
        << out;
  }
}

TEST(DnsListQuestion, asks_ipv6_by_nibbles_and_domains_as_they_are) {
  const auto list = DnsList::parse("bl.example.net");
  std::vector<DnsRecord> none;
  Answers answers(none);
  EXPECT_EQ(list->look_up(*IpAddress::parse("2001:db8::1"), answers).status,
            DnsList::Status::waiting);
  EXPECT_EQ(answers.wanted()->name,
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example.net");
  Answers others(none);
  EXPECT_EQ(list->look_up("sender.example", others).status, DnsList::Status::waiting);
  EXPECT_EQ(others.wanted()->name, "sender.example.bl.example.net");
}

TEST(DnsListQuestion, what_cannot_be_read_is_an_error) {
  for (const char* bad :
       {"", "=127.0.0.1", "<blacklist", "a b", "z=127.0.0.[2", "z=127.0.0", "z=1.2.3.256",
        "z=127.0.0.2..4", "z=127.0.0.[4..2]", "z=127.0.0.1.1", "z=127.0.0.[]"}) {
    EXPECT_FALSE(DnsList::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace postern::policy
