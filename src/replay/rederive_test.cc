#include "replay/rederive.h"

#include <gtest/gtest.h>

#include "dialect/restrictions/layer.h"
#include "dialect/webhook/compile.h"
#include "dialect/webhook/layer.h"
#include "policy/bcrypt.h"
#include "policy/gateway_layer.h"
#include "policy/testing.h"
#include "policy/trace.h"

namespace postern::replay {
namespace {

using namespace postern::policy::testing;
using policy::Decision;
using policy::Evidence;
using policy::Stage;
using policy::Trace;

/// Plays a transaction as the gateway does: three recipients, then the end of data.
struct Played {
  Trace trace;
  std::vector<policy::Definition> kept;

  explicit Played(std::string client, bool authenticate, double tokens = 5) {
    dialect::webhook::PolicyFields fields;
    fields.name = "strict";
    fields.allowed_source_ips = {*Cidr::parse("203.0.113.0/24")};
    fields.require_smtp_auth = true;
    fields.smtp_credentials = {{"sender1", policy::unmatched_hash(12)}};
    const auto owner = dialect::webhook::compile("pol_1", "acc_1", 7, 2, fields, {5});
    auto hook = a_webhook("a");
    hook->policy_id = "pol_1";
    hook->rate_limit_per_minute = 10;
    const policy::Engine engine(
        {{std::make_shared<dialect::webhook::WebhookLayer>(2)}, {policy::gateway_layer()}});
    CountingGatherer gatherer;
    gatherer.tokens = tokens;
    Evidence evidence = from_client(client);
    evidence.session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
    if (authenticate) {
      evidence.session.auth =
          policy::Authentication{"sender1", "PLAIN", {{"pol_1", owner->credentials[0].stamp}}};
    }
    trace.id = "01HX0000000000000000000000";
    const auto decide = [&](Stage stage) {
      Decision decision = run(engine.decide(stage, evidence, gatherer));
      const bool accepted = !policy::refused(decision);
      trace.note(std::move(decision));
      return accepted;
    };
    std::vector<policy::Recipient> all = {recipient_of(hook, owner),
                                          recipient_of(hook, owner),
                                          recipient_of(a_webhook("b")),
                                          {.address = address("x", "example.org"), .route = {}}};
    all[1].address.local_part = "a+tag";
    for (policy::Recipient& one : all) {
      evidence.consider(one);
      if (decide(Stage::rcpt)) evidence.recipients.push_back(one);
    }
    evidence.candidate.reset();
    evidence.message = policy::MessageFacts{.received_fields = 101};
    decide(Stage::message);
    trace.evidence = evidence;
    kept = policy::definitions_of(trace);
  }

  policy::DefinitionSource source() const {
    return definition_source(
        [this](const std::string& id, std::uint64_t version) -> Result<std::string> {
          for (const policy::Definition& one : kept) {
            if (one.id == id && one.version == version) return one.text;
          }
          return fail(Fault::not_found, id + " is not kept");
        });
  }
  std::vector<int> codes() const {
    std::vector<int> found;
    for (const Decision& one : trace.decisions) found.push_back(one.reply.code);
    return found;
  }
};

TEST(Rederive, a_recorded_trace_gives_the_same_answers_offline) {
  struct {
    Played played;
    std::vector<int> codes;
  } const cases[] = {
      {Played("203.0.113.10", true), {0, 0, 452, 550, 554}},
      {Played("203.0.113.10", false), {530, 530, 0, 550, 554}},
      {Played("198.51.100.1", true), {550, 550, 0, 550, 554}},
      {Played("203.0.113.10", true, 0.5), {450, 450, 0, 550, 554}},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(one.played.codes(), one.codes);
    const auto trace =
        policy::read_record(policy::write_record(one.played.trace), one.played.source());
    ASSERT_TRUE(trace) << trace.error().message;
    const auto rederived = run(rederive(*trace));
    ASSERT_TRUE(rederived) << rederived.error().message;
    ASSERT_EQ(rederived->answers.size(), 5u);
    EXPECT_TRUE(rederived->agrees());
    for (const auto& answer : rederived->answers) {
      EXPECT_TRUE(answer.asked);
      for (const std::string& difference : answer.differences) ADD_FAILURE() << difference;
    }
  }
}

/// A message under a policy that requires SPF; its record has these DNS answers.
Trace spf_trace(std::vector<policy::DnsRecord> answers, std::string reply) {
  dialect::webhook::PolicyFields fields;
  fields.require_spf = true;
  const auto owner = dialect::webhook::compile("pol_1", "acc_1", 1, 1, fields, {});
  const policy::Engine engine({{std::make_shared<dialect::webhook::WebhookLayer>(2)},
                               {policy::gateway_layer({}, policy::DmarcRule::enforce)}});
  CountingGatherer gatherer;
  Trace trace;
  trace.id = "01HX0000000000000000000000";
  Evidence evidence = from_client("203.0.113.10");
  evidence.recipients.push_back(recipient_of(a_webhook("a"), owner));
  evidence.message = policy::MessageFacts{};
  evidence.spf = mailauth::spf::Result{.status = mailauth::spf::Status::pass,
                                       .domain = "example.com",
                                       .mechanism = "ip4:203.0.113.0/24",
                                       .record_domain = "example.com"};
  evidence.author = mailauth::dmarc::Author{
      .domains = {"example.com"}, .valid = true, .fault = {}, .addresses = 1};
  evidence.dkim.emplace();
  evidence.dmarc.emplace();
  evidence.dmarc->status = mailauth::dmarc::Status::pass;
  evidence.dmarc->from_domain = evidence.dmarc->record_domain = "example.com";
  evidence.dmarc->policy = mailauth::dmarc::Policy::reject;
  evidence.dmarc->record.emplace();
  evidence.dns = std::move(answers);
  Decision decision = run(engine.decide(Stage::message, evidence, gatherer));
  EXPECT_EQ(policy::refused(decision) ? decision.reply.to_string() : "", reply);
  trace.note(std::move(decision));
  trace.evidence = std::move(evidence);
  return trace;
}

policy::DnsRecord txt(std::string name, std::string text) {
  return {{std::move(name), dns::Type::txt},
          {.status = dns::Status::found, .records = {std::move(text)}}};
}

Result<Rederived> again(const Trace& trace) {
  const auto kept = policy::definitions_of(trace);
  const auto source =
      definition_source([&](const std::string& id, std::uint64_t version) -> Result<std::string> {
        for (const policy::Definition& one : kept) {
          if (one.id == id && one.version == version) return one.text;
        }
        return fail(Fault::not_found, id);
      });
  const auto read = policy::read_record(policy::write_record(trace), source);
  if (!read) return tl::unexpected(read.error());
  return run(rederive(*read));
}

TEST(Rederive, evaluates_spf_and_dmarc_anew_from_the_recorded_answers) {
  const auto dmarc = txt("_dmarc.example.com", "v=DMARC1; p=reject");
  const auto same =
      again(spf_trace({txt("example.com", "v=spf1 ip4:203.0.113.0/24 -all"), dmarc}, ""));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE(same->agrees());
  for (const auto& answer : same->answers) {
    for (const std::string& difference : answer.differences) ADD_FAILURE() << difference;
  }
  // The record says that SPF passed; its own answers say otherwise.
  const auto forged = again(spf_trace({txt("example.com", "v=spf1 -all"), dmarc}, ""));
  ASSERT_TRUE(forged);
  EXPECT_FALSE(forged->agrees());
  // A failure that only a layer in shadow met is not what the message was judged by.
  policy::DnsRecord trial{.question = {"example.com", dns::Type::txt},
                          .answer = {.status = dns::Status::timeout, .records = {}},
                          .in_shadow = true};
  const auto failed =
      again(spf_trace({trial, txt("example.com", "v=spf1 ip4:203.0.113.0/24 -all"), dmarc}, ""));
  ASSERT_TRUE(failed);
  EXPECT_TRUE(failed->agrees());
  // An answer is missing, and no server is asked for it.
  const auto incomplete = again(spf_trace({dmarc}, ""));
  ASSERT_TRUE(incomplete);
  EXPECT_FALSE(incomplete->agrees());
  ASSERT_FALSE(incomplete->answers[0].differences.empty());
  EXPECT_NE(incomplete->answers[0].differences.back().find("451 4.3.0"), std::string::npos);
}

TEST(Rederive, notices_a_record_that_was_tampered_with) {
  const Played played("198.51.100.1", true);
  std::string text = policy::write_record(played.trace);
  const std::string was = R"("client_ip":"198.51.100.1")";
  text.replace(text.find(was), was.size(), R"("client_ip":"203.0.113.10")");
  const auto trace = policy::read_record(text, played.source());
  ASSERT_TRUE(trace);
  const auto rederived = run(rederive(*trace));
  ASSERT_TRUE(rederived);
  EXPECT_FALSE(rederived->agrees());
  ASSERT_FALSE(rederived->answers[0].differences.empty());
  EXPECT_NE(rederived->answers[0].differences[0].find("198.51.100.1 is not in"), std::string::npos);
}

TEST(Rederive, notices_a_changed_policy) {
  Played played("203.0.113.10", true);
  const std::string was = "203.0.113.0/24";
  for (policy::Definition& one : played.kept) {
    const std::size_t at = one.text.find(was);
    if (at != std::string::npos) one.text.replace(at, was.size(), "192.0.2.0/24");
  }
  const auto trace = policy::read_record(policy::write_record(played.trace), played.source());
  ASSERT_TRUE(trace) << trace.error().message;
  const auto rederived = run(rederive(*trace));
  ASSERT_TRUE(rederived);
  EXPECT_FALSE(rederived->agrees());
}

/// RCPT commands decided by restriction lists, and the end of data.
Trace recipients_under(std::map<std::string, std::string, std::less<>> settings,
                       const std::vector<policy::Recipient>& recipients) {
  const dialect::restrictions::Loaded loaded = dialect::restrictions::load(
      dialect::restrictions::Parameters(std::move(settings), "mx.example.net"),
      dialect::restrictions::file_sources(), dialect::restrictions::Errors::defer);
  const policy::Engine engine({{std::make_shared<dialect::restrictions::RestrictionsLayer>(
                                   loaded.compiled.policy, loaded.definition)},
                               {policy::gateway_layer()}});
  CountingGatherer gatherer;
  Trace trace;
  trace.id = "01HX0000000000000000000000";
  Evidence evidence = from_client("203.0.113.10");
  const auto decide = [&](Stage stage) {
    Decision decision = run(engine.decide(stage, evidence, gatherer));
    const bool accepted = !policy::refused(decision);
    trace.note(std::move(decision));
    return accepted;
  };
  for (const policy::Recipient& one : recipients) {
    evidence.consider(one);
    if (decide(Stage::rcpt)) evidence.recipients.push_back(*evidence.candidate);
  }
  evidence.candidate.reset();
  evidence.message.emplace();
  decide(Stage::message);
  trace.evidence = std::move(evidence);
  return trace;
}

TEST(Rederive, a_recipient_that_the_lists_let_through_is_asked_about_as_it_was) {
  const Trace trace = recipients_under({{"relay_domains", "example.org"}},
                                       {{.address = address("b", "example.org"), .route = {}}});
  ASSERT_EQ(trace.evidence.recipients.size(), 1u);
  EXPECT_EQ(trace.evidence.recipients[0].route.kind, policy::Route::Kind::relay);
  const auto made = again(trace);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->answers.size(), 2u);
  for (const auto& answer : made->answers) {
    EXPECT_TRUE(answer.asked);
    for (const std::string& difference : answer.differences) ADD_FAILURE() << difference;
  }
}

TEST(Rederive, what_came_before_a_discard_is_judged_without_it) {
  const Trace trace =
      recipients_under({{"compatibility_level", "3.6"},
                        {"relay_domains", "example.org"},
                        {"smtpd_recipient_restrictions",
                         "check_recipient_access inline:{ {b@example.org = DISCARD loop} }"}},
                       {{.address = address("a", "example.org"), .route = {}},
                        {.address = address("x", "example.com"), .route = {}},
                        {.address = address("b", "example.org"), .route = {}},
                        {.address = address("y", "example.com"), .route = {}}});
  ASSERT_EQ(trace.evidence.discard, "loop");
  std::vector<bool> discarded;
  for (const Decision& one : trace.decisions) discarded.push_back(one.discarded);
  EXPECT_EQ(discarded, (std::vector<bool>{false, false, false, true, true}));
  EXPECT_TRUE(policy::refused(trace.decisions[1]));
  EXPECT_FALSE(policy::refused(trace.decisions[3])) << "nothing more is asked";
  const auto made = again(trace);
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->answers.size(), 5u);
  for (const auto& answer : made->answers) {
    EXPECT_TRUE(answer.asked);
    for (const std::string& difference : answer.differences) ADD_FAILURE() << difference;
  }
}

TEST(Rederive, says_when_evidence_is_missing) {
  Played played("203.0.113.10", true);
  played.trace.decisions[0].rate_tokens.reset();
  const auto rederived = run(rederive(played.trace));
  ASSERT_TRUE(rederived);
  EXPECT_FALSE(rederived->agrees());
}

TEST(Rederive, leaves_out_what_no_engine_decided) {
  Played played("203.0.113.10", true);
  for (Decision& one : played.trace.decisions) one.engine = nullptr;
  const auto rederived = run(rederive(played.trace));
  ASSERT_TRUE(rederived);
  EXPECT_FALSE(rederived->answers[0].asked);
}

TEST(EngineFrom, builds_what_an_engine_says_of_itself) {
  const policy::Engine engine(
      {{std::make_shared<dialect::webhook::WebhookLayer>(7), policy::Mode::shadow},
       {policy::gateway_layer({.received_fields = 3})}});
  const auto again = engine_from(engine.definition());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->definition(), engine.definition());
}

TEST(EngineFrom, refuses_what_it_cannot_build) {
  EXPECT_EQ(engine_from(R"([{"layer":"other","mode":"enforce","definition":{}}])").error().message,
            "this version has no layer \"other\"");
  for (const char* bad :
       {"", "{}", "[1]", "[{}]", R"([{"layer":"webhook","mode":"enforce","definition":{}}])"}) {
    EXPECT_EQ(engine_from(bad).error().fault, Fault::malformed) << bad;
  }
}

}  // namespace
}  // namespace postern::replay
