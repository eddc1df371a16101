#include "policy/record.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "policy/authentication_text.h"
#include "policy/bcrypt.h"
#include "policy/deferral.h"
#include "policy/gateway_layer.h"
#include "policy/testing.h"
#include "policy/trace.h"

namespace postern::policy {
namespace {

using testing::a_webhook;
using testing::address;
using testing::from_client;
using testing::recipient_of;

/// Definitions as a database stores them.
struct Shelf {
  std::vector<Definition> kept;
  DefinitionSource source() {
    const auto find = [this](const std::string& id, std::uint64_t version) -> Result<std::string> {
      for (const Definition& one : kept) {
        if (one.id == id && one.version == version) return one.text;
      }
      return fail(Fault::not_found, id + " is not kept");
    };
    return {[find](const std::string& id,
                   std::uint64_t version) -> Result<std::shared_ptr<WebhookPolicy>> {
              const auto text = find(id, version);
              if (!text) return tl::unexpected(text.error());
              auto policy = std::make_shared<WebhookPolicy>();
              policy->id = id;
              policy->version = version;
              policy->definition = *text;
              return policy;
            },
            [find](std::uint64_t version) { return find("engine", version); }};
  }
};

Trace full_trace() {
  auto policy = std::make_shared<WebhookPolicy>();
  policy->id = "pol_1";
  policy->version = 3;
  policy->definition = R"({"name":"p"})";
  policy->credentials = {{"sender1", unmatched_hash(12), 77, 1}};
  auto webhook = a_webhook("a");
  webhook->policy_id = "pol_1";
  webhook->target_url = "https://example.com/?token=hush-url";
  webhook->secret = Secret("whsec_hush");
  webhook->rate_limit_per_minute = 60;

  Trace trace;
  trace.id = "01HX0000000000000000000000";
  trace.started =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1700000000123456));
  trace.outcome = "rejected";
  trace.reply = {.code = 550, .enhanced = {5, 7, 1}, .text = "no"};
  trace.omitted = 4;
  Evidence& evidence = trace.evidence;
  evidence = from_client("2001:db8::7");
  evidence.session.id = "01HX0000000000000000000001";
  evidence.session.listener = "smtp";
  evidence.session.client_port = 40001;
  evidence.session.proxy_from = "192.0.2.9:4000";
  evidence.session.proxy_via = "192.0.2.1:25";
  evidence.session.helo = "caf\xe9 \"quoted\"";
  evidence.session.esmtp = true;
  evidence.session.tls = Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  evidence.session.tls->client = ClientCertificate{"alice", "AA:01", "BB:02", true, "CA"};
  evidence.session.tls->key_bits = 256;
  evidence.session.tls->starttls = true;
  evidence.session.auth = Authentication{"sender1", "PLAIN", {{"pol_1", 77}}};
  evidence.declared_size = 1234;
  evidence.smtputf8 = evidence.body_8bitmime = evidence.require_tls = true;
  evidence.ret = "HDRS";
  evidence.envid = "QQ+2B314159";
  evidence.recipients.push_back(recipient_of(webhook, policy));
  evidence.recipients[0].route.tag = "Tag";
  evidence.recipients[0].notify = "Success,DELAY";
  evidence.recipients[0].orcpt = "utf-8;caf\xc3\xa9@example.org";
  evidence.message = MessageFacts{1200, 5, 300, 2, 1, "<m@example.com>"};
  evidence.spf = mailauth::spf::Result{.status = mailauth::spf::Status::softfail,
                                       .domain = "example.com",
                                       .sender = "alerts@example.com",
                                       .mechanism = "~all",
                                       .record_domain = "_spf.example.com",
                                       .lookup_terms = 3,
                                       .void_terms = 1};
  evidence.author.emplace();
  evidence.author->domains = {"example.com"};
  evidence.author->valid = evidence.author->obsolete = true;
  evidence.author->addresses = 1;
  evidence.dkim.emplace();
  evidence.dkim->from_fields = 1;
  evidence.dkim->signatures.resize(2);
  auto& signature = evidence.dkim->signatures[1];
  signature.signature.domain = "example.com";
  signature.signature.selector = "s1";
  signature.signature.algorithm = mailauth::dkim::Algorithm::ed25519_sha256;
  signature.status = mailauth::dkim::Status::fail;
  signature.reason = mailauth::dkim::Reason::expired;
  signature.key_bits = 256;
  signature.unsigned_octets = 7;
  signature.testing = signature.uncovered_field = signature.from_future = true;
  signature.header_ambiguous = true;
  evidence.dmarc.emplace();
  evidence.dmarc->status = mailauth::dmarc::Status::fail;
  evidence.dmarc->mode = mailauth::dmarc::Mode::tree_walk;
  evidence.dmarc->policy = mailauth::dmarc::Policy::reject;
  evidence.dmarc->from_domain = evidence.dmarc->record_domain = "example.com";
  evidence.dmarc->record.emplace();
  evidence.arc.emplace();
  evidence.arc->status = mailauth::arc::Status::fail;
  evidence.arc->instance = 2;
  evidence.arc->trouble.reason = mailauth::arc::Reason::seal_failed;
  evidence.arc->sealers = {"a.example.com", "b.example.com"};
  evidence.dns.push_back(
      {{"example.com", dns::Type::txt},
       {dns::Status::found, {"v=spf1 -all", "\xff\x00x"}, true, std::chrono::seconds(60)}});
  evidence.dns.push_back({.question = {"example.com", dns::Type::a},
                          .answer = {.status = dns::Status::timeout, .records = {}},
                          .in_shadow = true});
  Decision rcpt{.stage = Stage::rcpt, .recipient = "a@hooks.example.net"};
  rcpt.reply.code = 0;
  rcpt.candidate = evidence.recipients[0];
  rcpt.rate_tokens = 59.1;
  rcpt.took = std::chrono::nanoseconds(4321);
  rcpt.engine = std::make_shared<const std::string>("[]");
  rcpt.steps.push_back(
      {Stage::rcpt, "webhook", "webhook_active", "webhook/is_active", pass_on("active"), true});
  Decision end{.stage = Stage::message};
  end.accepted = 1;
  end.reply = {.code = 550, .enhanced = {5, 7, 1}, .text = "no"};
  end.engine = rcpt.engine;
  end.steps.push_back({Stage::message, "lua", "a_check_of_the_future", "main.lua:3:1",
                       refuse(550, {5, 7, 1}, "no", "seen"), false});
  trace.decisions = {std::move(rcpt), std::move(end)};
  return trace;
}

TEST(Record, what_the_moment_refused_is_no_difference) {
  Decision recorded{.stage = Stage::rcpt};
  recorded.reply.code = 0;
  recorded.steps.push_back(
      {Stage::rcpt, "webhook", "webhook_active", "w", pass_on("active"), true});
  const Decision derived = recorded;
  for (const char* check : {"memory", "next_hop", "dkim_replay"}) {
    Decision refused = recorded;
    refused.reply = {.code = 452, .enhanced = {4, 3, 1}, .text = "later"};
    refused.steps.push_back(
        {Stage::rcpt, "gateway", check, "limits.memory", refuse(452, {4, 3, 1}, "later"), true});
    EXPECT_TRUE(differences(refused, derived).empty()) << check;
  }
  Decision other = recorded;
  other.reply = {.code = 550, .enhanced = {5, 7, 1}, .text = "no"};
  other.steps.push_back(
      {Stage::rcpt, "gateway", "recipient_known", "routes", refuse(550, {5, 7, 1}, "no"), true});
  EXPECT_EQ(differences(other, derived).size(), 2u);
}

// 0.2.0 did not record which rule had the reason.
TEST(Record, the_rule_behind_a_deferral_is_no_difference_to_older_records) {
  const auto with = [](const std::string& detail) {
    Decision decision{.stage = Stage::rcpt};
    decision.reply = {.code = 450, .enhanced = {4, 1, 8}, .text = "later"};
    decision.steps.push_back({Stage::rcpt, "restrictions", "end_of_lists", "",
                              refuse(450, {4, 1, 8}, "later", detail), true});
    return decision;
  };
  const Decision older = with("no rule refused");
  const Decision named =
      with(with_raiser({"reject_unknown_sender_domain", "l:1"}, "no rule refused"));
  const Decision other = with(with_raiser({"defer_if_permit", "l:1"}, "no rule refused"));
  EXPECT_TRUE(differences(older, named).empty());
  EXPECT_TRUE(differences(named, named).empty());
  EXPECT_FALSE(differences(named, other).empty());
  EXPECT_FALSE(differences(named, older).empty());
}

TEST(Record, reads_back_what_it_wrote) {
  const Trace trace = full_trace();
  const std::string text = write_record(trace);
  Shelf shelf{definitions_of(trace)};
  const Result<Trace> again = read_record(text, shelf.source());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(write_record(*again), text);
  const Evidence& evidence = again->evidence;
  EXPECT_EQ(again->started, trace.started);
  EXPECT_EQ(evidence.session.client_ip.to_string(), "2001:db8::7");
  EXPECT_EQ(evidence.session.helo, trace.evidence.session.helo);
  EXPECT_EQ(evidence.session.tls->cipher, "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(evidence.dns[0].answer, trace.evidence.dns[0].answer);
  EXPECT_FALSE(evidence.dns[0].in_shadow);
  EXPECT_TRUE(evidence.dns[1].in_shadow);
  EXPECT_EQ(describe(*evidence.spf), describe(*trace.evidence.spf));
  EXPECT_EQ(evidence.spf->void_terms, 1);
  EXPECT_EQ(describe(*evidence.dkim), describe(*trace.evidence.dkim));
  EXPECT_EQ(evidence.dkim->signatures[1].unsigned_octets, 7u);
  EXPECT_EQ(describe(*evidence.dmarc), describe(*trace.evidence.dmarc));
  EXPECT_EQ(describe(*evidence.arc), describe(*trace.evidence.arc));
  EXPECT_TRUE(evidence.author->valid);
  EXPECT_EQ(evidence.recipients[0].route.tag, "Tag");
  EXPECT_EQ(evidence.recipients[0].route.webhook->rate_limit_per_minute, 60u);
  EXPECT_EQ(again->decisions[0].rate_tokens, 59.1);
  EXPECT_EQ(again->decisions[0].took.count(), 4321);
  EXPECT_EQ(again->decisions[1].steps[0].check, "a_check_of_the_future");
  EXPECT_FALSE(again->decisions[1].steps[0].enforced);
  EXPECT_EQ(again->settled().to_string(), "550 5.7.1 no");
}

TEST(Record, every_member_is_written_as_it_was_read) {
  // All members of schema 1, in their order.
  const std::string recorded =
      R"({"schema":1,"id":"01HX0000000000000000000000","started_us":1700000000123456,)"
      R"("outcome":"rejected","reply":{"code":550,"enhanced":"5.7.1","text":"no"},)"
      R"("omitted":4,"session":{"id":"01HX0000000000000000000001","listener":"smtp",)"
      R"("client_ip":"2001:db8::7","client_port":40001,"server_ip":"192.0.2.1",)"
      R"("server_port":25,"proxy_from":"192.0.2.9:4000","proxy_via":"192.0.2.1:25",)"
      R"("server_name":"mx.example.com","connected":1700000000,)"
      R"("helo":{"base64":"Y2Fm6SAicXVvdGVkIg=="},"esmtp":true,"early_talker":true,)"
      R"("tls":{"version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384",)"
      R"("client":{"name":"alice","fingerprint":"AA:01","key_fingerprint":"BB:02",)"
      R"("trusted":true,"issuer":"CA"},"key_bits":256,"starttls":true},)"
      R"("auth":{"username":"sender1","mechanism":"PLAIN","granted":["pol_1","pol_2"],)"
      R"("authz_id":"other","groups":["g1",{"base64":"Z/8="}],"tenant":true},)"
      R"("revoked":{"username":"u","mechanism":"LOGIN","granted":[]}},)"
      R"("mail":{"reverse_path":["alerts","example.com"],"size":1234,"smtputf8":true,)"
      R"("8bitmime":true,"requiretls":true,"ret":"HDRS","envid":"QQ+2B314159"},)"
      R"("recipients":[{"address":["a","hooks.example.net"],"route":0,"tag":"Tag",)"
      R"("judged":{"route":1},"notify":"Success,DELAY","orcpt":"utf-8;x"},{"address":["b",)"
      R"("relay.example.org"],"relay":true},{"address":["c","x.example.org"],)"
      R"("missing":"foreign_domain"},{"address":["d","x.example.org"],)"
      R"("missing":"unknown_address","judged":{"relay":true}}],"message":{"size":1200,)"
      R"("header_fields":5,"header_size":300,"received_fields":2,"from_fields":1,)"
      R"("message_id":"<m@example.com>"},"spf":{"result":"softfail","helo":true,)"
      R"("domain":"example.com","sender":"alerts@example.com","mechanism":"~all",)"
      R"("record_domain":"_spf.example.com","reason":"r","terms":3,"void":1},)"
      R"("author":{"domains":["example.com"],"addresses":1,"fault":2,"obsolete":true},)"
      R"("dkim":{"from_fields":1,"header_too_long":true,"signatures":[{"result":"none",)"
      R"("algorithm":"rsa-sha256"},{"result":"fail","reason":"header section too long",)"
      R"("domain":"example.com","selector":"s1","identity":"@x","algorithm":"ed25519-sha256",)"
      R"("key_bits":256,"unsigned_octets":7,"testing":true,"uncovered_field":true,)"
      R"("from_future":true,"header_ambiguous":true,"acceptable":true}]},)"
      R"("dmarc":{"result":"fail","tree_walk":true,"policy":"reject",)"
      R"("disposition":"quarantine","from_domain":"example.com",)"
      R"("record_domain":"example.com","record":true,"spf_aligned":true,"dkim_aligned":true,)"
      R"("reason":"y"},"arc":{"result":"fail","instance":2,"oldest_pass":1,)"
      R"("sealers":["a.example.com","b.example.com"]},"dns":[{"name":"example.com","type":16,)"
      R"("status":"found","records":["v=spf1 -all",{"base64":"/wB4"}],"secure":true,)"
      R"("ttl":60,"shadow":true}],"consulted":[{"service":"inet:127.0.0.1:10023","request":"a=b",)"
      R"("answer":"action=DUNNO"},{"service":"s","request":"r","answer":"x","failed":true,)"
      R"("shadow":true}],)"
      R"("discard":"","trusted_client":true,"revoked_meanwhile":true,)"
      R"("copies":[{"recipients":["a@hooks.example.net","b@relay.example.org"],)"
      R"("meta":{"k":[1,2.5E0,"x"]},"sender":["q","example.org"],"sent_to":["z@example.org",)"
      R"("y@example.net"],"changed":true,"null_path":true,"results_by_rules":true,)"
      R"("to_nobody":true,"transports":{"a@hooks.example.net":"forward:192.0.2.1:25",)"
      R"("b@relay.example.org":"none"}}],"decisions":[{"stage":"connect","early":false,"took_ns":1,)"
      R"("steps":[],"effects":[{"effect":"grant_relay","layer":"lua"}]},{"stage":"rcpt",)"
      R"("recipient":0,"discarded":true,"before_tls":true,"early":true,"after_revoked":true,)"
      R"("rate_tokens":"59.1","engine":5157233670495059939,"permit":{"code":250,"text":"ok"},)"
      R"("quarantine":"","took_ns":4321,"script":"line\nline",)"
      R"("login":{"verifier":5164446466774704912,"mechanism":"PLAIN","authz_id":"z",)"
      R"("authn_id":"u","password":"<withheld 1>","script":"s"},"steps":[["webhook",)"
      R"("webhook_active","webhook/is_active","active"],["lua","a_check","main.lua:3:1",)"
      R"("seen",{"verdict":"reject","reply":{"code":550,"enhanced":"5.7.1","text":"no"},)"
      R"("stage":"data","shadow":true,"spent":"85 us","key":"k"}],["lua","p","x",)"
      R"("y",{"verdict":"permit"}]],"effects":[{"effect":"grant_relay","layer":"lua",)"
      R"("check":"c","place":"p:1:2","why":"w","shadow":true},{"effect":"hold",)"
      R"("layer":"vsl"}]},{"stage":"rcpt","recipient":{"address":["e","x.example.org"],)"
      R"("missing":"unknown_address"},"accepted":1,"early":true,"reply":{"code":550,"text":"x"},)"
      R"("took_ns":2,"steps":[]}],"routes":[{"webhook":"wh_a","account":"acc_1",)"
      R"("address":"a@hooks.example.net","active":true,"rate_limit":60,"policy_id":"pol_1",)"
      R"("policy":{"id":"pol_1","version":3,"credentials_version":2,)"
      R"("credential":"current"}},{"webhook":"wh_a","account":"acc_1",)"
      R"("address":"a@hooks.example.net","active":false,"policy_id":"pol_1",)"
      R"("policy":{"id":"pol_1","version":4,"credentials_version":2,"credential":"other"}}]})";
  Shelf shelf;
  for (const std::uint64_t version : {3u, 4u}) shelf.kept.push_back({"pol_1", version, "{}"});
  // The version of an engine is the hash of its definition.
  shelf.kept.push_back({"engine", 5157233670495059939, "[77]"});
  shelf.kept.push_back({"engine", 5164446466774704912, "[78]"});
  const Result<Trace> trace = read_record(recorded, shelf.source());
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(write_record(*trace), recorded);
}

TEST(Record, holds_no_secret) {
  const std::string text = write_record(full_trace());
  for (const char* secret : {"hush", "whsec", "$2", "hash", "\"stamp\""}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
}

TEST(Record, keeps_each_definition_once) {
  const auto kept = definitions_of(full_trace());
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].id, "pol_1");
  EXPECT_EQ(kept[0].version, 3u);
  EXPECT_EQ(kept[1].id, "engine");
  EXPECT_EQ(kept[1].text, "[]");
}

TEST(Record, remembers_whether_the_credential_was_still_the_same) {
  for (const std::uint64_t now : {77u, 78u, 0u}) {
    Trace trace = full_trace();
    auto policy = std::make_shared<WebhookPolicy>(*trace.decisions[0].candidate->route.policy);
    if (now == 0) {
      policy->credentials.clear();
    } else {
      policy->credentials[0].stamp = now;
    }
    trace.decisions[0].candidate->route.policy = policy;
    Shelf shelf{definitions_of(trace)};
    const Result<Trace> again = read_record(write_record(trace), shelf.source());
    ASSERT_TRUE(again);
    const auto& read = again->decisions[0].candidate->route.policy;
    const Credential* credential = read->credential("sender1");
    EXPECT_EQ(credential != nullptr, now != 0);
    if (credential == nullptr) continue;
    EXPECT_EQ(credential->stamp == again->evidence.session.auth->granted.at("pol_1"), now == 77);
  }
}

TEST(Record, recipients_of_other_hosts_have_no_webhook) {
  Trace trace = full_trace();
  Recipient relayed{.address = address("b", "relay.example.org"), .route = {}};
  relayed.route.kind = Route::Kind::relay;
  trace.evidence.recipients.push_back(relayed);
  trace.decisions[0].candidate = relayed;
  const std::string text = write_record(trace);
  Shelf shelf{definitions_of(trace)};
  const Result<Trace> again = read_record(text, shelf.source());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(write_record(*again), text);
  EXPECT_EQ(again->evidence.recipients[1].route.kind, Route::Kind::relay);
  EXPECT_EQ(again->decisions[0].candidate->route.webhook, nullptr);
}

TEST(Record, evidence_is_as_it_was_at_each_decision) {
  const Trace trace = full_trace();
  const Evidence at_rcpt = evidence_at(trace, trace.decisions[0]);
  EXPECT_TRUE(at_rcpt.recipients.empty());
  EXPECT_FALSE(at_rcpt.message);
  EXPECT_EQ(at_rcpt.candidate->address.text(), "a@hooks.example.net");
  EXPECT_TRUE(at_rcpt.session.auth);
  const Evidence at_end = evidence_at(trace, trace.decisions[1]);
  EXPECT_EQ(at_end.recipients.size(), 1u);
  EXPECT_TRUE(at_end.message);
  EXPECT_FALSE(at_end.candidate);
}

TEST(Record, one_account_does_not_see_the_others) {
  Trace trace = full_trace();
  auto others = a_webhook("b");
  others->account_id = "acc_2";
  auto policy = std::make_shared<WebhookPolicy>();
  policy->id = "pol_2";
  others->policy_id = "pol_2";
  trace.evidence.session.auth->granted.emplace("pol_2", 5);
  Decision decision{.stage = Stage::rcpt, .recipient = "b@hooks.example.net"};
  decision.reply = {
      .code = 452, .enhanced = {4, 5, 3}, .text = "send to this recipient separately"};
  decision.candidate = recipient_of(others, policy);
  decision.rate_tokens = 3;
  decision.steps.push_back({Stage::rcpt, "webhook", "client_in_networks",
                            "pol_2/allowed_source_ips", pass_on("203.0.113.9 is in 203.0.113.8/30"),
                            true});
  trace.decisions.insert(trace.decisions.begin() + 1, std::move(decision));
  const std::string text = write_record(trace);
  const auto seen_by = [&](const char* account) {
    auto record = boost::json::parse(text).as_object();
    hide_other_accounts(record, account);
    return boost::json::serialize(record);
  };
  const std::string first = seen_by("acc_1");
  for (const char* foreign :
       {"pol_2", "wh_b", "acc_2", "203.0.113.8", "\"rate_tokens\":\"3\"",
        "[\"b\",\"hooks.example.net\"]", "send to this recipient separately"}) {
    EXPECT_NE(text.find(foreign), std::string::npos) << foreign;
    EXPECT_EQ(first.find(foreign), std::string::npos) << foreign;
  }
  EXPECT_NE(first.find(R"({"hidden":true})"), std::string::npos);
  for (const char* own : {"pol_1", "wh_a", "webhook/is_active"}) {
    EXPECT_NE(first.find(own), std::string::npos) << own;
  }
  const std::string second = seen_by("acc_2");
  EXPECT_EQ(second.find("pol_1"), std::string::npos);
  EXPECT_EQ(second.find("wh_a"), std::string::npos);
  EXPECT_NE(second.find("203.0.113.8/30"), std::string::npos);
}

TEST(Record, an_account_does_not_see_recipients_of_nobody) {
  Trace trace = full_trace();
  Decision decision{.stage = Stage::rcpt, .recipient = "secret@relay.example.org"};
  decision.reply = {.code = 550, .enhanced = {5, 7, 1}, .text = "relaying denied"};
  decision.candidate = Recipient{.address = address("secret", "relay.example.org"), .route = {}};
  trace.decisions.insert(trace.decisions.begin() + 1, std::move(decision));
  auto record = boost::json::parse(write_record(trace)).as_object();
  hide_other_accounts(record, "acc_1");
  const std::string seen = boost::json::serialize(record);
  EXPECT_NE(seen.find("wh_a"), std::string::npos);
  EXPECT_NE(seen.find(R"({"hidden":true})"), std::string::npos);
  EXPECT_EQ(seen.find("secret"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("relaying denied"), std::string::npos);
}

TEST(Record, broken_records_are_errors) {
  const Trace trace = full_trace();
  const std::string good = write_record(trace);
  Shelf shelf{definitions_of(trace)};
  Shelf empty;
  EXPECT_FALSE(read_record(good, empty.source())) << "its definitions are gone";
  EXPECT_FALSE(read_record("", shelf.source()));
  EXPECT_FALSE(read_record("[]", shelf.source()));
  EXPECT_FALSE(read_record("{\"schema\":1}", shelf.source()));
  std::string future = good;
  future.replace(future.find("\"schema\":1"), 10, "\"schema\":9");
  EXPECT_EQ(read_record(future, shelf.source()).error().message,
            "bad trace record: written by another version");
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    EXPECT_FALSE(read_record(std::string_view(good).substr(0, cut), shelf.source()));
  }
}

TEST(Record, says_in_plain_words_what_is_wrong) {
  const Trace trace = full_trace();
  Shelf shelf{definitions_of(trace)};
  const auto error_with = [&](std::string_view name, std::string_view value) {
    std::string text = write_record(trace);
    const std::size_t at = text.find(name) + name.size();
    text.replace(at, text.find_first_of(",}", at) - at, value);
    const auto read = read_record(text, shelf.source());
    return read ? std::string("read") : read.error().message;
  };
  for (const auto& [name, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"\"code\":", "99999999999"},
                                                                  {"\"code\":", "-1"},
                                                                  {"\"code\":", "\"x\""},
                                                                  {"\"client_port\":", "65536"},
                                                                  {"\"esmtp\":", "7"},
                                                                  {"\"started_us\":", "-1"},
                                                                  {"\"connected\":", "99999999999"},
                                                                  {"\"took_ns\":", "[]"},
                                                                  {"\"took_ns\":", "1e99"}}) {
    const std::string error = error_with(name, value);
    EXPECT_TRUE(error.starts_with("bad trace record: ")) << name << value << error;
    EXPECT_EQ(error.find(".hpp"), std::string::npos) << error;
    EXPECT_EQ(error.find("boost"), std::string::npos) << error;
  }
}

TEST(Record, what_came_before_starttls_is_decided_without_it) {
  Trace trace = full_trace();
  trace.evidence.session.tls = Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
  trace.decisions.insert(trace.decisions.begin(), Decision{.stage = Stage::connect});
  trace.decisions.front().reply.code = 0;
  trace.decisions.front().before_tls = true;
  Shelf shelf{definitions_of(trace)};
  const auto read = read_record(write_record(trace), shelf.source());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(evidence_at(*read, read->decisions[0]).session.tls);
  EXPECT_TRUE(evidence_at(*read, read->decisions[1]).session.tls);
}

TEST(Record, commands_that_came_ahead_later_are_not_known_earlier) {
  Trace trace = full_trace();
  trace.decisions.insert(trace.decisions.begin(), 2, Decision{.stage = Stage::mail});
  for (Decision& one : trace.decisions) one.early = &one != &trace.decisions.front();
  Shelf shelf{definitions_of(trace)};
  const auto early = [&](std::string record) {
    const auto read = read_record(record, shelf.source());
    EXPECT_TRUE(read) << record;
    std::vector<bool> all;
    for (std::size_t i = 0; i < 2 && read; ++i) {
      all.push_back(evidence_at(*read, read->decisions[i]).session.early_talker);
    }
    return all;
  };
  trace.evidence.session.early_talker = true;
  std::string record = write_record(trace);
  EXPECT_EQ(early(record), std::vector<bool>({false, true}));
  // An older version knew only about the session.
  for (const std::string_view flag : {R"("early":false,)", R"("early":true,)"}) {
    for (std::size_t at; (at = record.find(flag)) != std::string::npos;) {
      record.erase(at, flag.size());
    }
  }
  EXPECT_EQ(early(record), std::vector<bool>({true, true}));
}

TEST(Trace, keeps_the_refusals_and_the_end_of_a_long_transaction) {
  Trace trace;
  Decision accepted{.stage = Stage::rcpt};
  accepted.reply.code = 0;
  Decision refused_one{.stage = Stage::rcpt};
  refused_one.reply.code = 550;
  Decision end{.stage = Stage::message};
  end.reply.code = 0;
  for (int i = 0; i < 1000; ++i) trace.note(accepted);
  for (int i = 0; i < 200; ++i) trace.note(refused_one);
  trace.note(end);
  EXPECT_EQ(trace.decisions.size(), 151u);
  EXPECT_EQ(trace.omitted, 1050u);
  EXPECT_EQ(trace.decisions.back().stage, Stage::message);
  EXPECT_EQ(trace.settled().code, 550);
}

TEST(Record, keeps_whom_a_client_acts_for_where_it_is_another) {
  const auto again = [](Authentication auth) {
    Trace trace;
    trace.id = "01HX0000000000000000000000";
    trace.evidence.session.auth = std::move(auth);
    const std::string text = write_record(trace);
    const auto read = read_record(text, {});
    EXPECT_TRUE(read) << read.error().message;
    return std::pair(text, read->evidence.session.auth.value());
  };
  Authentication plain{"scott", "PLAIN", {}};
  plain.authz_id = "scott";
  const auto [text, same] = again(plain);
  EXPECT_EQ(text.find("authz_id"), std::string::npos);
  EXPECT_EQ(same.authz_id, "scott");
  EXPECT_TRUE(same.groups.empty());
  // Records of older versions have neither.
  EXPECT_EQ(again({"scott", "PLAIN", {}}).second.authz_id, "scott");
  Authentication relay{"relay", "PLAIN", {}};
  relay.authz_id = "zo\xc3\xab";
  relay.groups = {"g1", "g\xff"};
  relay.tenant = true;
  EXPECT_FALSE(same.tenant);
  const Authentication read = again(relay).second;
  EXPECT_TRUE(read.tenant);
  EXPECT_EQ(read.authz_id, relay.authz_id);
  EXPECT_EQ(read.groups, relay.groups);
}

}  // namespace
}  // namespace postern::policy
