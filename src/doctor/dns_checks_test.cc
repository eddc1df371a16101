#include "doctor/dns_checks.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mailauth/dkim/sign.h"

namespace postern::doctor {
namespace {

using dns::Status;
using dns::Type;
using testing::HasSubstr;

/// A world in which everything is right; each test breaks one thing.
class DnsChecksTest : public testing::Test {
 protected:
  DnsChecksTest() {
    facts_.hostname = "mx.example.org";
    facts_.addresses = {*IpAddress::parse("192.0.2.10")};
    facts_.domains = {"example.org"};
    facts_.dkim = {{"example.org", "s1", key_.public_record()}};
    facts_.key_digests = {digest_};
    put("mx.example.org", Type::a, {"192.0.2.10"});
    put("10.2.0.192.in-addr.arpa", Type::ptr, {"mx.example.org"});
    put("example.org", Type::mx, {"10 mx.example.org"});
    put("example.org", Type::txt, {"v=spf1 mx -all"});
    put("mx.example.org", Type::txt, {"v=spf1 a -all"});
    put("s1._domainkey.example.org", Type::txt, {key_.public_record()});
    put("_dmarc.example.org", Type::txt, {"v=DMARC1; p=reject"});
    put("_mta-sts.example.org", Type::txt, {"v=STSv1; id=1"});
    put("_smtp._tls.example.org", Type::txt, {"v=TLSRPTv1; rua=mailto:a@example.org"});
    put("_25._tcp.mx.example.org", Type::tlsa, {"3 1 1 " + digest_}, true);
    put("example.org", Type::caa, {"0 issue ca.example"});
  }

  void put(const std::string& name, Type type, std::vector<std::string> records,
           bool secure = false) {
    zone_[{name, type}] = {
        .status = Status::found, .records = std::move(records), .secure = secure};
  }
  void remove(const std::string& name, Type type) { zone_.erase({name, type}); }
  void break_with(const std::string& name, Type type, Status status) {
    zone_[{name, type}] = {.status = status};
  }

  /// The findings of all checks.
  Findings findings() {
    const Ask ask = [this](const dns::Question& question) {
      const auto found = zone_.find(question);
      return found == zone_.end() ? dns::Answer{.status = Status::no_data} : found->second;
    };
    Findings out;
    Fetch fetch;
    if (policy_) {
      fetch = [this](const std::string& url) {
        EXPECT_EQ(url, "https://mta-sts.example.org/.well-known/mta-sts.txt");
        return *policy_;
      };
    }
    std::vector<std::function<Findings()>> checks;
    for (auto* check : {check_addresses, check_reverse, check_mx, check_spf, check_dkim,
                        check_dmarc, check_tls_reports, check_tlsa, check_caa}) {
      checks.emplace_back([=, this] { return check(facts_, ask); });
    }
    checks.emplace_back([&] { return check_mta_sts(facts_, ask, fetch); });
    for (const auto& check : checks) {
      const Findings found = check();
      EXPECT_FALSE(found.empty());
      out.insert(out.end(), found.begin(), found.end());
    }
    return out;
  }
  /// Those that are not ok: "fail ptr".
  std::vector<std::string> faults() {
    std::vector<std::string> out;
    for (const Finding& one : findings()) {
      if (one.level == Level::ok) continue;
      out.push_back(std::string(to_string(one.level)) + " " + one.check);
      last_ = one;
    }
    return out;
  }
  using List = std::vector<std::string>;

  const mailauth::dkim::SigningKey key_ = *mailauth::dkim::SigningKey::generate_ed25519();
  const std::string digest_ = std::string(64, 'a');
  DnsFacts facts_;
  std::map<dns::Question, dns::Answer> zone_;
  std::optional<Fetched> policy_;
  Finding last_;
};

TEST_F(DnsChecksTest, spf_with_too_many_look_ups) {
  std::string includes;
  for (int i = 0; i < 11; ++i) {
    const std::string name = "s" + std::to_string(i) + ".example.net";
    includes += " include:" + name;
    put(name, Type::txt, {"v=spf1 ip4:198.51.100.1 -all"});
  }
  // Ours matches first: the record is invalid for all others.
  put("example.org", Type::txt, {"v=spf1 ip4:192.0.2.10" + includes + " -all"});
  EXPECT_EQ(faults(), (List{"warn spf"}));
  EXPECT_THAT(last_.what, HasSubstr("more than 10 DNS look-ups"));
  put("example.org", Type::txt, {"v=spf1" + includes + " ip4:192.0.2.10 -all"});
  EXPECT_EQ(faults(), (List{"fail spf"}));
  put("example.org", Type::txt,
      {"v=spf1 ip4:192.0.2.10" + includes.substr(0, includes.rfind(" include")) + " -all"});
  EXPECT_EQ(faults(), List{}) << "ten are allowed";
}

TEST_F(DnsChecksTest, lists_of_addresses) {
  const Ask ask = [this](const dns::Question& question) {
    const auto found = zone_.find(question);
    return found == zone_.end() ? dns::Answer{.status = Status::nx_domain} : found->second;
  };
  const auto level = [&] {
    const Findings found = check_dns_lists({"bl.example.net"}, ask);
    EXPECT_EQ(found.size(), 1u);
    last_ = found.front();
    return found.front().level;
  };
  EXPECT_EQ(check_dns_lists({}, ask).front().level, Level::note);
  EXPECT_EQ(level(), Level::fail) << "it lists nothing";
  put("2.0.0.127.bl.example.net", Type::a, {"127.0.0.2", "127.0.0.4"});
  EXPECT_EQ(level(), Level::ok);
  put("1.0.0.127.bl.example.net", Type::a, {"127.0.0.2"});
  EXPECT_EQ(level(), Level::fail);
  EXPECT_THAT(last_.what, HasSubstr("lists every address"));
  put("2.0.0.127.bl.example.net", Type::a, {"127.255.255.254"});
  EXPECT_EQ(level(), Level::fail);
  EXPECT_THAT(last_.what, HasSubstr("refuses the questions of this resolver"));
  break_with("2.0.0.127.bl.example.net", Type::a, Status::timeout);
  EXPECT_EQ(level(), Level::note);
}

TEST_F(DnsChecksTest, NothingIsWrongInAWorldThatIsRight) { EXPECT_EQ(faults(), List{}); }

TEST_F(DnsChecksTest, EachRecordThatIsRemovedIsMissedByItsOwnCheck) {
  facts_.addresses.push_back(*IpAddress::parse("2001:db8::25"));
  facts_.mta_sts_id = "1";
  facts_.reports = "r@example.net";
  facts_.certificate_authority = "ca.example";
  const std::vector<Record> records = records_for(facts_);
  const auto publish_all_but = [&](const Record* absent) {
    zone_.clear();
    for (const Record& one : records) {
      const auto type = dns::parse_type(one.type);
      if (&one == absent || !type) continue;
      dns::Answer& answer = zone_[{one.name, *type}];
      answer.status = Status::found;
      answer.secure = true;
      answer.records.push_back(one.value);
    }
  };
  const auto findings_of = [this](std::string_view check) {
    std::vector<std::string> out;
    for (const Finding& one : findings()) {
      if (one.check == check) out.push_back(std::string(to_string(one.level)) + " " + one.what);
    }
    return out;
  };
  publish_all_but(nullptr);
  EXPECT_EQ(faults(), List{"note dmarc"}) << "p=none, to begin with";
  std::size_t looked_at = 0;
  for (const Record& one : records) {
    publish_all_but(nullptr);
    const auto right = findings_of(one.check);
    publish_all_but(&one);
    EXPECT_NE(findings_of(one.check), right) << zone_line(one);
    ++looked_at;
  }
  EXPECT_EQ(looked_at, 14u);
}

TEST_F(DnsChecksTest, SpfOfTheHostname) {
  put("mx.example.org", Type::txt, {"v=spf1 -all"});
  EXPECT_EQ(faults(), List{"fail spf"});
  EXPECT_EQ(last_.what, "mail of mx.example.org from 192.0.2.10 gets SPF fail");
  remove("mx.example.org", Type::txt);
  EXPECT_EQ(faults(), List{"note spf"});
  EXPECT_EQ(last_.to_do, "publish `mx.example.org. IN TXT \"v=spf1 a -all\"`");
}

TEST_F(DnsChecksTest, AddressWithoutPtr) {
  remove("10.2.0.192.in-addr.arpa", Type::ptr);
  EXPECT_EQ(faults(), List{"fail ptr"});
  EXPECT_EQ(last_.what, "192.0.2.10 has no PTR record");
}

TEST_F(DnsChecksTest, AddressWithAnotherName) {
  put("10.2.0.192.in-addr.arpa", Type::ptr, {"host.example.net"});
  EXPECT_EQ(faults(), List{"warn ptr"});
}

TEST_F(DnsChecksTest, SourceAddressWithItsOwnName) {
  facts_.addresses.push_back(*IpAddress::parse("192.0.2.20"));
  put("20.2.0.192.in-addr.arpa", Type::ptr, {"out.example.org"});
  put("out.example.org", Type::a, {"192.0.2.20"});
  put("example.org", Type::txt, {"v=spf1 mx a:out.example.org -all"});
  EXPECT_EQ(faults(), (List{"note address", "warn ptr", "fail spf"}));
  EXPECT_EQ(last_.to_do, "add `ip4:192.0.2.20` to the SPF record of mx.example.org");
  facts_.source_names = {"out.example.org"};
  EXPECT_EQ(faults(), List{"note address"});
  put("out.example.org", Type::a, {"192.0.2.21"});
  put("example.org", Type::txt, {"v=spf1 ip4:192.0.2.0/24 -all"});
  EXPECT_EQ(faults(), (List{"note address", "fail ptr"}));
  EXPECT_EQ(last_.to_do, "publish `out.example.org. IN A 192.0.2.20`");
}

TEST_F(DnsChecksTest, HostnameThatIsElsewhere) {
  put("mx.example.org", Type::a, {"192.0.2.11"});
  EXPECT_EQ(faults(), (List{"fail address", "warn address", "fail ptr", "fail spf", "fail spf"}));
}

TEST_F(DnsChecksTest, HostnameWithASecondAddressThatIsNotOurs) {
  put("mx.example.org", Type::aaaa, {"2001:db8::1"});
  EXPECT_EQ(faults(), List{"fail address"});
  EXPECT_THAT(last_.what, HasSubstr("2001:db8::1"));
}

TEST_F(DnsChecksTest, DomainWithoutMx) {
  remove("example.org", Type::mx);
  put("example.org", Type::txt, {"v=spf1 a:mx.example.org -all"});
  EXPECT_EQ(faults(), List{"fail mx"});
  EXPECT_EQ(last_.to_do, "publish `example.org. IN MX 10 mx.example.org.`");
}

TEST_F(DnsChecksTest, MailThatGoesElsewhere) {
  put("example.org", Type::mx, {"10 mx.example.net"});
  put("example.org", Type::txt, {"v=spf1 a:mx.example.org -all"});
  EXPECT_EQ(faults(), List{"warn mx"});
}

TEST_F(DnsChecksTest, SpfThatForgetsUs) {
  put("example.org", Type::txt, {"v=spf1 ip4:192.0.2.99 -all"});
  EXPECT_EQ(faults(), List{"fail spf"});
  EXPECT_EQ(last_.to_do, "add `ip4:192.0.2.10` to the SPF record of example.org");
}

TEST_F(DnsChecksTest, SpfThatIsMissingOrInvalid) {
  remove("example.org", Type::txt);
  EXPECT_EQ(faults(), List{"warn spf"});
  put("example.org", Type::txt, {"v=spf1 ip4:x -all"});
  EXPECT_EQ(faults(), List{"fail spf"});
}

TEST_F(DnsChecksTest, KeyThatIsNotPublished) {
  remove("s1._domainkey.example.org", Type::txt);
  EXPECT_EQ(faults(), List{"fail dkim"});
  EXPECT_THAT(last_.to_do, HasSubstr(key_.public_record()));
}

TEST_F(DnsChecksTest, KeyOfAnother) {
  const auto other = *mailauth::dkim::SigningKey::generate_ed25519();
  put("s1._domainkey.example.org", Type::txt, {other.public_record()});
  EXPECT_EQ(faults(), List{"fail dkim"});
  EXPECT_THAT(last_.what, HasSubstr("another key"));
}

TEST_F(DnsChecksTest, DmarcRecords) {
  remove("_dmarc.example.org", Type::txt);
  EXPECT_EQ(faults(), List{"warn dmarc"});
  put("_dmarc.example.org", Type::txt, {"v=DMARC1; p=none"});
  EXPECT_EQ(faults(), List{"note dmarc"});
  put("_dmarc.example.org", Type::txt, {"v=DMARC1; p=none", "v=DMARC1; p=reject"});
  EXPECT_EQ(faults(), List{"fail dmarc"});
  put("_dmarc.example.org", Type::txt, {"v=DMARC1; rua=mailto:a@example.org"});
  EXPECT_EQ(faults(), List{"warn dmarc"});
}

TEST_F(DnsChecksTest, DmarcOfTheOrganization) {
  facts_.domains = {"news.example.org"};
  facts_.dkim.clear();
  put("news.example.org", Type::mx, {"10 mx.example.org"});
  put("news.example.org", Type::txt, {"v=spf1 mx -all"});
  put("_mta-sts.news.example.org", Type::txt, {"v=STSv1; id=1"});
  put("_smtp._tls.news.example.org", Type::txt, {"v=TLSRPTv1; rua=mailto:a@example.org"});
  EXPECT_EQ(faults(), List{"note dkim"});
}

TEST_F(DnsChecksTest, TextRecordsThatCountOnce) {
  put("_mta-sts.example.org", Type::txt, {"v=STSv1; id=1", "v=STSv1; id=2"});
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  remove("_mta-sts.example.org", Type::txt);
  EXPECT_EQ(faults(), List{"note mta-sts"});
  put("_mta-sts.example.org", Type::txt, {"v=STSv1; id=1"});
  remove("_smtp._tls.example.org", Type::txt);
  EXPECT_EQ(faults(), List{"note tls-rpt"});
}

TEST_F(DnsChecksTest, TlsaOfAnotherKey) {
  put("_25._tcp.mx.example.org", Type::tlsa, {"3 1 1 " + std::string(64, 'b')}, true);
  EXPECT_EQ(faults(), List{"fail tlsa"});
  put("_25._tcp.mx.example.org", Type::tlsa, {"3 1 1 " + std::string(64, 'b')}, false);
  EXPECT_EQ(faults(), List{"warn tlsa"});
}

TEST_F(DnsChecksTest, TlsaOfThisKeyAndTheNext) {
  put("_25._tcp.mx.example.org", Type::tlsa, {"3 1 1 " + std::string(64, 'b'), "3 1 1 " + digest_},
      true);
  EXPECT_EQ(faults(), List{});
  put("_25._tcp.mx.example.org", Type::tlsa, {"3 1 1 " + digest_}, false);
  EXPECT_EQ(faults(), List{"warn tlsa"});
  put("_25._tcp.mx.example.org", Type::tlsa, {"2 1 1 " + digest_}, true);
  EXPECT_EQ(faults(), List{"warn tlsa"});
  remove("_25._tcp.mx.example.org", Type::tlsa);
  EXPECT_EQ(faults(), List{"note tlsa"});
}

TEST_F(DnsChecksTest, TlsaOfTheNextKeyStepByStep) {
  const std::string name = "_25._tcp.mx.example.org";
  const std::string next(64, 'b');
  facts_.next_digests = {next};
  EXPECT_EQ(faults(), List{"warn tlsa"});
  EXPECT_EQ(last_.what, name + " does not have the next key yet");
  EXPECT_THAT(last_.to_do, HasSubstr("IN TLSA 3 1 1 " + next));
  put(name, Type::tlsa, {"3 1 1 " + digest_, "3 1 1 " + next}, true);
  EXPECT_EQ(faults(), List{});
  const auto to_do = [&] {
    for (const Finding& one : findings()) {
      if (one.check == "tlsa") return one.to_do;
    }
    return std::string();
  };
  EXPECT_THAT(to_do(), HasSubstr("postern tls install"));
  facts_.key_digests = {next};
  EXPECT_EQ(faults(), List{});
  EXPECT_EQ(to_do(), "remove the record of the old key");
  put(name, Type::tlsa, {"3 1 1 " + next}, true);
  EXPECT_EQ(to_do(), "");
}

TEST_F(DnsChecksTest, CaaOfTheNearestName) {
  put("mx.example.org", Type::caa, {"0 issue ;"});
  EXPECT_EQ(faults(), List{"warn caa"});
  EXPECT_EQ(last_.what,
            "no authority may issue certificates for mx.example.org: CAA of "
            "mx.example.org says so");
  put("mx.example.org", Type::caa,
      {"0 issue ca.example; account=1", "0 iodef mailto:a@example.org"});
  EXPECT_EQ(faults(), List{});
  facts_.certificate_authority = "other.example";
  EXPECT_EQ(faults(), List{"fail caa"});
  facts_.certificate_authority = "ca.example";
  EXPECT_EQ(faults(), List{});
  put("mx.example.org", Type::caa, {"0 issue ca.example", "128 future x"});
  EXPECT_EQ(faults(), List{"warn caa"});
  EXPECT_THAT(last_.what, HasSubstr("critical property `future`"));
  put("mx.example.org", Type::caa, {"0 issuewild ca.example"});
  EXPECT_EQ(faults(), List{"note caa"});
  remove("mx.example.org", Type::caa);
  remove("example.org", Type::caa);
  EXPECT_EQ(faults(), List{"note caa"});
  EXPECT_THAT(last_.to_do, HasSubstr("publish `mx.example.org. IN CAA 0 issue"));
}

TEST_F(DnsChecksTest, ThePolicyOfMtaSts) {
  const auto serve = [&](const std::string& mode, const std::string& mx, int age = 604800) {
    policy_ = {.trouble = {},
               .status = 200,
               .type = "text/plain; charset=utf-8",
               .text = "version: STSv1\r\nmode: " + mode + "\r\nmx: " + mx +
                       "\r\nmax_age: " + std::to_string(age) + "\r\n"};
  };
  serve("enforce", "mx.example.org");
  EXPECT_EQ(faults(), List{});
  serve("enforce", "*.example.org");
  EXPECT_EQ(faults(), List{});
  serve("enforce", "mx.example.net");
  EXPECT_EQ(faults(), List{"fail mta-sts"});
  EXPECT_THAT(last_.to_do, HasSubstr("`mx: mx.example.org`"));
  serve("testing", "mx.example.net");
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  serve("testing", "mx.example.org");
  EXPECT_EQ(faults(), List{"note mta-sts"});
  serve("none", "mx.example.org");
  EXPECT_EQ(faults(), List{"note mta-sts"});
  serve("enforce", "mx.example.org", 60);
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  serve("enforce", "mx.example.org");
  policy_->type = "text/html";
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  serve("strict", "mx.example.org");
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  EXPECT_THAT(last_.what, HasSubstr("is no policy: there is no mode `strict`"));
  policy_ = {.trouble = {}, .status = 404, .type = {}, .text = {}};
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  EXPECT_THAT(last_.what, HasSubstr("cannot be fetched: status 404"));
  policy_->trouble = "certificate of another name";
  EXPECT_EQ(faults(), List{"warn mta-sts"});
  remove("_mta-sts.example.org", Type::txt);
  EXPECT_EQ(faults(), List{"note mta-sts"}) << "without a record nothing is fetched";
}

TEST_F(DnsChecksTest, ReportsThatGoElsewhere) {
  put("_dmarc.example.org", Type::txt, {"v=DMARC1; p=reject; rua=mailto:r@reports.example.net!5m"});
  EXPECT_EQ(faults(), List{"warn dmarc"});
  EXPECT_EQ(last_.to_do,
            "publish `example.org._report._dmarc.reports.example.net. IN TXT \"v=DMARC1\"`");
  put("example.org._report._dmarc.reports.example.net", Type::txt, {"v=DMARC1"});
  EXPECT_EQ(faults(), List{});
  put("_dmarc.example.org", Type::txt, {"v=DMARC1; p=reject; rua=mailto:r@mail.example.org"});
  EXPECT_EQ(faults(), List{}) << "the same organization";
}

TEST_F(DnsChecksTest, SilenceIsANoteAndAForgedAnswerAFailure) {
  break_with("10.2.0.192.in-addr.arpa", Type::ptr, Status::timeout);
  EXPECT_EQ(faults(), List{"note ptr"});
  break_with("10.2.0.192.in-addr.arpa", Type::ptr, Status::bogus);
  EXPECT_EQ(faults(), List{"fail ptr"});
}

TEST_F(DnsChecksTest, WithoutFactsNothingFails) {
  facts_.addresses.clear();
  facts_.domains.clear();
  facts_.dkim.clear();
  facts_.key_digests.clear();
  for (const std::string& one : faults()) EXPECT_TRUE(one.starts_with("note")) << one;
}

}  // namespace
}  // namespace postern::doctor
