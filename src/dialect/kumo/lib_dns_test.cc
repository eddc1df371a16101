#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {
namespace {

/// Answers from a list. Other names do not exist; names in `trouble.example` fail.
class Zone final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, policy::Evidence&) override { co_return; }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    ++asked;
    dns::Answer answer{.status = dns::Status::nx_domain, .records = {}};
    const std::string key = question.name + " " + std::string(dns::to_string(question.type));
    if (const auto found = records.find(key); found != records.end()) {
      answer = {.status = found->second.empty() ? dns::Status::no_data : dns::Status::found,
                .records = found->second};
    }
    if (question.name.ends_with("trouble.example")) answer.status = dns::Status::server_failure;
    evidence.dns.push_back({std::move(question), std::move(answer)});
    co_return;
  }
  std::map<std::string, std::vector<std::string>> records;
  int asked = 0;
};

struct LibDns : ::testing::Test {
  LibDns() { library.context = &context; }
  policy::Evidence evidence;
  Zone zone;
  policy::Tape tape;
  policy::Inquiry inquiry{evidence, zone, tape};
  Context context{evidence, inquiry};
  testing::Library library{{dns_functions()}};
};

TEST_F(LibDns, reversed_names_ask_nobody) {
  library.context = nullptr;
  library.expect({
      {"local d = kumo.dns result(d.reverse_ip '192.0.2.7', d.ptr_host '192.0.2.7', "
       "d.reverse_ip '192.0.2.7:25', d.reverse_ip '[2001:db8::1]:25' == d.reverse_ip "
       "'2001:db8::1')",
       R"("7.2.0.192" "7.2.0.192.in-addr.arpa" "7.2.0.192" true)"},
      {"result(kumo.dns.ptr_host '2001:db8::1', kumo.dns.reverse_ip '::1')",
       R"("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" )"
       R"("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0")"},
      {"kumo.dns.ptr_host 'host.example'", "error: policy.lua:1: `host.example` is no IP address"},
  });
}

TEST_F(LibDns, lookups_give_lists_and_raise) {
  zone.records = {{"example.com TXT", {"v=spf1 -all", "other"}},
                  {"example.com A", {"192.0.2.1", "192.0.2.2"}},
                  {"example.com AAAA", {"2001:db8::1"}},
                  {"none.example A", {}},
                  {"none.example AAAA", {}},
                  {"xn--bcher-kva.example TXT", {"idn"}},
                  {"7.2.0.192.in-addr.arpa PTR", {"mx.example.com"}}};
  library.expect({
      {"local d = kumo.dns result(d.lookup_txt 'Example.COM.', d.lookup_addr('example.com', "
       "'resolver'), d.lookup_ptr '192.0.2.7:2500', d.lookup_addr 'none.example')",
       R"(["v=spf1 -all","other"] ["192.0.2.1","192.0.2.2","2001:db8::1"] ["mx.example.com."] {})"},
      {"result(kumo.dns.lookup_txt 'bücher.example', kumo.dns.lookup_addr '192.0.2.9')",
       R"(["idn"] ["192.0.2.9"])"},
      {"kumo.dns.lookup_txt 'nothing.example'",
       "error: policy.lua:1: DNS: nothing.example TXT: there is no such name"},
      {"kumo.dns.lookup_addr 'trouble.example'",
       "error: policy.lua:1: DNS: trouble.example A: server_failure"},
      {"kumo.dns.lookup_ptr '192.0.2.8'",
       "error: policy.lua:1: DNS: 8.2.0.192.in-addr.arpa PTR: there is no such name"},
      {"kumo.dns.lookup_mx 'a b'", "error: policy.lua:1: `a b` is no domain name"},
  });
  const int before = zone.asked;
  library.answer("kumo.dns.lookup_txt 'example.com'");
  EXPECT_EQ(zone.asked, before) << "what is in the evidence is not asked again";
}

TEST_F(LibDns, mail_hosts_come_in_their_order) {
  zone.records = {{"example.com MX", {"20 b.example", "10 z.example", "10 a.example"}},
                  {"plain.example MX", {}},
                  {"plain.example A", {"192.0.2.1"}},
                  {"plain.example AAAA", {}},
                  {"null.example MX", {"0 ."}},
                  {"nothing.example MX", {}},
                  {"nothing.example A", {}},
                  {"nothing.example AAAA", {}}};
  const std::string show =
      " result(m.hosts, m.by_pref[1], m.by_pref[10], m.domain_name, m.is_mx, m.is_domain_literal)";
  library.expect({
      {"local m = kumo.dns.lookup_mx 'example.com'" + show,
       R"(["a.example.","z.example.","b.example."] null ["a.example.","z.example."] )"
       R"("example.com." true false)"},
      {"local m = kumo.dns.lookup_mx 'plain.example'" + show,
       R"(["plain.example."] ["plain.example."] null "plain.example." false false)"},
      {"local m = kumo.dns.lookup_mx '[192.0.2.5]'" + show,
       R"(["192.0.2.5"] ["192.0.2.5"] null "[192.0.2.5]" false true)"},
      {"local m = kumo.dns.lookup_mx '[IPv6:2001:db8::1]' result(m.hosts)", R"(["2001:db8::1"])"},
      {"result(kumo.dns.lookup_mx 'null.example'.by_pref[0])", R"(["."])"},
      {"kumo.dns.lookup_mx 'nothing.example'",
       "error: policy.lua:1: DNS: nothing.example has neither MX nor address"},
      {"kumo.dns.lookup_mx 'gone.example'",
       "error: policy.lua:1: DNS: gone.example MX: there is no such name"},
      {"kumo.dns.lookup_mx '[nonsense]'",
       "error: policy.lua:1: `[nonsense]` is no address literal"},
  });
}

TEST_F(LibDns, block_lists) {
  zone.records = {{"2.0.0.127.bl.example A", {"127.0.0.2"}},
                  {"2.0.0.127.bl.example TXT", {"Blocked", "twice"}},
                  {"3.0.0.127.bl.example A", {"127.0.0.4"}}};
  library.expect({
      {"result(kumo.dns.rbl_lookup('127.0.0.2:1234', 'bl.example'))", R"("127.0.0.2" "Blocked")"},
      {"result(kumo.dns.rbl_lookup('127.0.0.3', 'BL.example.', 'name'))", R"("127.0.0.4" null)"},
      {"result(kumo.dns.rbl_lookup('127.0.0.9', 'bl.example'))", "null null"},
      {"kumo.dns.rbl_lookup('127.0.0.2', 'trouble.example')",
       "error: policy.lua:1: DNS: 2.0.0.127.trouble.example A: server_failure"},
  });
}

TEST_F(LibDns, questions_are_bounded) {
  EXPECT_THAT(library.answer("for i = 1, 1001 do pcall(kumo.dns.lookup_txt, i .. '.example') end "
                             "kumo.dns.lookup_txt 'one.more.example'"),
              ::testing::HasSubstr("too many questions"));
  EXPECT_EQ(zone.asked, 1000);
  for (policy::DnsRecord& one : evidence.dns) one.in_shadow = true;
  EXPECT_EQ(library.answer("result(#kumo.dns.lookup_txt 'example.com')"),
            "error: policy.lua:1: DNS: example.com TXT: there is no such name")
      << "those of layers in shadow do not count";
}

}  // namespace
}  // namespace postern::dialect::kumo
