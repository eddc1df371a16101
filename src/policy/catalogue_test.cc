#include "policy/catalogue.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "base/temporary_folder_test.h"
#include "policy/questions/offered.h"
#include "policy/testing.h"

namespace postern::policy {
namespace {

using testing::a_webhook;
using testing::address;
using testing::from_client;
using testing::recipient_of;

/// A case of a check: its input, and the expected reply `550 5.7.1 text`, or "" if it must pass.
struct Case {
  std::string title;
  Evidence evidence;
  Argument argument;
  std::string reply;
};

void expect(const Check& check, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const Verdict verdict = check.judge(one.evidence, one.argument);
    EXPECT_EQ(verdict.refuses() ? verdict.reply.to_string() : "", one.reply)
        << check.name << ": " << one.title;
    EXPECT_FALSE(verdict.detail.empty()) << check.name << ": " << one.title;
    if (!verdict.refuses()) continue;
    EXPECT_EQ(verdict.kind == Verdict::Kind::defer, verdict.reply.temporary()) << one.title;
    const std::string code = one.reply.substr(0, one.reply.find(' ', 4));
    EXPECT_NE(check.replies.find(code), std::string_view::npos)
        << check.name << " does not list " << code << " in the catalogue";
  }
}

CidrSet network_set(std::initializer_list<const char*> texts) {
  std::vector<Cidr> list;
  for (const char* text : texts) list.push_back(*Cidr::parse(text));
  return CidrSet(std::move(list));
}

Evidence about(Recipient recipient, std::string_view client = "203.0.113.10") {
  Evidence evidence = from_client(client);
  evidence.consider(std::move(recipient));
  return evidence;
}

Evidence unrouted(Route::Missing missing, std::string domain) {
  Recipient recipient{.address = address("someone", std::move(domain)), .route = {}};
  recipient.route.missing = missing;
  return about(std::move(recipient));
}

TEST(Catalogue, recipient_known) {
  expect(checks::recipient_known, {{"a webhook", about(recipient_of(a_webhook("a"))), {}, ""},
                                   {"our domain",
                                    unrouted(Route::Missing::unknown_address, "hooks.example.net"),
                                    {},
                                    "550 5.1.1 no such recipient here"},
                                   {"a stranger's domain",
                                    unrouted(Route::Missing::foreign_domain, "example.org"),
                                    {},
                                    "550 5.7.1 relay not permitted to example.org"},
                                   {"client text is made harmless",
                                    unrouted(Route::Missing::foreign_domain, "a<b>.example"),
                                    {},
                                    "550 5.7.1 relay not permitted to a?b?.example"}});
}

TEST(Catalogue, webhook_active) {
  auto off = a_webhook("off");
  off->is_active = false;
  expect(checks::webhook_active,
         {{"on", about(recipient_of(a_webhook("on"))), {}, ""},
          {"off", about(recipient_of(off)), {}, "550 5.2.1 recipient is deactivated"}});
}

TEST(Catalogue, policy_loaded) {
  auto policy = std::make_shared<WebhookPolicy>();
  policy->id = "pol_1";
  auto attached = a_webhook("attached");
  attached->policy_id = "pol_1";
  expect(checks::policy_loaded, {{"no policy", about(recipient_of(a_webhook("open"))), {}, ""},
                                 {"its policy", about(recipient_of(attached, policy)), {}, ""},
                                 {"a policy that is nowhere",
                                  about(recipient_of(attached)),
                                  {},
                                  "451 4.3.0 temporary local problem, try again later"}});
  auto unreadable = a_webhook("unreadable");
  unreadable->is_unreadable = true;
  expect(checks::policy_loaded, {{"a webhook that cannot be read",
                                  about(recipient_of(unreadable)),
                                  {},
                                  "451 4.3.0 temporary local problem, try again later"}});
}

TEST(Catalogue, client_in_networks) {
  const Recipient to = recipient_of(a_webhook("a"));
  const CidrSet seed = network_set({"203.0.113.0/24", "198.51.100.42/32"});
  const CidrSet v6 = network_set({"2001:db8:1::/48"});
  const std::string outside = "550 5.7.1 source address {} is not in the policy's allowlist";
  const auto refused = [&](std::string ip) {
    return std::string(outside).replace(outside.find("{}"), 2, ip);
  };
  expect(checks::client_in_networks,
         {{"first address", about(to, "203.0.113.0"), seed, ""},
          {"last address", about(to, "203.0.113.255"), seed, ""},
          {"one above", about(to, "203.0.114.0"), seed, refused("203.0.114.0")},
          {"one below", about(to, "203.0.112.255"), seed, refused("203.0.112.255")},
          {"the /32", about(to, "198.51.100.42"), seed, ""},
          {"its neighbour", about(to, "198.51.100.43"), seed, refused("198.51.100.43")},
          {"mapped form is IPv4", about(to, "::ffff:203.0.113.7"), seed, ""},
          {"IPv6 never matches 0.0.0.0/0", about(to, "2001:db8::1"), network_set({"0.0.0.0/0"}),
           refused("2001:db8::1")},
          {"IPv4 never matches ::/0", about(to, "203.0.113.1"), network_set({"::/0"}),
           refused("203.0.113.1")},
          {"IPv6 inside", about(to, "2001:db8:1:ffff::1"), v6, ""},
          {"IPv6 outside", about(to, "2001:db8:2::1"), v6, refused("2001:db8:2::1")}});
}

std::shared_ptr<WebhookPolicy> policy_with_user(std::string user, std::uint64_t stamp) {
  auto policy = std::make_shared<WebhookPolicy>();
  policy->id = "pol_1";
  policy->credentials.push_back({.username = std::move(user), .hash = {}, .stamp = stamp});
  return policy;
}

Evidence authenticated(std::map<std::string, std::uint64_t> granted, std::uint64_t stamp_now) {
  Evidence evidence = about(recipient_of(a_webhook("a"), policy_with_user("sender1", stamp_now)));
  evidence.session.tls = Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  evidence.session.auth = Authentication{"sender1", "PLAIN", std::move(granted)};
  return evidence;
}

TEST(Catalogue, client_authenticated) {
  const Evidence plain = about(recipient_of(a_webhook("a"), policy_with_user("sender1", 7)));
  Evidence tls = plain;
  tls.session.tls = Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  const Argument policy = std::vector<std::string>{"pol_1"};
  const std::string other = "550 5.7.1 these credentials do not open this recipient's policy";
  expect(checks::client_authenticated,
         {{"plain connection", plain, policy,
           "530 5.7.0 authentication required: use STARTTLS, then AUTH"},
          {"TLS", tls, policy, "530 5.7.0 authentication required"},
          {"granted", authenticated({{"pol_1", 7}}, 7), policy, ""},
          {"granted among others", authenticated({{"pol_0", 1}, {"pol_1", 7}}, 7), policy, ""},
          {"another policy's", authenticated({{"pol_2", 7}}, 7), policy, other},
          {"password changed since", authenticated({{"pol_1", 7}}, 8), policy, other},
          {"any identity will do", authenticated({{"pol_2", 7}}, 7), std::monostate{}, ""},
          {"no identity", tls, std::monostate{}, "530 5.7.0 authentication required"}});
  Evidence removed = authenticated({{"pol_1", 7}}, 7);
  removed.candidate->route.policy = policy_with_user("sender2", 7);
  Evidence detached = authenticated({{"pol_1", 7}}, 7);
  detached.candidate->route.policy = nullptr;
  expect(checks::client_authenticated, {{"user removed since", removed, policy, other},
                                        {"policy gone", detached, policy, other}});
}

TEST(Catalogue, rate_available) {
  auto limited = a_webhook("limited");
  limited->rate_limit_per_minute = 60;
  const auto left = [&](std::optional<double> tokens) {
    Evidence evidence = about(recipient_of(limited));
    evidence.rate_tokens = tokens;
    return evidence;
  };
  const std::string reached = "450 4.2.1 rate limit of this recipient is reached, try again later";
  expect(checks::rate_available, {{"no limit", about(recipient_of(a_webhook("a"))), {}, ""},
                                  {"one left", left(1), {}, ""},
                                  {"less than one", left(0.99), {}, reached},
                                  {"in debt", left(-3), {}, reached},
                                  {"not known", left(std::nullopt), {}, reached}});
}

TEST(Catalogue, one_webhook_a_message) {
  Evidence second = about(recipient_of(a_webhook("a")));
  second.recipients.push_back(recipient_of(a_webhook("a")));
  Evidence other = about(recipient_of(a_webhook("b")));
  other.recipients.push_back(recipient_of(a_webhook("a")));
  expect(checks::one_webhook_a_message,
         {{"first", about(recipient_of(a_webhook("a"))), {}, ""},
          {"same again", second, {}, ""},
          {"another",
           other,
           {},
           "452 4.5.3 one webhook a message: send to this recipient separately"}});
}

// RFC 5321 §3.5.3, §4.3.2: a VRFY is no recipient, so what this message has no room for is no
// reply.
TEST(Catalogue, what_a_message_has_no_room_for_is_no_answer_to_vrfy) {
  Evidence asked = about(recipient_of(a_webhook("b")));
  asked.vrfy = Evidence::Vrfy::in_transaction;
  asked.recipients.push_back(recipient_of(a_webhook("a")));
  expect(checks::one_webhook_a_message, {{"another", asked, {}, ""}});
  expect(checks::webhook_recipients, {{"one more", asked, Argument{std::uint64_t{1}}, ""}});
}

TEST(Catalogue, webhook_recipients) {
  const auto with = [](int accepted, std::string local) {
    Evidence evidence = about(recipient_of(a_webhook("a")));
    for (int i = 0; i < accepted; ++i) {
      Recipient recipient = recipient_of(a_webhook("a"));
      recipient.address.local_part = "a+" + std::to_string(i);
      evidence.recipients.push_back(recipient);
    }
    evidence.candidate->address.local_part = std::move(local);
    return evidence;
  };
  const Argument limit = std::uint64_t{100};
  expect(checks::webhook_recipients, {{"hundredth", with(99, "a+new"), limit, ""},
                                      {"one more", with(100, "a+new"), limit,
                                       "452 4.5.3 too many recipients: 100 a message at most"},
                                      {"a repeated one", with(100, "A+99"), limit, ""}});
}

Evidence with_spf(mailauth::spf::Status status, std::string mechanism = "-all") {
  Evidence evidence = from_client("203.0.113.10");
  evidence.spf = mailauth::spf::Result{.status = status,
                                       .domain = "example.com",
                                       .mechanism = std::move(mechanism),
                                       .record_domain = "example.com",
                                       .explanation = "call 555"};
  return evidence;
}

TEST(Catalogue, spf_authorised) {
  using mailauth::spf::Status;
  const auto refused = [](std::string word) {
    return "550 5.7.23 SPF validation failed: " + word + " for example.com from 203.0.113.10";
  };
  expect(checks::spf_authorised,
         {{"pass", with_spf(Status::pass), {}, ""},
          {"none", with_spf(Status::none), {}, refused("none")},
          {"neutral", with_spf(Status::neutral), {}, refused("neutral")},
          {"softfail", with_spf(Status::softfail), {}, refused("softfail")},
          {"fail", with_spf(Status::fail), {}, refused("fail")},
          {"permerror",
           with_spf(Status::permerror),
           {},
           "550 5.7.24 SPF record of example.com is in error (permerror)"},
          {"temperror",
           with_spf(Status::temperror),
           {},
           "451 4.7.24 SPF of example.com could not be verified (temperror), try again later"}});
  const Verdict verdict = checks::spf_authorised.judge(with_spf(Status::fail), {});
  EXPECT_EQ(verdict.detail, "SPF fail for example.com by -all");
}

TEST(Catalogue, spf_domain_listed) {
  const Argument listed = DomainSet({"partner.example.com", ".example.net"});
  const auto from = [](std::optional<std::string> domain, std::string helo = "mx.example.com") {
    Evidence evidence = from_client("203.0.113.10");
    evidence.session.helo = std::move(helo);
    evidence.reverse_path.reset();
    if (domain) evidence.reverse_path = mail::Mailbox{"alerts", *domain};
    return evidence;
  };
  const auto refused = [](std::string domain) {
    return "550 5.7.1 sender domain " + domain + " is not in the policy's list";
  };
  expect(checks::spf_domain_listed,
         {{"itself", from("partner.example.com"), listed, ""},
          {"case", from("Partner.EXAMPLE.com"), listed, ""},
          {"below a name alone", from("a.partner.example.com"), listed,
           refused("a.partner.example.com")},
          {"below a dotted one", from("a.b.example.net"), listed, ""},
          {"the dotted one", from("example.net"), listed, refused("example.net")},
          {"a longer name that ends alike", from("evilpartner.example.com"), listed,
           refused("evilpartner.example.com")},
          {"null reverse-path: HELO", from({}, "mx.example.net"), listed, ""},
          {"null reverse-path, other HELO", from({}, "mx.example.org"), listed,
           refused("mx.example.org")},
          {"address literal", from("[192.0.2.1]"), listed, refused("[192.0.2.1]")},
          {"no name at all", from({}, ""), listed, refused("(none)")}});
}

mailauth::dkim::SignatureResult signature_with(std::string domain, mailauth::dkim::Status status,
                                               bool acceptable) {
  mailauth::dkim::SignatureResult result;
  result.signature.domain = std::move(domain);
  result.signature.selector = "s1";
  result.status = status;
  result.acceptable = acceptable;
  if (status == mailauth::dkim::Status::temperror) {
    result.reason = mailauth::dkim::Reason::key_unavailable;
  }
  return result;
}

Evidence with_dkim(std::vector<mailauth::dkim::SignatureResult> signatures,
                   std::size_t from_fields = 1) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.dkim.emplace();
  evidence.dkim->signatures = std::move(signatures);
  evidence.dkim->from_fields = from_fields;
  return evidence;
}

TEST(Catalogue, dkim_signed) {
  using mailauth::dkim::Status;
  const Argument any = DomainSet();
  const Argument listed = DomainSet({"example.com"});
  const auto good = signature_with("example.com", Status::pass, true);
  const auto foreign = signature_with("example.org", Status::pass, true);
  const auto weak = signature_with("example.com", Status::pass, false);
  const auto broken = signature_with("example.com", Status::fail, false);
  const auto unknown = signature_with("example.com", Status::temperror, false);
  const auto foreign_unknown = signature_with("example.org", Status::temperror, false);
  auto doubtful = unknown;
  doubtful.header_ambiguous = true;
  const std::string none = "550 5.7.20 no valid DKIM signature found";
  const std::string unacceptable =
      "550 5.7.21 no acceptable DKIM signature of a permitted domain found";
  const std::string later = "451 4.7.5 DKIM key could not be fetched, try again later";
  expect(checks::dkim_signed, {{"none", with_dkim({}), any, none},
                               {"good", with_dkim({good}), any, ""},
                               {"good and listed", with_dkim({foreign, broken, good}), listed, ""},
                               {"good, not listed", with_dkim({foreign}), listed, unacceptable},
                               {"broken", with_dkim({broken}), any, none},
                               {"valid and not acceptable", with_dkim({weak}), any, unacceptable},
                               {"unknown", with_dkim({unknown}), listed, later},
                               {"unknown and broken", with_dkim({broken, unknown}), listed, later},
                               {"unknown, not listed", with_dkim({foreign_unknown}), listed, none},
                               {"unknown and good", with_dkim({unknown, good}), listed, ""},
                               {"unknown, two authors", with_dkim({unknown}, 2), listed, none},
                               {"unknown, two readings", with_dkim({doubtful}), listed, none}});
}

Evidence with_dmarc(mailauth::dmarc::Status status, mailauth::dmarc::Policy policy) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.dmarc.emplace();
  evidence.dmarc->status = status;
  evidence.dmarc->policy = policy;
  evidence.dmarc->from_domain = evidence.dmarc->record_domain = "example.com";
  evidence.dmarc->record.emplace();
  return evidence;
}

TEST(Catalogue, dmarc_aligned) {
  using mailauth::dmarc::Policy;
  using mailauth::dmarc::Status;
  const std::string refused =
      "550 5.7.26 unauthenticated mail from example.com is refused by its DMARC policy";
  expect(checks::dmarc_aligned,
         {{"pass", with_dmarc(Status::pass, Policy::reject), {}, ""},
          {"no record", with_dmarc(Status::none, Policy::none), {}, ""},
          {"fail, p=none", with_dmarc(Status::fail, Policy::none), {}, ""},
          {"fail, p=quarantine", with_dmarc(Status::fail, Policy::quarantine), {}, refused},
          {"fail, p=reject", with_dmarc(Status::fail, Policy::reject), {}, refused},
          {"no certain author",
           with_dmarc(Status::permerror, Policy::none),
           {},
           "550 5.6.0 invalid From: one address that all read alike is required"},
          {"no answer, p=none", with_dmarc(Status::temperror, Policy::none), {}, ""},
          {"no answer",
           with_dmarc(Status::temperror, Policy::reject),
           {},
           "451 4.7.26 DMARC could not be evaluated, try again later"}});
}

TEST(Catalogue, dmarc_passed) {
  using mailauth::dmarc::Policy;
  using mailauth::dmarc::Status;
  const std::string refused = "550 5.7.26 DMARC does not vouch for mail from example.com";
  const std::string later = "451 4.7.26 DMARC could not be evaluated, try again later";
  Evidence no_record = with_dmarc(Status::none, Policy::none);
  no_record.dmarc->record.reset();
  Evidence silent = no_record;
  silent.spf = mailauth::spf::Result{.status = mailauth::spf::Status::temperror};
  expect(checks::dmarc_passed,
         {{"pass", with_dmarc(Status::pass, Policy::none), {}, ""},
          {"no record", no_record, {}, refused},
          {"no record and no answer about SPF", silent, {}, later},
          {"fail, p=none", with_dmarc(Status::fail, Policy::none), {}, refused},
          {"fail, p=reject", with_dmarc(Status::fail, Policy::reject), {}, refused},
          {"no certain author",
           with_dmarc(Status::permerror, Policy::none),
           {},
           "550 5.6.0 invalid From: one address that all read alike is required"},
          {"no answer", with_dmarc(Status::temperror, Policy::none), {}, later}});
}

TEST(DomainSet, compares_whole_labels) {
  const DomainSet set({"example.com", ".example.net", ".a.example.org"});
  for (const char* in :
       {"example.com", "EXAMPLE.com", "x.example.net", "x.y.example.net", "b.a.example.org"}) {
    EXPECT_TRUE(set.contains(in)) << in;
  }
  for (const char* out : {"", ".", "com", "x.example.com", "anexample.com", "example.net",
                          ".example.net", "xexample.net", "a.example.org", "example.org"}) {
    EXPECT_FALSE(set.contains(out)) << out;
  }
  EXPECT_FALSE(DomainSet().contains("example.com"));
}

Evidence with_header(MessageFacts facts) {
  Evidence evidence = from_client("203.0.113.10");
  evidence.message = std::move(facts);
  return evidence;
}

TEST(Catalogue, received_loop) {
  const Argument limit = std::uint64_t{100};
  expect(checks::received_loop, {{"hundred", with_header({.received_fields = 100}), limit, ""},
                                 {"one more", with_header({.received_fields = 101}), limit,
                                  "554 5.4.6 mail loop: 101 Received fields, 100 at most"}});
}

TEST(Catalogue, header_limits) {
  const Argument limits = SizeLimits{.octets = 1000, .count = 10};
  expect(checks::header_limits,
         {{"at both", with_header({.header_fields = 10, .header_size = 1000}), limits, ""},
          {"fields", with_header({.header_fields = 11, .header_size = 100}), limits,
           "554 5.6.0 header section too large: 11 fields in 100 octets, 10 in 1000 at most"},
          {"octets", with_header({.header_fields = 1, .header_size = 1001}), limits,
           "554 5.6.0 header section too large: 1 fields in 1001 octets, 10 in 1000 at most"}});
}

TEST(Catalogue, lists_each_check_once_with_its_words) {
  std::set<std::string_view> names;
  for (const Check* check : checks::all()) {
    EXPECT_TRUE(names.insert(check->name).second) << check->name;
    EXPECT_EQ(checks::find(check->name), check);
    EXPECT_FALSE(check->help.empty()) << check->name;
    EXPECT_FALSE(check->replies.empty()) << check->name;
  }
  EXPECT_EQ(names.size(), 18u + std::size(questions::offered));
  EXPECT_EQ(checks::find("no_such_check"), nullptr);
  EXPECT_EQ(checks::control_of("client_in_networks"), "source_ip");
  EXPECT_EQ(checks::control_of("client_authenticated"), "smtp_auth");
  EXPECT_EQ(checks::control_of("rate_available"), "rate_limit");
  EXPECT_EQ(checks::control_of("spf_domain_listed"), "spf");
  EXPECT_EQ(checks::control_of("spf_authorised"), "spf");
  EXPECT_EQ(checks::control_of("dkim_signed"), "dkim");
  EXPECT_EQ(checks::control_of("helo_literal_is_client"), "helo_literal_is_client");
  EXPECT_EQ(checks::control_of("internal_error"), "");
}

TEST(Catalogue, manual_page_is_current) {
  const char* path = POSTERN_SOURCE_DIR "/docs/checks.md";
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << checks::manual();
  EXPECT_EQ(tests::read_file(path), checks::manual()) << "run POSTERN_WRITE_DOCS=1 policy_test";
}

}  // namespace
}  // namespace postern::policy
