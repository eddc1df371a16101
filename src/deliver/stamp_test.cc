#include "deliver/stamp.h"

#include <sys/resource.h>

#include <csignal>
#include <map>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "mailauth/dkim/verify.h"
#include "policy/directory.h"
#include "policy/dkim_keyring.h"
#include "policy/testing.h"

namespace postern::deliver {
namespace {

namespace dkim = mailauth::dkim;

constexpr std::int64_t stamp_arrival = 1795161600;  // Fri, 20 Nov 2026 08:00:00 +0000
const std::string hostname = "mx.example.org";
const std::string stamped_message =
    "Received: by relay.example\r\nFrom: Ann <ann@example.com>\r\nTo: bob@example.net\r\n"
    "Subject: figures\r\n\r\nHello.\r\n";

policy::Evidence local_evidence(std::vector<std::string> recipients = {"bob"}) {
  policy::Evidence made = policy::testing::from_client("198.51.100.7");
  made.session.helo = "client.example";
  made.session.esmtp = true;
  for (std::string& local : recipients) {
    made.recipients.push_back({.address = {std::move(local), "example.net"}, .route = {}});
  }
  return made;
}

policy::Evidence authenticated(std::map<std::string, std::uint64_t> granted = {}) {
  policy::Evidence made = local_evidence();
  made.session.auth = {.username = "ann", .mechanism = "PLAIN", .granted = std::move(granted)};
  return made;
}

class Stamp : public testing::Test {
 protected:
  Stamp() {
    options_ = {.hostname = hostname,
                .authserv_id = hostname,
                .id = "01JD0000000000000000000000",
                .time = std::chrono::system_clock::from_time_t(stamp_arrival),
                .directory = folder_.path(),
                .policies = &policies_};
  }

  std::string stamp(const policy::Evidence& facts, std::string_view octets = stamped_message) {
    Result<spool::Body> body = stamped(facts, octets, options_);
    EXPECT_TRUE(body) << (body ? "" : body.error().message);
    return body ? std::string(body->view().value()) : std::string();
  }
  Error refused(const policy::Evidence& facts, std::string_view octets) {
    const Result<spool::Body> body = stamped(facts, octets, options_);
    EXPECT_FALSE(body);
    return body ? Error() : body.error();
  }
  /// The fields added before the client's message.
  std::string added(const policy::Evidence& facts, std::string_view octets = stamped_message) {
    const std::string whole = stamp(facts, octets);
    EXPECT_TRUE(whole.ends_with(octets)) << whole;
    return whole.substr(0, whole.size() - octets.size());
  }

  void sign_for(const std::string& domain, const std::string& account = "acc_1") {
    static const auto rsa = *dkim::SigningKey::generate_rsa(1024);
    static const auto ed25519 = *dkim::SigningKey::generate_ed25519();
    options_.keys = &keyring_;
    keyring_.put(std::make_shared<policy::DkimSigner>(
        domain, account,
        std::vector<policy::DkimSigner::Pem>{{"r1", rsa.private_pem()},
                                             {"e1", ed25519.private_pem()}}));
    records_["r1._domainkey." + domain] = rsa.public_record();
    records_["e1._domainkey." + domain] = ed25519.public_record();
  }
  dkim::Results verify(std::string_view octets, std::int64_t now = stamp_arrival) {
    auto check = dkim::verify_message(octets, now);
    while (const mailauth::Question* question = check.next()) {
      const auto found = records_.find(question->name);
      mailauth::Answer answer;
      answer.status = mailauth::Answer::Status::nx_domain;
      if (found != records_.end()) {
        answer = {.status = mailauth::Answer::Status::found, .records = {found->second}};
      }
      check.feed(answer);
    }
    return check.result();
  }
  /// "r1 e1" for the signatures that verify; the d= of all must be `domain`.
  std::string signers(std::string_view octets, const std::string& domain) {
    std::string names;
    for (const dkim::SignatureResult& one : verify(octets).signatures) {
      EXPECT_TRUE(one.acceptable) << dkim::to_text(one.reason);
      EXPECT_EQ(one.signature.domain, domain);
      names += (names.empty() ? "" : " ") + one.signature.selector;
    }
    return names;
  }

  tests::TemporaryFolder folder_;
  policy::Directory policies_;
  policy::DkimKeyring keyring_;
  std::map<std::string, std::string> records_;
  StampOptions options_;
};

const std::string nothing_known = "Authentication-Results: mx.example.org; none\r\n";

TEST_F(Stamp, puts_received_and_results_on_top_of_what_was_sent) {
  EXPECT_EQ(stamp(local_evidence()),
            "Received: from client.example ([198.51.100.7])\r\n"
            "\tby mx.example.org with ESMTP\r\n"
            "\tid 01JD0000000000000000000000\r\n"
            "\tfor <bob@example.net>;\r\n"
            "\tFri, 20 Nov 2026 08:00:00 +0000\r\n" +
                nothing_known + stamped_message);
}

TEST_F(Stamp, says_how_the_message_came) {
  policy::Evidence facts = authenticated();
  facts.session.tls = {.version = "TLSv1.3", .cipher = "TLS_AES_256_GCM_SHA384"};
  facts.smtputf8 = true;
  facts.recipients[0].address = {"b\xc3\xb6", "example.net"};
  EXPECT_EQ(added(facts),
            "Received: from client.example ([198.51.100.7])\r\n"
            "\tby mx.example.org with UTF8SMTPSA\r\n"
            "\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
            "\tid 01JD0000000000000000000000\r\n"
            "\tfor <b\xc3\xb6@example.net>;\r\n"
            "\tFri, 20 Nov 2026 08:00:00 +0000\r\n"
            "Authentication-Results: mx.example.org;\r\n"
            "\tauth=pass\r\n");
}

TEST_F(Stamp, tells_no_recipient_of_another) {
  EXPECT_EQ(added(local_evidence({"bob", "eve"})).find("for <"), std::string::npos);
  EXPECT_EQ(added(local_evidence({})).find("for <"), std::string::npos);
  EXPECT_NE(added(local_evidence({"bob", "Bob"})).find("for <bob@example.net>"), std::string::npos);
}

TEST_F(Stamp, of_a_null_reverse_path_tells_what_helo_was_worth) {
  policy::Evidence facts = local_evidence();
  facts.reverse_path.reset();
  facts.spf =
      mailauth::spf::Result{.status = mailauth::spf::Status::pass, .domain = "client.example"};
  const std::string fields = added(facts);
  EXPECT_NE(fields.find("spf=pass smtp.helo=client.example\r\n"), std::string::npos) << fields;
  EXPECT_EQ(fields.find("Return-Path"), std::string::npos);
}

TEST_F(Stamp, leaves_no_way_out_of_the_comment_for_a_helo_name) {
  for (const std::string helo : {"a\r\nX-Evil: 1", "a) by mx.example.org (", "[evil", "x\\", "",
                                 "\xff\xfe", "client.example; Fri"}) {
    policy::Evidence facts = local_evidence();
    facts.session.helo = helo;
    const std::string fields = added(facts);
    const mailauth::HeaderView header = mailauth::HeaderView::parse(fields);
    EXPECT_EQ(header.fields().size(), 2u) << helo;
    EXPECT_EQ(header.not_fields(), 0u) << helo;
    EXPECT_TRUE(fields.starts_with("Received: from [198.51.100.7] (")) << fields;
  }
}

TEST_F(Stamp, takes_messages_of_every_shape) {
  for (const std::string octets : {"", "\r\n", "\r\nbody\r\n", "Subject: only\r\n", "Subject: torn",
                                   "From mbox\r\nSubject: x\r\n\r\n", "no header at all\r\n",
                                   "A: b\r\n\r\n", "A: b\r\n\r\nC: d\r\n\r\nE\r\n"}) {
    EXPECT_TRUE(added(local_evidence(), octets).ends_with(nothing_known)) << octets;
  }
}

TEST_F(Stamp, refuses_a_message_that_would_go_on_in_our_fields) {
  for (const char* octets : {" ; dkim=pass header.d=bank.example\r\n\r\n", "\tx\r\n"}) {
    EXPECT_EQ(refused(local_evidence(), octets).fault, Fault::malformed);
  }
}

struct Foreign {
  const char* name;
  const char* received;
  const char* kept;
};
class StampForeign : public Stamp, public testing::WithParamInterface<Foreign> {};

TEST_P(StampForeign, results_in_our_name_go_and_all_else_stays) {
  const std::string tail = "\r\nAuthentication-Results: mx.example.org; spf=pass\r\n";
  const std::string whole = stamp(local_evidence(), GetParam().received + tail);
  const std::size_t at = whole.find(nothing_known);
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(whole.substr(at + nothing_known.size()), GetParam().kept + tail);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, StampForeign,
    testing::Values(
        Foreign{"plain", "Authentication-Results: mx.example.org; spf=pass\r\nA: b\r\n",
                "A: b\r\n"},
        Foreign{"folded",
                "A: b\r\nAuthentication-Results:\r\n mx.example.org;\r\n\tspf=pass\r\n"
                " smtp.mailfrom=x\r\nC: d\r\n\te\r\n",
                "A: b\r\nC: d\r\n\te\r\n"},
        Foreign{"comment", "AUTHENTICATION-RESULTS : (x) MX.Example.ORG. 1; none\r\n", ""},
        Foreign{"quoted", "Authentication-Results: \"mx.example.org\"; none\r\nA: b\r\n",
                "A: b\r\n"},
        Foreign{"several",
                "Authentication-Results: mx.example.org; a=b\r\nAuthentication-Results: "
                "other.example; spf=fail\r\nAuthentication-Results: mx.example.org; none\r\n",
                "Authentication-Results: other.example; spf=fail\r\n"},
        Foreign{"of_others", "Authentication-Results: mx.example.org.evil; spf=pass\r\n",
                "Authentication-Results: mx.example.org.evil; spf=pass\r\n"},
        Foreign{"in_arc", "ARC-Authentication-Results: i=1; mx.example.org; spf=pass\r\n",
                "ARC-Authentication-Results: i=1; mx.example.org; spf=pass\r\n"}),
    [](const auto& info) { return info.param.name; });

TEST_F(Stamp, a_large_message_passes_through_a_file) {
  const std::string large = stamped_message + std::string(3 << 20, 'x') + "\r\n";
  Result<spool::Body> body = stamped(local_evidence(), large, options_);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_FALSE(body->in_memory());
  EXPECT_TRUE(body->view().value().ends_with(large));
}

TEST_F(Stamp, without_room_the_client_tries_again) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{.rlim_cur = 100000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Error error = refused(local_evidence(), stamped_message + std::string(1 << 20, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(error.fault, Fault::disk_full) << error.message;
}

TEST_F(Stamp, signs_with_each_key_below_the_results) {
  sign_for("example.com");
  const std::string whole = stamp(authenticated());
  EXPECT_EQ(signers(whole, "example.com"), "r1 e1");
  const std::string fields = added(authenticated());
  const mailauth::HeaderView header = mailauth::HeaderView::parse(fields);
  ASSERT_EQ(header.fields().size(), 4u);
  for (const auto& [at, name] : std::map<std::size_t, std::string>{
           {0, "Received"}, {1, "Authentication-Results"}, {2, "DKIM-Signature"}}) {
    EXPECT_EQ(header.fields()[at].name, name);
  }
  EXPECT_NE(fields.find("c=relaxed/relaxed;"), std::string::npos);
  EXPECT_NE(fields.find("t=1795161600; x=1796457600;"), std::string::npos);  // 15 days
  EXPECT_EQ(fields.find("l="), std::string::npos);
}

TEST_F(Stamp, a_signature_ends_after_fifteen_days) {
  sign_for("example.com");
  const std::string whole = stamp(authenticated());
  EXPECT_TRUE(verify(whole, stamp_arrival + 14 * 86400).any_acceptable());
  EXPECT_EQ(verify(whole, stamp_arrival + 16 * 86400).signatures.at(0).reason,
            dkim::Reason::expired);
}

TEST_F(Stamp, signs_the_absence_of_what_a_reader_sees) {
  sign_for("example.com");
  const std::string whole = stamp(authenticated());
  for (const char* field : {"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To",
                            "Content-Type", "MIME-Version"}) {
    const std::string forged = std::string(field) + ": eve@example.net\r\n" + whole;
    EXPECT_FALSE(verify(forged).any_acceptable()) << field;
  }
  EXPECT_EQ(signers("Received: from next.example\r\n" + whole, "example.com"), "r1 e1");
}

TEST_F(Stamp, signs_messages_with_little_in_them) {
  sign_for("example.com");
  for (const char* octets : {"From: a@example.com\r\n", "From: a@example.com\r\n\r\n",
                             "From: a@example.com\r\n\r\n\r\n\r\n", "From: a@example.com\r\n\r\nx",
                             "Authentication-Results: mx.example.org; none\r\n"
                             "From: a@sub.example.com\r\n\r\n.\r\n"}) {
    EXPECT_EQ(signers(stamp(authenticated(), octets), "example.com"), "r1 e1") << octets;
  }
}

TEST_F(Stamp, signs_large_messages) {
  sign_for("example.com");
  std::string large = stamped_message;
  for (int i = 0; i < 40000; ++i) large += "a line  with blanks \t and 8\xc3\xa9 bits\r\n";
  EXPECT_EQ(signers(stamp(authenticated(), large), "example.com"), "r1 e1");
}

TEST_F(Stamp, signs_for_nobody_who_only_says_so) {
  sign_for("example.com");
  EXPECT_EQ(added(local_evidence()).find("DKIM-Signature"), std::string::npos);
  options_.trusted_client = true;
  EXPECT_EQ(signers(stamp(local_evidence()), "example.com"), "r1 e1");
}

TEST_F(Stamp, signs_with_no_other_domain_than_the_authors) {
  sign_for("example.com");
  for (const char* from :
       {"ann@example.net", "ann@notexample.com", "ann@com", "ann@example.com, eve@example.net",
        "ann@[192.0.2.1]", "nonsense", "ann@example.com\r\nFrom: eve@example.net"}) {
    const std::string octets = std::string("From: ") + from + "\r\n\r\nx\r\n";
    EXPECT_EQ(added(authenticated(), octets).find("DKIM-Signature"), std::string::npos) << from;
  }
  EXPECT_EQ(added(authenticated(), "Subject: x\r\n\r\n").find("DKIM-Signature"), std::string::npos);
}

TEST_F(Stamp, an_account_signs_for_its_own_domains_alone) {
  sign_for("example.com", "acc_1");
  policy::Change change;
  for (const char* account : {"acc_1", "acc_2"}) {
    auto policy = std::make_shared<policy::WebhookPolicy>();
    policy->id = std::string("pol_of_") + account;
    policy->account_id = account;
    change.put_policies.push_back(policy);
  }
  policies_.apply(std::move(change));
  EXPECT_EQ(signers(stamp(authenticated({{"pol_of_acc_1", 1}})), "example.com"), "r1 e1");
  for (const auto& granted : {std::map<std::string, std::uint64_t>{{"pol_of_acc_2", 1}},
                              std::map<std::string, std::uint64_t>{{"pol_gone", 1}}}) {
    EXPECT_EQ(added(authenticated(granted)).find("DKIM-Signature"), std::string::npos);
  }
}

TEST_F(Stamp, signs_a_header_of_as_many_fields_as_were_accepted) {
  sign_for("example.com");
  std::string many = "From: ann@example.com\r\n";
  for (int i = 0; i < 20000; ++i) many += "X: y\r\n";
  EXPECT_NE(added(authenticated(), many + "\r\n").find("DKIM-Signature"), std::string::npos);
}

TEST_F(Stamp, never_lets_mail_go_unsigned_that_is_to_be_signed) {
  sign_for("example.com");
  keyring_.put(std::make_shared<policy::DkimSigner>(
      "example.com", "acc_1",
      std::vector<policy::DkimSigner::Pem>{{"torn", Secret("-----BEGIN hush")}}));
  for (int again = 0; again < 2; ++again) {
    const Error unread = refused(authenticated(), stamped_message);
    EXPECT_EQ(unread.fault, Fault::temporary);
    EXPECT_NE(unread.message.find("torn._domainkey.example.com"), std::string::npos);
    EXPECT_EQ(unread.message.find("hush"), std::string::npos);
  }
  stamp(local_evidence());  // mail that is not to be signed passes
}

}  // namespace
}  // namespace postern::deliver
