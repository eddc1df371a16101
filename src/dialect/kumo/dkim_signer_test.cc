#include "dialect/kumo/dkim_signer.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "base/temporary_folder_test.h"
#include "dialect/kumo/hooks_test.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace dkim = mailauth::dkim;

const dkim::SigningKey& rsa() {
  static const auto made = *dkim::SigningKey::generate_rsa(1024);
  return made;
}
const dkim::SigningKey& ed25519() {
  static const auto made = *dkim::SigningKey::generate_ed25519();
  return made;
}

constexpr const char* message =
    "From: Ann <ann@example.com>\r\nSubject: report\r\nX-Tenant: a\r\n\r\nall is well\r\n";

class Signing : public testing::Hooks {
 protected:
  void SetUp() override {
    folder_.write("rsa.pem", rsa().private_pem().reveal());
    folder_.write("ed.pem", ed25519().private_pem().reveal());
    options_.path = folder_.file("policy.lua");
    // As much of the library that reads headers as these messages need.
    options_.header_text.addresses = [](std::string_view raw) {
      std::vector<HeaderText::Entry> found;
      const std::size_t open = raw.find('<');
      const std::string_view rest = open == raw.npos ? raw : raw.substr(open + 1);
      found.push_back({{{"", std::string(rest.substr(0, rest.find('>')))}}, std::nullopt});
      return found;
    };
    receive(message);
    recipients({"bob"});
  }

  std::string failure(const std::string& text) {
    options_.text = text;
    const auto loaded = LuaPolicy::load(options_, world_);
    return loaded ? "" : loaded.error().message;
  }
  /// Loads a policy that runs these lines for each message.
  void on_message(const std::string& lines) {
    load("kumo.on('smtp_server_message_received', function(msg)\n" + lines + "\nend)");
    evidence_.session.script.reset();  // a session keeps its policy
  }
  /// The message as it is sent, after all hooks.
  std::string sent() {
    evidence_.copies.clear();
    if (verdict(policy::Stage::message) != "pass" || evidence_.copies.empty()) return "refused";
    const policy::ScriptCopy& copy = evidence_.copies.front();
    const std::string text(message);
    if (copy.text) return *copy.text;
    return copy.header.value_or("") + text.substr(text.find("\r\n\r\n") + 4);
  }
  static Task<bool> verify(policy::Gatherer& receiver, policy::Evidence& evidence) {
    co_await receiver.gather(policy::Need::dkim, evidence);
    co_return true;
  }
  /// The results of a receiver: "pass example.com", a pair of words for each signature.
  static std::string verified(const std::string& text) {
    testing::MailGatherer receiver(
        R"({"s1._domainkey.example.com": {"TXT": [")" + rsa().public_record() +
        R"("]}, "s2._domainkey.example.com": {"TXT": [")" + ed25519().public_record() + R"("]}})");
    receiver.receive(text);
    policy::Evidence evidence = policy::testing::from_client("203.0.113.10");
    evidence.message = policy::MessageFacts{};
    script::testing::run(verify(receiver, evidence));
    std::string found;
    for (const dkim::SignatureResult& one : evidence.dkim->signatures) {
      found += (found.empty() ? "" : " ") + std::string(dkim::to_text(one.reported())) + " " +
               one.signature.domain;
    }
    return found;
  }

  tests::TemporaryFolder folder_;
};

TEST_F(Signing, a_receiver_finds_the_signature_good) {
  on_message(R"(
    msg:remove_all_named_headers 'X-Tenant'
    msg:append_header('X-Seen', 'yes')
    msg:dkim_sign(kumo.dkim.rsa_sha256_signer {
      domain = msg:from_header().domain,
      selector = 's1',
      headers = { 'From', 'To', 'Subject', 'X-Seen' },
      key = 'rsa.pem',
    })
    local signer = kumo.dkim.rsa_sha256_signer {
      domain = 'a.example', selector = 's1', headers = { 'From' }, key = 'rsa.pem' }
    print(msg:get_all_headers()[1][1], signer.domain, signer.selector))");
  const std::string text = sent();
  EXPECT_THAT(text, StartsWith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;"));
  EXPECT_THAT(text, HasSubstr("h=from:to:subject:x-seen;"));
  EXPECT_THAT(text, Not(HasSubstr("X-Tenant")));
  EXPECT_EQ(verified(text), "pass example.com");
  EXPECT_THAT(said(), ElementsAre("DKIM-Signature\ta.example\ts1"));
}

TEST_F(Signing, options) {
  on_message(R"(
    msg:dkim_sign(kumo.dkim.ed25519_signer {
      domain = 'example.com',
      selector = 's2',
      headers = { 'From', 'Subject', 'Cc', 'from' },
      key = { key_data = io.open('ed.pem'):read('a') },
      over_sign = true,
      expiration = 86400,
      agent_user_identifier = 'ann@example.com',
      header_canonicalization = 'Simple',
      body_canonicalization = 'Simple',
      body_length = false,
      ttl = 300,
    }))");
  const std::string text = sent();
  EXPECT_THAT(text, HasSubstr("a=ed25519-sha256; c=simple/simple;"));
  EXPECT_THAT(text, HasSubstr("i=ann@example.com"));
  EXPECT_THAT(text, HasSubstr("h=from:from:subject:subject:cc;"));
  EXPECT_THAT(text, HasSubstr("; x="));
  EXPECT_EQ(verified(text), "pass example.com");
  // Over-signed: h= names Subject once more than the message has it.
  EXPECT_EQ(verified("Subject: another\r\n" + text), "fail example.com");
}

TEST_F(Signing, two_signatures_and_a_text_of_the_scripts_own) {
  on_message(R"(
    msg:set_data('From: ann@example.com\n\nanother text\n')
    local function parameters(selector, key)
      return { domain = 'example.com', selector = selector, headers = { 'From' }, key = key }
    end
    msg:dkim_sign(kumo.dkim.rsa_sha256_signer(parameters('s1', 'rsa.pem')))
    msg:dkim_sign(kumo.dkim.ed25519_signer(parameters('s2', 'ed.pem'))))");
  const std::string text = sent();
  EXPECT_THAT(text, HasSubstr("another text"));
  EXPECT_EQ(verified(text), "pass example.com pass example.com");
}

TEST_F(Signing, a_key_from_a_handler_and_a_signer_that_is_remembered) {
  load(R"(
    local reads = 0
    kumo.on('get_key', function(domain, selector)
      reads = reads + 1
      return io.open(selector .. '.pem'):read('a')
    end)
    local signer_of = kumo.memoize(function(domain)
      local signer = kumo.dkim.rsa_sha256_signer {
        domain = domain, selector = 's1', headers = { 'From', 'Subject' },
        key = { event_name = 'get_key', event_args = { domain, 'rsa' } },
      }
      return signer
    end, { name = 'signers', ttl = '5 minutes', capacity = 10 })
    kumo.on('smtp_server_message_received', function(msg)
      msg:dkim_sign(signer_of('example.com'))
      kumo.log_info(reads)
    end))");
  EXPECT_EQ(verified(sent()), "pass example.com");
  EXPECT_EQ(verified(sent()), "pass example.com");
  EXPECT_THAT(said(), ElementsAre("1", "1"));
}

TEST_F(Signing, a_mistake_stops_the_load_where_it_stands) {
  const std::string good =
      "domain = 'example.com', selector = 's1', headers = { 'From' }, key = 'rsa.pem'";
  struct Case {
    std::string parameters;
    std::string error;
  };
  const Case cases[] = {
      {"'example.com', 's1'", "a table of parameters is expected"},
      {"selector = 's1', headers = { 'From' }, key = 'rsa.pem'", "'domain' is missing"},
      {"domain = 'a.example', headers = { 'From' }, key = 'rsa.pem'", "'selector' is missing"},
      {"domain = 'a.example', selector = 's1', key = 'rsa.pem'", "'headers' must be a list"},
      {"domain = 'a.example', selector = 's1', headers = { 'From' }", "'key' is missing"},
      {good + ", headers = { 'To' }", "'headers' must have From"},
      {good + ", headers = { 'From', 'a; b=' }", "'headers' must be a list of names"},
      {good + ", headers = { 'From', 'received' }", "'headers' cannot have Received"},
      {good + ", oversign = true", "unknown option 'oversign'; did you mean 'over_sign'?"},
      {good + ", over_sign = 1", "'over_sign' must be true or false"},
      {good + ", body_length = true", "'body_length' is not available in Postern"},
      {good + ", atps = 'x'", "'atps' is not available in Postern"},
      {good + ", reporting = true", "'reporting' is not available in Postern"},
      {good + ", expiration = -1", "'expiration' must be a number of seconds"},
      {good + ", header_canonicalization = 'Strict'", "must be 'Relaxed' or 'Simple'"},
      {good + ", key = 'ed.pem'", "the key is one for ed25519-sha256"},
      {good + ", key = { key_data = 'no key' }", "no private key could be read"},
      {good + ", key = 'nowhere.pem'", "nowhere.pem"},
      {good + ", key = { event_name = 'nobody' }", "no handler of `nobody`"},
  };
  EXPECT_EQ(failure("kumo.dkim.rsa_sha256_signer { " + good + " }"), "");
  for (const Case& one : cases) {
    const std::string error = failure("\nkumo.dkim.rsa_sha256_signer { " + one.parameters + " }");
    EXPECT_THAT(error, HasSubstr("policy.lua:2: ")) << one.parameters;
    EXPECT_THAT(error, HasSubstr(one.error)) << one.parameters;
  }
  EXPECT_THAT(failure("kumo.dkim.rsa_sha256_signer()"), HasSubstr("a table of parameters"));
}

TEST_F(Signing, mail_that_cannot_be_signed_does_not_go_unsigned) {
  on_message(R"(
    msg:remove_all_named_headers 'From'
    msg:dkim_sign(kumo.dkim.rsa_sha256_signer {
      domain = 'example.com', selector = 's1', headers = { 'From' }, key = 'rsa.pem' }))");
  EXPECT_THAT(verdict(policy::Stage::message), StartsWith("451 4.3.0"));
  on_message("msg:dkim_sign { domain = 'example.com' }");
  EXPECT_THAT(verdict(policy::Stage::message), StartsWith("451 4.3.0"));
  EXPECT_THAT(failure("local m = setmetatable({}, {})\nkumo.dkim.rsa_sha256_signer(m)"),
              HasSubstr("'domain' is missing"));
}

TEST_F(Signing, the_record_has_no_key_and_the_decision_is_made_again_without_one) {
  on_message(R"(
    msg:dkim_sign(kumo.dkim.rsa_sha256_signer {
      domain = 'example.com', selector = 's1', headers = { 'From' }, key = 'rsa.pem' })
    if msg:get_first_named_header_value 'DKIM-Signature' then kumo.reject(550, 'signed') end)");
  EXPECT_EQ(verdict(policy::Stage::message), "550 signed");
  const std::string pem = rsa().private_pem().reveal();
  const std::string line = pem.substr(pem.find('\n') + 1, 40);
  EXPECT_THAT(policy_->definition(), Not(HasSubstr(line)));
  EXPECT_FALSE(decision_.script.empty());
  EXPECT_THAT(decision_.script, Not(HasSubstr(line)));
  std::filesystem::remove_all(folder_.path());
  const auto again = load_definition(json::parse(policy_->definition()).as_object());
  ASSERT_TRUE(again) << again.error().message;
  tape_ = policy::Tape::of(decision_.script);
  evidence_.session.script.reset();
  policy_ = *again;
  engine_ = std::make_unique<policy::Engine>(
      std::vector<policy::LayerEntry>{{std::make_shared<KumoLayer>(policy_)}});
  EXPECT_EQ(verdict(policy::Stage::message), "550 signed") << decision_.steps.back().verdict.detail;
}

TEST_F(Signing, a_key_that_stands_in_the_policy_is_crossed_out_in_its_definition) {
  const std::string pem = rsa().private_pem().reveal();
  on_message(
      "local head = '-----BEGIN "
      "PRIVATE KEY-----' local abcdefghijklmnopqrst = 1\n" +
      std::string(9000, ' ') + "\nlocal key = [[\n" + pem + "]]\nlocal seventeen_letters_x = 1\n");
  const std::string line = pem.substr(pem.find('\n') + 1, 40);
  EXPECT_THAT(policy_->definition(), Not(HasSubstr(line)));
  EXPECT_THAT(policy_->definition(), HasSubstr("local seventeen_letters_x = 1"));
  EXPECT_THAT(policy_->definition(), HasSubstr("local abcdefghijklmnopqrst = 1"));
  const auto again = load_definition(json::parse(policy_->definition()).as_object());
  EXPECT_TRUE(again);
}

TEST_F(Signing, a_key_of_a_listener_is_crossed_out_once) {
  const std::string line = "MIIBVgIBADANBgkqhkiG9w0BAQEFAASC";
  const std::string stars(64, '*');
  load(
      "kumo.on('init', function() kumo.start_esmtp_listener { listen = '127.0.0.1:2525',\n"
      "tls_certificate = { key_data = 'certificate' },\n"
      "tls_private_key = { key_data = [[\n" +
      line + "\n" + stars + "\n]] } } end)\nlocal again = '" + line + "'");
  EXPECT_THAT(policy_->definition(), Not(HasSubstr(line)));
  EXPECT_THAT(policy_->definition(), HasSubstr("local again = '****"));
}

// A text without the end of a key was searched to its own end for each beginning.
TEST_F(Signing, many_beginnings_of_keys_are_no_work) {
  std::string text = "--[[\n";
  for (int i = 0; i < 50'000; ++i) text += "PRIVATE KEY-----\n";
  load(text + "]]");
  EXPECT_THAT(policy_->definition(), HasSubstr("PRIVATE KEY-----"));
}

TEST_F(Signing, the_helper_signs_for_the_domain_of_from) {
  folder_.write(
      "dkim.toml",
      "[base]\nselector = 's1'\nadditional_signatures = ['esp']\nheaders = ['From', 'Subject']\n"
      "[domain.'example.com']\nfilename = 'rsa.pem'\nover_sign = true\n"
      "[signature.esp]\ndomain = 'example.com'\nselector = 's2'\nalgo = 'ed25519'\n"
      "filename = 'ed.pem'\npolicy = 'OnlyIfMissingDomainBlock'\n");
  const std::string text =
      "local signer = require('policy-extras.dkim_sign'):setup { 'dkim.toml' }\n"
      "kumo.on('smtp_server_message_received', function(msg) signer(msg) end)";
  load(text);
  EXPECT_EQ(verified(sent()), "pass example.com");
  EXPECT_THAT(sent(), HasSubstr("h=from:from:subject:subject;"));
  tape_ = policy::Tape::of(decision_.script);
  evidence_.copies.clear();
  EXPECT_EQ(verdict(policy::Stage::message), "pass") << "again, from the record alone";
  evidence_.copies.clear();
  // That domain has no block: the additional signature is made instead.
  receive("From: bob@other.example\r\n\r\nx\r\n");
  evidence_.copies.clear();
  ASSERT_EQ(verdict(policy::Stage::message), "pass");
  EXPECT_THAT(*evidence_.copies.front().header, HasSubstr("a=ed25519-sha256"));
  evidence_.copies.clear();
  receive("Subject: no From\r\n\r\nx\r\n");
  EXPECT_THAT(verdict(policy::Stage::message), StartsWith("552 5.6.0"));
}

TEST_F(Signing, a_domain_in_its_own_letters_signs_as_a_labels) {
  folder_.write("dkim.toml",
                "[base]\nselector = 's1'\nheaders = ['From']\n"
                "[domain.'*.example']\nfilename = 'rsa.pem'\nselector = 'wrong'\n"
                "[domain.'münchen.example']\nfilename = 'rsa.pem'\n");
  load(
      "local signer = require('policy-extras.dkim_sign'):setup { 'dkim.toml' }\n"
      "kumo.on('smtp_server_message_received', function(msg) signer(msg) end)");
  for (const std::string_view domain : {"xn--mnchen-3ya.example", "München.example"}) {
    receive("From: <bob@" + std::string(domain) + ">\r\n\r\nx\r\n");
    evidence_.copies.clear();
    ASSERT_EQ(verdict(policy::Stage::message), "pass");
    EXPECT_THAT(*evidence_.copies.front().header, HasSubstr("d=xn--mnchen-3ya.example; s=s1;"));
  }
}

TEST_F(Signing, the_helper_checks_its_files_when_the_policy_loads) {
  const auto with = [&](const std::string& toml) {
    folder_.write("dkim.toml", toml);
    return failure("require('policy-extras.dkim_sign'):setup { 'dkim.toml' }");
  };
  EXPECT_EQ(with(""), "");
  EXPECT_THAT(
      with("[domain.'example.com']\nselektor = 's1'\n"),
      HasSubstr("dkim.toml:2: `domain.example.com.selektor` is not a known key; did you mean "
                "`selector`?"));
  EXPECT_THAT(with("[domain.'example.com']\nfilename = 'rsa.pem'\n"),
              HasSubstr("has no `selector`"));
  EXPECT_THAT(with("[base]\nselector = 's'\n[domain.'*x']\n"), HasSubstr("is no domain"));
  EXPECT_THAT(with("[base]\nselector = 's'\n[domain.'example.com']\nalgo = 'md5'\n"),
              HasSubstr("dkim.toml:4: `domain.example.com.algo` must be 'sha256' or 'ed25519'"));
  EXPECT_THAT(with("[base]\nadditional_signatures = ['x']\n"),
              HasSubstr("names `x`, which no [signature] defines"));
  EXPECT_THAT(with("[base]\nselector = 's'\n[signature.x]\nfilename = 'rsa.pem'\n"),
              HasSubstr("has no `domain`"));
  EXPECT_THAT(with("[base]\nexpiration = 'long'\n"), HasSubstr("must be a number of seconds"));
  EXPECT_THAT(with("[base]\nselector = 's'\n[domain.'example.com']\nfilename = 'nowhere.pem'\n"),
              HasSubstr("nowhere.pem"));
  EXPECT_THAT(failure("local d = require 'policy-extras.dkim_sign'\nd:setup {} d:setup {}"),
              HasSubstr("policy.lua:2: the dkim_sign helper has already been configured"));
}

}  // namespace
}  // namespace postern::dialect::kumo
